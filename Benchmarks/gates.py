#!/usr/bin/env python3
"""The gate on instructions and allocations for one transaction: see thresholds.json.

One connection sends one request after another, so no transactions share a turn of the loop or a
batch. With the queues in Redis the commands and replies are counted; Redis's own work is not.
"""

import argparse
import contextlib
import json
import platform
import re
import subprocess
import sys

import counting
import harness

THRESHOLDS = harness.HERE / "thresholds.json"
# The queue of each case, and further variables of the server.
CASES = {
    "memory": ("memory", {}),
    "stream:transactions": ("stream:transactions", {}),
    "stream:transactions, with metrics": ("stream:transactions", {"METRICS_PORT": "0"}),
    "rq:default": ("rq:default", {}),
}
# Instructions may differ by this share: another libc's memcpy takes less, most mistakes take more.
SLACK = 0.04


def swift_version() -> str:
    output = subprocess.run(
        ["swift", "--version"], capture_output=True, text=True, check=True).stdout
    return re.search(r"Swift version (\S+)", output).group(1)


def figures() -> dict:
    """Instructions and allocations for one transaction, by case."""
    result: dict = {}
    for case, (queue, more) in CASES.items():
        with contextlib.ExitStack() as stack:
            redis_url = counting.redis_for(queue, stack)

            def each(measure) -> float:
                return counting.per_transaction(measure, queue, redis_url, **more)

            result[case] = {
                "instructions": round(each(counting.instructions)),
                # Less than a tenth is a table that grew.
                "allocations": round(each(counting.allocations), 1),
            }
    return result


def judged(found: dict, thresholds: dict) -> bool:
    """Prints a line for each figure; whether all are within their thresholds."""
    verdicts = []
    for case, of_case in found.items():
        for name, value in of_case.items():
            threshold = thresholds[case][name]
            slack = SLACK if name == "instructions" else 0
            line = (
                f"gates: {case}: {value:,} {name} for one transaction, "
                f"threshold {threshold:,} + {slack:.0%}")
            if value < threshold * (1 - slack):
                line += " fewer: lower the threshold by `gates.py --update`"
            verdicts.append(counting.within(line, value, threshold * (1 + slack)))
    return all(verdicts)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--update", action="store_true", help="make today's figures the thresholds")
    given = parser.parse_args()
    harness.exit_on_sigterm()
    harness.require_core_api("gates")
    made_with = {"swift": swift_version(), "machine": platform.machine()}
    found = figures()
    if given.update:
        THRESHOLDS.write_text(json.dumps({"made_with": made_with, **found}, indent=2) + "\n")
    thresholds = json.loads(THRESHOLDS.read_text())
    is_good = judged(found, thresholds)
    if thresholds["made_with"] != made_with:
        # Another compiler makes other instructions.
        print(f"gates: not judged: made with {made_with}, thresholds {thresholds['made_with']}")
        return 0
    return 0 if is_good else 1


if __name__ == "__main__":
    sys.exit(main())
