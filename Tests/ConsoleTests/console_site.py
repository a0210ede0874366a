"""What the console's tests need beside the browser: Redis, the server, workers, callers."""

from __future__ import annotations

import base64
import http.client
import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "Tests" / "FaultTests"))

from redis_server import free_port  # noqa: E402

PASSWORD = "a password of the tests"
SECRET = "a secret of the console's tests, 32 bytes or more"
# Long enough for a machine that does much else.
WAIT_SECONDS = 60


class Unmet(AssertionError):
    """Something did not happen in time."""


def until(what: str, holds: Callable[[], object], seconds: float = WAIT_SECONDS):
    """Waits until the function returns something true, and returns that."""
    end = time.monotonic() + seconds
    while True:
        found = holds()
        if found:
            return found
        if time.monotonic() > end:
            raise Unmet(f"not within {seconds} s: {what}")
        time.sleep(0.05)


class Child:
    """A process with its output in a file, ended at the end."""

    def __init__(self, folder: str, name: str, *arguments: str, **environment: str):
        self.log = pathlib.Path(folder, f"{name}.log")
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                arguments, env={**os.environ, **environment}, stdin=subprocess.DEVNULL,
                stdout=log, stderr=log,
            )  # fmt: skip

    def text(self) -> str:
        return self.log.read_text(errors="replace")

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


class Site:
    """A Redis and a server with a console, and what is done to them."""

    def __init__(self, program: str, queue: str = "rq:default", **environment: str):
        self.program = program
        self.queue = queue
        self.environment = environment
        self.folder = tempfile.mkdtemp(prefix="core-api-console-")
        self.redis_port = free_port()
        self.children: list[Child] = []
        self.server: Child | None = None
        self.port = self.console_port = 0
        self.workers = 0

    def __enter__(self) -> Site:
        self.redis = self.child(
            "redis", "redis-server", "--bind", "127.0.0.1", "--port", str(self.redis_port),
            "--dir", self.folder, "--save", "", "--appendonly", "yes", "--appendfsync", "no",
        )  # fmt: skip
        until("redis-server answers", lambda: self.redis_answers())
        self.start_server()
        return self

    def __exit__(self, *_: object) -> None:
        for child in reversed(self.children):
            child.end()
        shutil.rmtree(self.folder, ignore_errors=True)

    def child(self, name: str, *arguments: str, **environment: str) -> Child:
        child = Child(self.folder, name, *arguments, **environment)
        self.children.append(child)
        return child

    # --- The server

    @property
    def redis_url(self) -> str:
        return f"redis://127.0.0.1:{self.redis_port}/0"

    @property
    def settings(self) -> dict[str, str]:
        return {
            "REDIS_URL": self.redis_url, "QUEUE": self.queue, "JWT_SECRET": SECRET,
            "HTTP_HOST": "127.0.0.1", "HTTP_PORT": "0", "METRICS_PORT": "0", "THREADS": "2",
            "LOG_FORMAT": "json", "STATUS_SECONDS": "3600",
            "CONSOLE_PASSWORD_FILE": str(self.password_file), **self.environment,
        }  # fmt: skip

    @property
    def password_file(self) -> pathlib.Path:
        return pathlib.Path(self.folder, "password")

    def start_server(self) -> None:
        self.password_file.write_text(PASSWORD + "\n")
        server = self.server = self.child("server", self.program, **self.settings)

        def ports() -> bool:
            if server.process.poll() is not None:
                raise Unmet(f"the server has ended: {server.text()[-800:]}")
            found = {line.get("message"): line for line in self.logged()}
            if "listening for scrapes of metrics" not in found:
                return False
            self.port = int(found["listening"]["port"])
            self.console_port = int(found["listening for scrapes of metrics"]["port"])
            return True

        until("the server listens", ports)

    def logged(self) -> list[dict]:
        lines = []
        for line in self.server.text().splitlines():
            try:
                lines.append(json.loads(line))
            except ValueError:
                pass
        return lines

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.console_port}/console/"

    # --- Callers

    def token(self, user: int = 1) -> str:
        result = subprocess.run(
            [self.program, "token", "--user-id", str(user), "--username", "alice",
             "--ttl-seconds", "3600"],
            env={**os.environ, **self.settings}, capture_output=True, text=True, check=True,
        )  # fmt: skip
        return result.stdout.strip()

    def post(self, count: int = 1, currency: str = "EUR", token: str | None = None) -> list[str]:
        """Posts transactions over one connection, and returns the ids of the accepted."""
        token = token or self.token()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        ids = []
        for number in range(count):
            body = json.dumps({"amount": 100 + number, "currency": currency, "token": token})
            connection.request(
                "POST", "/transaction", body, {"Content-Type": "application/json"}
            )
            answer = connection.getresponse()
            answer.read()
            if answer.status == 200:
                ids.append(answer.headers["Transaction-Id"])
        connection.close()
        return ids

    def post_as(self, text: str) -> int:
        """Posts a transaction that is refused, with the text wherever a caller can put one."""
        raw = text.encode()
        body = json.dumps({"amount": text, "currency": text, "token": text}).encode()
        with socket.create_connection(("127.0.0.1", self.port), timeout=30) as connection:
            connection.sendall(
                b"POST /transaction HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                b"X-Request-Id: " + raw + b"\r\nUser-Agent: " + raw + b"\r\nConnection: close\r\n"
                b"Content-Length: " + str(len(body)).encode() + b"\r\n\r\n" + body
            )  # fmt: skip
            return int(connection.recv(65_536).split()[1])

    def ask(self, method: str, path: str, body: str = "", password: str = PASSWORD, **fields: str):
        """A request to the console without a browser: its status, its fields and its text."""
        connection = http.client.HTTPConnection("127.0.0.1", self.console_port, timeout=30)
        login = base64.b64encode(f"operator:{password}".encode()).decode()
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        if password:
            headers["Authorization"] = f"Basic {login}"
        headers.update({name.replace("_", "-"): value for name, value in fields.items()})
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        return answer.status, answer.headers, text

    # --- Redis and workers

    def redis_command(self, *words: str) -> str:
        result = subprocess.run(
            ["redis-cli", "-p", str(self.redis_port), *words], capture_output=True, text=True
        )
        return result.stdout.strip()

    def redis_answers(self) -> bool:
        return self.redis_command("PING") == "PONG"

    def start_worker(self, connector: str, version: str = "rq-1.10.0") -> Child:
        """A real worker of rq with the function of a connector, in a file of its own."""
        self.workers += 1
        path = pathlib.Path(self.folder, f"connector{self.workers}.py")
        path.write_text(connector)
        python = ROOT / ".run" / version / "bin" / "python"
        if not python.exists():
            sys.exit(f"{python} is missing: make test makes it")
        return self.child(f"worker{self.workers}", str(python), str(path), REDIS_URL=self.redis_url)


CONNECTOR = """
import os
import time
from redis import Redis
from rq import Queue, Worker

def make_transaction(*, user_id, amount, currency):
    time.sleep({seconds})
    if currency in {failing!r}:
        raise ValueError("the PSP answers 503")
    if currency == "GBP":
        raise PermissionError("the merchant's account is closed")

if __name__ == "__main__":
    redis = Redis.from_url(os.environ["REDIS_URL"], socket_timeout=None)
    Worker([Queue("default", connection=redis)], connection=redis).work(burst={burst})
"""


def connector(*failing: str, burst: bool = False, seconds: float = 0) -> str:
    """A connector whose transactions of these currencies fail."""
    return CONNECTOR.format(failing=list(failing), burst=burst, seconds=seconds)
