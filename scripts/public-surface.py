#!/usr/bin/env python3
"""The public declarations of the library, one a line, as the compiler sees them.

Without arguments: fails if they differ from docs/public-surface.txt, so that a review shows every
change of the public interface, or if a declaration has no documentation comment. With --write:
writes that file. The script reads the modules of the last `swift build`.
"""

import json
import pathlib
import platform
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
RECORD = ROOT / "docs" / "public-surface.txt"
# The modules that `import CoreAPIKit` exports. A member that implements a requirement inherits its
# documentation.
MODULES = ("CoreAPIBase", "CoreAPIRedis", "CoreAPIKit")


def extract(module: str, folder: str) -> tuple[list[str], list[str]]:
    """The declarations of a module, and those of them without documentation."""
    built = ROOT / ".build" / "debug" / "Modules"
    maps = sorted((ROOT / "Sources").glob("C*/module.modulemap"))
    subprocess.run(
        ["swift", "symbolgraph-extract", "-module-name", module, "-I", built,
         *(part for path in maps for part in ("-Xcc", f"-fmodule-map-file={path}")),
         "-target", f"{platform.machine()}-unknown-linux-gnu",
         "-minimum-access-level", "public", "-skip-synthesized-members", "-output-dir", folder],
        check=True, stdout=subprocess.DEVNULL)
    lines, undocumented = [], []
    for path in pathlib.Path(folder).glob(f"{module}*.symbols.json"):
        for symbol in json.loads(path.read_text())["symbols"]:
            fragments = symbol.get("declarationFragments", [])
            text = " ".join("".join(part["spelling"] for part in fragments).split())
            name = f"{module} {'.'.join(symbol['pathComponents'])}"
            lines.append(f"{name}: {text}")
            if "docComment" not in symbol:
                undocumented.append(name)
    return lines, undocumented


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        modules = [extract(module, folder) for module in MODULES]
    lines = sorted({line for found, _ in modules for line in found})
    undocumented = sorted({name for _, found in modules for name in found})
    text = "\n".join(lines) + "\n"
    if sys.argv[1:] == ["--write"]:
        RECORD.write_text(text)
        return 0
    for name in undocumented:
        print(f"{name} has no documentation comment")
    recorded = RECORD.read_text() if RECORD.exists() else ""
    if text == recorded:
        print(f"public surface: {len(lines)} declarations, as recorded")
        return 1 if undocumented else 0
    now, then = set(lines), set(recorded.splitlines())
    for line in sorted(then - now):
        print(f"- {line}")
    for line in sorted(now - then):
        print(f"+ {line}")
    print("public surface: changed; to record the change: make public-surface", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
