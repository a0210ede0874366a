"""The faults. Each scenario gets a bench that serves callers, and leaves it serving them."""

from __future__ import annotations

import asyncio
import contextlib
import socket

import cluster_scenarios
import loss_scenarios
import sentinel_scenarios
import waiting
from bench import Bench, Needs
from checker import UNKNOWN, Rules
from http_caller import Answer, HTTPCaller, NoAnswer, NotSent, request, token
from scenario import TURNS, Broken, Scenario, settle, stand_still

# Well below the server's timeout, so that it is not exceeded on a slow machine.
OUTAGE_SECONDS_MAX = 1.0
CROWD = 200
CONNECTIONS_MAX = 64


async def redis_killed(bench: Bench) -> str:
    """Redis crashes and restarts while callers wait."""
    for _ in range(bench.size.redis_kills):
        await asyncio.sleep(bench.rng.uniform(0, 0.5))
        await bench.redis.kill()
        # Half of the outages are long, but shorter than the server's timeout.
        await asyncio.sleep(max(0, bench.rng.uniform(-OUTAGE_SECONDS_MAX, OUTAGE_SECONDS_MAX)))
        await bench.redis.start()
        await settle(bench)
    return f"{bench.size.redis_kills} kills"


async def redis_away(bench: Bench) -> str:
    """Redis is away, and then hangs, for longer than the server's timeout."""
    await bench.redis.kill()
    await bench.load.until(bench.load.callers, 503)
    await bench.redis.start()
    await settle(bench)
    await stand_still(bench)
    return "killed for long, stopped for long"


async def network_cut(bench: Bench) -> str:
    """The network to Redis cuts, hangs, delays and splits."""
    return await _with_network(bench, "cut")


async def redis_refuses(bench: Bench) -> str:
    """Redis, or the proxy, answers with errors, over a network that breaks connections."""
    return await _with_network(bench, "cut", "error")


async def _with_network(bench: Bench, *kinds: str) -> str:
    """Faults of the network, each shorter than the server's timeout."""
    proxy = bench.proxy
    for _ in range(bench.size.storms):
        proxy.fail(*kinds)
        await asyncio.sleep(bench.rng.uniform(0.5, OUTAGE_SECONDS_MAX))
        proxy.fail()
        await settle(bench)
    return f"{proxy.connections} connections, {proxy.cuts} cut, {proxy.errors} errors"


async def server_killed(bench: Bench) -> str:
    """The server crashes; the outcome of requests is unknown, and callers retry."""
    for _ in range(bench.size.server_kills):
        await asyncio.sleep(bench.rng.uniform(0, 0.5))
        await bench.server.kill()
        await bench.server.start()
        await settle(bench)
    return f"{bench.size.server_kills} kills"


async def server_terminated(bench: Bench) -> str:
    """The server drains: at a random moment, and at a moment when every caller waits."""
    for _ in range(bench.size.terminations):
        await asyncio.sleep(bench.rng.uniform(0, 0.5))
        bench.server.terminate()
        await _end_in_order(bench)
        await bench.server.start()
        await settle(bench)
    await _terminate_with_all_in_flight(bench)
    return f"{bench.size.terminations + 1} terminations"


async def _terminate_with_all_in_flight(bench: Bench) -> None:
    """Redis is stopped until the server has read a request of each caller and has been told to
    end: it has to answer every one of them, as the last of its connection."""
    load, server = bench.load, bench.server
    bench.redis.stop()
    try:
        await waiting.until(
            "every caller waits",
            lambda: len(load.in_flight()) >= load.callers and server.has_read_everything(),
        )
        in_flight = load.in_flight()
        server.terminate()
        await waiting.until("the server drains", lambda: server.has_logged("draining"))
    finally:
        bench.redis.resume()
    await _end_in_order(bench)
    wrong = [attempt for attempt in in_flight if attempt.outcome != 200 or not attempt.closes]
    if wrong:
        raise Broken(f"{len(wrong)} in flight were not answered as the last: {wrong[0]}")
    await server.start()
    await settle(bench)


async def _end_in_order(bench: Bench) -> None:
    status = await bench.server.wait()
    if status != 0:
        raise Broken(f"exit status {status}")


