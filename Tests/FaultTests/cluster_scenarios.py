"""Faults of a Redis Cluster of three shards, each a master and a replica, with the partitions of
one stream in it: failovers, slots that move, nodes that come and go, a shard that is away."""

from __future__ import annotations

import asyncio
import binascii
from collections import defaultdict

from bench import PARTITIONS, Bench, Needs
from checker import UNKNOWN
from cluster_group import ClusterNode, slot
from scenario import Broken, Scenario, failover_scenario, losses, replayed

# Longer than a cluster takes for a failover, on a slow machine as well.
IN_MEMORY = {"DURABILITY": "memory", "ENQUEUE_TIMEOUT": "30"}
REPLICATED = {"DURABILITY": "replica:1", "ENQUEUE_TIMEOUT": "30"}
IMPATIENT = {"DURABILITY": "memory", "ENQUEUE_TIMEOUT": "2"}
TURNS = 5
# Above the timeout of an impatient server.
SLOW_MOVE_SECONDS = 5
SLOT_KEYS_MAX = 1_000_000
# What callers of a healthy partition may wait while another shard is away: far below the server's
# timeout, and above what a busy machine takes.
HEALTHY_SECONDS_MAX = 1.0


async def planned(bench: Bench) -> str:
    """Failovers by order, of the shard of one partition after the other."""
    for number in range(bench.size.failovers):
        master = await _master(bench, number % PARTITIONS)
        await bench.cluster.fail_over(master)
        await _serves_again(bench)
    return f"{bench.size.failovers} failovers, {_figures(bench)}"


async def killed(bench: Bench) -> str:
    """A master crashes, its replica takes over; it comes back as a replica."""
    for _ in range(bench.size.failovers):
        master = await _random_master(bench)
        replica = await bench.cluster.replica(master)
        await master.kill()
        await replica.takes_over()
        await asyncio.sleep(bench.rng.uniform(0, 1))
        await master.start()
        await _serves_again(bench)
    return f"{bench.size.failovers} failovers, {_figures(bench)}"


async def frozen(bench: Bench) -> str:
    """A master stands still, is replaced, and goes on as if it were the master."""
    for _ in range(bench.size.failovers):
        master = await _random_master(bench)
        replica = await bench.cluster.replica(master)
        master.stop()
        await replica.takes_over()
        await asyncio.sleep(bench.rng.uniform(0, 2))
        master.resume()
        await _serves_again(bench)
    return f"{bench.size.failovers} failovers, {_figures(bench)}"


async def lagging(bench: Bench) -> str:
    """A replica loses touch with its master for a second; then that crashes, and the replica takes
    over."""
    for _ in range(bench.size.lagging_failovers):
        master = await _random_master(bench)
        replica = await bench.cluster.replica(master)
        await master.shut_replicas_out()
        await asyncio.sleep(bench.rng.uniform(0.5, 1.5))
        await master.kill()
        await replica.takes_over()
        await master.start()
        await _serves_again(bench)
    losses(bench)
    return f"{bench.size.lagging_failovers} failovers, {_figures(bench)}"


async def slots(bench: Bench) -> str:
    """The slot of each partition moves to another master, with its keys, and back."""
    keys = moves = 0
    for _ in range(bench.size.slot_moves):
        for key in bench.partition_keys():
            source = await bench.cluster.master_of(slot(key))
            others = [node for node in bench.cluster.masters if node is not source]
            for target in (bench.rng.choice(others), source):
                keys += await bench.cluster.move_slot(slot(key), target)
                moves += 1
                await bench.load.until_each_accepted(1)
        await _serves_again(bench)
    return f"{moves} moves with {keys} keys, {_figures(bench)}"


async def slow_slots(bench: Bench) -> str:
    """A slot takes longer to move than callers wait: first all keys are at the source, then the
    stream and the sessions are at the target. Transactions without a key go on."""
    first = len(bench.load.operations)
    for number in range(bench.size.slot_moves):
        key = bench.partition_keys()[number % PARTITIONS]
        source = await bench.cluster.master_of(slot(key))
        others = [node for node in bench.cluster.masters if node is not source]
        target = bench.rng.choice(others)
        await bench.cluster.begin_move(slot(key), source, target)
        await asyncio.sleep(SLOW_MOVE_SECONDS)
        keys = await source.command("CLUSTER", "GETKEYSINSLOT", slot(key), SLOT_KEYS_MAX)
        records = [name for name in keys if name.startswith(b"core-api:idempotency:")]
        rest = [name for name in keys if name not in records]
        await bench.cluster.move_keys(rest, source, target)
        await asyncio.sleep(SLOW_MOVE_SECONDS)
        if records:
            await bench.cluster.move_keys(records, source, target)
        await bench.cluster.end_move(slot(key), source, target)
        await _serves_again(bench)
    seconds = 0.0
    for operation in bench.load.operations[first:]:
        if operation.key is not None:
            continue
        for attempt in operation.attempts:
            if attempt.outcome not in (200, UNKNOWN):
                raise Broken(f"{operation.name}, which has no key: {attempt}")
            seconds = max(seconds, attempt.seconds)
    return (
        f"{bench.size.slot_moves} moves of {2 * SLOW_MOVE_SECONDS} s, "
        f"slowest 200 without a key {seconds * 1000:.0f} ms"
    )


