"""A Redis of the suite's own, which can be killed, stopped and started again."""

from __future__ import annotations

import asyncio
import pathlib
import random
import shutil
import signal
import socket
import tempfile

import child
import resp
import waiting


def free_port() -> int:
    """A free port, below the kernel's range for outgoing connections.

    While Redis is away, nobody may be given its port by chance: neither another program nor the
    server itself, whose attempt to connect would then reach its own end.
    """
    while True:
        port = random.SystemRandom().randrange(15_000, 32_000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


class RedisProcess:
    """One process of redis-server at a time, always on the same port, with a folder of its own."""

    def __init__(self, kind: str):
        self._folder = pathlib.Path(tempfile.mkdtemp(prefix=f"core-api-faults-{kind}-"))
        self._process: asyncio.subprocess.Process | None = None
        self.port = free_port()

    async def _run(self, *arguments: str) -> None:
        """Starts it and waits until it answers."""
        with open(self._folder / "log", "ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                "redis-server", *arguments,
                stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log,
                preexec_fn=child.die_with_parent,
            )  # fmt: skip
        await waiting.until("redis-server answers", self._answers)

    async def _answers(self) -> bool:
        if self._process.returncode is not None:
            log = (self._folder / "log").read_text(errors="replace")
            raise waiting.Unmet(f"redis-server does not start: {log[-500:]}")
        try:
            return await self.command("PING") == "PONG"
        except (OSError, EOFError, resp.ServerError):
            return False

    async def command(self, *words: object) -> object:
        """One command, over a connection of its own: those of before may be broken."""
        client = await resp.Client.connect(self.port)
        try:
            return await client.command(*words)
        finally:
            await client.close()

    async def kill(self) -> None:
        """Ends it like a crash, by SIGKILL."""
        self._process.kill()
        await self._process.wait()

    def stop(self) -> None:
        """Stops it, with its connections open, until `resume`."""
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    async def end(self) -> None:
        """Ends the process in any state and removes its data."""
        if self._process and self._process.returncode is None:
            await self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)


class RedisServer(RedisProcess):
    """A server with its data."""

    def __init__(self, fsync: str | None = "always", settings: list[str] | None = None):
        """`fsync` is the setting `appendfsync`; None: without an append-only file. `settings` are
        further arguments."""
        super().__init__("redis")
        self._data = self._folder / "data"
        self._data.mkdir()
        # An append-only file that only grows can be copied at any moment.
        self._settings = [
            "--save", "", "--auto-aof-rewrite-percentage", "0", "--repl-diskless-sync-delay", "0",
        ]  # fmt: skip
        if fsync:
            self._settings += ["--appendonly", "yes", "--appendfsync", fsync]
        self._settings += settings or []

    async def start(self) -> None:
        """Starts Redis and waits until it has read its data and answers."""
        await self._run(
            "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self._data),
            *self._settings,
        )  # fmt: skip

    def save_disk(self) -> None:
        """Keeps a copy of the disk as it is now."""
        shutil.rmtree(self._saved, ignore_errors=True)
        shutil.copytree(self._data, self._saved)

    def restore_disk(self) -> None:
        """Puts the copy in the place of the disk; Redis must not run."""
        shutil.rmtree(self._data)
        self._saved.rename(self._data)

    @property
    def _saved(self) -> pathlib.Path:
        return self._folder / "saved"

    async def replication(self) -> dict[str, str]:
        """The fields of `INFO replication`."""
        text = (await self.command("INFO", "replication")).decode()
        return dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
