#!/usr/bin/env python3
"""A PSP connector for trials: an unmodified python-rq worker, and a function that prints.

It stands for the real one: the same version of rq, the same function in the same place, and it
takes its jobs from the queue that the server fills.
"""

import argparse
import os

from redis import Redis
from rq import Queue, Worker, get_current_job


def make_transaction(*, user_id: int, amount: int, currency: str) -> None:
    """What the jobs call, by the name `__main__.make_transaction`."""
    job = get_current_job()
    trace = job.meta.get("traceparent")
    print(
        f"processed: user_id={user_id!r} amount={amount!r} currency={currency!r} (job {job.id})"
        + (f" traceparent={trace}" if trace else ""),
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--queue", default="default", help="the queue's name (default)")
    parser.add_argument("--burst", action="store_true", help="end when the queue is empty")
    arguments = parser.parse_args()
    redis = Redis.from_url(os.environ.get("REDIS_URL", "redis://127.0.0.1:6379/0"))
    Worker([Queue(arguments.queue, connection=redis)], connection=redis).work(
        burst=arguments.burst
    )


if __name__ == "__main__":
    main()
