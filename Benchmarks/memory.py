"""Redis's memory for an accepted transaction beyond its stream entry or rq job.

Transactions without an idempotency key go through the server, which then ends. What Redis's
`used_memory` is more than after the same entries or jobs were put by plain commands, by their
number, is what else each transaction takes: records, sessions, the tables that hold their keys.
"""

import harness
import measure
from redis_client import RedisClient

RATE = 5_000
SECONDS = 4
# `used_memory` is read once it is the same in so many polls: tables grow in the background.
EQUAL_POLLS = 4
POLL_SECONDS = 0.15


def used_memory(redis: RedisClient) -> int:
    """`used_memory` in bytes, without scripts, the slow log and the commands' statistics."""
    redis.call("SCRIPT", "FLUSH", "SYNC")
    redis.call("SLOWLOG", "RESET")
    redis.call("CONFIG", "RESETSTAT")
    polls: list = []

    def is_stable() -> bool:
        info = redis.call("INFO", "memory").decode()
        polls.append(info.partition("used_memory:")[2].splitlines()[0])
        return len(polls) >= EQUAL_POLLS and len(set(polls[-EQUAL_POLLS:])) == 1

    harness.wait_until(is_stable, "waiting for a stable used_memory", 60, POLL_SECONDS)
    return int(polls[-1])


def plain_commands(redis: RedisClient, server) -> tuple:
    """The commands that put the queue's transactions again, and how many transactions it has."""
    kind, key = server.length_command
    if kind == "XLEN":
        entries = redis.call("XRANGE", key, "-", "+")
        return [("XADD", key, id, *fields) for id, fields in entries], len(entries)
    ids = redis.call("LRANGE", key, 0, -1)
    hashes = redis.call_all([("HGETALL", b"rq:job:" + id) for id in ids])
    commands: list = [("SADD", "rq:queues", key)]
    for id, fields in zip(ids, hashes):
        commands += [("HSET", b"rq:job:" + id, *fields), ("RPUSH", key, id)]
    return commands, len(ids)


def beyond_entries(server, seconds: int = SECONDS) -> float:
    """The bytes that each of RATE × `seconds` transactions takes beyond its entry or job."""
    cores = measure.Cores.arranged("free")
    token = harness.token(1)
    with harness.redis_server(harness.OUTPUT / "memory-redis") as (redis_port, _):
        with measure.started(server, redis_port, cores, token) as (port, _, _):
            figures = measure.post_at_rate(port, RATE, seconds, cores)
        if figures["answered"] != figures["due"] or figures["refused"]:
            raise measure.Void(f"not every transaction was accepted: {figures}")
        with RedisClient(harness.LOOPBACK, redis_port) as redis:
            whole = used_memory(redis)
            commands, count = plain_commands(redis, server)
            redis.call("FLUSHALL", "SYNC")
            redis.call_all(commands)
        with RedisClient(harness.LOOPBACK, redis_port) as redis:
            return (whole - used_memory(redis)) / count
