"""The server under test: one process at a time, observed from outside."""

from __future__ import annotations

import asyncio
import json
import os
import pathlib
import resource
import signal
import time

import child
import waiting

SECRET = "a secret of the fault suite, 32 bytes or more"


class ApiServer:
    """Starts, signals and observes `core-api`. Its port changes with each start."""

    def __init__(
        self, program: str, environment: dict[str, str], open_files: int | None = None
    ):
        """With `open_files`, the process may have no more file descriptors than that."""
        self._program = program
        self._environment = environment
        self._open_files = open_files
        self._process: asyncio.subprocess.Process | None = None
        self._log_reader: asyncio.Task | None = None
        self._log: list[dict] = []
        self.port: int | None = None

    async def start(self) -> None:
        """Starts the server and waits until it listens."""
        settings = {
            "HTTP_HOST": "127.0.0.1", "HTTP_PORT": "0", "JWT_SECRET": SECRET,
            "LOG_FORMAT": "json", "THREADS": "2", **self._environment,
        }  # fmt: skip
        self._log = []
        self._process = await asyncio.create_subprocess_exec(
            self._program, env={**os.environ, **settings},
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE, preexec_fn=self._prepare,
        )  # fmt: skip
        self._log_reader = asyncio.ensure_future(self._read_log(self._process.stderr))
        await waiting.until("the server listens", self._listens)

    def _prepare(self) -> None:
        child.die_with_parent()
        if self._open_files:
            resource.setrlimit(resource.RLIMIT_NOFILE, (self._open_files, self._open_files))

    async def _read_log(self, stderr: asyncio.StreamReader) -> None:
        async for line in stderr:
            try:
                self._log.append(json.loads(line))
            except ValueError:
                self._log.append({"message": line.decode(errors="replace").strip()})

    def _listens(self) -> bool:
        if not self.is_running:
            raise waiting.Unmet(f"the server ended at its start: {self._log[-3:]}")
        for entry in self._log:
            if entry.get("message") == "listening":
                self.port = int(entry["port"])
                return True
        return False

    def has_logged(self, beginning: str) -> bool:
        return any(str(entry.get("message")).startswith(beginning) for entry in self._log)

    def logged_sum(self, message: str, field: str) -> int:
        """The sum of a field over all lines of a message."""
        return sum(int(entry[field]) for entry in self._log if entry.get("message") == message)

    @property
    def is_running(self) -> bool:
        return self._process.returncode is None

    async def kill(self) -> None:
        """Ends the server as a crash would."""
        self.port = None
        self._process.kill()
        await self._ended()

    def terminate(self) -> None:
        """Starts the server's drain; `wait` returns its exit status."""
        self._process.send_signal(signal.SIGTERM)

    async def wait(self) -> int:
        """The exit status, once the server has ended; negative if a signal ended it."""
        await waiting.until("the server ends", lambda: not self.is_running)
        self.port = None
        await self._ended()
        return self._process.returncode

    async def _ended(self) -> None:
        await self._process.wait()
        await self._log_reader

    async def end(self) -> None:
        """Ends the process in any state."""
        if self._process and self.is_running:
            await self.kill()

    # The kernel's figures of the process.

    def cpu_seconds(self) -> float:
        """The CPU time of the process."""
        fields = self._proc("stat").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    async def cpu_share(self, seconds: float) -> float:
        """The share of one CPU that it uses during the next seconds."""
        cpu, wall = self.cpu_seconds(), time.monotonic()
        await asyncio.sleep(seconds)
        return (self.cpu_seconds() - cpu) / (time.monotonic() - wall)

    def memory_mib(self) -> tuple[float, float]:
        """Its resident memory: now, and the peak."""
        lines = dict(line.split(":", 1) for line in self._proc("status").splitlines())
        return tuple(int(lines[name].split()[0]) / 1024 for name in ("VmRSS", "VmHWM"))

    def open_files(self) -> int:
        return len(os.listdir(f"/proc/{self._process.pid}/fd"))

    def has_read_everything(self) -> bool:
        """Whether all bytes sent to its port have been read."""
        port = f":{self.port:04X}"
        for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]:
            local, remote, _, queues = line.split()[1:5]
            if port in (local[8:], remote[8:]) and queues != "00000000:00000000":
                return False
        return True

    def _proc(self, name: str) -> str:
        return pathlib.Path(f"/proc/{self._process.pid}/{name}").read_text()
