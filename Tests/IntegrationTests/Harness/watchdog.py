"""Checks the notices WATCHDOG=1 of a program: they stop while an event loop hangs.

A loop hangs when it writes its log to a pipe that is full and that nobody reads. The argument is
the program.
"""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time

INTERVAL_SECONDS = 0.1


def start(address: str, **more: str) -> subprocess.Popen:
    environment = dict(
        os.environ, NOTIFY_SOCKET="@" + address, THREADS="2", HTTP_HOST="127.0.0.1", HTTP_PORT="0",
        WATCHDOG_USEC=str(int(2 * INTERVAL_SECONDS * 1e6)), LOG_FORMAT="json",
        ACCESS_LOG_LEVEL="info", **more)
    return subprocess.Popen([sys.argv[1]], env=environment, stderr=subprocess.PIPE)


def port_of(server: subprocess.Popen) -> int:
    for line in server.stderr:
        entry = json.loads(line)
        if entry["message"] == "listening":
            return int(entry["port"])
    raise SystemExit("the server does not listen")


def notices(socket_: socket.socket, count: int, seconds: float) -> list:
    """Up to `count` notices of the next seconds."""
    found: list = []
    deadline = time.monotonic() + seconds
    while len(found) < count and (rest := deadline - time.monotonic()) > 0:
        socket_.settimeout(rest)
        try:
            found.append(socket_.recv(4096).decode())
        except TimeoutError:
            break
    return found


def hang(port: int) -> None:
    """Requests until a loop writes its log line to the full pipe, and answers nothing."""
    target = "/health?" + "x" * 4_000
    while True:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=3)
        try:
            for _ in range(50):
                connection.request("GET", target)
                connection.getresponse().read()
        except TimeoutError:
            return
        finally:
            connection.close()


def drain(socket_: socket.socket) -> None:
    """Takes the notices that have come."""
    socket_.setblocking(False)
    try:
        while True:
            socket_.recv(4096)
    except BlockingIOError:
        pass


def main() -> None:
    address = f"core-api-watchdog-{os.getpid()}"
    receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    receiver.bind("\0" + address)
    server = start(address)
    try:
        port = port_of(server)
        first = notices(receiver, 6, 60)
        print(*[notice for notice in first if notice != "WATCHDOG=1"])
        if first.count("WATCHDOG=1") == 5:
            print("notices come")
        hang(port)
        drain(receiver)
        # One round may have ended just before.
        if len(notices(receiver, 2, 20 * INTERVAL_SECONDS)) < 2:
            print("a loop hangs: none comes")
        reader = subprocess.Popen(["cat"], stdin=server.stderr, stdout=subprocess.DEVNULL)
        if notices(receiver, 5, 60).count("WATCHDOG=1") >= 4:
            print("notices come again")
        server.send_signal(signal.SIGTERM)
        print("ended", server.wait(60))
        reader.wait(60)
        drain(receiver)
        other = start(address, WATCHDOG_PID="1")
        port_of(other)
        if notices(receiver, 3, 10 * INTERVAL_SECONDS) == ["READY=1"]:
            print("none for another process")
        other.kill()
    finally:
        server.kill()


main()
