"""Failovers by Sentinel, of a master and two replicas, and sentinels that are away."""

from __future__ import annotations

import asyncio

from bench import Bench, Needs
from checker import UNKNOWN
from scenario import Broken, Scenario, failover_scenario, losses, replayed, settle
from sentinel_group import REPLICA, WATCHER

# Longer than Sentinel takes for a failover, on a slow machine as well.
REPLICATED = {"DURABILITY": "replica:1", "ENQUEUE_TIMEOUT": "30"}
IN_MEMORY = {"DURABILITY": "memory", "ENQUEUE_TIMEOUT": "30"}


async def planned(bench: Bench) -> str:
    """Failovers by order. One replica is promoted, and the other one is moved a second later:
    until then the old master takes writes, and that replica acknowledges them."""
    for _ in range(bench.size.failovers):
        await bench.sentinels.fail_over()
        await _serves_again(bench)
        await bench.sentinels.settle()
    return f"{bench.size.failovers} failovers, {replayed(bench)}"


async def killed(bench: Bench) -> str:
    """The master crashes; it comes back as a replica."""
    for _ in range(bench.size.failovers):
        await bench.sentinels.master.kill()
        old = await bench.sentinels.promoted()
        await _serves_again(bench)
        await old.start()
        await bench.sentinels.settle()
    return f"{bench.size.failovers} failovers, {replayed(bench)}"


async def frozen(bench: Bench) -> str:
    """The master stands still, is replaced, and goes on as if it were the master."""
    for _ in range(bench.size.failovers):
        bench.sentinels.master.stop()
        old = await bench.sentinels.promoted()
        await asyncio.sleep(bench.rng.uniform(0, 2))
        old.resume()
        await _serves_again(bench)
        await bench.sentinels.settle()
    return f"{bench.size.failovers} failovers, {replayed(bench)}"


async def cut_off(bench: Bench) -> str:
    """Replicas and sentinels cannot reach the master any more, and the server can."""
    for _ in range(bench.size.failovers):
        await bench.sentinels.shut_out(bench.sentinels.master, REPLICA, WATCHER)
        old = await bench.sentinels.promoted()
        await _serves_again(bench)
        await bench.sentinels.let_in(old, REPLICA, WATCHER)
        await bench.sentinels.settle()
    return f"{bench.size.failovers} failovers, {replayed(bench)}"


async def lagging(bench: Bench) -> str:
    """Both replicas lose touch with the master for a second; then it crashes, and one of them
    takes over."""
    for _ in range(bench.size.lagging_failovers):
        await bench.sentinels.shut_out(bench.sentinels.master, REPLICA)
        await asyncio.sleep(bench.rng.uniform(0.5, 1.5))
        await bench.sentinels.master.kill()
        old = await bench.sentinels.promoted()
        await _serves_again(bench)
        await old.start()
        await bench.sentinels.settle()
    return f"{bench.size.lagging_failovers} failovers, {losses(bench)}"


async def dead_sentinels(bench: Bench) -> str:
    """Of the sentinels that the URL names, the first is dead, and the second hangs."""
    first, second, _ = bench.sentinels.sentinels
    for _ in range(bench.size.failovers):
        await first.kill()
        second.stop()
        await bench.sentinels.fail_over()
        await _serves_again(bench)
        second.resume()
        await first.start()
        await bench.sentinels.settle()
    return f"{bench.size.failovers} failovers, {replayed(bench)}"


async def sentinels_away(bench: Bench) -> str:
    """The server starts while no sentinel runs; later they come, and go while it serves."""
    await bench.server.kill()
    for sentinel in bench.sentinels.sentinels:
        await sentinel.kill()
    await bench.server.start()
    await bench.load.until(bench.load.callers, 503)
    if not bench.server.has_logged("no sentinel answers"):
        raise Broken("the log does not say that no sentinel answers")
    for sentinel in bench.sentinels.sentinels:
        await sentinel.start()
    await settle(bench)
    for sentinel in bench.sentinels.sentinels:
        await sentinel.kill()
    await settle(bench)
    return "away at the start, and while the server serves"


async def _serves_again(bench: Bench) -> None:
    bench.redis = bench.sentinels.master
    await settle(bench)


def _scenario(name: str, run, environment: dict[str, str], **rules) -> Scenario:
    needs = Needs(fsync=None, sentinels=True, environment=environment)
    return failover_scenario(name, run, needs, **rules)


ALL = [
    _scenario("sentinel-planned", planned, REPLICATED),
    _scenario("sentinel-killed", killed, REPLICATED),
    _scenario("sentinel-frozen", frozen, REPLICATED),
    _scenario("sentinel-cut-off", cut_off, REPLICATED),
    _scenario("sentinel-lagging", lagging, IN_MEMORY),
    _scenario("sentinel-dead", dead_sentinels, REPLICATED),
    _scenario(
        "sentinel-away", sentinels_away,
        {**REPLICATED, "ENQUEUE_TIMEOUT": "2"}, allowed=frozenset({503, UNKNOWN}),
    ),
]  # fmt: skip
