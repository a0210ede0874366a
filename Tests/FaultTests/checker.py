"""Compares the callers' answers with the jobs in Redis. No worker runs, so every job remains."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field

UNKNOWN = "unknown"
# Refusals which promise that this request enqueued nothing.
NOT_ENQUEUED = {"queue_unavailable", "overloaded"}


@dataclass
class Attempt:
    """One request that was sent. It is `unknown` until it has an answer."""

    outcome: int | str = UNKNOWN
    code: str | None = None
    transaction_id: str | None = None
    replayed: bool = False
    retry_after: bool = False
    closes: bool = False
    seconds: float = 0.0
    # When it ended, by the monotonic clock.
    end: float = 0.0

    @property
    def is_denied(self) -> bool:
        """Whether the answer says that nothing was enqueued."""
        return self.outcome == 503 and self.code in NOT_ENQUEUED


@dataclass
class Operation:
    """One transaction of a caller. Its amount is unique, so that a job can be attributed to it.

    Without a key there is one attempt; with one, as many as it takes to be answered with 200.
    """

    amount: int
    user_id: int
    key: str | None = None
    attempts: list[Attempt] = field(default_factory=list)

    @property
    def accepted(self) -> list[Attempt]:
        return [attempt for attempt in self.attempts if attempt.outcome == 200]

    @property
    def name(self) -> str:
        return f"amount {self.amount} ({'no key' if self.key is None else self.key})"


@dataclass(frozen=True)
class Job:
    """One entry of the queue; a part that is not in Redis is None."""

    id: str
    amount: int | None
    user_id: int | None
    currency: str | None


@dataclass(frozen=True)
class Rules:
    """The outcomes that a scenario allows besides 200."""

    # Outcomes: 503, 504, "unknown".
    allowed: frozenset = frozenset()
    # The server has drained: it has answered every transaction that it enqueued.
    answers_what_it_enqueues: bool = False
    # Redis loses what it has confirmed. A retry that comes before the server sends the first
    # transaction of its key again is enqueued in its place, so one of the ids told has no job.
    replaces_ids: bool = False


@dataclass
class Findings:
    """The figures of a scenario and their violations."""

    outcomes: Counter = field(default_factory=Counter)
    jobs: int = 0
    lost: int = 0
    twice: int = 0
    unasked: int = 0
    # Ids that were told, and given up for another one of the same key.
    replaced: int = 0
    problems: list[str] = field(default_factory=list)

    def figures(self) -> str:
        counts = self.outcomes
        return (
            f"{sum(counts.values())} requests, {counts[200]} 200s, {counts[503]} 503s, "
            f"{counts[504]} 504s, {counts[UNKNOWN]} unknown, {self.jobs} jobs, "
            f"{self.lost} lost, {self.twice} twice, {self.unasked} unasked"
            + (f", {self.replaced} replaced" if self.replaced else "")
        )


def check(operations: list[Operation], jobs: list[Job], rules: Rules) -> Findings:
    """Every 200 is one job, every job has a request, and no job is there twice."""
    findings = Findings(jobs=len(jobs))
    jobs_by_amount: dict[int | None, list[Job]] = defaultdict(list)
    for job in jobs:
        jobs_by_amount[job.amount].append(job)
    for operation in operations:
        own = jobs_by_amount.pop(operation.amount, [])
        _check_answers(operation, rules, findings)
        _check_jobs(operation, own, rules, findings)
    for strangers in jobs_by_amount.values():
        findings.unasked += len(strangers)
        findings.problems.append(f"unasked: {strangers[0]}")
    if not findings.outcomes[200]:
        findings.problems.append("no request was answered with 200")
    return findings


def _check_jobs(
    operation: Operation, jobs: list[Job], rules: Rules, findings: Findings
) -> None:
    """The jobs of one operation in Redis."""
    ids = {job.id for job in jobs}
    told = {attempt.transaction_id for attempt in operation.accepted}
    if told - ids and _is_replaced(operation, ids, told, rules):
        findings.replaced += len(told - ids)
    elif told - ids:
        findings.lost += len(told - ids)
        findings.problems.append(f"lost: {operation.name}, told {told}, found {ids}")
    if len(jobs) > 1:
        findings.twice += len(jobs) - 1
        findings.problems.append(f"twice: {operation.name}, {len(jobs)} jobs")
    for job in jobs:
        if job.user_id != operation.user_id or job.currency != "USD":
            findings.unasked += 1
            findings.problems.append(f"unasked: {job} is not what {operation.name} asked for")
    if jobs and not told:
        _check_unconfirmed(operation, rules, findings)


def _is_replaced(operation: Operation, ids: set[str], told: set[str], rules: Rules) -> bool:
    """Whether the ids without a job are those of a key that has a job of another id told."""
    return rules.replaces_ids and operation.key is not None and bool(ids) and ids <= told


def _check_unconfirmed(operation: Operation, rules: Rules, findings: Findings) -> None:
    """A job without a 200: a violation if an answer denied it."""
    if all(attempt.is_denied for attempt in operation.attempts):
        findings.unasked += 1
        findings.problems.append(f"unasked: {operation.name} was refused, and is enqueued")
    elif rules.answers_what_it_enqueues:
        findings.problems.append(f"unanswered: {operation.name} is enqueued")


def _check_answers(operation: Operation, rules: Rules, findings: Findings) -> None:
    """The answers to one operation."""
    for attempt in operation.attempts:
        findings.outcomes[attempt.outcome] += 1
        flaw = _flaw(attempt, rules)
        if flaw:
            findings.problems.append(f"{flaw}: {operation.name}, {attempt}")
    firsts = sum(not attempt.replayed for attempt in operation.accepted)
    told = {attempt.transaction_id for attempt in operation.accepted}
    if firsts > (len(told) if rules.replaces_ids else 1):
        findings.problems.append(f"a second 200 that is not a replay: {operation.name}")
    if operation.accepted and not firsts:
        _check_replay(operation, rules, findings)
    if operation.key is not None and operation.attempts and not operation.accepted:
        findings.problems.append(f"never accepted, with every retry: {operation.name}")


def _check_replay(operation: Operation, rules: Rules, findings: Findings) -> None:
    """Every 200 is a replay: an earlier attempt must have an unknown outcome."""
    rest = [attempt for attempt in operation.attempts if attempt.outcome != 200]
    if all(attempt.is_denied for attempt in rest):
        findings.unasked += 1
        findings.problems.append(f"unasked: {operation.name} is a replay of nothing")
    elif rules.answers_what_it_enqueues:
        findings.problems.append(f"unanswered: {operation.name} was enqueued before its replay")


def _flaw(attempt: Attempt, rules: Rules) -> str | None:
    """The violations of an answer by itself."""
    if attempt.outcome == 200:
        return None if attempt.transaction_id else "no Transaction-Id"
    if attempt.outcome not in rules.allowed:
        return "an answer that must not be"
    if attempt.outcome == 503:
        if attempt.code not in NOT_ENQUEUED:
            return "a 503 of an unknown kind"
        return None if attempt.retry_after else "a 503 without Retry-After"
    if attempt.outcome == 504 and attempt.code != "outcome_unknown":
        return "a 504 of an unknown kind"
    return None
