"""Callers who post all the time, with and without keys, and remember everything they were told."""

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

# A caller with a key gives up after this long, and that is a fault of the server.
RETRY_SECONDS = 60.0
RETRY_PAUSE_SECONDS = 0.05


class Load:
    """So many callers, each on one connection of its own."""

    def __init__(self, server: ApiServer, seed: str, callers: int):
        self._server = server
        self._seed = seed
        self._amounts = itertools.count(1)
        self._ends = False
        self._tasks: list[asyncio.Task] = []
        self.callers = callers
        # How long a caller pauses between two transactions, on average.
        self.pause_seconds = 0.01
        self.operations: list[Operation] = []
        # How many requests have ended in which way.
        self.counts: Counter = Counter()
        # Sent, and not answered yet: by identity, since attempts are equal to one another.
        self._in_flight: dict[int, Attempt] = {}

    async def start(self) -> None:
        """Starts the callers and waits until each has had its first answer."""
        self._tasks = [asyncio.ensure_future(self._call(n)) for n in range(self.callers)]
        await self.until_accepted(self.callers)

    async def finish(self) -> None:
        """Begins nothing new, and waits until every caller has what it retries for."""
        self._ends = True
        await waiting.until(
            "every caller is done", lambda: all(task.done() for task in self._tasks), 120
        )
        for task in self._tasks:
            task.result()

    async def end(self) -> None:
        """Ends the callers, whatever they are doing."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def until_accepted(self, count: int) -> None:
        """Waits until so many more requests have been accepted."""
        await self.until(200, count)

    async def until(self, outcome: int | str, count: int) -> None:
        """Waits until so many more requests have ended so."""
        end = self.counts[outcome] + count
        await waiting.until(
            f"{count} more answers of {outcome}", lambda: self.counts[outcome] >= end
        )

    def in_flight(self) -> list[Attempt]:
        """The requests that are in flight."""
        return list(self._in_flight.values())

    def slowest_seconds(self) -> float:
        """The longest that an answer of 200 took."""
        return max(
            (a.seconds for operation in self.operations for a in operation.accepted), default=0.0
        )

    # One caller.

    async def _call(self, number: int) -> None:
        rng = random.Random(f"{self._seed} caller {number}")
        connection = HTTPCaller()
        bearer = token(number)
        try:
            while not self._ends:
                amount = next(self._amounts)
                key = f"key-{amount}" if rng.random() < 0.5 else None
                operation = Operation(amount, number, key)
                self.operations.append(operation)
                await self._carry_out(operation, connection, bearer, rng)
                await asyncio.sleep(rng.random() * 2 * self.pause_seconds)
        finally:
            connection.close()

    async def _carry_out(
        self, operation: Operation, connection: HTTPCaller, bearer: str, rng: random.Random
    ) -> None:
        """Sends a transaction: once, or with a key until it is accepted, or accepted twice: some
        callers ask again although they have been answered."""
        wanted = 1 if operation.key is None or rng.random() < 0.8 else 2
        end = time.monotonic() + RETRY_SECONDS
        while time.monotonic() < end:
            try:
                await connection.connect(self._server.port)
            except NotSent:
                await asyncio.sleep(RETRY_PAUSE_SECONDS)
                continue
            await self._attempt(operation, connection, bearer, rng)
            outcome = operation.attempts[-1].outcome
            may_retry = outcome in (200, 503, 504, UNKNOWN) and operation.key is not None
            if outcome != 200:
                await asyncio.sleep(RETRY_PAUSE_SECONDS)
            if not may_retry or len(operation.accepted) == wanted:
                return

    async def _attempt(
        self, operation: Operation, connection: HTTPCaller, bearer: str, rng: random.Random
    ) -> None:
        """Sends one request and notes what comes of it. A key is the same with and without
        quotation marks."""
        key = operation.key
        if key is not None and rng.random() < 0.5:
            key = f'"{key}"'
        attempt = Attempt()
        operation.attempts.append(attempt)
        self._in_flight[id(attempt)] = attempt
        start = time.monotonic()
        try:
            answer = await connection.exchange(request(operation.amount, bearer, key))
            attempt.outcome, attempt.code = answer.status, answer.code
            attempt.transaction_id = answer.fields.get("transaction-id")
            attempt.replayed = answer.fields.get("idempotent-replayed") == "true"
            attempt.retry_after = "retry-after" in answer.fields
            attempt.closes = answer.closes
        except NoAnswer:
            pass
        finally:
            attempt.seconds = time.monotonic() - start
            self.counts[attempt.outcome] += 1
            del self._in_flight[id(attempt)]
