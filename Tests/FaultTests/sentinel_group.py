"""A master, two replicas, and three sentinels that watch them."""

from __future__ import annotations

import resp
import waiting
from redis_server import RedisProcess, RedisServer

NAME = "faults"
# The users of replicas and of sentinels: each can be shut out, and the server still gets in.
REPLICA, WATCHER = "replica", "watcher"
SENTINELS = 3
REPLICAS = 2


class Sentinel(RedisProcess):
    """A sentinel with its file."""

    def __init__(self, master_port: int):
        super().__init__("sentinel")
        lines = [
            f"port {self.port}", "bind 127.0.0.1", f"dir {self._folder}",
            f"sentinel monitor {NAME} 127.0.0.1 {master_port} 2",
            f"sentinel down-after-milliseconds {NAME} 1000",
            f"sentinel failover-timeout {NAME} 3000",
            f"sentinel auth-user {NAME} {WATCHER}", f"sentinel auth-pass {NAME} {WATCHER}",
        ]  # fmt: skip
        (self._folder / "conf").write_text("\n".join(lines) + "\n")

    async def start(self) -> None:
        await self._run(str(self._folder / "conf"), "--sentinel")
        # With the default of a second, a server that was just promoted may be taken for dead.
        await self.command("SENTINEL", "DEBUG", "PING-PERIOD", 300)

    async def master_port(self) -> int:
        return int((await self.command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", NAME))[1])


class SentinelGroup:
    """`master` is the present one; the others are replicas."""

    def __init__(self, fsync: str | None):
        settings = ["--masteruser", REPLICA, "--masterauth", REPLICA]
        for user in (REPLICA, WATCHER):
            settings += ["--user", user, "on", f">{user}", "~*", "&*", "+@all"]
        self.servers = [RedisServer(fsync, settings) for _ in range(1 + REPLICAS)]
        self.master = self.servers[0]
        self.sentinels = [Sentinel(self.master.port) for _ in range(SENTINELS)]

    @property
    def url(self) -> str:
        hosts = ",".join(f"127.0.0.1:{sentinel.port}" for sentinel in self.sentinels)
        return f"redis-sentinel://{hosts}/0?master={NAME}"

    async def start(self) -> None:
        for server in self.servers:
            await server.start()
        for server in self.servers[1:]:
            await server.command("REPLICAOF", "127.0.0.1", self.master.port)
        for sentinel in self.sentinels:
            await sentinel.start()
        await self.settle()

    async def end(self) -> None:
        for part in (*self.sentinels, *self.servers):
            await part.end()

    async def settle(self) -> None:
        """Waits until every sentinel knows all others, and every replica follows the master."""
        await waiting.until("the sentinels and the replicas agree", self._is_settled, 180)

    async def _is_settled(self) -> bool:
        try:
            return await self._agrees()
        except (OSError, EOFError, resp.ServerError):
            return False  # Sentinel ends the connections to a server that it reconfigures.

    async def _agrees(self) -> bool:
        for sentinel in self.sentinels:
            if await sentinel.master_port() != self.master.port:
                return False
            for kind, count in (("SENTINELS", SENTINELS - 1), ("REPLICAS", REPLICAS)):
                found = await sentinel.command("SENTINEL", kind, NAME)
                if len(found) != count or any(_is_down(fields) for fields in found):
                    return False
        for server in self.servers:
            if server is self.master:
                continue
            state = await server.replication()
            follows = state.get("master_port") == str(self.master.port)
            if not follows or state["master_link_status"] != "up":
                return False
        return True

    async def promoted(self, witness: Sentinel | None = None) -> RedisServer:
        """Waits until the sentinel names another master, and takes it for the present one."""
        witness = witness or self.sentinels[-1]
        old = self.master

        async def has_moved() -> bool:
            port = await witness.master_port()
            self.master = next(server for server in self.servers if server.port == port)
            return self.master is not old

        await waiting.until("another master is promoted", has_moved)
        return old

    async def fail_over(self) -> RedisServer:
        """A planned failover; returns the master before it."""

        async def is_taken() -> bool:
            try:
                return await self.sentinels[-1].command("SENTINEL", "FAILOVER", NAME) == "OK"
            except resp.ServerError:
                return False  # Another failover has just ended, or no replica is good enough.

        await waiting.until("a sentinel takes the order", is_taken)
        return await self.promoted()

    async def shut_out(self, server: RedisServer, *users: str) -> None:
        """Cuts the connections of the users to the server, until `let_in` or its next start."""
        # After a login that is refused a connection has the rights of the default user. A sentinel
        # takes a server for dead that refuses its PING.
        await server.command("ACL", "SETUSER", "default", "-ping")
        for user in users:
            await server.command("ACL", "SETUSER", user, "off")
            await server.command("CLIENT", "KILL", "USER", user)

    async def let_in(self, server: RedisServer, *users: str) -> None:
        await server.command("ACL", "SETUSER", "default", "+ping")
        for user in users:
            await server.command("ACL", "SETUSER", user, "on")


def _is_down(fields: list[bytes]) -> bool:
    flags = dict(zip(fields[::2], fields[1::2]))[b"flags"].split(b",")
    return bool({b"s_down", b"o_down", b"disconnected"} & set(flags))
