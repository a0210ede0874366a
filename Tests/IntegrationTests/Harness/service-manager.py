"""Starts a program like systemd: with a listening socket, and a socket for notifications.

Whenever it has ended with status 0 it is started again, until this script gets SIGTERM, which ends
both. What happens is told by lines: `port 5000`, `pid 7`, `notice READY=1`, `ended 0`.
"""

import os
import signal
import socket
import sys


def say(*words) -> None:
    print(*words, flush=True)


def start(listener: socket.socket, address: str) -> int:
    pid = os.fork()
    if pid == 0:
        if listener.fileno() == 3:
            os.set_inheritable(3, True)
        else:
            os.dup2(listener.fileno(), 3)
        os.environ.update(
            LISTEN_PID=str(os.getpid()), LISTEN_FDS="1", NOTIFY_SOCKET="@" + address)
        signal.pthread_sigmask(signal.SIG_SETMASK, [])
        os.execv(sys.argv[1], sys.argv[1:])
    say("pid", pid)
    return pid


def pass_on(notices: socket.socket) -> None:
    """The pending notifications."""
    try:
        while True:
            say("notice", notices.recv(4096).decode())
    except TimeoutError:
        pass


def is_to_end() -> bool:
    return signal.SIGTERM in signal.sigpending()


def status(pid: int, notices: socket.socket) -> int:
    """Waits for the exit status, and passes notifications on meanwhile."""
    is_told = False
    while True:
        ended, how = os.waitpid(pid, os.WNOHANG)
        pass_on(notices)
        if ended:
            return os.waitstatus_to_exitcode(how)
        if is_to_end() and not is_told:
            os.kill(pid, signal.SIGTERM)
            is_told = True


def main() -> None:
    # Checked between two notifications: none can arrive between check and wait.
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
    notices = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    address = f"core-api-test-{os.getpid()}"
    notices.bind("\0" + address)
    notices.settimeout(0.05)
    say("port", listener.getsockname()[1])
    code = 0
    while code == 0:
        pid = start(listener, address)
        code = status(pid, notices)
        say("ended", code)
        if is_to_end():
            return
    sys.exit(code)


main()
