"""Rounds of runs: the servers take turns, so that a change on the machine meets all of them.

The figures are medians of the rounds. A void run is reported and does not count.
"""

import json
import pathlib
import platform
import statistics
import sys
import time

import harness
import measure


def run_all(servers: list, rounds: int, run) -> tuple:
    """The figures of each run by the server's key, and a line for each void run.

    `run(server)` makes one run.
    """
    runs: dict = {server.key: [] for server in servers}
    voids: list = []
    for number in range(1, rounds + 1):
        for server in servers:
            print(f"bench: round {number} of {rounds}: {server.label}", file=sys.stderr)
            try:
                runs[server.key].append(run(server))
            except measure.Void as void:
                voids.append(f"VOID: round {number}, {server.label}: {void}")
                print(f"bench: {voids[-1]}", file=sys.stderr)
    return runs, voids


def medians(runs: dict) -> dict:
    """The medians of each server's figures; servers without a run that counts are left out."""
    return {
        key: {name: statistics.median(run[name] for run in of_server) for name in of_server[0]}
        for key, of_server in runs.items() if of_server}


def machine(how: str) -> dict:
    """The processor, the kernel, and which cores are whose."""
    models = [
        line.partition(":")[2].strip()
        for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")]
    cores = measure.Cores.arranged(how)
    return {
        "cpu": models[0] if models else platform.machine(), "cores": len(models),
        "kernel": platform.release(), "server_cores": cores.server, "other_cores": cores.others,
    }


def write(name: str, given, **figures) -> pathlib.Path:
    """Writes the figures with the machine, the time and the arguments, as JSON."""
    path = harness.OUTPUT / name
    about = {
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "seconds": given.seconds,
        "rounds": given.rounds, "machine": machine(given.cores), **figures}
    path.write_text(json.dumps(about, indent=2) + "\n")
    return path
