#!/usr/bin/env python3
"""Whether every public symbol has documentation, by the symbol graphs that the compiler writes."""

import json
import sys


def undocumented(graph: dict) -> list:
    """Where each symbol without documentation stands. What the compiler makes itself has none."""
    found = []
    for symbol in graph["symbols"]:
        if "docComment" in symbol or "location" not in symbol:
            continue
        if "::SYNTHESIZED::" in symbol["identifier"]["precise"]:
            continue
        path = symbol["location"]["uri"].removeprefix("file://")
        line = symbol["location"]["position"]["line"] + 1
        found.append(f"{path}:{line}: {'.'.join(symbol['pathComponents'])}")
    return found


def main() -> int:
    missing, count = [], 0
    for path in sys.argv[1:]:
        with open(path, encoding="utf-8") as file:
            graph = json.load(file)
        count += len(graph["symbols"])
        missing += undocumented(graph)
    for place in sorted(set(missing)):
        print(f"{place} has no documentation")
    if not count:
        print("docs: there is no symbol graph")
        return 1
    print(f"docs: {count} public symbols")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
