"""The parts of a scenario: Redis, a server and callers, and perhaps a proxy between them."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import queues
from api_server import ApiServer
from checker import Job
from cluster_group import ClusterGroup, slot
from load import Load
from proxy import Proxy
from redis_server import RedisServer
from sentinel_group import SentinelGroup


@dataclass(frozen=True)
class Size:
    """The size of a run: the short form for each change, the long form for each release."""

    # How often Redis is killed: with its disk kept, with an older disk, with a replica.
    redis_kills: int
    # How often Redis is stopped: for less, and for more than the server's timeout.
    short_freezes: int
    long_freezes: int
    # How often a replica is promoted: one that follows, one that lags.
    failovers: int
    lagging_failovers: int
    # How often each partition's slot moves, there and back.
    slot_moves: int
    # For how long copies are made and sent late.
    copies_seconds: int
    server_kills: int
    terminations: int
    storms: int
    callers: int
    # How long the server keeps trying to enqueue. Longer in the short form, so that a slow
    # machine, on which Redis takes its time to start, is not taken for a fault.
    deadline_seconds: int


SHORT = Size(
    redis_kills=3, short_freezes=1, long_freezes=1, failovers=2, lagging_failovers=2,
    slot_moves=1, copies_seconds=10, server_kills=3, terminations=2, storms=6, callers=16,
    deadline_seconds=15,
)  # fmt: skip
FULL = Size(
    redis_kills=20, short_freezes=10, long_freezes=3, failovers=10, lagging_failovers=20,
    slot_moves=5, copies_seconds=150, server_kills=20, terminations=10, storms=60, callers=32,
    deadline_seconds=5,
)  # fmt: skip


@dataclass(frozen=True)
class Needs:
    """The needs of a scenario beyond a server with a Redis."""

    proxy: bool = False
    callers: int | None = None
    # Redis's `appendfsync`; None: without an append-only file.
    fsync: str | None = "always"
    open_files: int | None = None
    # Whether sentinels, with two replicas, name the Redis to use.
    sentinels: bool = False
    # Whether a cluster has the partitions of a stream.
    cluster: bool = False
    environment: dict[str, str] = field(default_factory=dict)


# Of a stream in a cluster.
PARTITIONS = 8


class Bench:
    """The parts of one run. `end` ends all of them in any state."""

    def __init__(self, program: str, queue: str, seed: str, size: Size, needs: Needs):
        self.queue = queue
        self.size = size
        self.rng = random.Random(seed)
        self.sentinels = SentinelGroup(needs.fsync) if needs.sentinels else None
        self.cluster = ClusterGroup(needs.fsync) if needs.cluster else None
        # Where the transactions are; a scenario may put another one in its place.
        self.redis: RedisServer | None = None
        if self.sentinels:
            self.redis = self.sentinels.master
        elif not self.cluster:
            self.redis = RedisServer(needs.fsync)
        # What a scenario has started besides.
        self.others: list[RedisServer | Proxy] = []
        self.proxy = Proxy(self.redis.port, seed) if needs.proxy else None
        self._needs = needs
        self._program = program
        self._seed = seed
        self.server: ApiServer | None = None
        self.load: Load | None = None

    async def start(self) -> None:
        """Starts everything; once it returns, callers are being served."""
        await self._servers.start()
        if self.proxy:
            await self.proxy.start()
        environment = {
            "QUEUE": self.queue,
            "REDIS_URL": self._url,
            "ENQUEUE_TIMEOUT": str(self.size.deadline_seconds),
            "PARTITIONS": str(PARTITIONS if self.cluster else 1),
            **self._needs.environment,
        }
        self.server = ApiServer(self._program, environment, self._needs.open_files)
        await self.server.start()
        callers = self._needs.callers or self.size.callers
        self.load = Load(self.server, self._seed, callers)
        await self.load.start()

    @property
    def _servers(self) -> ClusterGroup | SentinelGroup | RedisServer:
        return self.cluster or self.sentinels or self.redis

    @property
    def _url(self) -> str:
        if group := self.cluster or self.sentinels:
            return group.url
        return f"redis://127.0.0.1:{(self.proxy or self.redis).port}/0"

    async def read_jobs(self) -> list[Job]:
        """All jobs in Redis."""
        if not self.cluster:
            return await queues.read_jobs(self.redis.port, self.queue)
        jobs: list[Job] = []
        for key in self.partition_keys():
            master = await self.cluster.master_of(slot(key))
            jobs += await queues.read_jobs(master.port, f"stream:{key}")
        return jobs

    def partition_keys(self) -> list[str]:
        """The streams of the partitions."""
        name = self.queue.removeprefix("stream:")
        return [f"{{{name}:{partition}}}" for partition in range(PARTITIONS)]

    async def end(self) -> None:
        for part in (self.load, self.server, self.proxy, self._servers, *self.others):
            if part:
                await part.end()
