"""A fault, what it needs and what it allows, and what all faults share."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Awaitable, Callable

from bench import Bench, Needs
from checker import Rules

# Enough answers that every caller has had several.
TURNS = 10


class Broken(Exception):
    """A violation that the answers do not show."""


@dataclass(frozen=True)
class Scenario:
    """A fault, its needs, and the outcomes it allows. `run` returns a note."""

    name: str
    run: Callable[[Bench], Awaitable[str]]
    rules: Rules = Rules()
    needs: Needs = field(default_factory=Needs)
    # The kinds of queue that it is run with.
    queues: tuple[str, ...] = ("rq", "stream")


async def settle(bench: Bench) -> None:
    """Waits until every caller has some answers."""
    await bench.load.until_accepted(TURNS * bench.load.callers)


async def stand_still(bench: Bench) -> None:
    """Stops Redis until every caller had an error, lets it go on, and settles."""
    bench.redis.stop()
    try:
        await bench.load.until(bench.load.callers, 503, 504)
    finally:
        bench.redis.resume()
    await settle(bench)
