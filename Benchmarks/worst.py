#!/usr/bin/env python3
"""The gate on what one request may cost that has no valid token: at most ten good transactions.

Counted in instructions of the release binary under callgrind, so that it repeats. What some costly
requests, each over a connection of its own, cost more than none is divided by their number.
"""

import argparse
import concurrent.futures
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


def answered(port: int, worst: worst_requests.Worst) -> None:
    """Sends it, and reads the answer, which must have the status that it is meant to have."""
    with socket.create_connection((harness.LOOPBACK, port), gates.SECONDS_MAX) as connection:
        connection.sendall(worst.request)
        answer = harness.read_answer(connection)
    if not answer.startswith(b"HTTP/1.1 %d " % worst.status):
        raise RuntimeError(f"void, {worst.parser}, {worst.name}: not {worst.status}: {answer!r}")


def instructions(name: str, exchange) -> int:
    """Of a server from its start to its end, over some good transactions and the exchange."""
    out = harness.OUTPUT / f"callgrind.{name}"

    def exchanged(port: int) -> None:
        gates.transact(port, WARM_UP)
        exchange(port)

    gates.run_server(
        gates.under_callgrind(out), f"worst-{name}", "memory", "redis://127.0.0.1:1/0", exchanged)
    return gates.counted(out)


def of_one(index: int, worst: worst_requests.Worst, start: int) -> int:
    def exchange(port: int) -> None:
        for _ in range(REPEATED):
            answered(port, worst)

    return (instructions(f"worst-{index}", exchange) - start) // REPEATED


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
    harness.end_in_order_when_told()
    if not harness.CORE_API.exists():
        sys.exit("worst: .build/release/core-api is not there: run `make build`")
    harness.OUTPUT.mkdir(parents=True, exist_ok=True)
    requests = [
        worst for worst in worst_requests.all_requests()
        if given.only in f"{worst.parser}: {worst.name}"]
    start = instructions("start", lambda port: None)
    good = (instructions("good", lambda port: gates.transact(port, GOOD)) - start) // GOOD
    print(f"worst: a good transaction has {good:,} instructions, a request at most "
          f"{RATIO_MAX} times as many ({platform.machine()})")
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        costs = pool.map(lambda item: of_one(*item, start), enumerate(requests))
        verdicts = [judged(cost, good, worst) for cost, worst in zip(costs, requests)]
    return 0 if all(verdicts) else 1


if __name__ == "__main__":
    sys.exit(main())
