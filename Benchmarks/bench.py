#!/usr/bin/env python3
"""Measures Core API against others that do the same, or less: docs/performance.md says how.

The servers take turns, in rounds, so that what changes on the machine meanwhile meets all of them;
the figures are medians of the rounds. A run that is void is said to be so, and not counted.
"""

import argparse
import json
import pathlib
import platform
import statistics
import sys
import time

import harness
import measure
import plot
import servers

LATENCY_KEYS = ("c-xadd", "c-stream", "core-api-stream", "core-api-rq")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=10, help="of load in each run (10)")
    parser.add_argument("--rounds", type=int, default=5, help="runs of each server (5)")
    parser.add_argument(
        "--only", default="", metavar="KEY,…",
        help="these alone: " + ", ".join(server.key for server in servers.ALL))
    parser.add_argument(
        "--quick", action="store_true", help="one round of 2 s: to see that it works")
    parser.add_argument(
        "--latency", type=int, nargs="?", const=2_000, metavar="RATE",
        help="latencies at so many transactions a second instead, in an open loop (2000)")
    parser.add_argument(
        "--idle", type=int, nargs="?", const=10_000, metavar="COUNT",
        help="the memory of so many connections that wait instead (10000)")
    parser.add_argument(
        "--cores", choices=("split", "one", "free"), default="split",
        help="the server has a core of its own (split), all share one, or the kernel decides")
    parser.add_argument("--plot", metavar="FILE", help="draw the CPU figures as SVG")
    parser.add_argument(
        "--binary", type=pathlib.Path, default=harness.CORE_API, metavar="PATH",
        help="of Core API (.build/release/core-api): dist/core-api is the one that is installed")
    given = parser.parse_args()
    if given.quick:
        given.seconds, given.rounds = 2, 1
    if given.idle is not None and not 1 <= given.idle <= 20_000:
        parser.error("1 to 20000 connections can wait")
    if not 1 <= given.seconds <= 120 or not 1 <= given.rounds <= 100:
        parser.error("seconds are 1 to 120, rounds 1 to 100")
    return given


def chosen(given: argparse.Namespace) -> list:
    keys = [key for key in given.only.split(",") if key]
    if not keys and (given.latency or given.idle):
        keys = LATENCY_KEYS
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


def rounds(given: argparse.Namespace, contestants: list) -> tuple:
    """The figures of each run by server, and what is to be said of those that are void."""
    runs: dict = {server.key: [] for server in contestants}
    voids: list = []
    cores = measure.Cores.arranged(given.cores)
    token = harness.token(1)
    with harness.redis_server(harness.OUTPUT / "redis", cores.others) as redis:
        for number in range(1, given.rounds + 1):
            for server in contestants:
                print(f"bench: round {number} of {given.rounds}: {server.label}", file=sys.stderr)
                try:
                    runs[server.key].append(run(given, server, redis, token))
                except measure.Void as void:
                    voids.append(f"VOID: round {number}, {server.label}: {void}")
                    print(f"bench: {voids[-1]}", file=sys.stderr)
    return runs, voids


def medians(runs: list) -> dict:
    return {name: statistics.median(run[name] for run in runs) for name in runs[0]}


def table(header: tuple, rows: list) -> str:
    widths = [max(len(row[index]) for row in [header, *rows]) for index in range(len(header))]
    lines = []
    for row in [header, *rows]:
        first = row[0].ljust(widths[0])
        lines.append("  ".join([first] + [
            cell.rjust(width) for cell, width in zip(row[1:], widths[1:])]))
    return "\n".join(lines)


