"""Polling with a deadline, so that no test depends on speed."""

from __future__ import annotations

import asyncio
import inspect
import time
from typing import Callable

# A generous limit, which only ends a run that hangs.
DEADLINE_SECONDS = 60.0


class Unmet(Exception):
    """The condition did not become true in time."""


async def until(what: str, condition: Callable, seconds: float = DEADLINE_SECONDS) -> None:
    """Returns once the condition, a function or a coroutine function, is true."""
    end = time.monotonic() + seconds
    while True:
        met = condition()
        if inspect.isawaitable(met):
            met = await met
        if met:
            return
        if time.monotonic() > end:
            raise Unmet(f"not within {seconds:.0f} s: {what}")
        await asyncio.sleep(0.02)
