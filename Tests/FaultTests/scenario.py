"""A fault, what it needs and what it allows, and what all faults share."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Awaitable, Callable

from bench import Bench, Needs
from checker import Rules

# Enough answers that every caller has had several.
TURNS = 10
# The pause of a caller between its requests, in scenarios of failovers.
FAILOVER_PAUSE_SECONDS = 0.03


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


def replayed(bench: Bench) -> str:
    """What the server has found lost, and sent again."""
    message = "Redis has lost confirmed transactions"
    count, again = (bench.server.logged_sum(message, field) for field in ("count", "sent_again"))
    return f"{count} lost by Redis, {again} sent again"


def losses(bench: Bench) -> str:
    """As `replayed`; a scenario in which Redis loses nothing tests nothing."""
    note = replayed(bench)
    if note.endswith(" 0 sent again"):
        raise Broken(f"Redis has lost nothing that was sent again: {note}")
    return note


def failover_scenario(name: str, run, needs: Needs, queues=Scenario.queues, **rules) -> Scenario:
    """A scenario of failovers, with slow callers: all jobs stay, and each failover copies them to
    the replicas."""

    async def run_slowly(bench: Bench) -> str:
        bench.load.pause_seconds = FAILOVER_PAUSE_SECONDS
        return await run(bench)

    return Scenario(name, run_slowly, Rules(replaces_ids=True, **rules), needs, queues)
