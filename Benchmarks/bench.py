#!/usr/bin/env python3
"""Measures Core API against other servers that do the same or less: see docs/performance.md.

The servers take turns, in rounds; the figures are medians of the rounds. A void run is reported and
does not count. The exit status is 1 after a void run, and if a goal is not met.
"""

import argparse
import pathlib
import sys

import goals
import harness
import measure
import partitions
import plot
import rounds
import servers
import tables

LATENCY_KEYS = ("c-xadd", "rust", "core-api-stream", "core-api-rq")
IDLE_KEYS = ("c-xadd", "core-api-stream", "core-api-rq")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=10, help="of load in each run (10)")
    parser.add_argument("--rounds", type=int, default=5, help="runs of each server (5)")
    parser.add_argument(
        "--only", default="", metavar="KEY,…",
        help="only these servers: " + ", ".join(server.key for server in servers.ALL))
    parser.add_argument(
        "--quick", action="store_true", help="one round of 2 s, to test the bench itself")
    parser.add_argument(
        "--latency", type=int, nargs="?", const=2_000, metavar="RATE",
        help="instead, the latency at a fixed rate in transactions a second, open loop (2000)")
    parser.add_argument(
        "--idle", type=int, nargs="?", const=10_000, metavar="COUNT",
        help="instead, the memory of idle connections (10000)")
    parser.add_argument(
        "--goals", action="store_true",
        help="instead, the goals of docs/performance.md: figures, and met or not met")
    parser.add_argument(
        "--partitions", action="store_true",
        help="instead, the CPU for a transaction by partitions and by nodes of a cluster")
    parser.add_argument(
        "--cores", choices=("split", "one", "free"), default="split",
        help="the server has a core of its own (split), all share one, or the kernel decides "
             "(split)")
    parser.add_argument("--plot", metavar="FILE", help="draw the CPU of server and Redis as SVG")
    parser.add_argument(
        "--binary", type=pathlib.Path, default=harness.CORE_API, metavar="PATH",
        help="the binary of Core API (.build/release/core-api)")
    given = parser.parse_args()
    if given.quick:
        given.seconds, given.rounds = 2, 1
    if given.idle is not None and not 1 <= given.idle <= 20_000:
        parser.error("--idle takes 1 to 20000 connections")
    if not 1 <= given.seconds <= 120 or not 1 <= given.rounds <= 100:
        parser.error("--seconds takes 1 to 120, --rounds 1 to 100")
    return given


def chosen(given: argparse.Namespace) -> list:
    keys = [key for key in given.only.split(",") if key]
    if not keys:
        keys = LATENCY_KEYS if given.latency else IDLE_KEYS if given.idle else ()
    known = {server.key for server in servers.ALL}
    if unknown := set(keys) - known:
        sys.exit(f"bench: no such server: {', '.join(sorted(unknown))}")
    result = []
    for server in servers.ALL:
        if keys and server.key not in keys:
            continue
        if reason := server.missing():
            print(f"bench: {server.label} is left out: {reason}")
        else:
            result.append(server)
    return result


def run(given: argparse.Namespace, server, redis, token: str) -> dict:
    if given.idle:
        return measure.idle(server, redis, given.idle, token, given.cores)
    if given.latency:
        return measure.open_loop(
            server, redis, given.seconds, token, given.cores, given.latency)
    return measure.closed_loop(server, redis, given.seconds, token, given.cores)


def kind(given: argparse.Namespace) -> tuple:
    """The kind of load, the name of the file of figures, and the table."""
    if given.idle:
        return f"{given.idle} idle connections", "idle.json", tables.idle
    if given.latency:
        return f"open loop, {given.latency} a second", "latency.json", tables.open_loop
    return f"{measure.CONNECTIONS} connections", "figures.json", tables.closed_loop


def draw(given: argparse.Namespace, figures: dict, labels: dict, load: str) -> None:
    subtitle = (
        f"{rounds.machine(given.cores)['cpu']}, {load}, --cores {given.cores}, "
        f"--rounds {given.rounds}")
    rows = [(labels[key], row, key.startswith("core-api")) for key, row in figures.items()]
    pathlib.Path(given.plot).write_text(plot.svg(rows, subtitle), encoding="utf-8")


def compare(given: argparse.Namespace) -> int:
    contestants = chosen(given)
    servers.build(contestants)
    cores = measure.Cores.arranged(given.cores)
    token = harness.token(1)
    with harness.redis_server(harness.OUTPUT / "redis", cores.others) as redis:
        runs, voids = rounds.run_all(
            contestants, given.rounds, lambda server: run(given, server, redis, token))
    labels = {server.key: server.label for server in contestants}
    figures = rounds.medians(runs)
    load, file_name, table = kind(given)
    print("\n".join([table(figures, labels), *voids]))
    path = rounds.write(file_name, given, kind=load, medians=figures, runs=runs, void=voids)
    print(f"bench: medians of {given.rounds} rounds of {given.seconds} s; all figures: {path}")
    if given.plot and table is tables.closed_loop:
        draw(given, figures, labels, load)
    return 1 if voids else 0


def main() -> int:
    harness.exit_on_sigterm()
    given = arguments()
    harness.CORE_API = given.binary.resolve()
    harness.require_core_api("bench")
    measure.write_bodies()
    if given.partitions:
        return 0 if partitions.bench(given.rounds, given.seconds) else 1
    return goals.measured(given) if given.goals else compare(given)


if __name__ == "__main__":
    sys.exit(main())
