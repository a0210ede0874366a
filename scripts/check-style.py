#!/usr/bin/env python3
"""The style rules that the compiler does not check: sizes, and which files may use which features.

Each violation is one line, `path:line: rule`; the last line has the figures.
"""

import pathlib
import re
import statistics
import sys

ROOT = pathlib.Path(__file__).parent.parent
FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 70
LINE_COLUMNS_MAX = 100

# The files that may contain `unsafe`: system calls, copies and literals, the reply reader, TLS, the
# MAC, the process and the service manager, and machines without exclusivity checks.
UNSAFE_FILES = {
    "CoreAPIBase/IO/OutgoingConnection.swift",
    "CoreAPIRedis/Connection/RedisConnectionHandler.swift",
    "CoreAPIBase/IO/EventLoop.swift",
    "CoreAPIBase/Time/MonotonicTime.swift",
    "CoreAPIBase/Bytes/ASCII+Find.swift",
    "CoreAPIBase/Bytes/OutputSpan+Copying.swift",
    "CoreAPIBase/IO/ProcessName.swift",
    "CoreAPIBase/IO/Socket.swift",
    "CoreAPIBase/IO/SocketAddress.swift",
    "CoreAPIBase/IO/SocketChannel.swift",
    "CoreAPIBase/Bytes/StaticString+Bytes.swift",
    "CoreAPIBase/IO/Suspension.swift",
    "CoreAPIBase/IO/SystemCall.swift",
    "CoreAPIBase/IO/SystemRandom.swift",
    "CoreAPIBase/IO/Thread.swift",
    "CoreAPIBase/IO/UnixSocketFile.swift",
    "CoreAPIBase/Time/UnixTime+System.swift",
    "CoreAPIRedis/RESP/RedisReplyReader.swift",
    "CoreAPIRedis/RESP/RedisScript.swift",
    "CoreAPIBase/TLS/TLSContext.swift",
    "CoreAPIBase/TLS/TLSSession.swift",
    "CoreAPIKit/Tokens/Algorithms/Ed25519Point.swift",
    "CoreAPIKit/Tokens/Algorithms/SignatureHash+Digest.swift",
    "CoreAPIKit/Tokens/HMACSHA256.swift",
    "CoreAPIKit/Tokens/Keys/PEMKey.swift",
    "CoreAPIKit/Tokens/Keys/PublicKey.swift",
    "CoreAPIKit/Tokens/Keys/TokenSigner.swift",
    "CoreAPIKit/Tokens/Keys/VerificationContext.swift",
    "CoreAPIServer/LifeCycle/Process.swift",
    "CoreAPIServer/LifeCycle/Process+Usage.swift",
    "CoreAPIServer/LifeCycle/ServiceManager.swift",
}
# The code that parses callers' bytes has no unsafe code.
SAFE_FOLDERS = (
    "CoreAPIHTTP/",
    "CoreAPIServer/Endpoints/",
    "CoreAPIKit/Intake/",
    "CoreAPIKit/Transactions/",
    "CoreAPIBase/Bytes/JSON",
)
# The files that may import each system library.
C_MODULES = {
    "CEpoll": {
        "CoreAPIBase/IO/EventLoop.swift",
        "CoreAPIBase/IO/Heap.swift",
        "CoreAPIBase/IO/Socket.swift",
        "CoreAPIBase/IO/Thread.swift",
    "CoreAPIBase/IO/UnixSocketFile.swift",
    },
    "CHiredis": {"CoreAPIRedis/RESP/RedisReplyReader.swift"},
    "COpenSSL": {
        "CoreAPIRedis/RESP/RedisScript.swift",
        "CoreAPIBase/TLS/TLSContext.swift",
        "CoreAPIBase/TLS/TLSSession.swift",
        "CoreAPIKit/Tokens/Algorithms/Ed25519Point.swift",
        "CoreAPIKit/Tokens/Algorithms/SignatureHash+Digest.swift",
        "CoreAPIKit/Tokens/HMACSHA256.swift",
        "CoreAPIKit/Tokens/Keys/PEMKey.swift",
        "CoreAPIKit/Tokens/Keys/PublicKey.swift",
        "CoreAPIKit/Tokens/Keys/TokenSigner.swift",
        "CoreAPIKit/Tokens/Keys/VerificationContext.swift",
    },
}

