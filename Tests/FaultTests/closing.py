"""How a suite ends: its closing line and its exit status, also when a signal ends it."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine


def conclude(passed: int, failed: int) -> int:
    """Prints the closing line: the exit status."""
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


def run(suite: Coroutine[None, None, tuple[int, int]]) -> int:
    """Runs a suite that says how many passed and failed: the exit status."""
    try:
        passed, failed = asyncio.run(suite)
    except asyncio.CancelledError:
        print("ended by a signal")
        return 1
    return conclude(passed, failed)
