"""A small Redis client: the bench and the gates run on a Python without packages."""

import socket

# How many commands are sent before their replies are read: both sides' socket buffers hold them.
PIPELINED = 100


class RedisClient:
    """One connection. Replies are numbers, texts (statuses), bytes, lists, or None."""

    def __init__(self, host: str, port: int):
        self.socket = socket.create_connection((host, port), timeout=30)
        self.input = self.socket.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.input.close()
        self.socket.close()

    def call(self, *words):
        """The reply to one command.

        :raises RuntimeError: Redis answers with an error.
        """
        return self.call_all([words])[0]

    def call_all(self, commands: list) -> list:
        """The replies to the commands, in their order."""
        replies = []
        for start in range(0, len(commands), PIPELINED):
            part = commands[start:start + PIPELINED]
            self.socket.sendall(b"".join(encoded(words) for words in part))
            replies += [self.reply(words) for words in part]
        return replies

    def reply(self, words: tuple):
        line = self.input.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionError("Redis has closed the connection")
        kind, text = line[:1], line[1:-2]
        if kind == b"-":
            raise RuntimeError(f"Redis: {words[0]}: {text.decode()}")
        if kind == b"+":
            return text.decode()
        number = int(text)
        if kind == b":":
            return number
        if number < 0:
            return None
        if kind == b"*":
            return [self.reply(words) for _ in range(number)]
        return self.input.read(number + 2)[:-2]


def encoded(words: tuple) -> bytes:
    parts = [word if isinstance(word, bytes) else str(word).encode() for word in words]
    return b"*%d\r\n" % len(parts) + b"".join(
        b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)
