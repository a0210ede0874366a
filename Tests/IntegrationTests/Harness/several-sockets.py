"""Starts a program with three listening sockets, as systemd does: two of callers, one of operators.

What the server answers at each is told by lines. The argument is the program.
"""

import http.client
import os
import signal
import socket
import subprocess
import sys
import tempfile


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=60)
        self.path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(60)
        self.sock.connect(self.path)


def status(connection: http.client.HTTPConnection, path: str) -> int:
    connection.request("GET", path)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/callers.sock"
        unix = socket.socket(socket.AF_UNIX)
        unix.bind(path)
        unix.listen()
        tcp = socket.create_server(("127.0.0.1", 0))
        metrics = socket.create_server(("127.0.0.1", 0))
        sockets = [tcp.fileno(), metrics.fileno(), unix.fileno()]
        # The shell's number is that of the server, which takes its place. The descriptors are moved
        # to 3, 4 and 5 by way of numbers that none of them has.
        moves = " ".join(f"{10 + index}<&{number}" for index, number in enumerate(sockets))
        command = (
            f"exec {moves}; exec 3<&10 4<&11 5<&12 10<&- 11<&- 12<&-; "
            'export LISTEN_PID=$$ LISTEN_FDS=3 LISTEN_FDNAMES=core-api.socket:metrics:local; '
            'exec "$0"')
        server = subprocess.Popen(
            ["bash", "-c", command, sys.argv[1]], pass_fds=sockets, stderr=subprocess.PIPE)
        try:
            for line in server.stderr:
                if b'"listening"' in line:
                    break
            callers = http.client.HTTPConnection(*tcp.getsockname(), timeout=60)
            operators = http.client.HTTPConnection(*metrics.getsockname(), timeout=60)
            print("tcp", status(callers, "/health"))
            print("tcp metrics", status(callers, "/metrics"))
            print("unix", status(UnixConnection(path), "/health"))
            print("metrics", status(operators, "/metrics"))
            print("metrics transaction", status(operators, "/transaction"))
            server.send_signal(signal.SIGTERM)
            server.stderr.read()
            print("ended", server.wait(60))
        finally:
            server.kill()
        if os.path.exists(path):
            print("the manager's socket file stays")


main()
