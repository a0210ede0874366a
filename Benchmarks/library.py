#!/usr/bin/env python3
"""Measures CoreAPIKit's parts beside libcrypto, Foundation and PyJWT: see docs/performance.md.

In each round every case runs once, so that a change on the machine meets all cases. The figures are
medians of the rounds; ratios are medians of each round's own ratio.
"""

import argparse
import json
import statistics
import subprocess
import sys

import harness
import servers

PROGRAM = harness.ROOT / ".build-bench" / "release" / "bench-library"
PEER = harness.HERE / "library" / "peer.py"
REFERENCE = "mac_sha256_copied"

# Cases that are measured in CPU time of one thread for a call.
CASES = (
    ("verify", "`HMACTokenVerifier.verify`"),
    ("mac_sha256_copied", "libcrypto in C: the MAC alone, `SHA256_CTX` copied"),
    ("mac_evp_again", "libcrypto in C: the MAC alone, `EVP_MAC_init` again"),
    ("mac_evp_duplicated", "libcrypto in C: the MAC alone, `EVP_MAC_CTX_dup`"),
    ("pyjwt", "PyJWT: `jwt.decode`"),
    ("json", "a transaction's JSON body, checked"),
    ("json_foundation", "the same body by Foundation's `JSONDecoder`"),
    ("json_python", "the same body by Python's `json.loads` (C)"),
    ("head", "a request's head parsed"),
)
ALGORITHMS = (
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519")
QUEUES = ("stream", "rq", "memory")


def one_round(redis_url: str) -> dict:
    done = subprocess.run([PROGRAM, redis_url], capture_output=True, text=True, timeout=600)
    if done.returncode != 0:
        sys.exit(f"library: {PROGRAM} ended with {done.returncode}: {done.stderr}")
    figures = json.loads(done.stdout)
    if servers.PYTHON.exists():
        figures |= json.loads(subprocess.run(
            [servers.PYTHON, PEER], capture_output=True, text=True, check=True, timeout=600).stdout)
    return figures


def tables(runs: list) -> str:
    def median(name: str) -> float:
        return statistics.median(run[name] for run in runs)

    lines = ["| | ns | per s | times the MAC |", "|---|---|---|---|"]
    for name, label in CASES:
        if name not in runs[0]:
            continue
        ratio = statistics.median(run[name] / run[REFERENCE] for run in runs)
        shown = f"{ratio:.2f}" if name.startswith(("verify", "mac", "pyjwt")) else ""
        lines.append(f"| {label} | {median(name):,.0f} | {1e9 / median(name):,.0f} | {shown} |")
    lines += ["", "| `KeySetTokenVerifier.verify` | µs | per s | times `EVP_DigestVerify` |",
              "|---|---|---|---|"]
    for name in ALGORITHMS:
        ratio = statistics.median(run[f"verify_{name}"] / run[f"bare_{name}"] for run in runs)
        taken = median(f"verify_{name}")
        lines.append(f"| {name} | {taken / 1e3:,.1f} | {1e9 / taken:,.0f} | {ratio:.2f} |")
    lines += ["", "| `enqueue`, from the global executor | per s, 64 tasks | CPU µs | alone, µs |",
              "|---|---|---|---|"]
    for queue in QUEUES:
        lines.append(
            f"| `{queue}` | {median(f'enqueue_{queue}_per_second'):,.0f} | "
            f"{median(f'enqueue_{queue}_cpu_us'):.1f} | "
            f"{median(f'enqueue_{queue}_alone_us'):.1f} |")
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    given = parser.parse_args()
    harness.exit_on_sigterm()
    if not PROGRAM.exists():
        sys.exit(f"library: {PROGRAM} is missing: run `make bench-library`")
    runs = []
    with harness.redis_server(harness.OUTPUT / "library-redis") as (port, _):
        for number in range(1, given.rounds + 1):
            print(f"library: round {number} of {given.rounds}", file=sys.stderr)
            runs.append(one_round(f"redis://{harness.LOOPBACK}:{port}/0"))
            harness.redis_command(port, "FLUSHALL")
    print(tables(runs))
    path = harness.OUTPUT / "library.json"
    path.write_text(json.dumps(runs, indent=2) + "\n")
    print(f"library: medians of {given.rounds} rounds; all figures: {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
