"""The kind of service that Core API replaces: Flask, PyJWT, rq."""

import os

import jwt
from flask import Flask, jsonify, request
from redis import Redis
from rq import Queue

app = Flask(__name__)
secret = os.environ["JWT_SECRET"]
queue = Queue("default", connection=Redis.from_url(os.environ["REDIS_URL"]))


def refusal(status: int, detail: str):
    return jsonify(detail=detail), status


@app.post("/transaction")
def transaction():
    body = request.get_json()
    try:
        claims = jwt.decode(body["token"], secret, ["HS256"], options={"require": ["exp"]})
    except (KeyError, jwt.InvalidTokenError) as error:
        return refusal(401, str(error))
    if not claims.get("enabled"):
        return refusal(403, "disabled")
    amount, currency = body.get("amount"), body.get("currency")
    if not isinstance(amount, int) or amount < 1:
        return refusal(422, "amount")
    if not isinstance(currency, str) or len(currency) != 3 or not currency.isupper():
        return refusal(422, "currency")
    arguments = {"user_id": claims["user_id"], "amount": amount, "currency": currency}
    job = queue.enqueue("__main__.make_transaction", **arguments)
    return jsonify(arguments), 200, {"Transaction-Id": job.id}
