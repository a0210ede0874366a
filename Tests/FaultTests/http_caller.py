"""A caller's side of HTTP/1.1: tokens, requests, and one connection that is kept."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import time
from dataclasses import dataclass

import api_server

# Longer than every timeout of the server: a caller that waits this long has found a fault.
ANSWER_SECONDS = 45.0


def token(user_id: int, lifetime_seconds: int = 3_600, is_enabled: bool = True) -> str:
    """An HS256 JWT like the Auth API's, but valid for the whole run."""
    claims = {
        "user_id": user_id, "username": f"user-{user_id}", "enabled": is_enabled,
        "exp": int(time.time()) + lifetime_seconds,
    }  # fmt: skip
    parts = [_base64url(json.dumps(part).encode()) for part in ({"alg": "HS256"}, claims)]
    mac = hmac.new(api_server.SECRET.encode(), ".".join(parts).encode(), hashlib.sha256)
    return ".".join(parts + [_base64url(mac.digest())])


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def request(amount: int, bearer: str, key: str | None = None) -> bytes:
    """One `POST /transaction`, complete."""
    body = json.dumps({"amount": amount, "currency": "USD", "token": bearer})
    lines = [
        "POST /transaction HTTP/1.1", "Host: localhost", "Content-Type: application/json",
        f"Content-Length: {len(body)}",
    ]  # fmt: skip
    if key is not None:
        lines.append(f"Idempotency-Key: {key}")
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()


@dataclass
class Answer:
    """An answer of the server."""

    status: int
    fields: dict[str, str]
    body: bytes

    @property
    def closes(self) -> bool:
        return self.fields.get("connection", "").lower() == "close"

    @property
    def code(self) -> str | None:
        """The code of a refusal."""
        if self.fields.get("content-type") != "application/problem+json":
            return None
        return json.loads(self.body).get("code")


class NotSent(Exception):
    """There is no connection: the server cannot have seen the request."""


class NoAnswer(Exception):
    """The connection broke, or no answer came in time: the outcome is unknown."""


class HTTPCaller:
    """One connection, opened when it is needed and kept as long as the server keeps it."""

    def __init__(self):
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def connect(self, port: int | None) -> None:
        """Connects, unless connected; raises `NotSent` on failure.

        One that the server has closed while nothing was asked is replaced, so that what is sent
        over it is not sent in vain.
        """
        if self._writer is not None:
            if not self._reader.at_eof() and self._reader.exception() is None:
                return
            self.close()
        if port is None:
            raise NotSent
        try:
            self._reader, self._writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError as error:
            raise NotSent from error

    async def exchange(self, data: bytes) -> Answer:
        """Sends a request over the connection and returns its answer, or raises `NoAnswer`."""
        try:
            self._writer.write(data)
            answer = await asyncio.wait_for(self._read_answer(), ANSWER_SECONDS)
        except (OSError, EOFError, asyncio.TimeoutError) as error:
            self.close()
            raise NoAnswer from error
        if answer.closes:
            self.close()
        return answer

    async def _read_answer(self) -> Answer:
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        status_line, *lines = head.rstrip().split("\r\n")
        fields = {}
        for line in lines:
            name, _, value = line.partition(":")
            fields[name.lower()] = value.strip()
        body = await self._reader.readexactly(int(fields.get("content-length", "0")))
        return Answer(int(status_line.split()[1]), fields, body)

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
        self._reader = self._writer = None
