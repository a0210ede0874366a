#!/usr/bin/env python3
"""Real faults: Redis, the server and the network between them fail while callers post.

For each scenario and kind of queue one line of figures, and last how many passed and failed.
docs/reliability.md says how to read them.
"""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import random
import signal
import sys

import closing
import resp
import scenarios
import selftest
from bench import FULL, SHORT, Bench, Size
from checker import Findings, check
from scenario import Broken, Scenario
from waiting import Unmet

QUEUES = {"rq": "rq:faults", "stream": "stream:faults"}
PROBLEMS_SHOWN = 5


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    names = [scenario.name for scenario in scenarios.ALL]
    parser.add_argument("--short", action="store_true", help="the form for each change: minutes")
    parser.add_argument("--only", choices=names, metavar="SCENARIO", help=", ".join(names))
    parser.add_argument("--queue", choices=QUEUES, help="only this kind of queue")
    parser.add_argument("--kills", type=int, metavar="N", help="how often Redis is killed, in each scenario that kills it")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--server", default=".build/release/core-api", metavar="PATH")
    parser.add_argument("--self-test", action="store_true", help="whether the checker can fail")
    return parser.parse_args()


async def play(
    scenario: Scenario, queue: str, seed: str, server: str, size: Size
) -> tuple[Findings, str]:
    """Runs a scenario and compares answers with jobs: the findings, and the scenario's note."""
    bench = Bench(server, queue, seed, size, scenario.needs)
    notes: list[str] = []
    problems: list[str] = []
    findings = Findings()
    try:
        await bench.start()
        for part in (lambda: scenario.run(bench), bench.load.finish):
            try:
                notes.append(await part())
            except (Broken, Unmet) as error:
                problems.append(f"{type(error).__name__}: {error}")
        jobs = await bench.read_jobs()
        findings = check(bench.load.operations, jobs, scenario.rules)
    except (Unmet, OSError, EOFError, resp.ServerError) as error:
        problems.append(f"{type(error).__name__}: {error}")
    finally:
        await bench.end()
    findings.problems[:0] = problems
    return findings, ", ".join(notes)


async def run(options: argparse.Namespace) -> tuple[int, int]:
    """Runs the requested scenarios; returns the numbers of passes and failures."""
    task = asyncio.current_task()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    size = SHORT if options.short else FULL
    if options.kills is not None:
        size = dataclasses.replace(size, redis_kills=options.kills)
    passed = failed = 0
    for scenario in scenarios.ALL:
        for kind, queue in QUEUES.items():
            if options.only not in (None, scenario.name) or options.queue not in (None, kind):
                continue
            if kind not in scenario.queues:
                continue
            seed = f"{options.seed} {scenario.name} {kind}"
            findings, note = await play(scenario, queue, seed, options.server, size)
            report(f"{scenario.name} {kind}", findings, note)
            passed, failed = passed + (not findings.problems), failed + bool(findings.problems)
    return passed, failed


def report(name: str, findings: Findings, note: str) -> None:
    print(f"{name}: {findings.figures()} ({note})", flush=True)
    for problem in findings.problems[:PROBLEMS_SHOWN]:
        print(f"    FAILED: {problem}", flush=True)
    if len(findings.problems) > PROBLEMS_SHOWN:
        print(f"    and {len(findings.problems) - PROBLEMS_SHOWN} more", flush=True)


def main() -> int:
    options = arguments()
    if options.self_test:
        return closing.conclude(*selftest.run())
    print(f"seed {options.seed}", flush=True)
    return closing.run(run(options))


if __name__ == "__main__":
    sys.exit(main())
