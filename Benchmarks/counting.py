"""Instructions and allocations of the release binary, which do not depend on the machine's speed.

The server runs under valgrind or with a counting library, on one thread. A figure for one
transaction is what 2,000 requests cost more than 1,000, by their difference: the start cancels out.
"""

import contextlib
import pathlib
import re
import socket
import subprocess
import uuid

import harness

REQUESTS = harness.TOKEN_COUNT
# valgrind is some fifty times slower than the machine.
SECONDS_MAX = 120

# Hash seeds are random otherwise. libcrypto chooses its SHA-256 by the CPU's extensions, some of
# which valgrind does not know: without extensions the figure is the same on every machine.
FIXED = {
    "THREADS": "1", "HTTP_HOST": harness.LOOPBACK, "LOG_FORMAT": "json",
    "SWIFT_DETERMINISTIC_HASHING": "1", "OPENSSL_ia32cap": "0:0",
}


def run_server(
    wrapper: list, name: str, queue: str, redis_url: str, exchange, **more: str
) -> None:
    """Runs the server under the wrapper: start, `exchange(port)`, SIGTERM, and a clean exit."""
    port = harness.free_port()
    log = harness.OUTPUT / f"{name}.log"
    env = harness.environment(
        **{**FIXED, **more}, HTTP_PORT=str(port), QUEUE=queue, REDIS_URL=redis_url)
    with harness.running([*wrapper, harness.CORE_API], log, env) as process:
        def listens():
            harness.assert_runs(process, log)
            return '"listening"' in log.read_text(errors="replace")

        harness.wait_until(listens, "waiting for the server to listen", SECONDS_MAX)
        exchange(port)
    if process.returncode != 0:
        raise RuntimeError(f"the server ended with {process.returncode}: see {log}")


def transact(port: int, count: int, keyed: bool = False) -> None:
    """Posts `count` transactions over one connection, one after another.

    `keyed`: each has an idempotency key of its own.
    """
    requests = [harness.request(token, port) for token in harness.tokens()]
    with socket.create_connection((harness.LOOPBACK, port), SECONDS_MAX) as connection:
        for index in range(count):
            request = requests[index % len(requests)]
            if keyed:
                field = b"\r\nIdempotency-Key: " + str(uuid.uuid4()).encode() + b"\r\nHost:"
                request = request.replace(b"\r\nHost:", field, 1)
            connection.sendall(request)
            answer = harness.read_answer(connection)
            if not answer.startswith(b"HTTP/1.1 200 "):
                raise RuntimeError(f"void, the answer to request {index} is {answer!r}")


def serve(
    wrapper: list, count: int, name: str, queue: str, redis_url: str, **more: str
) -> None:
    """Runs the server under the wrapper for `count` transactions."""
    run_server(
        wrapper, name, queue, redis_url, lambda port: transact(port, count), **more)


def redis_for(queue: str, stack: contextlib.ExitStack) -> str:
    """The URL of a Redis that ends with the stack; the queue in memory needs none."""
    if queue == "memory":
        return "redis://127.0.0.1:1/0"
    port, _ = stack.enter_context(harness.redis_server(harness.OUTPUT / "counting-redis"))
    return f"redis://{harness.LOOPBACK}:{port}/0"


def under_callgrind(out: pathlib.Path) -> list:
    """The wrapper that counts a program's instructions into the file."""
    return ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}"]


def counted(out: pathlib.Path) -> int:
    """The number of instructions in callgrind's file."""
    text = out.read_text(errors="replace")
    return int(re.search(r"^(?:summary|totals): (\d+)", text, re.MULTILINE).group(1))


def callgrind(count: int, queue: str, redis_url: str, **more: str) -> pathlib.Path:
    """callgrind's file of a run with `count` transactions."""
    out = harness.OUTPUT / f"callgrind.{count}"
    serve(under_callgrind(out), count, f"callgrind-{count}", queue, redis_url, **more)
    return out


def instructions(count: int, queue: str, redis_url: str, **more: str) -> int:
    """The instructions of a run with `count` transactions."""
    return counted(callgrind(count, queue, redis_url, **more))


def allocations(count: int, queue: str, redis_url: str, **more: str) -> int:
    """The allocations of a run with `count` transactions."""
    shim = harness.OUTPUT / "count-allocations.so"
    subprocess.run(
        ["gcc", "-O2", "-Wall", "-shared", "-fPIC", "-o", shim,
         harness.HERE / "count-allocations.c"], check=True)
    out = harness.OUTPUT / f"allocations.{count}"
    serve(
        [], count, f"allocations-{count}", queue, redis_url,
        LD_PRELOAD=str(shim), ALLOCATIONS_FILE=str(out), **more)
    return int(out.read_text())


def twice(measure) -> tuple:
    """`measure(count)` of 1,000 transactions and of 2,000."""
    return measure(REQUESTS), measure(2 * REQUESTS)


def per_transaction(measure, queue: str, redis_url: str, **more: str) -> float:
    """What `measure`, such as `instructions`, counts for one transaction."""
    first, second = twice(lambda count: measure(count, queue, redis_url, **more))
    return (second - first) / REQUESTS


def within(line: str, value: float, most: float) -> bool:
    """Prints a gate's line with its verdict; whether the value is within its bound."""
    is_within = value <= most
    print(line + ("" if is_within else " TOO MANY"), flush=True)
    return is_within
