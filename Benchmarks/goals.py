"""The goals that Core API is held to, each with the figure measured now.

The reference is the C server by hand with plain XADD, and its Redis.
"""

import contextlib
import dataclasses
import shutil
import sys

import counting
import harness
import measure
import memory
import rounds
import servers
import tables

STREAM, RQ = "core-api-stream", "core-api-rq"
OPEN_LOOP_RATE = 2_000
NOT_MEASURED = "not measured"


@dataclasses.dataclass(frozen=True)
class Goal:
    what: str
    # `≤` or `≥`, the bound, and its unit.
    sign: str
    bound: float
    unit: str
    # Core API's figure and the reference's, as text; the measured value, None if there is none.
    ours: str = ""
    reference: str = ""
    value: float | None = None

    @property
    def is_met(self) -> bool:
        if self.value is None:
            return False
        return self.value <= self.bound if self.sign == "≤" else self.value >= self.bound

    @property
    def row(self) -> tuple:
        """The goal as a row of the table."""
        measured = NOT_MEASURED
        if self.value is not None:
            # A third digit shows on which side of the bound a ratio is.
            digits = 3 if self.unit == "×" else 0
            measured = f"{self.value:,.{digits}f} {self.unit}"
        return (
            self.what, self.ours, self.reference, measured,
            f"{self.sign} {self.bound:,} {self.unit}", "met" if self.is_met else "not met")


def ratio(
    what: str, figures: dict, key: str, name: str, sign: str, bound: float, unit: str
) -> Goal:
    """A goal on Core API's figure against the reference's; not measured if all runs were void."""
    if key not in figures or servers.REFERENCE not in figures:
        return Goal(what, sign, bound, "×")
    ours, reference = figures[key][name], figures[servers.REFERENCE][name]

    def text(value: float) -> str:
        return f"{value:,.0f} {unit}" if value >= 1_000 else f"{value:.1f} {unit}"

    return Goal(what, sign, bound, "×", text(ours), text(reference), ours / reference)


def loads(given) -> tuple:
    """Closed and open loop: the medians, the runs and the void runs of both."""
    contestants = [server for server in servers.ALL
                   if server.key in (servers.REFERENCE, STREAM, RQ)]
    servers.build(contestants)
    cores = measure.Cores.arranged(given.cores)
    token = harness.token(1)
    with harness.redis_server(harness.OUTPUT / "redis", cores.others) as redis:
        closed, closed_voids = rounds.run_all(
            contestants, given.rounds,
            lambda server: measure.closed_loop(server, redis, given.seconds, token, given.cores))
        opened, opened_voids = rounds.run_all(
            [server for server in contestants if server.key != RQ], given.rounds,
            lambda server: measure.open_loop(
                server, redis, given.seconds, token, given.cores, OPEN_LOOP_RATE))
    return closed, opened, closed_voids + opened_voids


def instructions() -> float | None:
    """The instructions of one transaction alone, as `make bench-gates` counts them."""
    if not shutil.which("valgrind"):
        print("bench: valgrind is missing: scripts/setup.sh bench-gates", file=sys.stderr)
        return None
    print("bench: instructions of a stream batch of one", file=sys.stderr)
    queue = f"stream:{servers.STREAM}"
    with contextlib.ExitStack() as stack:
        redis_url = counting.redis_for(queue, stack)
        return counting.per_transaction(counting.instructions, queue, redis_url)


def memory_goal(what: str, key: str, given, voids: list) -> Goal:
    (server,) = (server for server in servers.ALL if server.key == key)
    print(f"bench: Redis's memory: {server.label}", file=sys.stderr)
    value = None
    try:
        # A session's key is shared by thousands of transactions: less than half a byte is none.
        value = round(memory.beyond_entries(server, min(given.seconds, memory.SECONDS)))
    except measure.Void as void:
        voids.append(f"VOID: Redis's memory, {server.label}: {void}")
    return Goal(what, "≤", 0, "B", value=value)


def measured(given) -> int:
    """Measures, prints and writes the table; 1 if a goal is not met or a run is void."""
    closed_runs, open_runs, voids = loads(given)
    closed, opened = rounds.medians(closed_runs), rounds.medians(open_runs)
    goals = [
        ratio("CPU of server and Redis, stream", closed, STREAM, "both_us", "≤", 1.25, "µs"),
        ratio("CPU of server and Redis, rq", closed, RQ, "both_us", "≤", 1.5, "µs"),
        ratio(f"transactions at {measure.CONNECTIONS} connections, stream", closed, STREAM,
              "per_second", "≥", 0.95, "per s"),
        ratio("CPU of the server alone, stream", closed, STREAM, "cpu_us", "≤", 1.1, "µs"),
        Goal("instructions of a batch of one, stream", "≤", 33_000, "instructions",
             value=instructions()),
        memory_goal("Redis's memory beyond the entry, stream", STREAM, given, voids),
        memory_goal("Redis's memory beyond the job, rq", RQ, given, voids),
        ratio(f"p99 at {OPEN_LOOP_RATE:,} per s, open loop, stream", opened, STREAM, "p99_us",
              "≤", 1.1, "µs"),
    ]
    header = ("for one transaction", "Core API", "C, plain XADD", "measured", "goal", "")
    print("\n".join([tables.table(header, [goal.row for goal in goals]), *voids]))
    path = rounds.write(
        "goals.json", given, closed_loop=closed_runs, open_loop=open_runs, void=voids,
        goals=[{**dataclasses.asdict(goal), "is_met": goal.is_met} for goal in goals])
    print(f"bench: medians of {given.rounds} rounds of {given.seconds} s; all figures: {path}")
    return 0 if all(goal.is_met for goal in goals) and not voids else 1
