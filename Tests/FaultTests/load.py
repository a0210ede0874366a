"""Callers that post continuously, with and without keys, and record every answer."""

from __future__ import annotations

import asyncio
import itertools
import random
import time
from collections import Counter

import waiting
from api_server import ApiServer
from checker import UNKNOWN, Attempt, Operation
from http_caller import HTTPCaller, NoAnswer, NotSent, request, token

# A caller with a key gives up after this time, which counts as a fault of the server.
RETRY_SECONDS = 60.0
RETRY_PAUSE_SECONDS = 0.05


class Load:
    """A number of callers, each with its own connection."""

    def __init__(self, server: ApiServer, seed: str, callers: int):
        self._server = server
        self._seed = seed
        self._amounts = itertools.count(1)
        self._ends = False
        self._tasks: list[asyncio.Task] = []
        self.callers = callers
        # The average pause of a caller between two transactions.
        self.pause_seconds = 0.005
        self.operations: list[Operation] = []
        # The number of requests for each outcome.
        self.counts: Counter = Counter()
        # The number of 200s for each user.
        self.accepted: Counter = Counter()
        # Sent, and not answered yet: by identity, since attempts are equal to one another.
        self._in_flight: dict[int, Attempt] = {}

    async def start(self) -> None:
        """Starts the callers and waits until each has had its first answer."""
        self._tasks = [asyncio.ensure_future(self._call(n)) for n in range(self.callers)]
        await self.until_accepted(self.callers)

    async def finish(self) -> str:
        """Begins nothing new, and waits until every caller has what it retries for. Returns a
        note about the longest that an answer of 200 took."""
        self._ends = True
        await waiting.until(
            "every caller is done", lambda: all(task.done() for task in self._tasks), 120
        )
        for task in self._tasks:
            task.result()
        seconds = [a.seconds for operation in self.operations for a in operation.accepted]
        return f"slowest 200 after {max(seconds, default=0.0):.1f} s"

    async def end(self) -> None:
        """Ends the callers in any state."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def until_accepted(self, count: int) -> None:
        """Waits until the given number of further requests has been accepted."""
        await self.until(count, 200)

    async def until_each_accepted(self, count: int) -> None:
        """Waits until each caller has had the given number of further requests accepted."""
        ends = {number: self.accepted[number] + count for number in range(self.callers)}
        await waiting.until(
            f"{count} more answers of 200 for each caller",
            lambda: all(self.accepted[number] >= end for number, end in ends.items()),
        )

    async def until(self, count: int, *outcomes: int | str) -> None:
        """Waits until the given number of further requests has one of these outcomes."""

        def ended() -> int:
            return sum(self.counts[outcome] for outcome in outcomes)

        end = ended() + count
        await waiting.until(f"{count} more answers of {outcomes}", lambda: ended() >= end)

    def in_flight(self) -> list[Attempt]:
        """The requests that are in flight."""
        return list(self._in_flight.values())

    # One caller.

    async def _call(self, number: int) -> None:
        caller = _Caller(number, random.Random(f"{self._seed} caller {number}"))
        try:
            for connection in caller.connections:
                # Before anything fails, so that a later fault does not concern accepting.
                await connection.connect(self._server.port)
            while not self._ends:
                operation = caller.next_operation(next(self._amounts))
                self.operations.append(operation)
                await self._carry_out(operation, caller)
                await asyncio.sleep(caller.rng.random() * 2 * self.pause_seconds)
        finally:
            for connection in caller.connections:
                connection.close()

    async def _carry_out(self, operation: Operation, caller: _Caller) -> None:
        """Sends a transaction: once, or with a key until it is accepted.

        Some callers with a key ask again although they have been answered, and some ask over two
        connections at once.
        """
        has_key = operation.key is not None
        wanted = 2 if has_key and caller.rng.random() < 0.2 else 1
        connections = caller.connections
        if not has_key or caller.rng.random() < 0.8:
            connections = connections[:1]
        end = time.monotonic() + RETRY_SECONDS
        while time.monotonic() < end:
            sent = await asyncio.gather(
                *(self._attempt(operation, caller, connection) for connection in connections)
            )
            outcomes = {attempt.outcome for attempt in operation.attempts}
            is_final = not has_key or not outcomes <= {200, 503, 504, UNKNOWN}
            if (is_final and any(sent)) or len(operation.accepted) >= wanted:
                return
            await asyncio.sleep(RETRY_PAUSE_SECONDS)

    async def _attempt(
        self, operation: Operation, caller: _Caller, connection: HTTPCaller
    ) -> bool:
        """Sends one request and records its outcome. Returns whether it was sent."""
        try:
            await connection.connect(self._server.port)
        except NotSent:
            return False
        attempt = Attempt()
        operation.attempts.append(attempt)
        self._in_flight[id(attempt)] = attempt
        start = time.monotonic()
        try:
            answer = await connection.exchange(caller.request(operation))
            attempt.outcome, attempt.code = answer.status, answer.code
            attempt.transaction_id = answer.fields.get("transaction-id")
            attempt.replayed = answer.fields.get("idempotent-replayed") == "true"
            attempt.retry_after = "retry-after" in answer.fields
            attempt.closes = answer.closes
        except NoAnswer:
            pass  # It stays unknown.
        finally:
            attempt.seconds = time.monotonic() - start
            attempt.end = start + attempt.seconds
            self.counts[attempt.outcome] += 1
            self.accepted[operation.user_id] += attempt.outcome == 200
            del self._in_flight[id(attempt)]
        return True


class _Caller:
    """One caller: a user and its connections; the second one is for concurrent retries."""

    def __init__(self, number: int, rng: random.Random):
        self._number = number
        self._token = token(number)
        self.rng = rng
        self.connections = [HTTPCaller(), HTTPCaller()]

    def next_operation(self, amount: int) -> Operation:
        """Half of the transactions have a key."""
        key = f"key-{amount}" if self.rng.random() < 0.5 else None
        return Operation(amount, self._number, key)

    def request(self, operation: Operation) -> bytes:
        """Half of the requests have the key in quotation marks; it is the same key."""
        key = operation.key
        if key is not None and self.rng.random() < 0.5:
            key = f'"{key}"'
        return request(operation.amount, self._token, key)
