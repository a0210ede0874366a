#!/usr/bin/env python3
"""Compares the server with docs/openapi.json.

The document is checked by itself; Schemathesis sends what it makes of the document to the real
server, once for each place of a token and state of the queue; and every refusal that it cannot
provoke is provoked here. In the end each status of the document must have been seen. The same
requests are sent each time. The last line says how many parts passed and failed.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import pathlib
import signal
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

FOLDER = pathlib.Path(__file__).parent
FAULT_TESTS = FOLDER.with_name("FaultTests")
sys.path.append(str(FAULT_TESTS))

import closing  # noqa: E402
import http_caller  # noqa: E402
import refusals  # noqa: E402
from api_server import ApiServer  # noqa: E402
import document  # noqa: E402
from redis_server import RedisServer  # noqa: E402

# A generous limit, which only ends a run that hangs.
RUN_SECONDS = 300
CONNECTIONS_MAX = 128


@dataclass(frozen=True)
class Run:
    """One run of Schemathesis."""

    name: str
    token_place: str
    queue: str
    # The user and the password of Redis, if any.
    login: str = ""
    # The phases of Schemathesis to run; by default all.
    options: tuple[str, ...] = ()


# If Redis refuses the login, the answer must be 503.
REFUSED_LOGIN = {"login": "nobody:wrong@", "queue": "rq:openapi", "token_place": "body"}
EXPECTS_503 = ("--exclude-checks", "not_a_server_error")
RUNS = [
    Run("tokens in the body, no Redis", "body", "memory"),
    Run("tokens in Authorization, jobs of python-rq", "field", "rq:openapi"),
    Run("tokens in the body, entries of a stream", "body", "stream:openapi"),
    # Each transaction waits for a connection attempt, so only the examples are run.
    Run(
        "transactions without Redis", **REFUSED_LOGIN,
        options=(*EXPECTS_503, "--include-path", "/transaction", "--phases", "examples"),
    ),
    Run(
        "health without Redis", **REFUSED_LOGIN,
        options=(*EXPECTS_503, "--include-path-regex", "^/health"),
    ),
]  # fmt: skip


class Suite:
    """The answers seen, and the failures."""

    def __init__(self, program: str):
        self._program = program
        self._document = document.Document()
        self._redis = RedisServer(fsync=None)
        self._seen: set[tuple[str, str, int]] = set()
        self.passed = self.failed = 0

    async def run(self) -> None:
        self._report("the document", list(self._document.flaws()))
        try:
            await self._redis.start()
            for run in RUNS:
                self._report(run.name, await self._schemathesis(run))
            self._report("refusals of HTTP", await self._refusals())
            self._report("an outcome that is not known", await self._outcome_unknown())
            self._report("the status of a transaction", await self._statuses())
            self._report("a user beyond the limit", await self._rate_limited())
        finally:
            await self._redis.end()
        unseen = sorted(self._document.exchanges() - self._seen)
        self._report(
            f"{len(self._document.exchanges())} answers of the document",
            [f"never seen: {method} {path} {status}" for method, path, status in unseen],
        )

    def _report(self, what: str, problems: list[str]) -> None:
        print(f"{what}: {'FAILED' if problems else 'passed'}", flush=True)
        for problem in problems:
            print(f"    {problem}", flush=True)
        self.passed, self.failed = self.passed + (not problems), self.failed + bool(problems)

    @asynccontextmanager
    async def _server(self, **environment: str) -> AsyncIterator[ApiServer]:
        server = ApiServer(self._program, environment)
        try:
            await server.start()
            yield server
        finally:
            await server.end()

    def _redis_url(self, login: str = "") -> str:
        return f"redis://{login}127.0.0.1:{self._redis.port}/0"

    async def _schemathesis(self, run: Run) -> list[str]:
        """Runs Schemathesis and prints its report."""
        with tempfile.TemporaryDirectory(prefix="core-api-openapi-") as folder:
            url = self._redis_url(run.login)
            async with self._server(QUEUE=run.queue, REDIS_URL=url) as server:
                seen = pathlib.Path(folder, "seen")
                arguments = [
                    str(pathlib.Path(sys.executable).with_name("schemathesis")),
                    "--config-file", str(FOLDER / "schemathesis.toml"),
                    "run", str(document.PATH), "--url", f"http://127.0.0.1:{server.port}",
                    *run.options,
                ]  # fmt: skip
                process = await asyncio.create_subprocess_exec(
                    *arguments, cwd=folder,
                    env={
                        **os.environ, "SCHEMATHESIS_HOOKS": "hooks",
                        "PYTHONPATH": f"{FOLDER}:{FAULT_TESTS}",
                        "OPENAPI_TOKEN_PLACE": run.token_place, "OPENAPI_SEEN": str(seen),
                    },
                    stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
                )  # fmt: skip
                try:
                    output, _ = await asyncio.wait_for(process.communicate(), RUN_SECONDS)
                finally:
                    if process.returncode is None:
                        process.kill()
            for line in seen.read_text().splitlines() if seen.exists() else []:
                method, path, status = line.split()
                self._seen.add((method, path, int(status)))
        return [] if process.returncode == 0 else output.decode().splitlines()

    async def _refusals(self) -> list[str]:
        operations = [
            (method, path)
            for method, path, _ in self._document.operations()
            if method in ("GET", "POST")
        ]
        async with self._server(QUEUE="memory") as server:
            found = await refusals.of_http(server.port, operations)
        bound = {"MAX_CONNECTIONS": str(CONNECTIONS_MAX)}
        async with self._server(QUEUE="memory", **bound) as server:
            found += await refusals.of_too_many(server.port, CONNECTIONS_MAX, operations)
        problems: list[str] = []
        for refused in found:
            problems += self._judge(refused)
        return problems

    async def _outcome_unknown(self) -> list[str]:
        """A Redis that hangs once the server is connected to it."""
        request = http_caller.request(100, http_caller.token(1))
        settings = {"QUEUE": "rq:openapi", "REDIS_URL": self._redis_url(), "ENQUEUE_TIMEOUT": "1"}
        async with self._server(**settings, THREADS="1") as server:
            caller = http_caller.HTTPCaller()
            try:
                await caller.connect(server.port)
                await caller.exchange(request)
                self._redis.stop()
                answer = await caller.exchange(request)
            finally:
                self._redis.resume()
                caller.close()
        return self._judge(refusals.Refused("POST", "/transaction", 504, answer))

    async def _statuses(self) -> list[str]:
        """Of a transaction that was accepted, by its Location; to its user, and to others."""
        problems: list[str] = []
        tokens = {
            200: http_caller.token(1),
            403: http_caller.token(1, is_enabled=False),
            404: http_caller.token(2),
        }
        async with self._server(QUEUE="memory", STATUS_SECONDS="600") as server:
            caller = http_caller.HTTPCaller()
            await caller.connect(server.port)
            try:
                accepted = await caller.exchange(
                    http_caller.request(100, http_caller.token(1)))
                problems += self._judge(refusals.Refused("POST", "/transaction", 200, accepted))
                target = accepted.fields["location"]
                for status, token in tokens.items():
                    fields = f"Host: localhost\r\nAuthorization: Bearer {token}\r\n\r\n"
                    answer = await caller.exchange(
                        f"GET {target} HTTP/1.1\r\n{fields}".encode())
                    problems += self._judge(
                        refusals.Refused("GET", "/transaction/{id}", status, answer))
            finally:
                caller.close()
            head = await self._head(server.port, target, tokens[200])
        if not head.startswith(b"HTTP/1.1 200 ") or not head.endswith(b"\r\n\r\n"):
            problems.append(f"HEAD {target}: {head!r}")
        self._seen.add(("HEAD", "/transaction/{id}", 200))
        return problems

    async def _rate_limited(self) -> list[str]:
        problems: list[str] = []
        async with self._server(QUEUE="memory", RATE_LIMIT="1/3600") as server:
            caller = http_caller.HTTPCaller()
            await caller.connect(server.port)
            try:
                for status in (200, 429):
                    answer = await caller.exchange(
                        http_caller.request(100, http_caller.token(1)))
                    problems += self._judge(
                        refusals.Refused("POST", "/transaction", status, answer))
                    problems += [
                        f"{name} is missing from {status}"
                        for name in ("ratelimit-policy", "ratelimit") if name not in answer.fields]
            finally:
                caller.close()
        return problems

    @staticmethod
    async def _head(port: int, target: str, token: str) -> bytes:
        """All bytes of the answer to a HEAD."""
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            writer.write(
                f"HEAD {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
                f"Authorization: Bearer {token}\r\n\r\n".encode())
            return await asyncio.wait_for(reader.read(), http_caller.ANSWER_SECONDS)
        finally:
            writer.close()

    def _judge(self, refused: refusals.Refused) -> list[str]:
        method, path, answer = refused.method, refused.path, refused.answer
        name = f"{method} {path} {answer.status}"
        if answer.status != refused.status:
            return [f"{name}: the status should be {refused.status}"]
        self._seen.add((method, path, answer.status))
        if refused.component:
            found = self._document.component_disagreements(refused.component, answer)
        else:
            found = self._document.disagreements(method, path, answer)
        return [f"{name}: {problem}" for problem in found]


async def run(program: str) -> tuple[int, int]:
    """Runs every part; returns the numbers of passes and failures."""
    task = asyncio.current_task()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    suite = Suite(program)
    await suite.run()
    return suite.passed, suite.failed


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--server", default=".build/release/core-api", metavar="PATH")
    return closing.run(run(parser.parse_args().server))


if __name__ == "__main__":
    sys.exit(main())
