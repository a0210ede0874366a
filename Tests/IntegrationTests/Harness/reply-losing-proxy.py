"""A proxy before Redis that loses the replies of scripts.

usage: reply-losing-proxy.py REDIS_PORT SWITCH

While the file SWITCH exists, the first reply that follows an EVALSHA is not passed on, and its
connection is cut: Redis has executed the script, and its caller does not know. With `once` in the
file, the file is removed by the first cut. Standard output has `port N`, and `cut` for each cut.
"""

import os
import socket
import sys
import threading


def serve(client: socket.socket, redis_port: int, switch: str) -> None:
    """Passes bytes on in both directions, in turns: the client waits for each reply."""
    redis = socket.create_connection(("127.0.0.1", redis_port))
    calls = threading.Event()

    def pass_commands() -> None:
        try:
            while data := client.recv(65536):
                if b"EVALSHA" in data:
                    calls.set()
                redis.sendall(data)
        except OSError:
            pass
        end(redis)

    threading.Thread(target=pass_commands, daemon=True).start()
    try:
        while data := redis.recv(65536):
            if calls.is_set() and loses(switch):
                break
            client.sendall(data)
    except OSError:
        pass
    end(client)
    end(redis)


def loses(switch: str) -> bool:
    """Whether the next reply must be lost."""
    try:
        with open(switch) as file:
            is_once = file.read().strip() == "once"
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
    redis_port, switch = int(sys.argv[1]), sys.argv[2]
    listener = socket.create_server(("127.0.0.1", 0))
    print("port", listener.getsockname()[1], flush=True)
    while True:
        client, _ = listener.accept()
        threading.Thread(target=serve, args=(client, redis_port, switch), daemon=True).start()


main()
