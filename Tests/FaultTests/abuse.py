#!/usr/bin/env python3
"""Abuse: slow, idle, greedy callers, and callers that read nothing, beside a well-behaved caller.

For each kind one line of figures, and last how many passed and failed. docs/reliability.md says
how to read them.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import pathlib
import resource
import signal
import sys
import time
from dataclasses import dataclass
from typing import Awaitable, Callable

import closing
import waiting
from api_server import ApiServer
from crowd import Crowd
from http_caller import request, token
from redis_server import RedisServer

MEMORY_MIB_MAX = 150
# Memory that the server may keep after the abusers have left.
MEMORY_MIB_KEPT_MAX = 20
# Open files of a server without callers: sockets to Redis, listeners, epoll, eventfd.
FILES_AT_REST_MAX = 64
# Descriptors that this program and the server need besides the crowd's.
FILES_SPARE = 500
DEAF_CALLERS = 200
GREEDY_CALLERS = 8
# The crowd leaves room for the well-behaved caller, within the limit of open files.
CONNECTIONS_SPARE = 100
SLOW_BYTE_SECONDS = 3.0
# Shorter than a request's timeout, so that the server holds all of them at the same time.
STALL_SECONDS = 6.0


@dataclass(frozen=True)
class Size:
    """The amount of abuse."""

    connections: int
    seconds: int


SHORT = Size(connections=1_000, seconds=12)
FULL = Size(connections=5_000, seconds=30)


async def slow(port: int, size: Size) -> str:
    """Each caller sends a byte every few seconds, and never a whole request."""
    head = request(1, token(1))
    crowd = Crowd(port, size.connections)
    try:
        await crowd.open()
        position, end = 0, time.monotonic() + size.seconds
        while time.monotonic() < end:
            for index in range(len(crowd)):
                crowd.send(index, head[position : position + 1])
                if index % 100 == 99:
                    await asyncio.sleep(SLOW_BYTE_SECONDS * 100 / len(crowd))
            position += 1
        return f"{len(crowd)} connections, {crowd.reopened} opened again"
    finally:
        crowd.close()


async def idle(port: int, size: Size) -> str:
    """Callers connect and do nothing."""
    crowd = Crowd(port, size.connections)
    try:
        await crowd.open()
        await asyncio.sleep(size.seconds)
        return f"{len(crowd)} connections"
    finally:
        crowd.close()


async def deaf(port: int, size: Size) -> str:
    """Callers send as fast as they can and read nothing. Their token is refused, so that each
    request costs nothing but the server's work and its answer."""
    requests = request(1, "not.a.token") * 100
    crowd = Crowd(port, DEAF_CALLERS, receive_buffer=4_096)
    sent, end = 0, time.monotonic() + size.seconds
    try:
        await crowd.open()
        while time.monotonic() < end:
            for index in range(len(crowd)):
                sent += crowd.send(index, requests)
            await asyncio.sleep(0.02)
        return f"{len(crowd)} connections, {sent >> 20} MiB sent, {crowd.reopened} opened again"
    finally:
        crowd.close()


async def greedy(port: int, size: Size) -> str:
    """A few callers with good tokens send as fast as they can, and read the answers."""
    requests = request(1, token(2)) * 100
    crowd = Crowd(port, GREEDY_CALLERS)
    unsent = [requests] * GREEDY_CALLERS
    answers, end = 0, time.monotonic() + size.seconds
    try:
        await crowd.open()
        while time.monotonic() < end:
            for index in range(len(crowd)):
                taken = crowd.send(index, unsent[index])
                unsent[index] = unsent[index][taken:] or requests
                answers += crowd.receive(index, 1 << 20).count(b"HTTP/1.1 200 ")
            await asyncio.sleep(0.001)
        return f"{len(crowd)} connections, {answers / size.seconds:.0f} answers a second"
    finally:
        crowd.close()


async def stall(port: int, size: Size, request: bytes) -> str:
    """Callers send most of a large request, and then nothing for a while."""
    crowd = Crowd(port, size.connections)
    try:
        await crowd.open()
        unsent = [request] * len(crowd)
        end = time.monotonic() + STALL_SECONDS
        while any(unsent) and time.monotonic() < end:
            for index in range(len(crowd)):
                if unsent[index]:
                    unsent[index] = unsent[index][crowd.send(index, unsent[index]) :]
                if index % 100 == 99:
                    await asyncio.sleep(0.001)
        await asyncio.sleep(max(0.0, end - time.monotonic()))
        return f"{len(crowd)} connections, {crowd.reopened} opened again"
    finally:
        crowd.close()


POST = b"POST /transaction HTTP/1.1\r\nHost: a\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"


async def stall_head(port: int, size: Size) -> str:
    """Heads that never end."""
    return await stall(port, size, b"GET / HTTP/1.1\r\nHost: a\r\nA: " + b"a" * 16_000)


async def stall_body(port: int, size: Size) -> str:
    """Bodies of a known length that never end."""
    return await stall(port, size, POST + b"Content-Length: 16384\r\n\r\n" + b"a" * 16_000)


