"""Many connections to the server, without a task for each: plain sockets that never block."""

from __future__ import annotations

import asyncio
import socket

# Opened without a pause. They fit into the kernel's backlog.
BATCH = 200


class Crowd:
    """A number of connections; a closed one is opened again at its next use."""

    def __init__(self, port: int, count: int, receive_buffer: int | None = None):
        """A small `receive_buffer` makes the kernel take few answers for a caller that does not
        read them."""
        self._port = port
        self._receive_buffer = receive_buffer
        self._sockets: list[socket.socket | None] = [None] * count
        self.reopened = 0

    def __len__(self) -> int:
        return len(self._sockets)

    async def open(self) -> None:
        for index in range(len(self._sockets)):
            self._sockets[index] = self._connect()
            if index % BATCH == BATCH - 1:
                await asyncio.sleep(0.05)

    def _connect(self) -> socket.socket:
        connection = socket.socket()
        if self._receive_buffer:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self._receive_buffer)
        connection.setblocking(False)
        connection.connect_ex(("127.0.0.1", self._port))
        return connection

    def send(self, index: int, data: bytes) -> int:
        """Sends bytes and returns how many the kernel took; 0 if the send would block."""
        try:
            return self._sockets[index].send(data)
        except BlockingIOError:
            return 0
        except OSError:
            self._sockets[index].close()
            self._sockets[index] = self._connect()
            self.reopened += 1
            return 0

    def receive(self, index: int, size: int) -> bytes:
        """The bytes that have arrived, possibly none."""
        try:
            return self._sockets[index].recv(size)
        except OSError:
            return b""

    def close(self) -> None:
        for connection in self._sockets:
            if connection is not None:
                connection.close()
