#!/usr/bin/env python3
"""The gate on requests without a valid token: none may cost more than ten good transactions.

The cost is instructions of the release binary under callgrind, so that it repeats: a run with
several copies of the request, less a run without them, by their number. The good transaction is one
with the default queue and an idempotency key, as callers should post them. Both use one connection
as long as the server keeps it open.

libcrypto is told of AVX2, which valgrind knows: the hash of a token then takes ten times what a
processor with instructions for SHA-256 takes.
"""

import argparse
import concurrent.futures
import contextlib
import os
import platform
import socket
import sys

import counting
import harness
import worst_requests

RATIO_MAX = 10
# Copies of a request in one run: enough to make the differences between two starts small.
REPEATED = 20
# Good transactions before them, so that work of the first use is not counted.
WARM_UP = 20
GOOD = 200
QUEUE = "rq:default"
AVX2 = "0x1a00020200000000:0x128"


def repeat(port: int, worst: worst_requests.Worst) -> None:
    """Sends the request `REPEATED` times and checks the status of each answer."""
    with contextlib.ExitStack() as stack:
        connection = None
        for _ in range(REPEATED):
            if connection is None:
                connection = stack.enter_context(
                    socket.create_connection((harness.LOOPBACK, port), counting.SECONDS_MAX))
            connection.sendall(worst.request)
            answer = harness.read_answer(connection)
            if not answer.startswith(b"HTTP/1.1 %d " % worst.status):
                raise RuntimeError(f"void, {worst.parser}: {worst.name}: {answer!r}")
            if b"\r\nConnection: close\r\n" in answer:
                connection.close()
                connection = None


def instructions(name: str, redis_url: str, exchange) -> int:
    """The instructions of a server's whole run: warm-up and `exchange(port)`."""
    out = harness.OUTPUT / f"callgrind.{name}"

    def exchanged(port: int) -> None:
        counting.transact(port, WARM_UP)
        exchange(port)

    counting.run_server(
        counting.under_callgrind(out), f"worst-{name}", QUEUE, redis_url, exchanged,
        OPENSSL_ia32cap=AVX2)
    return counting.counted(out)


def cost(index: int, worst: worst_requests.Worst, start: int, redis_url: str) -> int:
    """The instructions for one of the requests; `start` is those of a run without any."""
    whole = instructions(f"worst-{index}", redis_url, lambda port: repeat(port, worst))
    return (whole - start) // REPEATED


def judged(cost: int, good: int, worst: worst_requests.Worst) -> bool:
    """Prints the request's line; whether its cost is within the bound."""
    return counting.within(
        f"worst: {worst.parser}: {worst.name}: {cost:,} instructions, "
        f"{cost / good:.1f} transactions", cost, RATIO_MAX * good)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--only", default="", help="only requests whose parser or name has this text")
    given = parser.parse_args()
    harness.exit_on_sigterm()
    harness.require_core_api("worst")
    requests = [
        worst for worst in worst_requests.all_requests()
        if given.only in f"{worst.parser}: {worst.name}"]
    with contextlib.ExitStack() as stack:
        redis_url = counting.redis_for(QUEUE, stack)
        start = instructions("start", redis_url, lambda port: None)
        whole = instructions(
            "good", redis_url, lambda port: counting.transact(port, GOOD, keyed=True))
        good = (whole - start) // GOOD
        print(f"worst: a good transaction takes {good:,} instructions; a request may take "
              f"{RATIO_MAX} times as many ({platform.machine()})")
        pool = stack.enter_context(concurrent.futures.ThreadPoolExecutor(os.cpu_count()))
        costs = pool.map(lambda item: cost(*item, start, redis_url), enumerate(requests))
        verdicts = [judged(each, good, worst) for each, worst in zip(costs, requests)]
    return 0 if all(verdicts) else 1


if __name__ == "__main__":
    sys.exit(main())
