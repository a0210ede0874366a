"""A Redis Cluster: masters that share the slots, each with a replica."""

from __future__ import annotations

import asyncio
import binascii

import resp
import waiting
from redis_server import RedisServer, free_port

# The user of replicas, who can be shut out of a master.
REPLICA = "replica"
SLOTS = 16_384
MASTERS = 3
# After this time without an answer a node is suspected, and its replica may take over.
NODE_TIMEOUT_MILLISECONDS = 1_000
# How many keys of a slot move at once, and the pause after them: callers come in between.
MIGRATED_AT_ONCE = 10
MIGRATION_PAUSE_SECONDS = 0.05
MIGRATION_TIMEOUT_MILLISECONDS = 5_000


def slot(key: str) -> int:
    """The slot of a key by its hash tag."""
    start = key.find("{")
    end = key.find("}", start + 1)
    tag = key[start + 1 : end] if start >= 0 and end > start + 1 else key
    return binascii.crc_hqx(tag.encode(), 0) % SLOTS


class ClusterNode(RedisServer):
    """A node with its id, which it keeps in its folder."""

    def __init__(self, fsync: str | None):
        self.bus_port = free_port()
        # A shard that is away must not stop the others.
        super().__init__(fsync, [
            "--cluster-enabled", "yes", "--cluster-port", str(self.bus_port),
            "--cluster-node-timeout", str(NODE_TIMEOUT_MILLISECONDS),
            "--cluster-require-full-coverage", "no", "--cluster-allow-replica-migration", "no",
            "--masteruser", REPLICA, "--masterauth", REPLICA,
            "--user", REPLICA, "on", f">{REPLICA}", "~*", "&*", "+@all",
        ])  # fmt: skip
        self.id = ""

    async def start(self) -> None:
        await super().start()
        self.id = (await self.command("CLUSTER", "MYID")).decode()

    async def meet(self, other: ClusterNode) -> None:
        await self.command("CLUSTER", "MEET", "127.0.0.1", other.port, other.bus_port)

    async def nodes(self) -> dict[str, list[str]]:
        """The lines of `CLUSTER NODES` in words, by the nodes' ids."""
        text = (await self.command("CLUSTER", "NODES")).decode()
        return {line.split()[0]: line.split() for line in text.splitlines()}

    async def shut_replicas_out(self) -> None:
        """Cuts the connections of replicas, until the node starts again."""
        await self.command("ACL", "SETUSER", REPLICA, "off")
        await self.command("CLIENT", "KILL", "USER", REPLICA)

    async def takes_over(self) -> None:
        """Waits until this replica has become a master."""

        async def is_master() -> bool:
            return (await self.command("ROLE"))[0] == b"master"

        await waiting.until("the replica takes over", is_master)


