"""Faults in which Redis loses what it has confirmed, or executes what the server sent long ago.

The server has `DURABILITY=memory`: it sends again what Redis has lost.
"""

from __future__ import annotations

import asyncio

import waiting
from bench import Bench, Needs
from checker import Rules
from copies import LateCopies
from proxy import Proxy
from redis_server import RedisServer
from scenario import Broken, Scenario, losses, settle, stand_still

# Longer than every outage here, on a slow machine as well.
PATIENT = {"DURABILITY": "memory", "ENQUEUE_TIMEOUT": "15"}
# A timeout that a scenario exceeds has to be shorter, or it takes long.
IMPATIENT = {"DURABILITY": "memory", "ENQUEUE_TIMEOUT": "8"}
OUTAGE_SECONDS_MAX = 1.0
# The server gives a connection up after 2 seconds without a reply.
FREEZE_SECONDS = (2.5, 4.5)
COPY_SECONDS_MAX = 120


async def redis_forgets(bench: Bench) -> str:
    """Redis crashes and comes back with its disk as it was about a second before."""
    for _ in range(bench.size.redis_kills):
        await asyncio.to_thread(bench.redis.save_disk)
        await asyncio.sleep(bench.rng.uniform(0.5, 1.5))
        await bench.redis.kill()
        bench.redis.restore_disk()
        await asyncio.sleep(bench.rng.uniform(0, OUTAGE_SECONDS_MAX))
        await bench.redis.start()
        await settle(bench)
    return f"{bench.size.redis_kills} kills, {losses(bench)}"


async def failover_lagging(bench: Bench) -> str:
    """The master crashes, and a replica that lags by a second takes over."""
    for _ in range(bench.size.redis_kills):
        replica, link = await _attach_replica(bench)
        # Stopping the replica would not do: its kernel takes what the master sends meanwhile.
        link.hold()
        await asyncio.sleep(bench.rng.uniform(0.5, 1.5))
        await bench.redis.kill()
        await link.end()
        await replica.command("REPLICAOF", "NO", "ONE")
        await asyncio.sleep(bench.rng.uniform(0, OUTAGE_SECONDS_MAX))
        bench.others = [bench.redis]
        bench.redis = replica
        bench.proxy.redis_port = replica.port
        await settle(bench)
        await bench.others.pop().end()
    return f"{bench.size.redis_kills} failovers, {losses(bench)}"


async def _attach_replica(bench: Bench) -> tuple[RedisServer, Proxy]:
    """A new replica of the master that has all its data, and the network between them."""
    replica, link = RedisServer(fsync=None), Proxy(bench.redis.port, "replication")
    bench.others = [replica, link]
    await replica.start()
    await link.start()
    await replica.command("REPLICAOF", "127.0.0.1", link.port)

    async def follows() -> bool:
        return (await replica.replication())["master_link_status"] == "up"

    await waiting.until("the replica follows", follows)
    await settle(bench)
    return replica, link


async def master_frozen(bench: Bench) -> str:
    """Redis stands still, for less and then for more than the server's timeout, and goes on: it
    executes what the server sent over connections that it has given up."""
    for _ in range(bench.size.short_freezes):
        bench.redis.stop()
        await asyncio.sleep(bench.rng.uniform(*FREEZE_SECONDS))
        bench.redis.resume()
        await settle(bench)
    if set(bench.load.counts) != {200}:
        raise Broken(f"answers after freezes below the timeout: {dict(bench.load.counts)}")
    for _ in range(bench.size.long_freezes):
        await stand_still(bench)
    return f"stopped {bench.size.short_freezes} times, {bench.size.long_freezes} times for long"


async def late_copies(bench: Bench) -> str:
    """All that the server sends arrives once more, up to minutes later, while its connections
    are cut, so that a copy may be the first to arrive."""
    seconds = bench.size.copies_seconds
    copies = LateCopies(bench.redis.port, bench.rng, min(seconds, COPY_SECONDS_MAX))
    bench.proxy.on_command = copies.keep
    bench.proxy.fail()
    delivery = asyncio.ensure_future(copies.deliver(seconds))
    try:
        while not delivery.done():
            bench.proxy.fail("cut")
            await asyncio.sleep(bench.rng.uniform(0.2, OUTAGE_SECONDS_MAX))
            bench.proxy.fail()
            await settle(bench)
            await asyncio.sleep(bench.rng.uniform(0, 1))
        await delivery
        await copies.deliver_rest()
    finally:
        delivery.cancel()
    return f"{bench.proxy.connections} connections, {copies.note()}"


ALL = [
    Scenario(
        "redis-forgets", redis_forgets, Rules(replaces_ids=True),
        Needs(fsync="everysec", environment=PATIENT),
    ),
    Scenario(
        "failover-lagging", failover_lagging, Rules(replaces_ids=True),
        Needs(proxy=True, fsync=None, environment=PATIENT),
    ),
    Scenario(
        "master-frozen", master_frozen, Rules(frozenset({503, 504})),
        Needs(environment=IMPATIENT),
    ),
    Scenario("late-copies", late_copies, needs=Needs(proxy=True, environment=PATIENT)),
]  # fmt: skip