async def redis_full(bench: Bench) -> str:
    """Redis is at maxmemory and refuses every write."""
    await bench.redis.command("CONFIG", "SET", "maxmemory-policy", "noeviction")
    await bench.redis.command("CONFIG", "SET", "maxmemory", "1")
    await bench.load.until(TURNS * bench.load.callers, 503)
    await bench.redis.command("CONFIG", "SET", "maxmemory", "0")
    await settle(bench)
    return "maxmemory 1, then 0"


async def files_exhausted(bench: Bench) -> str:
    """More connections than the server may have files: it rests, serves those it has, and takes
    new ones once the others have gone."""
    with contextlib.ExitStack() as crowd:
        for _ in range(CROWD):
            crowd.enter_context(_connection(bench.server.port))
        await settle(bench)
        bench.load.pause_seconds = 1.0
        share = await bench.server.cpu_share(3)
        bench.load.pause_seconds = 0.005
        if not bench.server.is_running:
            raise Broken("the server ended")
        if share > 0.3:
            raise Broken(f"the server spins: {share:.0%} of a processor")
    await waiting.until("a new caller is served", lambda: _is_served(bench))
    await settle(bench)
    return f"{CROWD} connections, {share:.1%} of a processor"


async def connections_exhausted(bench: Bench) -> str:
    """More connections than the server is to keep: it says so to those beyond, serves those it
    has, and takes new ones once the others have gone."""
    crowd = [HTTPCaller() for _ in range(CROWD)]
    try:
        answers = [await _ask(bench, caller) for caller in crowd]
        await settle(bench)
    finally:
        for caller in crowd:
            caller.close()
    served = sum(answer is not None and answer.status == 422 for answer in answers)
    refused = sum(
        answer is not None and answer.code == "overloaded" and "retry-after" in answer.fields
        for answer in answers
    )
    if served > CONNECTIONS_MAX or refused < (CROWD - CONNECTIONS_MAX) / 2:
        raise Broken(f"of {CROWD} connections {served} were served, {refused} refused")
    await waiting.until("a new caller is served", lambda: _is_served(bench))
    await settle(bench)
    return f"of {CROWD} connections {served} served, {refused} refused"


def _connection(port: int) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port), timeout=10)
    connection.setblocking(False)
    return connection


async def _ask(bench: Bench, caller: HTTPCaller) -> Answer | None:
    """The answer to a request over the caller's connection, if there is one. The request is one
    that is refused with 422, so that it leaves no job behind."""
    try:
        await caller.connect(bench.server.port)
        return await caller.exchange(request(0, token(0)))
    except (NotSent, NoAnswer):
        return None


async def _is_served(bench: Bench) -> bool:
    """Whether a caller over a new connection is served."""
    caller = HTTPCaller()
    try:
        answer = await _ask(bench, caller)
        return answer is not None and answer.status == 422
    finally:
        caller.close()


ALL = [
    Scenario("redis-killed", redis_killed),
    Scenario(
        "redis-away", redis_away, Rules(frozenset({503, 504})),
        Needs(environment={"ENQUEUE_TIMEOUT": "2"}),
    ),
    Scenario("network-cut", network_cut, needs=Needs(proxy=True)),
    Scenario(
        "redis-refuses", redis_refuses, Rules(frozenset({503, 504})), Needs(proxy=True)
    ),
    Scenario("server-killed", server_killed, Rules(frozenset({UNKNOWN}))),
    Scenario(
        "server-terminated", server_terminated,
        Rules(frozenset({UNKNOWN}), answers_what_it_enqueues=True),
    ),
    Scenario(
        "redis-full", redis_full, Rules(frozenset({503})),
        Needs(environment={"ENQUEUE_TIMEOUT": "2"}),
    ),
    Scenario("files-exhausted", files_exhausted, needs=Needs(callers=8, open_files=64)),
    Scenario(
        "connections-exhausted", connections_exhausted,
        needs=Needs(callers=8, environment={"MAX_CONNECTIONS": str(CONNECTIONS_MAX)}),
    ),
    *loss_scenarios.ALL,
    *sentinel_scenarios.ALL,
    *cluster_scenarios.ALL,
]  # fmt: skip
