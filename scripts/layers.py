#!/usr/bin/env python3
"""The layers of the sources, drawn from their imports.

Without arguments: checks that no file imports a layer that lies above its own, and that
CONTRIBUTING.md has the picture as it is. With --write: puts the picture there.
"""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGE = ROOT / "CONTRIBUTING.md"
MARKS = ("<!-- layers: scripts/layers.py --write -->\n", "<!-- end of layers -->\n")

# From the bottom up: what each layer may import.
ALLOWED = {
    "CoreAPIBase": set(),
    "CoreAPIRedis": {"CoreAPIBase"},
    "CoreAPIHTTP": {"CoreAPIBase"},
    "CoreAPIKit": {"CoreAPIBase", "CoreAPIRedis", "CoreAPIHTTP"},
    "CoreAPIServer": {"CoreAPIBase", "CoreAPIRedis", "CoreAPIHTTP", "CoreAPIKit"},
}
PURPOSE = {
    "CoreAPIBase": "bytes, time, loop, sockets, TLS",
    "CoreAPIRedis": "Redis, and nothing of transactions",
    "CoreAPIHTTP": "HTTP/1.1, and nothing of transactions",
    "CoreAPIKit": "transactions, tokens, intake, queues, consumer",
    "CoreAPIServer": "endpoints, configuration, metrics, life cycle",
}
IMPORT = re.compile(r"^(?:@\w+(?:\([^)]*\))? )*(?:public |package |internal )?import (\w+)", re.M)


def imports() -> tuple[dict, list]:
    """The modules that each layer imports, with the number of files; and what is not allowed."""
    found, wrong = {}, []
    for layer in ALLOWED:
        counts = found[layer] = {}
        for path in sorted((ROOT / "Sources" / layer).rglob("*.swift")):
            for module in IMPORT.findall(path.read_text()):
                counts[module] = counts.get(module, 0) + 1
                if module in ALLOWED and module not in ALLOWED[layer]:
                    wrong.append(f"{path.relative_to(ROOT)}: {layer} may not import {module}")
    return found, wrong


def picture(found: dict) -> str:
    lines = ["```"]
    for layer in reversed(ALLOWED):
        files = len(list((ROOT / "Sources" / layer).rglob("*.swift")))
        below = ", ".join(name.removeprefix("CoreAPI") for name in ALLOWED if name in found[layer])
        system = ", ".join(
            sorted(name for name in found[layer] if re.fullmatch(r"C[A-Z]\w+", name)
                   and not name.startswith("CoreAPI") and name != "CoreMetrics"))
        lines.append(f"{layer:<14} {PURPOSE[layer]} ({files} files)")
        lines.append(f"{'':<14}   imports: {below or 'none of these'}"
                     + (f"; C: {system}" if system else ""))
    return "\n".join([*lines, "```", ""])


def main() -> int:
    found, wrong = imports()
    if wrong:
        print("\n".join(wrong))
        return 1
    text = PAGE.read_text()
    start, end = (text.find(mark) for mark in MARKS)
    if min(start, end) < 0:
        print(f"{PAGE.name}: the marks of the picture are missing", file=sys.stderr)
        return 1
    new = text[: start + len(MARKS[0])] + picture(found) + text[end:]
    if sys.argv[1:] == ["--write"]:
        PAGE.write_text(new)
    elif new != text:
        print(f"{PAGE.name}: the picture is old: scripts/layers.py --write", file=sys.stderr)
        return 1
    print(f"layers: {len(ALLOWED)}, none imports one above it")
    return 0


if __name__ == "__main__":
    sys.exit(main())