async def nodes(bench: Bench) -> str:
    """A master joins, gets the slots of half of the partitions, loses them and leaves again."""
    for _ in range(bench.size.slot_moves):
        node = await bench.cluster.add_master()
        for key in bench.partition_keys()[::2]:
            await bench.cluster.move_slot(slot(key), node)
        await _serves_again(bench)
        for key in bench.partition_keys()[::2]:
            others = [other for other in bench.cluster.masters if other is not node]
            await bench.cluster.move_slot(slot(key), bench.rng.choice(others))
        await bench.cluster.remove_master(node)
        await _serves_again(bench)
    return f"{bench.size.slot_moves} times, {_figures(bench)}"


async def shard_down(bench: Bench) -> str:
    """A master and its replica crash; the callers of the other shards notice nothing."""
    master = await _master(bench, 0)
    replica = await bench.cluster.replica(master)
    down = await _partitions(bench, master)
    first = len(bench.load.operations)
    callers = sum(_partition(user) in down for user in range(bench.load.callers))
    await replica.kill()
    await master.kill()
    # Twice, so that new requests have been refused, and not only those in flight.
    await bench.load.until(2 * callers, 503, 504)
    during = bench.load.operations[first:]
    await master.start()
    await replica.start()
    await _serves_again(bench)
    slowest = _healthy(bench, during, down)
    return f"slowest 200 of the other shards meanwhile {slowest * 1000:.0f} ms"


async def away(bench: Bench) -> str:
    """The server starts while no node runs; they come later."""
    await bench.server.kill()
    for node in bench.cluster.nodes:
        await node.kill()
    await bench.server.start()
    await bench.load.until(bench.load.callers, 503)
    await asyncio.gather(*(node.start() for node in bench.cluster.nodes))
    await _serves_again(bench)
    return "away at the start"


def _healthy(bench: Bench, operations: list, down: set[int]) -> float:
    """The slowest answer to callers of partitions that are not down; every one has to be 200."""
    seconds = 0.0
    for operation in operations:
        if _partition(operation.user_id) in down:
            continue
        for attempt in operation.attempts:
            if attempt.outcome not in (200, UNKNOWN):
                raise Broken(f"{operation.name} of a healthy shard: {attempt}")
            seconds = max(seconds, attempt.seconds)
    if seconds == 0 or seconds > HEALTHY_SECONDS_MAX:
        raise Broken(f"the slowest answer of a healthy shard took {seconds:.1f} s")
    return seconds


async def _serves_again(bench: Bench) -> None:
    await bench.cluster.settle()
    await bench.load.until_each_accepted(TURNS)


async def _master(bench: Bench, partition: int) -> ClusterNode:
    return await bench.cluster.master_of(slot(bench.partition_keys()[partition]))


async def _random_master(bench: Bench) -> ClusterNode:
    """A master that has partitions."""
    return await _master(bench, bench.rng.randrange(PARTITIONS))


async def _partitions(bench: Bench, master: ClusterNode) -> set[int]:
    """The partitions whose slots a master has."""
    masters = [await _master(bench, partition) for partition in range(PARTITIONS)]
    return {partition for partition, node in enumerate(masters) if node is master}


def _partition(user: int) -> int:
    """The partition of a user's transactions."""
    return binascii.crc_hqx(str(user).encode(), 0) % PARTITIONS


def _figures(bench: Bench) -> str:
    """What the server has found lost, and the longest time in which the callers of one partition
    had no answer of 200."""
    ends: dict[int, list[float]] = defaultdict(list)
    for operation in bench.load.operations:
        ends[_partition(operation.user_id)] += [a.end for a in operation.accepted]
    gaps = [b - a for times in map(sorted, ends.values()) for a, b in zip(times, times[1:])]
    return f"longest gap of a partition {max(gaps, default=0.0):.1f} s, {replayed(bench)}"


def _scenario(
    name: str, run, environment: dict[str, str], fsync: str | None = None, **rules
) -> Scenario:
    needs = Needs(fsync=fsync, cluster=True, environment=environment)
    return failover_scenario(name, run, needs, queues=("stream",), **rules)


ALL = [
    _scenario("cluster-planned", planned, IN_MEMORY),
    _scenario("cluster-killed", killed, REPLICATED),
    _scenario("cluster-frozen", frozen, IN_MEMORY),
    _scenario("cluster-lagging", lagging, IN_MEMORY),
    _scenario("cluster-slots", slots, IN_MEMORY),
    _scenario(
        "cluster-slow-slots", slow_slots, IMPATIENT, allowed=frozenset({503, 504}),
    ),
    _scenario("cluster-nodes", nodes, IN_MEMORY),
    _scenario(
        "cluster-shard-down", shard_down, IMPATIENT, fsync="always",
        allowed=frozenset({503, 504}),
    ),
    _scenario(
        "cluster-away", away, IMPATIENT, fsync="always",
        allowed=frozenset({503, 504, UNKNOWN}),
    ),
]  # fmt: skip
