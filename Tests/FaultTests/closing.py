"""The end of a suite: its closing line and its exit status, also after a signal."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine


def conclude(passed: int, failed: int) -> int:
    """Prints the closing line; returns the exit status."""
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


def run(suite: Coroutine[None, None, tuple[int, int]]) -> int:
    """Runs a suite that returns its passes and failures; returns the exit status."""
    try:
        passed, failed = asyncio.run(suite)
    except asyncio.CancelledError:
        print("ended by a signal")
        return 1
    return conclude(passed, failed)
