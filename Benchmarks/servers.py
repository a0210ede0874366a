"""The servers that the bench compares: how to build and start them.

All run on one thread: constant.c, hand-written.c and rust-service have only one, Core API has
THREADS=1, gunicorn one worker, Go GOMAXPROCS=1.
"""

import collections.abc
import dataclasses
import os
import pathlib
import shutil
import subprocess

import harness

STREAM = "transactions"
RQ_NAME = "default"
PYTHON = harness.ROOT / ".run" / "bench-python" / "bin" / "python"
# Debian's compiler and crates, so that the peer is the same whatever other compiler the PATH has.
CARGO = pathlib.Path("/usr/bin/cargo")
CRATES = pathlib.Path("/usr/share/cargo/registry")


@dataclasses.dataclass(frozen=True)
class Server:
    key: str
    label: str
    # Asks Redis for the queue's length; empty if the server has no queue in Redis.
    length_command: tuple
    # The command line, for the server's port and Redis's.
    command: collections.abc.Callable[[int, int], list]
    environment: collections.abc.Callable[[int, int], dict] = lambda port, redis_port: {}
    # The reason why the server cannot run, if there is one.
    missing: collections.abc.Callable[[], str | None] = lambda: None
    build: collections.abc.Callable[[], None] = lambda: None
    threads: int = 1
    checks_tokens: bool = True


def compile_c(name: str, *libraries: str) -> None:
    subprocess.run(
        ["gcc", "-O2", "-Wall", "-Wextra", "-o", harness.OUTPUT / name,
         harness.HERE / f"{name}.c", *libraries], check=True)


def hand_written(mode: str, name: str, label: str, length_command: tuple) -> Server:
    return Server(
        f"c-{mode}", label, length_command,
        lambda port, redis_port: [harness.OUTPUT / "hand-written", port, redis_port, mode, name])


def core_api(key: str, queue: str, length_command: tuple, threads: int = 1) -> Server:
    def environment(port: int, redis_port: int) -> dict:
        return {
            "HTTP_HOST": harness.LOOPBACK, "HTTP_PORT": str(port), "QUEUE": queue,
            "REDIS_URL": f"redis://{harness.LOOPBACK}:{redis_port}/0", "THREADS": str(threads),
        }

    loops = "" if threads == 1 else f", {threads} loops"
    return Server(
        key, f"Core API, {queue.partition(':')[0]}{loops}", length_command,
        lambda port, redis_port: [harness.CORE_API], environment, threads=threads)


def python_service() -> Server:
    def command(port: int, redis_port: int) -> list:
        return [
            PYTHON, "-m", "gunicorn", "--chdir", harness.HERE / "python-service",
            "--bind", f"{harness.LOOPBACK}:{port}", "--workers", "1", "app:app"]

    return Server(
        "python", "Python: Flask, rq, gunicorn", ("LLEN", f"rq:queue:{RQ_NAME}"), command,
        lambda port, redis_port: {"REDIS_URL": f"redis://{harness.LOOPBACK}:{redis_port}/0"},
        lambda: None if PYTHON.exists() else "not installed: scripts/setup.sh bench")


def go_service() -> Server:
    return Server(
        "go", "Go: net/http, XADD", ("XLEN", STREAM),
        lambda port, redis_port: [harness.OUTPUT / "go-service", port, redis_port, STREAM],
        lambda port, redis_port: {"GOMAXPROCS": "1"},
        lambda: None if shutil.which("go") else "Go is not installed",
        build_go_service)


def build_go_service() -> None:
    subprocess.run(
        ["go", "build", "-o", harness.OUTPUT / "go-service", "main.go"],
        cwd=harness.HERE / "go-service", check=True)


def rust_missing() -> str | None:
    """Names the crates that are not installed in the versions whose interfaces the peer uses."""
    crates = ("getrandom-0.2", "hyper-0.14", "jsonwebtoken-8", "serde-1", "serde_json-1",
              "time-0.3", "tokio-1")
    lacking = [name for name in crates if not any(CRATES.glob(f"{name}.*"))]
    if not CARGO.exists():
        lacking.insert(0, str(CARGO))
    if not lacking:
        return None
    return f"{', '.join(lacking)} not installed: scripts/setup.sh bench-rust"


def rust_service() -> Server:
    return Server(
        "rust", "Rust: hyper, XADD", ("XLEN", STREAM),
        lambda port, redis_port: [
            harness.OUTPUT / "rust-target" / "release" / "rust-service", port, redis_port, STREAM],
        missing=rust_missing, build=build_rust_service)


def build_rust_service() -> None:
    """Builds a copy of the sources: cargo writes Cargo.lock into their folder."""
    sources = harness.OUTPUT / "rust-service"
    shutil.copytree(harness.HERE / "rust-service", sources, dirs_exist_ok=True)
    # cargo runs the rustc of the PATH.
    path = f"{CARGO.parent}:{os.environ['PATH']}"
    subprocess.run(
        [CARGO, "build", "--quiet", "--offline", "--release",
         "--target-dir", harness.OUTPUT / "rust-target"],
        cwd=sources, env=harness.environment(PATH=path), check=True)


def build(servers: list) -> None:
    """Compiles the load generator, the C servers and the given ones into .run/bench/."""
    harness.OUTPUT.mkdir(parents=True, exist_ok=True)
    compile_c("constant")
    compile_c("hand-written", "-lhiredis", "-lcrypto")
    compile_c("open-loop")
    for server in servers:
        server.build()


XLEN = ("XLEN", STREAM)
LLEN = ("LLEN", f"rq:queue:{RQ_NAME}")
# The server whose figures are 1.00 in the table: the whole job, by the cheapest command.
REFERENCE = "c-xadd"

ALL = [
    Server(
        "constant", "C, constant answer", (),
        lambda port, redis_port: [harness.OUTPUT / "constant", port], checks_tokens=False),
    hand_written("xadd", STREAM, "C by hand, plain XADD", XLEN),
    hand_written("rq", RQ_NAME, "C by hand, plain rq job", LLEN),
    core_api("core-api-stream", f"stream:{STREAM}", XLEN),
    core_api("core-api-rq", f"rq:{RQ_NAME}", LLEN),
    core_api("core-api-memory", "memory", ()),
    core_api("core-api-2-loops", f"stream:{STREAM}", XLEN, threads=2),
    rust_service(),
    go_service(),
    python_service(),
]
