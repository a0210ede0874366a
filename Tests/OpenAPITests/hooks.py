"""Gives Schemathesis real tokens, and records the answers for openapi.py.

A token is put where the generated request has none, or one that looks right; one that breaks the
document's rules stays, since its refusal is what is tested.
"""

from __future__ import annotations

import json
import os
import re
import zlib

import schemathesis

import http_caller

# The position of tokens: "body" or "field" (Authorization).
PLACE = os.environ["OPENAPI_TOKEN_PLACE"]
# A file that gets a line for each answer: method, path, status.
SEEN = os.environ["OPENAPI_SEEN"]
PATH = "/transaction"
STATUS_PATH = "/transaction/{id}"
WELL_FORMED = re.compile(r"[\w-]+\.[\w-]+\.[\w-]+", re.ASCII)


def token_for(body: object) -> str:
    """The token of a user that posts this transaction only.

    So an idempotency key that comes again, with another transaction, is another user's, as the
    document says nothing of what was sent before. One user in 16 is disabled, and one has a token
    that has expired.
    """
    fields = body if isinstance(body, dict) else {}
    text = json.dumps([fields.get("amount"), fields.get("currency")])
    user_id = zlib.crc32(text.encode())
    return http_caller.token(
        user_id,
        lifetime_seconds=-1 if user_id % 16 == 1 else 3_600,
        is_enabled=user_id % 16 != 0,
    )


@schemathesis.hook
def before_load_schema(context: schemathesis.HookContext, raw_schema: dict) -> None:
    """OpenAPI has no word for a token in the body, so the document calls Authorization optional.

    Where the body has none it is not, which `ignored_auth` then checks.
    """
    if PLACE == "field":
        raw_schema["paths"][PATH]["post"]["security"] = [{"bearer": []}]


if PLACE == "field":

    @schemathesis.auth(refresh_interval=None).apply_to(path=STATUS_PATH)
    class StatusBearer:
        """`Authorization: Bearer`, for every status."""

        def get(self, case: schemathesis.Case, context: schemathesis.AuthContext) -> str:
            return http_caller.token(1)

        def set(self, case: schemathesis.Case, data: str, context: object) -> None:
            case.headers["Authorization"] = f"Bearer {data}"

    @schemathesis.auth(refresh_interval=None).apply_to(path=PATH, method="POST")
    class Bearer:
        """`Authorization: Bearer`, for every transaction."""

        def get(self, case: schemathesis.Case, context: schemathesis.AuthContext) -> str:
            return token_for(case.body)

        def set(self, case: schemathesis.Case, data: str, context: object) -> None:
            case.headers["Authorization"] = f"Bearer {data}"


@schemathesis.hook
def before_call(context: schemathesis.HookContext, case: schemathesis.Case, kwargs: dict) -> None:
    body = case.body
    if case.path != PATH or not isinstance(body, dict):
        return
    amount = body.get("amount")
    if isinstance(amount, float) and amount.is_integer():
        # JSON Schema takes 100.0 for an integer and has no means to say otherwise; its text does.
        body["amount"] = int(amount)
    given = body.get("token", "a.b.c")
    if isinstance(given, str) and WELL_FORMED.fullmatch(given):
        if PLACE == "body":
            body["token"] = token_for(body)
        else:
            body.pop("token", None)


@schemathesis.hook
def after_call(
    context: schemathesis.HookContext, case: schemathesis.Case, response: schemathesis.Response
) -> None:
    with open(SEEN, "a", encoding="utf-8") as file:
        file.write(f"{response.request.method} {case.path} {response.status_code}\n")
