"""CPU of the server and of Redis for one transaction, by partitions and by nodes of a cluster.

Each round runs all cases one after the other, and a case's figure is the median, over the rounds,
of its ratio to one partition of the same nodes, with as many connections, in the same round: what
else the machine does concerns both.
"""

import contextlib
import dataclasses
import pathlib
import statistics

import harness
import measure

STREAM = "transactions"
SLOTS = 16_384
PARTITIONS = (1, 4, 16, 64)
NODES = (1, 3)
# How many transactions are in flight.
CONNECTIONS = (64, 1_024)
# What CPU for a transaction may grow by with partitions.
GROWTH_MAX = 0.05


@dataclasses.dataclass(frozen=True)
class Case:
    """A number of partitions at one Redis (no nodes), or in a cluster of as many nodes."""

    partitions: int
    nodes: int
    connections: int

    @property
    def label(self) -> str:
        where = f"cluster of {self.nodes}" if self.nodes else "one Redis"
        return f"{where}, {self.connections} in flight, {self.partitions} partitions"


CASES = [
    Case(count, nodes, connections)
    for nodes in (0, *NODES) for connections in CONNECTIONS for count in PARTITIONS]


@contextlib.contextmanager
def cluster(count: int):
    """Masters that share the slots: their ports and their processes."""
    with contextlib.ExitStack() as stack:
        nodes = []
        for number in range(count):
            directory = harness.OUTPUT / f"cluster-{count}-{number}"
            directory.mkdir(parents=True, exist_ok=True)
            (directory / "nodes.conf").unlink(missing_ok=True)
            nodes.append(stack.enter_context(node(directory)))
        ports, buses = ([node[index] for node in nodes] for index in (0, 2))
        for number, port in enumerate(ports):
            first, end = (SLOTS * index // count for index in (number, number + 1))
            harness.redis_command(port, "CLUSTER", "SET-CONFIG-EPOCH", str(number + 1))
            harness.redis_command(port, "CLUSTER", "ADDSLOTSRANGE", str(first), str(end - 1))
            harness.redis_command(
                port, "CLUSTER", "MEET", harness.LOOPBACK, str(ports[0]), str(buses[0]))

        def agrees():
            return all(
                {b"cluster_state:ok", b"cluster_known_nodes:%d" % count}
                <= set(harness.redis_command(port, "CLUSTER", "INFO").split())
                for port in ports)

        harness.wait_until(agrees, "the nodes agree")
        yield [(port, process) for port, process, _ in nodes]


@contextlib.contextmanager
def node(directory: pathlib.Path):
    """A node without slots: its port, its process and its bus's port."""
    port, bus = harness.free_port(), harness.free_port()
    log = directory / "redis.log"
    command = [
        "redis-server", "--bind", harness.LOOPBACK, "--port", port, "--dir", directory,
        "--save", "", "--appendonly", "no", "--cluster-enabled", "yes", "--cluster-port", bus]
    with harness.running(command, log, harness.environment()) as process:
        def answers():
            harness.assert_runs(process, log)
            return harness.redis_command(port, "PING") == "PONG"

        harness.wait_until(answers, "waiting for a node")
        yield port, process, bus


def calls(nodes: list) -> int:
    """How many calls of a script the nodes have executed."""
    count = 0
    for port, _ in nodes:
        for line in harness.redis_command(port, "INFO", "commandstats").decode().splitlines():
            if line.startswith("cmdstat_evalsha:"):
                count += int(line.split("calls=")[1].split(",")[0])
    return count


def run(case: Case, nodes: list, seconds: int, token: str) -> dict:
    """CPU of the server and of all nodes for one transaction, in microseconds."""
    for port, _ in nodes:
        harness.redis_command(port, "FLUSHALL")
    port = harness.free_port()
    log = harness.OUTPUT / "partitions.log"
    scheme = "redis-cluster" if case.nodes else "redis"
    environment = harness.environment(
        HTTP_HOST=harness.LOOPBACK, HTTP_PORT=str(port), QUEUE=f"stream:{STREAM}", THREADS="1",
        PARTITIONS=str(case.partitions),
        REDIS_URL=f"{scheme}://{harness.LOOPBACK}:{nodes[0][0]}")
    cores = measure.Cores.arranged("free")
    with harness.running([harness.CORE_API], log, environment) as process:
        measure.first_answer(process, log, port, token)
        measure.wrk(port, 1, cores, case.connections)

        def cpu() -> tuple:
            return (
                sum(measure.cpu_seconds(process.pid)),
                sum(sum(measure.cpu_seconds(redis.pid)) for _, redis in nodes))

        before, calls_before = cpu(), calls(nodes)
        figures = measure.wrk(port, seconds, cores, case.connections)
        after, calls_after = cpu(), calls(nodes)
    if figures["refused"] or figures["socket_errors"]:
        raise measure.Void(f"{case.label}: {figures}")
    server, redis = (
        (end - start) * 1e6 / figures["requests"] for start, end in zip(before, after))
    return {
        "server": server, "redis": redis, "both": server + redis,
        "batch": figures["requests"] / (calls_after - calls_before),
        "per_second": figures["requests"] / figures["microseconds"] * 1e6}


def bench(rounds: int, seconds: int) -> bool:
    """Prints the figures; whether the growth with partitions is within its bound."""
    measure.write_bodies()
    measure.raise_open_files_limit()
    token = harness.token(1)
    found: dict = {case: [] for case in CASES}
    with contextlib.ExitStack() as stack:
        nodes = {0: [stack.enter_context(harness.redis_server(harness.OUTPUT / "partitions"))]}
        for count in NODES:
            nodes[count] = stack.enter_context(cluster(count))
        for number in range(rounds):
            for case in CASES if number % 2 == 0 else reversed(CASES):
                found[case].append(run(case, nodes[case.nodes], seconds, token))
    print("| case | server, µs | Redis, µs | both | × one partition | batch | transactions/s |")
    print("|---|---|---|---|---|---|---|")
    is_good = True
    for case in CASES:
        first = dataclasses.replace(case, partitions=PARTITIONS[0])
        growth = statistics.median(
            own["both"] / other["both"] for own, other in zip(found[case], found[first]))
        is_good &= growth <= 1 + GROWTH_MAX
        each = {
            name: statistics.median(figures[name] for figures in found[case])
            for name in ("server", "redis", "both", "batch", "per_second")}
        print(
            f"| {case.label} | {each['server']:.1f} | {each['redis']:.1f} | {each['both']:.1f} "
            f"| {growth:.3f} | {each['batch']:.1f} | {each['per_second']:.0f} |", flush=True)
    return is_good
