"""A network between the server and Redis with seeded faults of every kind."""

from __future__ import annotations

import asyncio
import random
import socket
import struct
from dataclasses import dataclass, field
from typing import Callable

import resp

TO_REDIS, TO_SERVER = 0, 1
# Transient errors of Redis: the command was not executed.
ERROR_LINES = (
    b"-READONLY You can't write against a read only replica.\r\n",
    b"-LOADING Redis is loading the dataset in memory\r\n",
    b"-TRYAGAIN Multiple keys request during rehashing of slot\r\n",
    b"-MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.\r\n",
)
# What a proxy answers that has lost its server: the command was executed.
PROXY_LINES = (
    b"-ERR Connection timed out\r\n",
    b"-ERR Server closed connection\r\n",
    b"-upstream failure\r\n",
)
ERROR_SHARE = 0.1


class Cut(Exception):
    """The connection must end here."""


@dataclass
class Faults:
    """The faults of one connection."""

    # The number of bytes in each direction after which the connection ends; None: no end.
    bytes_left: list[int | None] = field(default_factory=lambda: [None, None])
    # The time for which the connection hangs before its end.
    stall_seconds: float = 0.0
    # Bytes arrive one by one.
    splits: bool = False
    # The maximum delay of bytes.
    delay_seconds: float = 0.0
    # Some commands are answered with an error: some never reach Redis, some are executed.
    answers_errors: bool = False
    # It ends by a reset instead of an orderly end.
    resets: bool = False

    @classmethod
    def draw(cls, rng: random.Random, kinds: frozenset[str]) -> Faults:
        """Faults by chance, of the given kinds: `cut`, `error`."""
        faults = cls(splits=rng.random() < 0.2, resets=rng.random() < 0.5)
        if rng.random() < 0.3:
            faults.delay_seconds = 0.02
        if "cut" in kinds:
            # As many cuts within the first command as in those that follow.
            direction = rng.choice((TO_REDIS, TO_SERVER))
            faults.bytes_left[direction] = int(10 ** rng.uniform(0, 4.3))
            if rng.random() < 0.2:
                faults.stall_seconds = rng.uniform(0.1, 0.6)
        faults.answers_errors = "error" in kinds
        return faults


class Proxy:
    """Listens on a port, and passes every connection on to Redis, with its faults."""

    def __init__(self, redis_port: int, seed: str):
        # Where later connections lead.
        self.redis_port = redis_port
        # Is called with each command before it is passed on.
        self.on_command: Callable[[bytes], None] | None = None
        self._flows = asyncio.Event()
        self._flows.set()
        self._seed = seed
        self._kinds: frozenset[str] = frozenset()
        self._listener: asyncio.AbstractServer | None = None
        self._links: set[asyncio.Task] = set()
        self.connections = 0
        self.cuts = 0
        self.errors = 0
        self.port = 0

    async def start(self) -> None:
        self._listener = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._listener.sockets[0].getsockname()[1]

    def fail(self, *kinds: str) -> None:
        """Later connections have faults of these kinds; existing connections end.
        Without a kind, the network is sound again."""
        self._kinds = frozenset(kinds)
        for link in self._links:
            link.cancel()

    def hold(self) -> None:
        """Nothing passes any more, until the connections end."""
        self._flows.clear()

    async def flows(self) -> None:
        """Returns once bytes may pass."""
        await self._flows.wait()

    async def end(self) -> None:
        if self._listener:
            self._listener.close()
        for link in self._links:
            link.cancel()
        await asyncio.gather(*self._links, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._links.add(asyncio.current_task())
        self.connections += 1
        rng = random.Random(f"{self._seed} connection {self.connections}")
        faults = Faults.draw(rng, self._kinds) if self._kinds else Faults()
        upstream = None
        try:
            upstream = await asyncio.open_connection("127.0.0.1", self.redis_port)
            await _Link(self, rng, faults, (reader, writer), upstream).run()
        except (OSError, EOFError, asyncio.CancelledError):
            pass  # Either end is gone, or the connection is ended from outside: both end here.
        finally:
            self._links.discard(asyncio.current_task())
            for end in (writer, upstream[1] if upstream else None):
                if end:
                    _close(end, faults.resets)


def _close(writer: asyncio.StreamWriter, resets: bool) -> None:
    if resets:
        connection = writer.get_extra_info("socket")
        try:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        except OSError:
            pass  # It has ended already.
    writer.transport.abort()


class _Link:
    """One connection."""

    def __init__(self, proxy: Proxy, rng: random.Random, faults: Faults, server, redis):
        self._proxy = proxy
        self._rng = rng
        self._faults = faults
        self._server = server
        self._redis = redis

    async def run(self) -> None:
        """Passes bytes on until a peer closes or a fault ends the connection."""
        if self._faults.answers_errors:
            parts = [self._exchange()]
        else:
            parts = [
                self._commands()
                if self._proxy.on_command
                else self._pump(TO_REDIS, self._server[0], self._redis[1]),
                self._pump(TO_SERVER, self._redis[0], self._server[1]),
            ]
        tasks = [asyncio.ensure_future(part) for part in parts]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        except Cut:
            self._proxy.cuts += 1
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _pump(
        self, direction: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        while True:
            data = await reader.read(65_536)
            if not data:
                return
            await self._pass_on(direction, writer, data)

    async def _commands(self) -> None:
        """As `_pump`, command by command."""
        while True:
            _, raw = await resp.read_value(self._server[0])
            self._proxy.on_command(raw)
            await self._pass_on(TO_REDIS, self._redis[1], raw)

    async def _exchange(self) -> None:
        """One command after the other, so that an error stands where its reply would stand.

        Nothing is put into the middle of a transaction: Redis would execute the rest of it.
        """
        inside = False
        while True:
            command, raw = await resp.read_value(self._server[0])
            name = command[0].upper()
            inside = name == b"MULTI" or (inside and name != b"EXEC")
            fails = not inside and name != b"EXEC" and self._rng.random() < ERROR_SHARE
            executes = not fails or self._rng.random() < 0.5
            self._proxy.errors += fails
            if executes:
                await self._pass_on(TO_REDIS, self._redis[1], raw)
                _, reply = await resp.read_value(self._redis[0])
            if fails:
                reply = self._rng.choice(PROXY_LINES if executes else ERROR_LINES)
            await self._pass_on(TO_SERVER, self._server[1], reply)

    async def _pass_on(self, direction: int, writer: asyncio.StreamWriter, data: bytes) -> None:
        """Sends bytes with the faults applied; raises `Cut` at the connection's end."""
        await self._proxy.flows()
        faults = self._faults
        left = faults.bytes_left[direction]
        if left is not None:
            data = data[:left]
            faults.bytes_left[direction] = left - len(data)
        if faults.delay_seconds:
            await asyncio.sleep(self._rng.uniform(0, faults.delay_seconds))
        step = 1 if faults.splits else len(data)
        for start in range(0, len(data), step):
            writer.write(data[start : start + step])
            await writer.drain()
        if faults.bytes_left[direction] == 0:
            await asyncio.sleep(faults.stall_seconds)
            raise Cut
