"""One run of one server: start, warm-up, load, end; with the figures of the load generator, the
kernel's accounting of the server and of Redis, and the checks that make a run void.
"""

import contextlib
import dataclasses
import json
import os
import pathlib
import resource
import socket
import subprocess
import time

import harness

CONNECTIONS = 64
BODIES_FILE = harness.OUTPUT / "bodies"
TICKS = os.sysconf("SC_CLK_TCK")


class Void(Exception):
    """The run does not count: a reply was not 200, or the queue in Redis does not have them all."""


@dataclasses.dataclass(frozen=True)
class Cores:
    """The server's cores, and those that the load generator and Redis share."""

    server: tuple
    others: tuple

    @staticmethod
    def arranged(how: str, server_threads: int = 1) -> "Cores":
        """`split`: one core for each thread of the server, the others for the rest, if there are
        enough. `one`: a single core for all. `free`: the kernel decides.
        """
        cores = tuple(sorted(os.sched_getaffinity(0)))
        if how == "one":
            return Cores(cores[:1], cores[:1])
        if how == "free" or len(cores) <= server_threads:
            return Cores(cores, cores)
        return Cores(cores[:server_threads], cores[server_threads:])


def family(pid: int) -> list:
    """The process and its descendants."""
    members = [pid]
    for member in members:
        with contextlib.suppress(OSError):
            for task in pathlib.Path(f"/proc/{member}/task").iterdir():
                members += map(int, (task / "children").read_text().split())
    return members


def cpu_seconds(pid: int) -> tuple:
    """User and system time of the process, its descendants and all their threads."""
    user = system = 0
    for member in family(pid):
        with contextlib.suppress(OSError):
            fields = pathlib.Path(f"/proc/{member}/stat").read_text().rpartition(")")[2].split()
            user += int(fields[11])
            system += int(fields[12])
    return user / TICKS, system / TICKS


def peak_kilobytes(pid: int) -> int:
    total = 0
    for member in family(pid):
        with contextlib.suppress(OSError):
            for line in pathlib.Path(f"/proc/{member}/status").read_text().splitlines():
                if line.startswith("VmHWM:"):
                    total += int(line.split()[1])
    return total


def queue_length(server, redis_port: int) -> int:
    """The length once it no longer grows, so that it counts what was in flight."""
    if not server.length_command:
        return 0
    length = -1
    while (latest := harness.redis_command(redis_port, *server.length_command)) != length:
        length = latest
        time.sleep(0.05)
    return length


def first_answer(process, log, port: int, token: str) -> None:
    """Waits for the first 200, with pauses that are short against a start."""
    def answered():
        harness.assert_runs(process, log)
        return harness.post(port, token).startswith(b"HTTP/1.1 200 ")

    harness.wait_until(answered, "the first 200", pause=0.000_2)


@contextlib.contextmanager
def started(server, redis_port: int, cores: Cores, token: str):
    """Runs the server: its port, its process, and the milliseconds from exec to the first 200."""
    harness.redis_command(redis_port, "FLUSHALL")
    port = harness.free_port()
    log = harness.OUTPUT / f"{server.key}.log"
    env = harness.environment(**server.environment(port, redis_port))
    command = server.command(port, redis_port)
    begin = time.monotonic()
    with harness.running(command, log, env, cores.server) as process:
        first_answer(process, log, port, token)
        first_ms = (time.monotonic() - begin) * 1_000
        if server.checks_tokens and harness.post(port, token[:-2]).startswith(b"HTTP/1.1 200 "):
            raise Void("a token with a wrong signature was accepted")
        yield port, process, first_ms


def load(command: list, seconds: int, cores: Cores) -> str:
    """Runs a load generator to its end and returns its output."""
    env = {**os.environ, "BODIES": str(BODIES_FILE)}
    with harness.on_cores(cores.others):
        done = subprocess.run(
            command, env=env, capture_output=True, text=True, timeout=seconds + 60)
    if done.returncode != 0:
        raise Void(f"{command[0]}: {done.stderr.strip()}")
    return done.stdout


def wrk(port: int, seconds: int, cores: Cores, connections: int = CONNECTIONS) -> dict:
    output = load([
        "wrk", "--threads", "1", "--connections", str(connections), "--duration", f"{seconds}s",
        "--timeout", "10s", "--script", str(harness.HERE / "transactions.lua"),
        f"http://{harness.LOOPBACK}:{port}"], seconds, cores)
    for line in output.splitlines():
        if line.startswith("FIGURES "):
            return json.loads(line.removeprefix("FIGURES "))
    raise RuntimeError(f"wrk printed no figures: {output}")


