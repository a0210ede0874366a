"""Requests that Schemathesis does not send, because they are not HTTP or are slow: for each
operation, every refusal of HTTP itself."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from http_caller import Answer, HTTPCaller


@dataclass(frozen=True)
class Refused:
    """An exchange, and the response of the document's components that it has to be; None: that of
    the operation."""

    method: str
    path: str
    status: int
    answer: Answer
    component: str | None = None


def _target(path: str) -> str:
    """The path with an id in place of its parameter: braces are no characters of a target."""
    return path.replace("{id}", "f47ac10b-58cc-4372-a567-0e02b2c3d479")


def _requests(method: str, path: str) -> dict[int, str]:
    """The refused requests, by their status."""
    path = _target(path)
    line, host = f"{method} {path} HTTP/1.1\r\n", "Host: localhost\r\n"
    return {
        400: f"{line}\r\n",
        # Incomplete: the rest is never sent.
        408: f"{line}{host}",
        413: f"{line}{host}Content-Length: 100000\r\n\r\n",
        414: f"{method} {path}?{'a' * 8_000} HTTP/1.1\r\n{host}\r\n",
        417: f"{line}{host}Expect: a-miracle\r\n\r\n",
        431: f"{line}{host}X: {'a' * 20_000}\r\n\r\n",
        501: f"{line}{host}Transfer-Encoding: gzip\r\n\r\n",
        505: f"{method} {path} HTTP/2.0\r\n{host}\r\n",
    }


async def _exchange(port: int, request: str) -> Answer:
    caller = HTTPCaller()
    try:
        await caller.connect(port)
        return await caller.exchange(request.encode())
    finally:
        caller.close()


async def of_http(port: int, operations: list[tuple[str, str]]) -> list[Refused]:
    """Every refusal for each operation, concurrently, because timeouts are slow."""

    async def refuse(
        method: str, path: str, status: int, request: str, component: str | None = None
    ) -> Refused:
        return Refused(method, path, status, await _exchange(port, request), component)

    waiting = [
        refuse(method, path, status, request)
        for method, path in operations
        for status, request in _requests(method, path).items()
    ]
    rest = "HTTP/1.1\r\nHost: localhost\r\n\r\n"
    waiting.append(refuse("GET", "/nowhere", 404, f"GET /nowhere {rest}", "NotFound"))
    for path in {path for _, path in operations}:
        waiting.append(refuse("PUT", path, 405, f"PUT {_target(path)} {rest}", "MethodNotAllowed"))
    return await asyncio.gather(*waiting)


async def of_too_many(
    port: int, connections_max: int, operations: list[tuple[str, str]]
) -> list[Refused]:
    """At MAX_CONNECTIONS, one more connection is refused.

    An eighth of the bound may be refused at the same time, and has to hold the operations.
    """
    request = "{} {} HTTP/1.1\r\nHost: localhost\r\n\r\n"
    callers = [HTTPCaller() for _ in range(connections_max)]
    try:
        for caller in callers:
            await caller.connect(port)
            await caller.exchange(request.format("GET", "/health/live").encode())
        return [
            Refused(method, path, 503, await _exchange(port, request.format(method, _target(path))))
            for method, path in operations
        ]
    finally:
        for caller in callers:
            caller.close()
