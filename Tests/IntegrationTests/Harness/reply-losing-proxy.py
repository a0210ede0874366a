"""A proxy before Redis that loses the replies of scripts, and keeps copies of commands.

usage: reply-losing-proxy.py REDIS_PORT FOLDER

Files in FOLDER steer it:
    lose    the first reply that follows an EVALSHA is not passed on, and its connection is cut:
            Redis has executed the script, and its caller does not know. With `once` in the file,
            the file is removed by the first cut
    port    where new connections lead, instead of REDIS_PORT
    copy    what clients send is appended to it, while it is there
Standard output has `port N`, and `cut` for each cut.
"""

import os
import pathlib
import socket
import sys
import threading


def serve(client: socket.socket, redis_port: int, folder: pathlib.Path) -> None:
    """Passes on what both sides send, in turns: a client here waits for its reply."""
    try:
        redis = socket.create_connection(("127.0.0.1", redis_port))
    except OSError:
        client.close()
        return
    calls = threading.Event()

    def pass_commands() -> None:
        try:
            while data := client.recv(65536):
                if b"EVALSHA" in data:
                    calls.set()
                if (folder / "copy").exists():
                    with open(folder / "copy", "ab") as copy:
                        copy.write(data)
                redis.sendall(data)
        except OSError:
            pass
        end(redis)

    threading.Thread(target=pass_commands, daemon=True).start()
    try:
        while data := redis.recv(65536):
            if calls.is_set() and loses(folder / "lose"):
                break
            client.sendall(data)
    except OSError:
        pass
    end(client)
    end(redis)


def loses(switch: pathlib.Path) -> bool:
    """Whether a reply is to be lost now."""
    try:
        is_once = switch.read_text().strip() == "once"
    except FileNotFoundError:
        return False
    if is_once:
        os.remove(switch)
    print("cut", flush=True)
    return True


def end(side: socket.socket) -> None:
    """Ends both directions, which wakes the thread that reads there."""
    try:
        side.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass


def main() -> None:
    redis_port, folder = int(sys.argv[1]), pathlib.Path(sys.argv[2])
    listener = socket.create_server(("127.0.0.1", 0))
    print("port", listener.getsockname()[1], flush=True)
    while True:
        client, _ = listener.accept()
        try:
            port = int((folder / "port").read_text())
        except FileNotFoundError:
            port = redis_port
        threading.Thread(target=serve, args=(client, port, folder), daemon=True).start()


main()
