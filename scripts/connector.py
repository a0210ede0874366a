#!/usr/bin/env python3
"""A PSP connector for trials: an unmodified python-rq worker, and a function that prints.

It stands for the real one: the same version of rq, the same function in the same place, and it
takes its jobs from the queue that the server fills, over the connection that the server's own
variables describe.
"""

import argparse
import os
import sys

from redis import Redis
from rq import Queue, Worker, get_current_job


# The currencies of `--fail`. The worker forks, so each job sees them.
failing: set[str] = set()


def make_transaction(*, user_id: int, amount: int, currency: str) -> None:
    """The function that jobs name as `__main__.make_transaction`."""
    job = get_current_job()
    if currency in failing:
        print(f"failed: currency={currency!r} (job {job.id}), as --fail asks", file=sys.stderr, flush=True)
        raise RuntimeError(f"the PSP does not take {currency}: --fail")
    trace = "".join(
        f" {name}={job.meta[name]}" for name in ("traceparent", "tracestate") if name in job.meta)
    print(
        f"processed: user_id={user_id!r} amount={amount!r} currency={currency!r} (job {job.id}){trace}",
        flush=True,
    )


def connect() -> Redis:
    """The Redis of REDIS_URL or REDIS_URL_FILE, with the certificates of REDIS_TLS_*."""
    url = os.environ.get("REDIS_URL") or "redis://127.0.0.1:6379/0"
    if path := os.environ.get("REDIS_URL_FILE"):
        with open(path, encoding="utf-8") as file:
            url = file.read().rstrip("\r\n")
    files = {
        "ssl_ca_certs": os.environ.get("REDIS_TLS_CA_FILE"),
        "ssl_certfile": os.environ.get("REDIS_TLS_CERT_FILE"),
        "ssl_keyfile": os.environ.get("REDIS_TLS_KEY_FILE"),
    }
    given = {name: path for name, path in files.items() if path}
    # A worker waits for jobs for minutes: since redis-py 8 a socket gives up after five seconds.
    return Redis.from_url(url, socket_timeout=None, **given)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--queue", default="default", help="the queue's name (default)")
    parser.add_argument("--burst", action="store_true", help="end when the queue is empty")
    parser.add_argument(
        "--fail", action="append", default=[], metavar="CURRENCY",
        help="transactions of this currency fail, for trials; may be given several times",
    )  # fmt: skip
    arguments = parser.parse_args()
    failing.update(arguments.fail)
    redis = connect()
    Worker([Queue(arguments.queue, connection=redis)], connection=redis).work(
        burst=arguments.burst
    )


if __name__ == "__main__":
    main()