class ClusterGroup:
    """Nodes that have joined a cluster. `masters` are those of the last time that they agreed."""

    def __init__(self, fsync: str | None):
        self._fsync = fsync
        self.masters = [ClusterNode(fsync) for _ in range(MASTERS)]
        self.replicas = [ClusterNode(fsync) for _ in range(MASTERS)]

    @property
    def nodes(self) -> list[ClusterNode]:
        return self.masters + self.replicas

    @property
    def url(self) -> str:
        return "redis-cluster://" + ",".join(f"127.0.0.1:{node.port}" for node in self.masters)

    async def start(self) -> None:
        await asyncio.gather(*(node.start() for node in self.nodes))
        for index, master in enumerate(self.masters):
            # With epochs of their own they need not settle which node's is the greater one.
            await master.command("CLUSTER", "SET-CONFIG-EPOCH", index + 1)
            first, end = (SLOTS * number // MASTERS for number in (index, index + 1))
            await master.command("CLUSTER", "ADDSLOTSRANGE", first, end - 1)
        for node in self.nodes[1:]:
            await self.masters[0].meet(node)
        await waiting.until("the nodes know each other", self._all_known)
        for master, replica in zip(self.masters, self.replicas):
            await replica.command("CLUSTER", "REPLICATE", master.id)
        await self.settle()

    async def end(self) -> None:
        for node in self.nodes:
            await node.end()

    # The state that all nodes agree about.

    async def settle(self) -> None:
        """Waits until all nodes run, and agree about roles, slots and who follows whom."""
        await waiting.until("the nodes of the cluster agree", self._is_settled, 120)

    async def _all_known(self) -> bool:
        ids = {node.id for node in self.nodes}
        for node in self.nodes:
            known = await node.nodes()
            if set(known) != ids or any(_is_in_doubt(words) for words in known.values()):
                return False
        return True

    async def _is_settled(self) -> bool:
        try:
            return await self._agrees()
        except (OSError, EOFError, resp.ServerError):
            return False

    async def _agrees(self) -> bool:
        if not await self._all_known():
            return False
        views = set()
        for node in self.nodes:
            info = (await node.command("CLUSTER", "INFO")).decode()
            if "cluster_state:ok" not in info or "cluster_slots_ok:16384" not in info:
                return False
            known = (await node.nodes()).values()
            views.add(tuple(sorted((words[0], words[3], *words[8:]) for words in known)))
        if len(views) != 1:
            return False
        states = [await node.replication() for node in self.nodes]
        for state in states:
            if state["role"] == "slave" and state["master_link_status"] != "up":
                return False
        self.masters, self.replicas = (
            [node for node, state in zip(self.nodes, states) if state["role"] == role]
            for role in ("master", "slave")
        )
        return True

    # Where a partition is.

    async def master_of(self, slot: int) -> ClusterNode:
        """The node that says of itself that it is the master of the slot."""
        for node in self.nodes:
            try:
                words = (await node.nodes())[node.id]
            except (OSError, EOFError, resp.ServerError):
                continue
            if "master" in words[2] and any(_contains(text, slot) for text in words[8:]):
                return node
        raise waiting.Unmet(f"no master has slot {slot}")

    async def replica(self, master: ClusterNode) -> ClusterNode:
        """The replica that follows the master."""
        known = await master.nodes()
        return next(node for node in self.nodes if known[node.id][3] == master.id)

    # Faults.

    async def fail_over(self, master: ClusterNode) -> ClusterNode:
        """A planned failover: no write is lost. Returns the new master."""
        replica = await self.replica(master)
        await replica.command("CLUSTER", "FAILOVER")
        await replica.takes_over()
        return replica

    async def move_slot(self, slot: int, target: ClusterNode) -> int:
        """Moves a slot with its keys, while callers go on. Returns the number of keys."""
        source = await self.master_of(slot)
        if source is target:
            return 0
        await self.begin_move(slot, source, target)
        count = 0
        await asyncio.sleep(MIGRATION_PAUSE_SECONDS)
        while keys := await source.command("CLUSTER", "GETKEYSINSLOT", slot, MIGRATED_AT_ONCE):
            await self.move_keys(keys, source, target)
            count += len(keys)
            await asyncio.sleep(MIGRATION_PAUSE_SECONDS)
        await self.end_move(slot, source, target)
        return count

    async def begin_move(self, slot: int, source: ClusterNode, target: ClusterNode) -> None:
        """Both nodes know of the move, and all keys are at the source."""
        await target.command("CLUSTER", "SETSLOT", slot, "IMPORTING", source.id)
        await source.command("CLUSTER", "SETSLOT", slot, "MIGRATING", target.id)

    async def move_keys(self, keys: list, source: ClusterNode, target: ClusterNode) -> None:
        await source.command(
            "MIGRATE", "127.0.0.1", target.port, "", 0, MIGRATION_TIMEOUT_MILLISECONDS,
            "KEYS", *keys,
        )  # fmt: skip

    async def end_move(self, slot: int, source: ClusterNode, target: ClusterNode) -> None:
        """Gives the slot to the target: first there, or it might have no master for a moment."""
        others = [node for node in self.masters if node not in (source, target)]
        for node in (target, source, *others):
            await node.command("CLUSTER", "SETSLOT", slot, "NODE", target.id)

    async def add_master(self) -> ClusterNode:
        """A further master, without slots."""
        node = ClusterNode(self._fsync)
        await node.start()
        await self.masters[0].meet(node)
        self.masters.append(node)
        await self.settle()
        return node

    async def remove_master(self, node: ClusterNode) -> None:
        """Removes a master that has no slots any more."""
        self.masters.remove(node)
        await node.kill()
        for other in self.nodes:
            await other.command("CLUSTER", "FORGET", node.id)
        await node.end()
        await self.settle()


def _is_in_doubt(words: list[str]) -> bool:
    flags = set(words[2].split(","))
    return bool({"handshake", "noaddr", "fail", "fail?"} & flags)


def _contains(text: str, slot: int) -> bool:
    """Whether a word of `CLUSTER NODES`, `5` or `5-8`, has the slot; `[5->-ID]` is one that
    moves."""
    if text.startswith("["):
        return False
    first, _, last = text.partition("-")
    return int(first) <= slot <= int(last or first)
