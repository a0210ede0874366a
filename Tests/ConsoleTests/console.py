#!/usr/bin/env python3
"""Tests of the operators' web page in a real Chromium: `make console`.

The server, Redis and the workers of rq are real. The last line says how many scenarios passed and
failed.
"""

from __future__ import annotations

import argparse
import sys
import time
import traceback

import scenarios
from console_site import ROOT, Site


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--program", default=str(ROOT / ".build/release/core-api"))
    parser.add_argument("--only", default="", help="the scenarios whose names have this text")
    arguments = parser.parse_args()
    passed = failed = 0
    for scenario in scenarios.SCENARIOS:
        if arguments.only not in scenario.__name__:
            continue
        began = time.monotonic()
        try:
            with Site(arguments.program) as site:
                scenario(site)
            result, passed = "passed", passed + 1
        except Exception:  # noqa: BLE001
            traceback.print_exc()
            result, failed = "FAILED", failed + 1
        seconds = time.monotonic() - began
        print(f"{result} in {seconds:.0f} s: {scenario.__doc__}", flush=True)
    print(f"console: {passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
