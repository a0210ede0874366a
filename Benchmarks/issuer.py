#!/usr/bin/env python3
"""What an issuer of keys costs callers: one that hangs, and callers whose tokens it does not know.

Two measurements of the release binary with `JWT_JWKS_URL`, on a loopback issuer:

- the latency of valid tokens at a fixed rate while a fetch hangs, against the same while the issuer
  answers, in rounds that take turns. A round has slices of a second; a slice in which the load
  generator itself was late does not count, whatever the server did;
- how many fetches 100,000 tokens with unknown keys are, posted at a fixed rate.

    python3 Benchmarks/issuer.py [--rounds N] [--rate N] [--algorithm NAME]
"""

import argparse
import contextlib
import json
import pathlib
import re
import statistics
import subprocess
import sys
import threading
import time

import harness
import measure
import servers

# A fetch is given up after 10 s: a round of slices of a second lies within one.
SLICES = 8
# A slice counts if the generator's own delay has a p99 below this, in microseconds.
LATE_MAX = 250
UNKNOWN_RATE = 5_000
UNKNOWN_SECONDS = 20
COOLDOWN_SECONDS = 5
DIRECTORY = harness.OUTPUT / "issuer"
CURVES = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}


class Issuer:
    """`key-set-issuer.py` of the tests, which is led by files."""

    def __init__(self, key_set: str):
        DIRECTORY.mkdir(parents=True, exist_ok=True)
        for name in ("requests", "request"):
            (DIRECTORY / name).unlink(missing_ok=True)
        self.answer("serve")
        (DIRECTORY / "set").write_text(key_set)

    def answer(self, mode: str) -> None:
        (DIRECTORY / "mode.next").write_text(mode)
        (DIRECTORY / "mode.next").rename(DIRECTORY / "mode")

    def fetches(self, word: str = "begin") -> int:
        with contextlib.suppress(FileNotFoundError):
            return (DIRECTORY / "requests").read_text().split().count(word)
        return 0

    @contextlib.contextmanager
    def running(self, cores: tuple):
        script = harness.ROOT / "Tests/IntegrationTests/Harness/key-set-issuer.py"
        log = DIRECTORY / "issuer.log"
        command = [sys.executable, script, DIRECTORY]
        with harness.running(command, log, harness.environment(), cores):
            port = harness.wait_until(
                lambda: re.match(r"port (\d+)\n", log.read_text()), "the issuer's port")
            yield f"http://127.0.0.1:{port[1]}/jwks.json"


