#!/usr/bin/env python3
"""What the console costs, with 1,000,000 entries and 100,000 dead letters (rq: failed jobs).

Two measurements of the release binary, each for a stream and for rq:

- how long its pages take, one after the other;
- the intake's latency at a fixed rate while nobody looks, while a client asks the operators' port
  for a picture as often as the page asks for data, and while the page's own requests are made, in
  windows that take turns. In each window the dead letters are opened once. "Times" are the
  medians of the ratios to the client's window of the same round, the least and the greatest.

    python3 Benchmarks/console.py [--rounds N] [--seconds N] [--rate N]
"""

import argparse
import base64
import contextlib
import http.client
import itertools
import os
import statistics
import threading
import time
import zlib

import harness
import measure
import servers
from redis_client import RedisClient

ENTRIES = 1_000_000
LETTERS = 100_000
PASSWORD = "a password for measurements"
DIRECTORY = harness.OUTPUT / "console"
MADE_AT = "2026-11-30T22:42:32.000000+00:00"
FIELDS = f"'amount','10.00','currency','EUR','user_id','1','created_at','{MADE_AT}'"
STREAM, RQ = "stream:transactions", "rq:default"
ENTRY = f"redis.call('XADD','transactions','*','id','id-'..i,{FIELDS})"
# As TransactionConsumer leaves them.
LETTER = (
    f"redis.call('XADD','transactions:dead','*','id','id-'..i,{FIELDS},"
    "'dead_reason','the PSP refused '..(i%7),'dead_attempts','3','dead_group','psp',"
    "'dead_entry','1-'..i)")
# As workers of rq leave them.
JOB = (
    "redis.call('HSET','rq:job:id-'..i,'data','x','status','failed','origin','default',"
    "'created_at','2026-11-30T22:42:32.000000Z','ended_at','2026-11-30T22:42:33.000000Z',"
    "'description',\"make_transaction(amount='10.00', currency='EUR', user_id=1)\","
    "'exc_info',ARGV[2]) redis.call('ZADD','rq:failed:default',2000000000+i,'id-'..i)")
TRACEBACK = "".join([
    "Traceback (most recent call last):\n",
    *(f'  File "psp.py", line {line}, in call_{line}\n    call_{line + 1}(transaction)\n'
      for line in range(30)),
    "ValueError: the PSP refused\n"])
# The first four are what the page asks for while it is open.
PAGES = ("now", "recent", "plots?range=15m", "plots?range=6h", "dead", "reasons")
AGAIN = 20
WATCHERS = ("nobody", CONTROL := "a client", "the page")


def fill(redis_port: int, queue: str) -> None:
    traceback = zlib.compress(TRACEBACK.encode())
    work = [(JOB, LETTERS)] if queue == RQ else [(ENTRY, ENTRIES), (LETTER, LETTERS)]
    with RedisClient(harness.LOOPBACK, redis_port) as redis:
        for command, count in work:
            script = f"for i = ARGV[1], ARGV[1] + 999 do {command} end"
            redis.call_all([
                ("EVAL", script, 0, first, traceback) for first in range(0, count, 1_000)])


class Browser:
    """Asks the console as its page does, over one connection."""

    def __init__(self, port: int):
        self.connection = http.client.HTTPConnection(harness.LOOPBACK, port, timeout=10)
        words = base64.b64encode(f"operator:{PASSWORD}".encode()).decode()
        self.fields = {"Authorization": f"Basic {words}"}

    def milliseconds(self, page: str) -> float:
        begun = time.monotonic()
        self.connection.request("GET", f"/console/{page}", headers=self.fields)
        answer = self.connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{page}: {answer.status} {body[:200]!r}")
        return (time.monotonic() - begun) * 1_000

    def watch(self, is_over: threading.Event, is_page: bool) -> None:
        """Makes the page's requests; without `is_page`, as many for a picture.

        The thread yields to all others: a reader's browser does not take the server's processors.
        """
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 19)
        for tick in itertools.count():
            pages = ["reasons", "dead"] if tick == 0 else []
            pages += ["now"] + (["recent"] if tick % 2 else ["plots?range=15m"] * (tick % 10 == 0))
            for page in pages:
                self.milliseconds(page if is_page else "icon.svg")
            if is_over.wait(1):
                return


