"""The Redis protocol (RESP 2), as far as a client and a proxy need it."""

from __future__ import annotations

import asyncio


class ServerError(Exception):
    """Redis answered with an error line."""


def encode(*words: object) -> bytes:
    """One command: an array of bulk strings."""
    parts = [b"*%d\r\n" % len(words)]
    for word in words:
        data = word if isinstance(word, bytes) else str(word).encode()
        parts.append(b"$%d\r\n%s\r\n" % (len(data), data))
    return b"".join(parts)


async def read_value(reader: asyncio.StreamReader) -> tuple[object, bytes]:
    """Reads one value, a reply or a command; returns the value and its bytes.

    An error line is returned as a `ServerError`, not raised: a proxy passes it on.
    """
    line = await reader.readuntil(b"\r\n")
    kind, rest = line[:1], line[1:-2]
    if kind == b"+":
        return rest.decode(), line
    if kind == b"-":
        return ServerError(rest.decode()), line
    if kind == b":":
        return int(rest), line
    if kind == b"$":
        if int(rest) < 0:
            return None, line
        data = await reader.readexactly(int(rest) + 2)
        return data[:-2], line + data
    if kind == b"*":
        return await _read_array(reader, int(rest), line)
    raise ValueError(f"not the Redis protocol: {line[:40]!r}")


async def _read_array(
    reader: asyncio.StreamReader, count: int, line: bytes
) -> tuple[object, bytes]:
    """The values of an array whose first line has been read."""
    if count < 0:
        return None, line
    values, parts = [], [line]
    for _ in range(count):
        value, raw = await read_value(reader)
        values.append(value)
        parts.append(raw)
    return values, b"".join(parts)


class Client:
    """A connection to Redis for the suite's own questions."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter):
        self._reader = reader
        self._writer = writer

    @classmethod
    async def connect(cls, port: int) -> Client:
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def pipeline(self, commands: list[tuple]) -> list:
        """Sends all commands at once and returns their replies; the first error is raised."""
        self._writer.write(b"".join(encode(*command) for command in commands))
        replies = [(await read_value(self._reader))[0] for _ in commands]
        for reply in replies:
            if isinstance(reply, ServerError):
                raise reply
        return replies

    async def command(self, *words: object) -> object:
        return (await self.pipeline([words]))[0]

    async def close(self) -> None:
        self._writer.close()
        try:
            await self._writer.wait_closed()
        except OSError:
            pass  # Redis was killed meanwhile: closed is closed.
