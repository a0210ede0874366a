#!/usr/bin/env python3
"""The public declarations of the library, one a line, as the compiler sees them.

Without arguments: compares them with docs/public-surface.txt, and fails if they differ: a change of
what embedders use is to be seen in a review. With --write: writes that file. It reads the modules
of the last `swift build`.
"""

import json
import pathlib
import platform
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
RECORD = ROOT / "docs" / "public-surface.txt"
# What `import CoreAPIKit` brings.
MODULES = ("CoreAPIBase", "CoreAPIRedis", "CoreAPIKit")


def extract(module: str, folder: str) -> list[str]:
    built = ROOT / ".build" / "debug" / "Modules"
    maps = sorted((ROOT / "Sources").glob("C*/module.modulemap"))
    subprocess.run(
        ["swift", "symbolgraph-extract", "-module-name", module, "-I", built,
         *(part for path in maps for part in ("-Xcc", f"-fmodule-map-file={path}")),
         "-target", f"{platform.machine()}-unknown-linux-gnu",
         "-minimum-access-level", "public", "-skip-synthesized-members", "-output-dir", folder],
        check=True, stdout=subprocess.DEVNULL)
    lines = []
    for path in pathlib.Path(folder).glob(f"{module}*.symbols.json"):
        for symbol in json.loads(path.read_text())["symbols"]:
            fragments = symbol.get("declarationFragments", [])
            text = " ".join("".join(part["spelling"] for part in fragments).split())
            lines.append(f"{module} {'.'.join(symbol['pathComponents'])}: {text}")
    return lines


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        lines = sorted({line for module in MODULES for line in extract(module, folder)})
    text = "\n".join(lines) + "\n"
    if sys.argv[1:] == ["--write"]:
        RECORD.write_text(text)
        return 0
    recorded = RECORD.read_text() if RECORD.exists() else ""
    if text == recorded:
        print(f"public surface: {len(lines)} declarations, as recorded")
        return 0
    now, then = set(lines), set(recorded.splitlines())
    for line in sorted(then - now):
        print(f"- {line}")
    for line in sorted(now - then):
        print(f"+ {line}")
    print("public surface: changed; if that is meant: make public-surface", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