def show_pages(port: int) -> None:
    browser = Browser(port)
    print("| page | median ms | longest ms |")
    print("|---|---|---|")
    for page in PAGES:
        times = [browser.milliseconds(page) for _ in range(AGAIN)]
        print(f"| `{page}` | {statistics.median(times):.1f} | {max(times):.1f} |", flush=True)


def window(port: int, operators_port: int, who: str, given, cores: measure.Cores) -> dict:
    is_over = threading.Event()
    watcher = None
    if who != "nobody":
        watcher = threading.Thread(
            target=Browser(operators_port).watch, args=(is_over, who == "the page"))
        watcher.start()
    figures = measure.post_at_rate(port, given.rate, given.seconds, cores)
    is_over.set()
    if watcher:
        watcher.join()
    if figures["refused"] or figures["answered"] != figures["due"]:
        raise RuntimeError(f"void, {who}: {figures}")
    return figures


def show_intake(port: int, operators_port: int, given, cores: measure.Cores) -> None:
    windows: dict = {who: [] for who in WATCHERS}
    measure.post_at_rate(port, given.rate, 2, cores)
    for number in range(given.rounds):
        turn = number % len(WATCHERS)
        for who in WATCHERS[turn:] + WATCHERS[:turn]:
            windows[who].append(window(port, operators_port, who, given, cores))
    print("| who looks | p50 µs | p99 µs | generator late, p99 µs | p50, times | p99, times |")
    print("|---|---|---|---|---|---|")
    for who, own in windows.items():
        cells = [
            f"{statistics.median(each[name] for each in own):,.0f}"
            for name in ("p50", "p99", "late_p99")]
        for name in ("p50", "p99"):
            ratios = sorted(each[name] / base[name] for each, base in zip(own, windows[CONTROL]))
            cells.append(f"{statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})")
        print(f"| {who} | {' | '.join(cells)} |", flush=True)


def bench(queue: str, given) -> None:
    cores = measure.Cores.arranged("split")
    port, operators_port = harness.free_port(), harness.free_port()
    password, log = DIRECTORY / "password", DIRECTORY / "core-api.log"
    password.write_text(PASSWORD + "\n")
    password.chmod(0o600)
    with contextlib.ExitStack() as stack:
        redis_port, _ = stack.enter_context(harness.redis_server(DIRECTORY, cores.others))
        fill(redis_port, queue)
        environment = harness.environment(
            HTTP_HOST=harness.LOOPBACK, HTTP_PORT=str(port), QUEUE=queue, THREADS="1",
            REDIS_URL=f"redis://{harness.LOOPBACK}:{redis_port}",
            METRICS_PORT=str(operators_port), CONSOLE_PASSWORD_FILE=str(password))
        process = stack.enter_context(
            harness.running([harness.CORE_API], log, environment, cores.server))
        measure.first_answer(process, log, port, harness.token(1))
        print(f"\nQUEUE={queue}\n")
        show_pages(operators_port)
        print()
        show_intake(port, operators_port, given, cores)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=int, default=10, help="of each window (10)")
    parser.add_argument("--rate", type=int, default=2_000, help="transactions a second (2000)")
    given = parser.parse_args()
    harness.exit_on_sigterm()
    harness.require_core_api("console")
    servers.compile_c("open-loop")
    measure.write_bodies()
    DIRECTORY.mkdir(parents=True, exist_ok=True)
    for queue in (STREAM, RQ):
        bench(queue, given)


if __name__ == "__main__":
    main()