def core_api(*words: str) -> str:
    command = [str(word) for word in (harness.CORE_API, *words)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def make_key(algorithm: str) -> pathlib.Path:
    path = DIRECTORY / "key.pem"
    path.parent.mkdir(parents=True, exist_ok=True)
    words = ["-algorithm", "ed25519"]
    if algorithm in CURVES:
        words = ["-algorithm", "EC", "-pkeyopt", f"ec_paramgen_curve:{CURVES[algorithm]}"]
    elif algorithm != "Ed25519":
        words = ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"]
    subprocess.run(["openssl", "genpkey", *words, "-out", path], check=True, capture_output=True)
    return path


def valid_bodies(key: pathlib.Path, algorithm: str) -> list:
    return [
        harness.body(
            core_api(
                "token", "--user-id", user, "--username", "alice", "--ttl-seconds", 86_400,
                "--key", key, "--kid", "known", "--alg", algorithm))
        for user in range(1, 101)]


def unknown_bodies(count: int) -> list:
    """Tokens whose `kid` no set has: their signature is not looked at."""
    claims = json.dumps({"exp": harness.EXPIRY, "user_id": 1, "username": "a", "enabled": True})
    return [
        harness.body(
            harness.signed(
                json.dumps({"alg": "ES256", "kid": f"unknown-{number}"}).encode(),
                claims.encode(), b"x" * 32))
        for number in range(count)]


def open_loop(port: int, rate: int, seconds: int, bodies: list, cores: tuple) -> dict:
    """The figures of open-loop.c."""
    path = DIRECTORY / "bodies"
    path.write_text("\n".join(bodies) + "\n")
    command = [harness.OUTPUT / "open-loop", port, rate, seconds, measure.CONNECTIONS, path]
    with harness.on_cores(cores):
        done = subprocess.run(
            [str(word) for word in command], check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


class Asker(threading.Thread):
    """Posts a token with an unknown key every 50 ms, so that a fetch is always wanted."""

    def __init__(self, port: int):
        super().__init__(daemon=True)
        self.port = port
        self.over = threading.Event()

    def run(self) -> None:
        tokens = [json.loads(body)["token"] for body in unknown_bodies(100)]
        count = 0
        while not self.over.wait(0.05):
            answer = harness.post(self.port, tokens[count % 100])
            if not answer.startswith(b"HTTP/1.1 401 "):
                raise RuntimeError(f"an unknown key: {answer!r}")
            count += 1


def hanging_rounds(issuer: Issuer, port: int, bodies: list, given, cores: tuple) -> dict:
    """The figures of all slices, by what the issuer does meanwhile."""
    runs: dict = {"serve": [], "hang": []}
    open_loop(port, given.rate, 2, bodies, cores)
    for _ in range(given.rounds):
        for mode, figures in runs.items():
            issuer.answer(mode)
            begun = issuer.fetches()
            asker = Asker(port)
            asker.start()
            harness.wait_until(lambda: issuer.fetches() > begun, "a fetch begins", 30)
            slices = [open_loop(port, given.rate, 1, bodies, cores) for _ in range(SLICES)]
            is_fetching = issuer.fetches("begin") > issuer.fetches("end")
            asker.over.set()
            asker.join()
            for slice in slices:
                if slice["refused"] or slice["answered"] != slice["due"]:
                    raise RuntimeError(f"void, {mode}: {slice}")
            figures += slices
            if mode == "hang" and not is_fetching:
                raise RuntimeError("void: the fetch did not hang for the whole round")
    issuer.answer("serve")
    return runs


def unknown_run(issuer: Issuer, port: int, cores: tuple) -> None:
    before, began = issuer.fetches(), time.monotonic()
    figures = open_loop(port, UNKNOWN_RATE, UNKNOWN_SECONDS, unknown_bodies(10_000), cores)
    seconds, fetches = time.monotonic() - began, issuer.fetches() - before
    print(
        f"{figures['refused']:,} tokens of 10,000 unknown keys in {seconds:.1f} s: "
        f"{fetches} fetches, p50 {figures['p50']} µs, p99 {figures['p99']} µs")
    if figures["refused"] != figures["due"]:
        raise RuntimeError(f"void: {figures}")
    if fetches > seconds / COOLDOWN_SECONDS + 1:
        sys.exit("issuer: more than one fetch in 5 s")


def show(runs: dict) -> None:
    print("| issuer | slices | that count | p50 µs | p99 µs | p99.9 µs | generator late, p99 µs |")
    print("|---|---|---|---|---|---|---|")
    medians = {}
    for mode, slices in runs.items():
        quiet = [slice for slice in slices if slice["late_p99"] < LATE_MAX]
        if not quiet:
            sys.exit("issuer: the machine was never quiet")
        medians[mode] = {
            name: statistics.median(slice[name] for slice in quiet)
            for name in ("p50", "p99", "p999", "late_p99")}
        figures = " | ".join(f"{value:,.0f}" for value in medians[mode].values())
        print(f"| {mode} | {len(slices)} | {len(quiet)} | {figures} |")
    ratio = medians["hang"]["p99"] / medians["serve"]["p99"]
    print(f"p99 while it hangs, by that while it serves: {ratio:.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--rate", type=int, default=2_000, help="valid tokens a second (2000)")
    parser.add_argument("--algorithm", default="ES256")
    given = parser.parse_args()
    harness.exit_on_sigterm()
    harness.require_core_api("issuer")
    servers.compile_c("open-loop")
    key = make_key(given.algorithm)
    issuer = Issuer(core_api("keys", "--kid", "known", key))
    bodies = valid_bodies(key, given.algorithm)
    cores = measure.Cores.arranged("split")
    port = harness.free_port()
    log = DIRECTORY / "core-api.log"
    with issuer.running(cores.others) as url:
        environment = harness.environment(
            HTTP_HOST=harness.LOOPBACK, HTTP_PORT=str(port), QUEUE="memory", THREADS="1",
            JWT_JWKS_URL=url)
        with harness.running([harness.CORE_API], log, environment, cores.server):
            harness.wait_until(
                lambda: harness.post(port, json.loads(bodies[0])["token"]).startswith(
                    b"HTTP/1.1 200 "), "a valid token is accepted")
            show(hanging_rounds(issuer, port, bodies, given, cores.others))
            unknown_run(issuer, port, cores.others)


if __name__ == "__main__":
    main()
