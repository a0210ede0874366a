#!/usr/bin/env python3
"""The gates that do not depend on the speed of the machine: instructions and allocations.

The release binary answers requests over one connection, one after another, on one thread. What
2,000 requests cost more than 1,000 is what 1,000 cost, without the start-up. With the queues in
Redis the commands and replies are counted too; what Redis does is not.
"""

import argparse
import contextlib
import json
import pathlib
import platform
import re
import socket
import subprocess
import sys

import harness

REQUESTS = harness.TOKEN_COUNT
THRESHOLDS = harness.HERE / "thresholds.json"
# What is measured: a queue, and what else the server is told.
CASES = {
    "memory": ("memory", {}),
    "stream:transactions": ("stream:transactions", {}),
    "stream:transactions, with metrics": ("stream:transactions", {"METRICS_PORT": "0"}),
    "rq:default": ("rq:default", {}),
}
# How much more instructions may be: less than a mistake costs, more than another libc's memcpy.
SLACK = 0.04
# valgrind is some fifty times slower than the machine.
SECONDS_MAX = 120

# Hash seeds are random otherwise. libcrypto chooses its SHA-256 by the CPU: it is told of none of
# the extensions, some of which valgrind does not know, so that the figure is the same everywhere.
FIXED = {
    "THREADS": "1", "HTTP_HOST": harness.LOOPBACK, "LOG_FORMAT": "json",
    "SWIFT_DETERMINISTIC_HASHING": "1", "OPENSSL_ia32cap": "0:0",
}


def run_server(
    wrapper: list, name: str, queue: str, redis_url: str, exchange, **more: str
) -> None:
    """Runs the server under the wrapper, from its start over `exchange(port)` to its end."""
    port = harness.free_port()
    log = harness.OUTPUT / f"{name}.log"
    env = harness.environment(
        **{**FIXED, **more}, HTTP_PORT=str(port), QUEUE=queue, REDIS_URL=redis_url)
    with harness.running([*wrapper, harness.CORE_API], log, env) as process:
        def listens():
            harness.assert_runs(process, log)
            return '"listening"' in log.read_text(errors="replace")

        harness.wait_until(listens, "the server listens", SECONDS_MAX)
        exchange(port)
    if process.returncode != 0:
        raise RuntimeError(f"the server ended with {process.returncode}: see {log}")


def transact(port: int, count: int) -> None:
    """So many good transactions over one connection."""
    requests = [harness.request(token, port) for token in harness.tokens()]
    with socket.create_connection((harness.LOOPBACK, port), SECONDS_MAX) as connection:
        for index in range(count):
            connection.sendall(requests[index % len(requests)])
            answer = harness.read_answer(connection)
            if not answer.startswith(b"HTTP/1.1 200 "):
                raise RuntimeError(f"void, request {index} was answered: {answer!r}")


def serve(
    wrapper: list, count: int, name: str, queue: str, redis_url: str, **more: str
) -> None:
    """Runs the server under the wrapper, from its start over `count` requests to its end."""
    run_server(
        wrapper, name, queue, redis_url, lambda port: transact(port, count), **more)


def callgrind(count: int, queue: str, redis_url: str, **more: str) -> pathlib.Path:
    out = harness.OUTPUT / f"callgrind.{count}"
    serve(under_callgrind(out), count, f"callgrind-{count}", queue, redis_url, **more)
    return out


def under_callgrind(out: pathlib.Path) -> list:
    """The command that runs another and counts its instructions into the file."""
    return ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}"]


def counted(out: pathlib.Path) -> int:
    """The instructions that a file of callgrind has."""
    text = out.read_text(errors="replace")
    return int(re.search(r"^(?:summary|totals): (\d+)", text, re.MULTILINE).group(1))


def instructions(count: int, queue: str, redis_url: str, **more: str) -> int:
    return counted(callgrind(count, queue, redis_url, **more))


def allocations(count: int, queue: str, redis_url: str, **more: str) -> int:
    shim = harness.OUTPUT / "count-allocations.so"
    subprocess.run(
        ["gcc", "-O2", "-Wall", "-shared", "-fPIC", "-o", shim,
         harness.HERE / "count-allocations.c"], check=True)
    out = harness.OUTPUT / f"allocations.{count}"
    serve(
        [], count, f"allocations-{count}", queue, redis_url,
        LD_PRELOAD=str(shim), ALLOCATIONS_FILE=str(out), **more)
    return int(out.read_text())


def per_transaction(measure, queue: str, redis_url: str, more: dict) -> float:
    """The measure's difference of twice as many requests, for one of them."""
    first, second = (measure(count, queue, redis_url, **more) for count in (REQUESTS, 2 * REQUESTS))
    return (second - first) / REQUESTS


def redis_for(queue: str, stack: contextlib.ExitStack) -> str:
    """The URL of a Redis of our own, which ends with the stack; a queue in memory needs none."""
    if queue == "memory":
        return "redis://127.0.0.1:1/0"
    port, _ = stack.enter_context(harness.redis_server(harness.OUTPUT / "gates-redis"))
    return f"redis://{harness.LOOPBACK}:{port}/0"


def swift_version() -> str:
    said = subprocess.run(["swift", "--version"], capture_output=True, text=True, check=True)
    return re.search(r"Swift version (\S+)", said.stdout).group(1)


def figures() -> dict:
    """Instructions and allocations of each case, for one transaction."""
    result: dict = {}
    for case, (queue, more) in CASES.items():
        with contextlib.ExitStack() as stack:
            redis_url = redis_for(queue, stack)
            result[case] = {
                "instructions": round(per_transaction(instructions, queue, redis_url, more)),
                # A hundredth is a table that grew.
                "allocations": round(per_transaction(allocations, queue, redis_url, more), 1),
            }
    return result


def judged(found: dict, thresholds: dict) -> bool:
    """Prints a line for each figure; whether all are within their thresholds."""
    is_good = True
    for case, of_case in found.items():
        for name, value in of_case.items():
            threshold = thresholds[case][name]
            slack = SLACK if name == "instructions" else 0
            verdict = ""
            if value > threshold * (1 + slack):
                verdict, is_good = " TOO MANY", False
            elif value < threshold * (1 - slack):
                verdict = " fewer: lower the threshold by `gates.py --update`"
            print(f"gates: {case}: {value:,} {name} for one transaction, "
                  f"threshold {threshold:,} + {slack:.0%}{verdict}")
    return is_good


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--update", action="store_true", help="make today's figures the thresholds")
    given = parser.parse_args()
    harness.exit_on_sigterm()
    if not harness.CORE_API.exists():
        sys.exit("gates: .build/release/core-api is not there: run `make build`")
    harness.OUTPUT.mkdir(parents=True, exist_ok=True)
    made_with = {"swift": swift_version(), "machine": platform.machine()}
    found = figures()
    if given.update:
        THRESHOLDS.write_text(json.dumps({"made_with": made_with, **found}, indent=2) + "\n")
    thresholds = json.loads(THRESHOLDS.read_text())
    is_good = judged(found, thresholds)
    if thresholds["made_with"] != made_with:
        # Another compiler makes other instructions, which are no one's fault.
        print(f"gates: not judged: made with {made_with}, thresholds {thresholds['made_with']}")
        return 0
    return 0 if is_good else 1


if __name__ == "__main__":
    sys.exit(main())
