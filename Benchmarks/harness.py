"""What the bench and the gates share: tokens, requests, and child processes."""

import base64
import contextlib
import hashlib
import hmac
import json
import os
import pathlib
import random
import signal
import socket
import subprocess
import sys
import time

from redis_client import RedisClient

ROOT = pathlib.Path(__file__).resolve().parent.parent
HERE = ROOT / "Benchmarks"
OUTPUT = ROOT / ".run" / "bench"
CORE_API = ROOT / ".build" / "release" / "core-api"

SECRET = "a secret for measurements, longer than 32 bytes"
HEADER = b'{"alg":"HS256","typ":"JWT"}'
TOKEN_COUNT = 1_000
# 2100-01-01. A constant, since the same tokens in each run make instructions comparable.
EXPIRY = 4_102_444_800
LOOPBACK = "127.0.0.1"


def encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def signed(header: bytes, payload: bytes, key: bytes) -> str:
    """A token with the parts, signed by HS256."""
    text = f"{encoded(header)}.{encoded(payload)}"
    return f"{text}.{encoded(hmac.digest(key, text.encode(), hashlib.sha256))}"


def token(user_id: int) -> str:
    """A token of the user, as the Auth API issues it."""
    claims = {"exp": EXPIRY, "user_id": user_id, "username": f"user-{user_id}", "enabled": True}
    return signed(HEADER, json.dumps(claims, separators=(",", ":")).encode(), SECRET.encode())


def tokens() -> list:
    return [token(user_id) for user_id in range(1, TOKEN_COUNT + 1)]


def body(token_text: str) -> str:
    """A transaction's JSON."""
    return f'{{"amount":100,"currency":"USD","token":"{token_text}"}}'


def request(token_text: str, port: int) -> bytes:
    """The request as wrk sends it: the gates and the bench measure the same bytes."""
    content = body(token_text)
    return (
        f"POST /transaction HTTP/1.1\r\nHost: {LOOPBACK}:{port}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n{content}"
    ).encode()


def read_answer(connection: socket.socket) -> bytes:
    """One whole answer with a Content-Length; empty if the peer closes the connection."""
    answer = b""
    while b"\r\n\r\n" not in answer:
        piece = connection.recv(65_536)
        if not piece:
            return b""
        answer += piece
    head, rest = answer.split(b"\r\n\r\n", 1)
    lengths = [
        int(line.split(b":", 1)[1])
        for line in head.split(b"\r\n")
        if line.lower().startswith(b"content-length:")
    ]
    while len(rest) < lengths[0]:
        piece = connection.recv(65_536)
        if not piece:
            return b""
        rest += piece
    return head + b"\r\n\r\n" + rest


def post(port: int, token_text: str, timeout: float = 5) -> bytes:
    """The answer to one transaction over a connection of its own."""
    with socket.create_connection((LOOPBACK, port), timeout=timeout) as connection:
        connection.sendall(request(token_text, port))
        return read_answer(connection)


def free_port() -> int:
    """A free port below the kernel's ephemeral ports: no outgoing connection takes it before the
    server listens, and no connection to it connects to itself.
    """
    while True:
        port = random.randrange(20_000, 32_000)
        with contextlib.suppress(OSError), socket.socket() as listener:
            listener.bind((LOOPBACK, port))
            return port


def environment(**more: str) -> dict:
    """The variables that a server needs, and none that could change what is measured."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return {**kept, "JWT_SECRET": SECRET, **more}


def exit_on_sigterm() -> None:
    """SIGTERM raises SystemExit, so that context managers end the child processes."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))


def wait_until(condition, what: str, seconds: float = 20, pause: float = 0.02):
    """Polls the condition and returns its first true value."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            if value := condition():
                return value
        time.sleep(pause)
    raise TimeoutError(f"timeout after {seconds} s: {what}")


@contextlib.contextmanager
def on_cores(cores: tuple):
    """Processes that are started in the block run on these cores only.

    They inherit the affinity: `taskset` would add an exec to the time that a start takes.
    """
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores or before)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextlib.contextmanager
def running(command: list, log: pathlib.Path, env: dict, cores: tuple = ()):
    """A process that ends with the block: SIGTERM, and SIGKILL after 15 s.

    It leads a process group of its own, so that SIGKILL ends its children too.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output, on_cores(cores):
        process = subprocess.Popen(
            [str(word) for word in command], stdin=subprocess.DEVNULL, stdout=output,
            stderr=output, env=env, start_new_session=True)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def assert_runs(process: subprocess.Popen, log: pathlib.Path) -> None:
    if process.poll() is not None:
        output = log.read_text(errors="replace")[-2_000:]
        raise RuntimeError(f"{process.args[0]} ended with {process.returncode}:\n{output}")


def require_core_api(program: str) -> None:
    """Exits with a message if the release binary has not been built."""
    if not CORE_API.is_file():
        sys.exit(f"{program}: {CORE_API} is missing: run `make build`")
    OUTPUT.mkdir(parents=True, exist_ok=True)


@contextlib.contextmanager
def redis_server(directory: pathlib.Path, cores: tuple = ()):
    """A Redis of the bench: its port and its process.

    It saves nothing to disk: saving takes CPU at times that Redis chooses.
    """
    directory.mkdir(parents=True, exist_ok=True)
    port = free_port()
    log = directory / "redis.log"
    command = [
        "redis-server", "--bind", LOOPBACK, "--port", port, "--dir", directory, "--save", "",
        "--appendonly", "no", "--daemonize", "no"]
    with running(command, log, environment(), cores) as process:
        def answers():
            assert_runs(process, log)
            return redis_command(port, "PING") == "PONG"

        wait_until(answers, "waiting for redis-server")
        yield port, process


def redis_command(port: int, *words: str):
    """One command over a connection of its own."""
    with RedisClient(LOOPBACK, port) as redis:
        return redis.call(*words)
