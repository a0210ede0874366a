"""Tests the checker with fabricated faults, each of which it must report."""

from __future__ import annotations

from checker import UNKNOWN, Attempt, Findings, Job, Operation, Rules, check

LENIENT = Rules(allowed=frozenset({503, 504, UNKNOWN}))
FORGETFUL = Rules(replaces_ids=True)
STRICT = Rules(allowed=frozenset({UNKNOWN}), answers_what_it_enqueues=True)


def accepted(id: str, replayed: bool = False) -> Attempt:
    return Attempt(outcome=200, transaction_id=id, replayed=replayed)


def refused(code: str = "queue_unavailable") -> Attempt:
    return Attempt(outcome=503, code=code, retry_after=True)


def operation(amount: int, *attempts: Attempt, key: str | None = None) -> Operation:
    return Operation(amount=amount, user_id=1, key=key, attempts=list(attempts))


def job(id: str, amount: int | None) -> Job:
    return Job(id=id, amount=amount, user_id=1, currency="USD")


def cases() -> list[tuple[str, list[Operation], list[Job], Rules, str | None]]:
    """Name, what callers did, what Redis holds, the rules, and what must be reported if anything.

    One operation beside each, without fault, must not hide it.
    """
    keyed = operation(2, Attempt(), accepted("b", replayed=True), key="k")
    replaced = operation(2, accepted("b"), accepted("c"), key="k")
    unknown = Attempt(outcome=504, code="outcome_unknown")
    return [
        ("nothing wrong", [keyed], [job("b", 2)], LENIENT, None),
        ("an unknown one that is there", [operation(2, Attempt())], [job("b", 2)], LENIENT, None),
        ("an unknown one that is not", [operation(2, Attempt())], [], LENIENT, None),
        ("a 504 that is there", [operation(2, unknown)], [job("b", 2)], LENIENT, None),
        ("a refusal", [operation(2, refused())], [], LENIENT, None),
        ("a loss", [operation(2, accepted("b"))], [], LENIENT, "lost"),
        ("a loss after a retry", [keyed], [], LENIENT, "lost"),
        ("another id", [operation(2, accepted("b"))], [job("c", 2)], LENIENT, "lost"),
        ("a replaced id", [replaced], [job("c", 2)], FORGETFUL, None),
        ("a replaced id that is not allowed", [replaced], [job("c", 2)], LENIENT, "lost"),
        ("a loss beside a replaced id", [replaced], [], FORGETFUL, "lost"),
        ("a loss by another id", [replaced], [job("d", 2)], FORGETFUL, "lost"),
        ("a replaced id that is there", [replaced], [job("b", 2), job("c", 2)], FORGETFUL, "twice"),
        ("a loss without a key", [operation(2, accepted("b"))], [], FORGETFUL, "lost"),
        ("a duplicate", [keyed], [job("b", 2), job("c", 2)], LENIENT, "twice"),
        ("one id twice", [keyed], [job("b", 2), job("b", 2)], LENIENT, "twice"),
        ("a stranger", [keyed], [job("b", 2), job("c", 3)], LENIENT, "unasked"),
        ("an id without a job", [keyed], [job("b", 2), job("c", None)], LENIENT, "unasked"),
        ("a false refusal", [operation(2, refused())], [job("b", 2)], LENIENT, "unasked"),
        (
            "a false refusal, replayed",
            [operation(2, refused(), accepted("b", replayed=True), key="k")],
            [job("b", 2)], LENIENT, "unasked",
        ),
        ("an answer withheld", [operation(2, Attempt())], [job("b", 2)], STRICT, "problem"),
        ("an answer withheld, replayed", [keyed], [job("b", 2)], STRICT, "problem"),
        ("an error", [operation(2, unknown)], [], STRICT, "problem"),
        ("another refusal", [operation(2, refused("else"))], [], LENIENT, "problem"),
        ("a key given up", [operation(2, refused(), key="k")], [], LENIENT, "problem"),
        (
            "a repeat that is no replay",
            [operation(2, accepted("b"), accepted("b"), key="k")],
            [job("b", 2)], LENIENT, "problem",
        ),
    ]  # fmt: skip


def reported(findings: Findings) -> str | None:
    """The first kind of fault that is reported."""
    for kind in ("lost", "twice", "unasked"):
        if getattr(findings, kind):
            return kind
    return "problem" if findings.problems else None


def run() -> tuple[int, int]:
    """Returns the numbers of passes and failures."""
    passed = failed = 0
    bystander = operation(1, accepted("a"))
    for name, operations, jobs, rules, expected in cases():
        findings = check([bystander, *operations], [job("a", 1), *jobs], rules)
        found = reported(findings)
        is_right = found == expected and (expected is None or bool(findings.problems))
        passed, failed = passed + is_right, failed + (not is_right)
        print(f"self-test {name}: {found}{'' if is_right else f', FAILED: not {expected}'}")
    return passed, failed
