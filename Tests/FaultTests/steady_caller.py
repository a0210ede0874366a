#!/usr/bin/env python3
"""A well-behaved caller in its own process, so that it measures only the server.

It posts all the time to the port that its argument names. For each line on standard input it
prints one line of JSON about the answers since the line before; it ends with standard input.
"""

from __future__ import annotations

import http.client
import itertools
import json
import select
import statistics
import sys
import time

import http_caller

ANSWER_SECONDS_MAX = 10
PAUSE_SECONDS = 0.02
# The number of requests over one connection before a new one: new callers must be served too.
REQUESTS_PER_CONNECTION = 10


class SteadyCaller:
    """One connection after another, and the results of the requests."""

    def __init__(self, port: int):
        self._port = port
        self._token = http_caller.token(user_id=1)
        self._amounts = itertools.count(1)
        self._connection: http.client.HTTPConnection | None = None
        self.seconds: list[float] = []
        self.failures: list[str] = []

    def post(self) -> None:
        """One transaction, whose answer has to be 200, and in time."""
        amount = next(self._amounts)
        if self._connection is None or amount % REQUESTS_PER_CONNECTION == 0:
            self._reconnect()
        body = json.dumps({"amount": amount, "currency": "USD", "token": self._token})
        start = time.monotonic()
        try:
            self._connection.request(
                "POST", "/transaction", body, {"Content-Type": "application/json"}
            )
            answer = self._connection.getresponse()
            text = answer.read()
            if answer.status != 200:
                self.failures.append(f"{answer.status} {text[:200]!r}")
        except (OSError, http.client.HTTPException) as error:
            self.failures.append(f"{type(error).__name__}: {error}")
            self._reconnect()
        self.seconds.append(time.monotonic() - start)

    def _reconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = http.client.HTTPConnection(
            "127.0.0.1", self._port, timeout=ANSWER_SECONDS_MAX
        )

    def report(self) -> str:
        """The results of the requests since the last report."""
        seconds, failures = self.seconds, self.failures
        self.seconds, self.failures = [], []
        return json.dumps({
            "answers": len(seconds), "failures": failures,
            "median": statistics.median(seconds), "worst": max(seconds),
        })  # fmt: skip


def main() -> None:
    caller = SteadyCaller(int(sys.argv[1]))
    while True:
        caller.post()
        if select.select([sys.stdin], [], [], PAUSE_SECONDS)[0]:
            if not sys.stdin.readline():
                return
            print(caller.report(), flush=True)


if __name__ == "__main__":
    main()
