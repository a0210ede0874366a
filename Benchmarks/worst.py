#!/usr/bin/env python3
"""The gate on what one request may cost that has no valid token: at most ten good transactions.

Counted in instructions of the release binary under callgrind, so that it repeats: what some costly
requests cost more than none, divided by their number. The good transaction is one with the queue
that is the default. Both go over a connection that lasts, where the server lets it.

The hash of a token is counted as libcrypto computes it with AVX2, which valgrind knows; processors
with instructions for SHA-256 take a tenth of that.
"""

import argparse
import concurrent.futures
import contextlib
import os
import platform
import socket
import sys

import gates
import harness
import worst_requests

RATIO_MAX = 10
# Of one input in one run: enough to make the differences between two starts small.
REPEATED = 20
# Before it, so that what is made at the first use is not counted.
WARM_UP = 20
GOOD = 200
QUEUE = "rq:default"
AVX2 = "0x1a00020200000000:0x128"


def repeat(port: int, worst: worst_requests.Worst) -> None:
    """Sends it several times, and reads the answers, which must have the status that is meant."""
    with contextlib.ExitStack() as stack:
        connection = None
        for _ in range(REPEATED):
            if connection is None:
                connection = stack.enter_context(
                    socket.create_connection((harness.LOOPBACK, port), gates.SECONDS_MAX))
            connection.sendall(worst.request)
            answer = harness.read_answer(connection)
            if not answer.startswith(b"HTTP/1.1 %d " % worst.status):
                raise RuntimeError(f"void, {worst.parser}: {worst.name}: {answer!r}")
            if b"\r\nConnection: close\r\n" in answer:
                connection.close()
                connection = None


def instructions(name: str, redis_url: str, exchange) -> int:
    """Of a server from its start to its end, over some good transactions and the exchange."""
    out = harness.OUTPUT / f"callgrind.{name}"

    def exchanged(port: int) -> None:
        gates.transact(port, WARM_UP)
        exchange(port)

    gates.run_server(
        gates.under_callgrind(out), f"worst-{name}", QUEUE, redis_url, exchanged,
        OPENSSL_ia32cap=AVX2)
    return gates.counted(out)


def of_one(index: int, worst: worst_requests.Worst, start: int, redis_url: str) -> int:
    whole = instructions(f"worst-{index}", redis_url, lambda port: repeat(port, worst))
    return (whole - start) // REPEATED


def judged(cost: int, good: int, worst: worst_requests.Worst) -> bool:
    """Prints a line; whether the request costs no more than it may."""
    is_good = cost <= RATIO_MAX * good
    print(f"worst: {worst.parser}: {worst.name}: {cost:,} instructions, "
          f"{cost / good:.1f} transactions{'' if is_good else ' TOO MANY'}", flush=True)
    return is_good


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="those whose parser or name has this text")
    given = parser.parse_args()
    harness.exit_on_sigterm()
    if not harness.CORE_API.exists():
        sys.exit("worst: .build/release/core-api is not there: run `make build`")
    harness.OUTPUT.mkdir(parents=True, exist_ok=True)
    requests = [
        worst for worst in worst_requests.all_requests()
        if given.only in f"{worst.parser}: {worst.name}"]
    with contextlib.ExitStack() as stack:
        redis_url = gates.redis_for(QUEUE, stack)
        start = instructions("start", redis_url, lambda port: None)
        whole = instructions("good", redis_url, lambda port: gates.transact(port, GOOD))
        good = (whole - start) // GOOD
        print(f"worst: a good transaction has {good:,} instructions, a request at most "
              f"{RATIO_MAX} times as many ({platform.machine()})")
        pool = stack.enter_context(concurrent.futures.ThreadPoolExecutor(os.cpu_count()))
        costs = pool.map(lambda item: of_one(*item, start, redis_url), enumerate(requests))
        verdicts = [judged(cost, good, worst) for cost, worst in zip(costs, requests)]
    return 0 if all(verdicts) else 1


if __name__ == "__main__":
    sys.exit(main())