async def stall_sizes(port: int, size: Size) -> str:
    """Chunks of one byte, without a last one."""
    return await stall(port, size, CHUNKED + b"1\r\na\r\n" * 1_200)


async def stall_extensions(port: int, size: Size) -> str:
    """Chunks with long extensions, without a last one."""
    return await stall(port, size, CHUNKED + (b"1;" + b"a" * 1_000 + b"\r\na\r\n") * 6)


async def stall_trailers(port: int, size: Size) -> str:
    """Trailers that never end."""
    trailers = (b"A: " + b"a" * 1_000 + b"\r\n") * 5
    return await stall(port, size, CHUNKED + b"1\r\na\r\n0\r\n" + trailers)


KINDS: list[Callable[[int, Size], Awaitable[str]]] = [
    slow, idle, deaf, greedy,
    stall_head, stall_body, stall_sizes, stall_extensions, stall_trailers,
]  # fmt: skip


class Steady:
    """The well-behaved caller's process."""

    def __init__(self):
        self._process: asyncio.subprocess.Process | None = None

    async def start(self, port: int) -> None:
        program = pathlib.Path(__file__).with_name("steady_caller.py")
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, str(program), str(port),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip

    async def report(self) -> dict:
        """The results of its requests since the last report."""
        self._process.stdin.write(b"\n")
        line = await asyncio.wait_for(
            self._process.stdout.readline(), waiting.DEADLINE_SECONDS
        )
        return json.loads(line)

    async def end(self) -> None:
        if self._process and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()


class Observer:
    """Observes the server during the abuse."""

    def __init__(self, server: ApiServer):
        self._server = server
        self._task = asyncio.ensure_future(self._observe())
        self.files = 0

    async def _observe(self) -> None:
        while True:
            self.files = max(self.files, self._server.open_files())
            await asyncio.sleep(1)

    def end(self) -> None:
        self._task.cancel()


async def play(kind: Callable, server: ApiServer, steady: Steady, size: Size) -> list[str]:
    """Abuses the server in one way, prints the figures, and returns the violations."""
    await steady.report()
    before, _ = server.memory_mib()
    observer = Observer(server)
    try:
        note = await kind(server.port, size)
    finally:
        observer.end()
    after, peak = server.memory_mib()
    served = await steady.report()
    print(
        f"{kind.__name__}: {note}; steady caller {served['answers']} answers, "
        f"median {served['median'] * 1e3:.1f} ms, worst {served['worst'] * 1e3:.0f} ms; "
        f"server {before:.0f} MiB before, {after:.0f} MiB after, {peak:.0f} MiB at most, "
        f"{observer.files} files at most",
        flush=True,
    )
    problems = [f"the steady caller got {failure}" for failure in served["failures"]]
    if peak > MEMORY_MIB_MAX:
        problems.append(f"more than {MEMORY_MIB_MAX} MiB")
    await waiting.until(
        "the server gives up what it had for them",
        lambda: server.open_files() <= FILES_AT_REST_MAX,
    )
    await waiting.until(
        f"the server is within {MEMORY_MIB_KEPT_MAX} MiB of the {before:.0f} MiB before",
        lambda: server.memory_mib()[0] <= before + MEMORY_MIB_KEPT_MAX,
    )
    return problems


async def run(options: argparse.Namespace) -> tuple[int, int]:
    """Abuses one server in every way; returns the numbers of passes and failures."""
    task = asyncio.current_task()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    size = SHORT if options.short else FULL
    redis, steady = RedisServer(fsync=None), Steady()
    server = ApiServer(options.server, {
        "QUEUE": "stream:abuse", "REDIS_URL": f"redis://127.0.0.1:{redis.port}/0",
        "MAX_CONNECTIONS": str(size.connections + CONNECTIONS_SPARE),
    })  # fmt: skip
    passed = failed = 0
    try:
        await redis.start()
        await server.start()
        await steady.start(server.port)
        for kind in KINDS:
            if options.only in (None, kind.__name__):
                problems = await play(kind, server, steady, size)
                for problem in problems[:5]:
                    print(f"    FAILED: {problem}", flush=True)
                passed, failed = passed + (not problems), failed + bool(problems)
    except (waiting.Unmet, OSError, ValueError) as error:
        print(f"    FAILED: {type(error).__name__}: {error}", flush=True)
        failed += 1
    finally:
        for part in (steady, server, redis):
            await part.end()
    return passed, failed


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    names = [kind.__name__ for kind in KINDS]
    parser.add_argument("--short", action="store_true", help="1,000 connections, not 5,000")
    parser.add_argument("--only", choices=names, metavar="KIND", help=", ".join(names))
    parser.add_argument("--server", default=".build/release/core-api", metavar="PATH")
    options = parser.parse_args()
    needed = (SHORT if options.short else FULL).connections + FILES_SPARE
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < needed:
        print(f"{needed} open files are needed, and no more than {hard} are allowed")
        return 1
    resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
    return closing.run(run(options))


if __name__ == "__main__":
    sys.exit(main())
