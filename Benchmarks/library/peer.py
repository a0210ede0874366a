"""The library's cases in Python: CPU time of this thread for a call, in nanoseconds."""

import json
import pathlib
import sys
import time

import jwt

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import harness  # noqa: E402

NANOSECONDS_MIN = 50_000_000


def nanoseconds(call, values: list) -> float:
    for value in values:
        call(value)
    calls, start = 0, time.thread_time_ns()
    while (elapsed := time.thread_time_ns() - start) < NANOSECONDS_MIN or not calls:
        for value in values:
            call(value)
        calls += len(values)
    return elapsed / calls


tokens = harness.tokens()
print(json.dumps({
    "pyjwt": nanoseconds(
        lambda token: jwt.decode(token, harness.SECRET, algorithms=["HS256"]), tokens),
    "json_python": nanoseconds(json.loads, [harness.body(token) for token in tokens]),
}))