FUNCTION = re.compile(r"\b(?:func\s+(?:`[^`]+`|[^\s(<]+)|init\??|deinit|subscript)\s*[(<{]")
# Comments, and texts in quotes: neither braces nor words in them are code.
NOISE = re.compile(
    r'//[^\n]*|/\*.*?\*/|""".*?"""|#"[^\n]*?"#|"(?:\\.|[^"\\\n])*"', re.DOTALL
)


def code_of(text: str) -> str:
    """The text with comments and strings blanked, line breaks kept."""
    return NOISE.sub(lambda found: re.sub(r"[^\n]", " ", found.group()), text)


def body_start(code: str, index: int) -> int:
    """The start of the declaration's body; -1 for a protocol's requirement, which has no body."""
    depth = 0
    while index < len(code):
        character = code[index]
        if character in "([":
            depth += 1
        elif character in ")]":
            depth -= 1
        elif character == "{" and depth == 0:
            return index
        elif character == "}" and depth == 0:
            return -1
        elif character == "\n" and depth == 0:
            # The next line may continue the declaration: its result, errors or constraints.
            rest = code[index:].lstrip()
            if not rest.startswith(("->", "async", "throws", "where", "{", ")")):
                if not code[:index].rstrip().endswith(("->", ",", "&", "where", "some", "any")):
                    return -1
        index += 1
    return -1


def functions(code: str):
    """The first line and the length of each function with a body."""
    for match in FUNCTION.finditer(code):
        start = body_start(code, match.end() - 1)
        if start < 0:
            continue
        depth = 0
        for index in range(start, len(code)):
            depth += {"{": 1, "}": -1}.get(code[index], 0)
            if depth == 0:
                first = code.count("\n", 0, match.start()) + 1
                yield first, code.count("\n", 0, index) + 2 - first
                break


def check(path: pathlib.Path, violations: list, lengths: list, longest: list) -> None:
    name = path.relative_to(ROOT).as_posix()
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines()
    code = code_of(text)
    lengths.append(len(lines))

    def violation(line: int, what: str) -> None:
        violations.append(f"{name}:{line}: {what}")

    if len(lines) > FILE_LINES_MAX:
        violation(len(lines), f"more than {FILE_LINES_MAX} lines")
    for number, line in enumerate(lines, 1):
        if len(line) > LINE_COLUMNS_MAX:
            violation(number, f"more than {LINE_COLUMNS_MAX} columns")
    for first, length in functions(code):
        longest.append((length, f"{name}:{first}"))
        if length > FUNCTION_LINES_MAX:
            violation(first, f"a function of {length} lines, more than {FUNCTION_LINES_MAX}")
    if not name.startswith("Sources/"):
        return
    source = name.removeprefix("Sources/")
    for number, line in enumerate(code.splitlines(), 1):
        if re.search(r"unsafe", line, re.IGNORECASE) and (
            source not in UNSAFE_FILES or source.startswith(SAFE_FOLDERS)
        ):
            violation(number, "unsafe code in a file that may have none")
        if re.search(r"\bimport\s+Foundation", line):
            violation(number, "Foundation")
        if re.search(r"\btry!", line):
            violation(number, "try!")
        found = re.search(r"\bimport\s+(C[A-Z]\w+)", line)
        if found and found.group(1) in C_MODULES and source not in C_MODULES[found.group(1)]:
            violation(number, f"{found.group(1)} is imported elsewhere")
    for number, line in enumerate(lines, 1):
        if re.search(r"\b(TODO|FIXME|XXX:)", line):
            violation(number, "open work belongs in an issue, not in the code")


def main() -> int:
    violations: list = []
    lengths: list = []
    longest: list = []
    paths = [ROOT / "Package.swift"]
    for folder in ("Sources", "Tests", "Benchmarks", "Fuzz", "docs/examples"):
        found = sorted((ROOT / folder).rglob("*.swift"))
        paths += [path for path in found if ".build" not in path.parts]
    for path in paths:
        check(path, violations, lengths, longest)
    for listed in UNSAFE_FILES:
        path = ROOT / "Sources" / listed
        if not path.exists() or "unsafe" not in code_of(path.read_text(encoding="utf-8")):
            violations.append(f"scripts/check-style.py:1: {listed} is listed, and not unsafe")
    if violations:
        print("\n".join(violations))
        return 1
    length, where = max(longest)
    print(
        f"style: {len(lengths)} files, median {statistics.median(lengths):.0f} lines; "
        f"longest function {length} lines ({where}); {len(UNSAFE_FILES)} files with unsafe code"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
