"""Waiting by asking again and again, with a deadline: nothing relies on how fast things are."""

from __future__ import annotations

import asyncio
import inspect
import time
from typing import Callable

# Generous: it ends a run that hangs, and says nothing about how long anything should take.
DEADLINE_SECONDS = 60.0


class Unmet(Exception):
    """What was waited for did not come about."""


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
