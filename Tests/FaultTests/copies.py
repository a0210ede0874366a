"""Late copies: every script call of the server reaches Redis once more, much later."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import math
import random
import time
from collections import Counter

import resp

# Consecutive calls arrive together this often, in their order.
TOGETHER_SHARE = 0.8
TICK_SECONDS = 0.02
# In one connection.
CALLS_MAX = 500


class LateCopies:
    """Keeps calls, and sends each to Redis again after a random time, over other connections."""

    def __init__(self, port: int, rng: random.Random, seconds_max: float):
        self._port = port
        self._rng = rng
        self._seconds_max = seconds_max
        self._numbers = itertools.count()
        # The time of arrival, a number that keeps the order, and the call.
        self._waiting: list[tuple[float, int, bytes]] = []
        self._arrival = 0.0
        # How many copies Redis has answered: by the first words of an error, "" without one.
        self.answers: Counter = Counter()

    def keep(self, command: bytes) -> None:
        """Takes a command before it is sent to Redis; it may never arrive there."""
        if b"EVAL" not in command[:32].upper():
            return
        if self._rng.random() > TOGETHER_SHARE:
            # Short times as often as long ones.
            delay = 10 ** self._rng.uniform(-2, math.log10(self._seconds_max))
            self._arrival = time.monotonic() + delay
        heapq.heappush(self._waiting, (self._arrival, next(self._numbers), command))

    async def deliver(self, seconds: float) -> None:
        """Sends copies as their time comes, for a while."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            await self._send(time.monotonic())
            await asyncio.sleep(TICK_SECONDS)

    async def deliver_rest(self) -> None:
        """Sends every copy that is left."""
        while self._waiting:
            await self._send(math.inf)

    async def _send(self, now: float) -> None:
        """Sends the copies whose time has come, over a connection of their own."""
        due: list[bytes] = []
        while self._waiting and self._waiting[0][0] <= now and len(due) < CALLS_MAX:
            due.append(heapq.heappop(self._waiting)[2])
        if not due:
            return
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        writer.write(b"".join(due))
        for _ in due:
            reply, _ = await resp.read_value(reader)
            is_error = isinstance(reply, resp.ServerError)
            self.answers[" ".join(str(reply).split()[:2]) if is_error else ""] += 1
        writer.close()

    def note(self) -> str:
        errors = [f"{count} {error}" for error, count in self.answers.items() if error]
        return ", ".join([f"{sum(self.answers.values())} late copies", *sorted(errors)])
