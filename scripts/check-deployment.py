#!/usr/bin/env python3
"""What is installed, is whole, runs, and stays within the sandbox that its unit describes.

`make install` and `make uninstall` are run on a directory that is thrown away. The unit's sandbox
is compared with the system calls that the installed binary makes. The image is not built here: what
its Dockerfile installs is compared with what the binary needs.
"""

import contextlib
import http.client
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
# systemd-analyze's figure for the unit: 0 is a process that may do nothing, 10 one that may do all.
EXPOSURE_MAX = 1.5
# System calls that glibc's resolver tries and does without, to find the machine's addresses.
FAMILIES_DONE_WITHOUT = {"AF_NETLINK"}
# Which package of Debian 12 has each library: libc6 is in every image.
PACKAGES = {
    "libhiredis.so.0.14": "libhiredis0.14", "libcrypto.so.3": "libssl3", "libssl.so.3": "libssl3",
    "libstdc++.so.6": "libstdc++6", "libgcc_s.so.1": "libgcc-s1", "libc.so.6": "libc6",
    "libm.so.6": "libc6",
}
# libstdc++6 depends on these.
PACKAGES_IN_IMAGE = {"libc6", "libgcc-s1"}


class Wrong(Exception):
    """A check of the deployment failed."""


def output(*command, **options) -> str:
    done = subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, timeout=300, **options)
    if done.returncode != 0:
        raise Wrong(f"{command[0]} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


def expect(condition: bool, what: str) -> None:
    if not condition:
        raise Wrong(what)


def files(directory: pathlib.Path) -> dict:
    """Path and mode of each file."""
    return {
        path.relative_to(directory).as_posix(): path.stat().st_mode & 0o7777
        for path in directory.rglob("*") if path.is_file()}


def check_install(directory: pathlib.Path) -> pathlib.Path:
    """Installs into the directory; returns the installed binary."""
    def make(target: str) -> None:
        output("make", "--silent", "-C", ROOT, target, f"DESTDIR={directory}", "PREFIX=/usr")

    units = "usr/lib/systemd/system"
    configured = directory / "etc/core-api/core-api.env"
    expected = {
        "usr/bin/core-api": 0o755, f"{units}/core-api.service": 0o644,
        f"{units}/core-api.socket": 0o644, "etc/core-api/core-api.env": 0o640}
    make("install")
    expect(files(directory) == expected, f"installed: {files(directory)}")
    configured.write_text("QUEUE=memory\n")
    make("uninstall")
    expect(set(files(directory)) == {"etc/core-api/core-api.env"}, "uninstall leaves something")
    make("install")
    expect(configured.read_text() == "QUEUE=memory\n", "install overwrites the configuration")
    unit = (directory / units / "core-api.service").read_text()
    expect("@" not in re.sub(r"@[a-z-]+\b(?!@)", "", unit), "a path is not put into the unit")
    return directory / "usr/bin/core-api"


def check_units(directory: pathlib.Path) -> str:
    """Both units, with paths that exist, as systemd reads them; the exposure that it finds."""
    output("make", "--silent", "-C", ROOT, "install", f"PREFIX={directory}/usr",
           f"SYSCONFDIR={directory}/etc")
    units = directory / "usr/lib/systemd/system"
    output("systemd-analyze", "verify", units / "core-api.service", units / "core-api.socket")
    report = output(
        "systemd-analyze", "security", "--offline=yes", "--no-pager", units / "core-api.service")
    exposure = re.search(r"exposure level for core-api.service: ([0-9.]+)", report).group(1)
    expect(float(exposure) <= EXPOSURE_MAX, f"exposure {exposure}, more than {EXPOSURE_MAX}")
    return exposure


def calls_of(group: str) -> set:
    """The system calls of one of systemd's groups, with those of the groups within it."""
    calls: set = set()
    for line in output("systemd-analyze", "syscall-filter", "--no-pager", group).splitlines()[1:]:
        name = line.strip()
        if name.startswith("@"):
            calls |= calls_of(name)
        elif name and not name.startswith("#"):
            calls.add(name)
    return calls


def allowed_calls(unit: str) -> set:
    allowed: set = set()
    for words in re.findall(r"^SystemCallFilter=(.*)$", unit, re.MULTILINE):
        calls = set().union(*(calls_of(word) for word in words.lstrip("~").split()))
        allowed = allowed - calls if words.startswith("~") else allowed | calls
    return allowed


def traced(binary: pathlib.Path, trace: pathlib.Path) -> None:
    """Runs the binary under strace: it looks for a Redis by name, answers, reloads, and ends."""
    log = trace.with_suffix(".log")
    url = trace.with_suffix(".url")
    url.write_text("redis://localhost:1")
    environment = {
        "JWT_SECRET": "0123456789abcdef0123456789abcdef", "HTTP_HOST": "127.0.0.1",
        "HTTP_PORT": "0", "LOG_FORMAT": "json",
        "ENQUEUE_TIMEOUT": "1", "NOTIFY_SOCKET": f"{trace.parent}/nobody",
        "WATCHDOG_USEC": "100000", "METRICS_HOST": f"unix:{trace.parent}/metrics.sock",
        "REDIS_URL_FILE": str(url)}
    # -D: the server is our child, not strace's.
    with log.open("wb") as errors:
        server = subprocess.Popen(
            ["strace", "-D", "-f", "-qq", "-o", trace, binary], stderr=errors, env=environment)
    with contextlib.ExitStack() as stack:
        stack.callback(server.wait)
        stack.callback(server.kill)
        deadline = time.monotonic() + 60
        while not (port := re.search(r'"listening".*"port":"(\d+)"', log.read_text())):
            expect(server.poll() is None and time.monotonic() < deadline, log.read_text())
            time.sleep(0.05)
        token = output(
            binary, "token", "--user-id", "1", "--username", "alice", env=environment).strip()
        connection = http.client.HTTPConnection("127.0.0.1", int(port.group(1)), timeout=60)
        body = f'{{"amount":100,"currency":"USD","token":"{token}"}}'
        connection.request("POST", "/transaction", body)
        expect(connection.getresponse().status == 503, "a transaction without a Redis is 503")
        connection.close()
        server.send_signal(signal.SIGHUP)
        server.send_signal(signal.SIGTERM)
        expect(server.wait(60) == 0, f"it ended with {server.returncode}: {log.read_text()}")


def check_sandbox(binary: pathlib.Path, unit: str, directory: pathlib.Path) -> int:
    """Checks that the unit allows every system call of the binary; returns their number."""
    trace = directory / "trace"
    traced(binary, trace)
    text = trace.read_text(errors="replace")
    used = set(re.findall(r"^\d+ +([a-z0-9_]+)\(", text, re.MULTILINE))
    expect("epoll_wait" in used and "accept4" in used, f"nothing was traced: {sorted(used)}")
    refused = used - allowed_calls(unit)
    expect(not refused, f"the unit refuses: {', '.join(sorted(refused))}")
    families = set(re.findall(r"\bsocket\((AF_[A-Z0-9]+)", text))
    allowed = set(re.search(r"^RestrictAddressFamilies=(.*)$", unit, re.MULTILINE)[1].split())
    refused = families - allowed - FAMILIES_DONE_WITHOUT
    expect(not refused, f"the unit refuses: {', '.join(sorted(refused))}")
    writable = re.search(r"mprotect\([^\n]*PROT_EXEC|mmap\([^\n]*PROT_WRITE\|PROT_EXEC", text)
    expect(writable is None, f"MemoryDenyWriteExecute= refuses: {writable}")
    return len(used)


def check_image(binary: pathlib.Path) -> None:
    text = (ROOT / "deploy/Dockerfile").read_text()
    build, final = re.split(r"^FROM debian:", text, flags=re.MULTILINE)
    installed = set(re.search(r"--no-install-recommends ([^\n]*)", final)[1].split())
    needed = {
        PACKAGES[name] for name in re.findall(r"^\s*(lib\S+) =>", output("ldd", binary), re.M)}
    missing = needed - installed - PACKAGES_IN_IMAGE
    expect(not missing, f"deploy/Dockerfile does not install {', '.join(sorted(missing))}")
    context = re.findall(r"^!(.+)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE)
    for link in (path for path in (ROOT / "Sources").rglob("*") if path.is_symlink()):
        target = link.resolve().relative_to(ROOT)
        expect(
            any(target.is_relative_to(name) for name in context),
            f".dockerignore leaves out {target}, which {link.relative_to(ROOT)} is a link to")
    expect("\nRUN make release\n" in build, "deploy/Dockerfile builds by another command")
    expect(re.search(r"^USER [1-9]\d*:[1-9]\d*$", final, re.M) is not None, "the user is no number")


def main() -> int:
    try:
        with tempfile.TemporaryDirectory() as first, tempfile.TemporaryDirectory() as second:
            directory = pathlib.Path(first)
            binary = check_install(directory)
            said = output(ROOT / "scripts/check-binary.sh", binary)
            expect("it serves" in said, said)
            exposure = check_units(pathlib.Path(second))
            unit = (directory / "usr/lib/systemd/system/core-api.service").read_text()
            count = check_sandbox(binary, unit, pathlib.Path(second))
            check_image(binary)
    except Wrong as wrong:
        print(f"deployment: {wrong}", file=sys.stderr)
        return 1
    print(f"deployment: installed and run; exposure {exposure}, at most {EXPOSURE_MAX}; "
          f"the {count} system calls in use are allowed")
    return 0


if __name__ == "__main__":
    os.environ["LC_ALL"] = "C"
    sys.exit(main())