def closed_loop_table(figures: dict, labels: dict) -> str:
    header = (
        "server", "CPU µs", "ratio", "alike", "program", "kernel", "Redis µs", "per s", "busy",
        "p50 ms", "p99 ms", "peak MB", "start ms")
    twins = {server.key: server.twin for server in servers.ALL}

    def ratio(key: str, other: str) -> str:
        if other not in figures:
            return "-"
        return f"{figures[key]['cpu_us'] / figures[other]['cpu_us']:.2f}"

    rows = []
    for key, row in figures.items():
        rows.append((
            labels[key], f"{row['cpu_us']:.1f}", ratio(key, servers.REFERENCE),
            ratio(key, twins[key]), f"{row['user_us']:.1f}", f"{row['system_us']:.1f}",
            f"{row['redis_us']:.1f}", f"{row['per_second']:,.0f}", f"{row['busy']:.0%}",
            f"{row['p50_us'] / 1e3:.2f}", f"{row['p99_us'] / 1e3:.2f}",
            f"{row['peak_kb'] / 1024:.1f}", f"{row['first_ms']:.1f}"))
    return table(header, rows)


def latency_table(figures: dict, labels: dict) -> str:
    header = ("server", "p50 ms", "p99 ms", "p99.9 ms", "max ms", "generator late, p99 ms")
    names = ("p50_us", "p99_us", "p999_us", "max_us", "late_p99_us")
    return table(header, [
        (labels[key], *(f"{row[name] / 1e3:.3f}" for name in names))
        for key, row in figures.items()])


def idle_table(figures: dict, labels: dict) -> str:
    header = ("server", "each, bytes", "before, MB", "after, MB")
    return table(header, [
        (labels[key], f"{row['each_bytes']:,.0f}", f"{row['before_bytes'] / 2**20:.1f}",
         f"{row['after_bytes'] / 2**20:.1f}")
        for key, row in figures.items()])


def machine(how: str) -> dict:
    models = [
        line.partition(":")[2].strip()
        for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")]
    cores = measure.Cores.arranged(how)
    return {
        "cpu": models[0] if models else platform.machine(), "cores": len(models),
        "kernel": platform.release(), "server_cores": cores.server, "other_cores": cores.others,
    }


def report(given: argparse.Namespace, contestants: list, runs: dict, voids: list) -> int:
    labels = {server.key: server.label for server in contestants}
    figures = {key: medians(of) for key, of in runs.items() if of}
    kind, name, tabled = "64 connections", "figures.json", closed_loop_table
    if given.latency:
        kind, name, tabled = f"open loop, {given.latency} a second", "latency.json", latency_table
    if given.idle:
        kind, name, tabled = f"{given.idle} idle connections", "idle.json", idle_table
    print(tabled(figures, labels))
    print("\n".join(voids), end="\n" if voids else "")
    about = {
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "kind": kind,
        "seconds": given.seconds, "rounds": given.rounds, "machine": machine(given.cores),
        "medians": figures, "runs": runs, "void": voids,
    }
    path = harness.OUTPUT / name
    path.write_text(json.dumps(about, indent=2) + "\n")
    print(f"bench: medians of {given.rounds} rounds of {given.seconds} s; all figures: {path}")
    if given.plot and tabled is closed_loop_table:
        subtitle = f"{about['machine']['cpu']}, one core, {kind}, {given.rounds} rounds"
        rows = [
            (labels[key], row["cpu_us"], row["user_us"], row["system_us"],
             key.startswith("core-api"))
            for key, row in figures.items()]
        pathlib.Path(given.plot).write_text(plot.svg(rows, subtitle), encoding="utf-8")
    return 1 if voids else 0


def main() -> int:
    harness.end_in_order_when_told()
    given = arguments()
    contestants = chosen(given)
    harness.CORE_API = given.binary.resolve()
    if not harness.CORE_API.is_file():
        sys.exit(f"bench: {given.binary} is not there: run `make release`")
    servers.build(contestants)
    measure.TOKENS_FILE.write_text("\n".join(harness.tokens()) + "\n")
    runs, voids = rounds(given, contestants)
    return report(given, contestants, runs, voids)


if __name__ == "__main__":
    sys.exit(main())