def check(server, accepted: int, grown: int, refused: int, socket_errors: int) -> None:
    if refused or socket_errors:
        raise Void(f"{refused} replies other than 200, {socket_errors} socket errors")
    if not accepted:
        raise Void("no transaction was answered")
    # wrk does not count the transactions in flight at its end; the queue has them.
    if server.length_command and not accepted <= grown <= accepted + CONNECTIONS:
        raise Void(f"{accepted} replies were 200, but the queue has grown by {grown}")


def closed_loop(server, redis, seconds: int, token: str, how: str) -> dict:
    """64 connections, each of which posts a transaction when its last one is answered."""
    redis_port, redis_process = redis
    cores = Cores.arranged(how, server.threads)
    with started(server, redis_port, cores, token) as (port, process, first_ms):
        wrk(port, 1, cores)
        before = queue_length(server, redis_port)
        cpu_before, redis_before = cpu_seconds(process.pid), cpu_seconds(redis_process.pid)
        figures = wrk(port, seconds, cores)
        grown = queue_length(server, redis_port) - before
        cpu, redis_cpu = cpu_seconds(process.pid), cpu_seconds(redis_process.pid)
        peak = peak_kilobytes(process.pid)
    requests = figures["requests"]
    check(server, requests, grown, figures["refused"], figures["socket_errors"])

    def each(after: float, before: float) -> float:
        return (after - before) * 1e6 / requests

    user, system = each(cpu[0], cpu_before[0]), each(cpu[1], cpu_before[1])
    # A server without a queue in Redis leaves it idle.
    redis_us = each(sum(redis_cpu), sum(redis_before)) if server.length_command else 0
    elapsed = figures["microseconds"] / 1e6
    return {
        "per_second": requests / elapsed, "p50_us": figures["p50"], "p99_us": figures["p99"],
        "cpu_us": user + system, "user_us": user, "system_us": system,
        "redis_us": redis_us, "both_us": user + system + redis_us,
        "busy": (user + system) * requests / 1e6 / elapsed,
        "redis_busy": redis_us * requests / 1e6 / elapsed,
        "peak_kb": peak, "first_ms": first_ms,
    }


def write_bodies() -> None:
    """Writes the transactions that the load generators post in turn."""
    bodies = [harness.body(token) for token in harness.tokens()]
    BODIES_FILE.write_text("\n".join(bodies) + "\n")


def post_at_rate(port: int, rate: int, seconds: int, cores: Cores) -> dict:
    """The figures of open-loop.c."""
    command = [harness.OUTPUT / "open-loop", port, rate, seconds, CONNECTIONS, BODIES_FILE]
    return json.loads(load([str(word) for word in command], seconds, cores))


def raise_open_files_limit() -> None:
    """Lets this process and those that it starts open as many files as the hard limit allows."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def idle(server, redis, count: int, token: str, how: str) -> dict:
    """The server's memory for idle connections, each of which has posted one transaction."""
    def resident(pid: int) -> int:
        pages = pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

    raise_open_files_limit()
    with contextlib.ExitStack() as stack:
        port, process, _ = stack.enter_context(
            started(server, redis[0], Cores.arranged(how, server.threads), token))
        before = resident(process.pid)
        message = harness.request(token, port)
        for _ in range(count):
            address = (harness.LOOPBACK, port)
            connection = stack.enter_context(socket.create_connection(address, timeout=10))
            connection.sendall(message)
            if not harness.read_answer(connection).startswith(b"HTTP/1.1 200 "):
                raise Void("a reply was not 200")
        after = resident(process.pid)
    return {"before_bytes": before, "after_bytes": after, "each_bytes": (after - before) / count}


def open_loop(server, redis, seconds: int, token: str, how: str, rate: int) -> dict:
    """A fixed number of transactions each second, however slow the answers are."""
    redis_port, _ = redis
    cores = Cores.arranged(how)
    with started(server, redis_port, cores, token) as (port, _, _):
        # A warm-up fills the server's caches and buffers.
        post_at_rate(port, rate, 1, cores)
        before = queue_length(server, redis_port)
        figures = post_at_rate(port, rate, seconds, cores)
        grown = queue_length(server, redis_port) - before
    check(server, figures["answered"], grown, figures["refused"], 0)
    if figures["answered"] != figures["due"]:
        raise Void(f"{figures['answered']} of {figures['due']} were answered")
    return {f"{name}_us": figures[name] for name in ("p50", "p99", "p999", "max", "late_p99")}
