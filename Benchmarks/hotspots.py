#!/usr/bin/env python3
"""A transaction's instructions and allocations by function, measured as in counting.py.

`hotspots.py [--queue memory|stream:KEY|rq:NAME] [--top N]` prints, for one transaction: the
functions by their own instructions, the functions with their callees, and the call sites that
allocate.
"""

import argparse
import collections
import contextlib
import json
import re
import subprocess
import sys

import counting
import harness

NAME = re.compile(r"((?:ob)?\(\d+\))(?: (.*))?")
# Frames of allocators and of generated code: the frames that call them are shown instead.
HIDDEN_FRAMES = re.compile(
    r"malloc|calloc|realloc|memalign|swift_slowAlloc|swift_allocObject|operator new"
    r"|swift_initStackObject|_allocateUninitializedArray|_allocateBufferUninitialized"
    r"|_consumeAndCreateNew|_createNewBuffer|__StringStorage.create|reserveCapacity"
    r"|_uncheckedFromUTF8|_fromUTF8Repairing|AbsOriFnNameNotFound|<compiler-generated>")


def callgrind_costs(path) -> tuple:
    """Instructions by function: its own, and those with its callees."""
    names: dict = {}
    own: collections.Counter = collections.Counter()
    whole: collections.Counter = collections.Counter()
    function = callee = library = callee_library = ""
    is_call = False

    def resolved(text: str, library: str = "") -> str:
        number, name = NAME.match(text).groups()
        if name is not None:
            # A function without a symbol has an address only: its library is shown with it.
            where = f" of {library.rsplit('/')[-1]}" if name.startswith("0x") else ""
            names[number] = name + where
        return names[number]

    for line in path.read_text(errors="replace").splitlines():
        if line.startswith("ob="):
            library = resolved("ob" + line[3:])
        elif line.startswith("cob="):
            callee_library = resolved("ob" + line[4:])
        elif line.startswith("fn="):
            function = resolved(line[3:], library)
        elif line.startswith("cfn="):
            # A callee in the caller's own library has no cob= before it.
            callee = resolved(line[4:], callee_library or library)
            callee_library = ""
        elif line.startswith("calls="):
            is_call = True
        elif line and line[0] in "0123456789+-*":
            cost = int((line.split() + ["0"])[1])
            # The line after calls= is the callee's cost. A recursive call is counted once.
            if not is_call:
                own[function] += cost
                whole[function] += cost
            elif callee != function:
                whole[function] += cost
            is_call = False
    return own, whole


def dhat_blocks(path) -> collections.Counter:
    """The number of allocated blocks, by call stack."""
    profile = json.loads(path.read_text())
    frames = [re.sub(r"^0x[0-9A-F]+: ", "", frame) for frame in profile["ftbl"]]
    blocks: collections.Counter = collections.Counter()
    for point in profile["pps"]:
        blocks[tuple(frames[index] for index in point["fs"])] += point["tbk"]
    return blocks


def difference(measure) -> list:
    """The counters that `measure(count)` returns, of 1,000 requests without the start."""
    first, second = counting.twice(measure)
    return [after - before for before, after in zip(first, second)]


def callgrind(queue: str, redis_url: str):
    return lambda count: callgrind_costs(counting.callgrind(count, queue, redis_url))


def dhat(queue: str, redis_url: str):
    def measure(count: int) -> tuple:
        out = harness.OUTPUT / f"dhat.{count}"
        wrapper = ["valgrind", "--tool=dhat", "--num-callers=24", f"--dhat-out-file={out}"]
        counting.serve(wrapper, count, f"dhat-{count}", queue, redis_url)
        return (dhat_blocks(out),)

    return measure


def demangled(text: str) -> str:
    done = subprocess.run(
        ["swift", "demangle", "--simplified"], input=text, capture_output=True, text=True,
        check=True)
    return done.stdout


def costs_table(title: str, costs: collections.Counter, total: float, top: int) -> str:
    lines = [title]
    for function, cost in costs.most_common(top):
        cost /= counting.REQUESTS
        lines.append(f"{cost:10,.1f} {cost / total:6.1%}  {function}")
    return "\n".join(lines)


def sites_table(blocks: collections.Counter, top: int) -> str:
    total = sum(blocks.values()) / counting.REQUESTS
    sites: collections.Counter = collections.Counter()
    for stack, count in blocks.items():
        shown = [frame for frame in stack if not HIDDEN_FRAMES.search(frame)] or list(stack)
        sites[tuple(shown[:4])] += count
    lines = [f"allocations for one transaction: {total:.3f}; call sites"]
    for site, count in sites.most_common(top):
        if count >= counting.REQUESTS // 100:
            lines.append(f"{count / counting.REQUESTS:8.3f}  " + "\n            < ".join(site))
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--queue", default="memory", help="as QUEUE (memory)")
    parser.add_argument("--top", type=int, default=25, help="lines of each table (25)")
    arguments = parser.parse_args()
    harness.exit_on_sigterm()
    harness.require_core_api("hotspots")
    with contextlib.ExitStack() as stack:
        redis_url = counting.redis_for(arguments.queue, stack)
        own, whole = difference(callgrind(arguments.queue, redis_url))
        (blocks,) = difference(dhat(arguments.queue, redis_url))
    total = sum(own.values()) / counting.REQUESTS
    text = "\n\n".join([
        f"QUEUE={arguments.queue}: {total:,.0f} instructions for one transaction",
        costs_table("own instructions, by function", own, total, arguments.top),
        costs_table("instructions with callees, by function", whole, total, arguments.top),
        sites_table(blocks, arguments.top),
    ])
    print(demangled(text), end="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
