#!/usr/bin/env python3
"""An issuer of keys that a test controls by files in a folder.

    key-set-issuer.py FOLDER [CERTIFICATE KEY]

Prints `port N`. `FOLDER/set` is the body of its answers, `FOLDER/fields` further header lines,
`FOLDER/mode` how it answers: see `answer`. `FOLDER/requests` gets a line `begin` and a line `end`
for each connection.
"""

import gzip
import os
import pathlib
import socket
import ssl
import sys
import threading
import time

FOLDER = pathlib.Path(sys.argv[1])
LOCK = threading.Lock()
WAIT_SECONDS = 30


def text(name: str, default: str = "") -> str:
    try:
        return (FOLDER / name).read_text()
    except FileNotFoundError:
        return default


def note(line: str) -> None:
    with LOCK, open(FOLDER / "requests", "a") as file:
        file.write(line + "\n")


def head(status: str, *fields: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", *fields, *text("fields").splitlines()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def hang(mode: str) -> None:
    """Waits until the mode changes."""
    end = time.monotonic() + WAIT_SECONDS
    while text("mode") == mode and time.monotonic() < end:
        time.sleep(0.02)


def answer(connection: socket.socket, mode: str) -> None:
    body = text("set").encode()
    length = f"Content-Length: {len(body)}"
    match mode.split(" "):
        case ["serve"]:
            connection.sendall(head("200 OK", length) + body)
        case ["status", number]:
            connection.sendall(head(f"{number} x", length, "Location: /other") + body)
        case ["chunked"]:
            connection.sendall(head("200 OK", "Transfer-Encoding: chunked"))
            for byte in body:
                connection.sendall(b"1\r\n" + bytes([byte]) + b"\r\n")
            connection.sendall(b"0\r\n\r\n")
        case ["until-end"]:
            connection.sendall(head("200 OK") + body)
        case ["hang"]:
            hang(mode)
        case ["drip"]:
            for byte in head("200 OK", length) + body:
                connection.sendall(bytes([byte]))
                time.sleep(0.1)
        case ["short"]:
            connection.sendall(head("200 OK", f"Content-Length: {len(body) + 1}") + body)
        case ["cut"]:
            connection.sendall(head("200 OK", length) + body[:-1])
        case ["long"]:
            connection.sendall(head("200 OK", f"Content-Length: {len(body) - 1}") + body)
        case ["gzip"]:
            packed = gzip.compress(body)
            fields = f"Content-Length: {len(packed)}", "Content-Encoding: gzip"
            connection.sendall(head("200 OK", *fields) + packed)
        case ["large"]:
            padded = body + b" " * 70_000
            connection.sendall(head("200 OK", f"Content-Length: {len(padded)}") + padded)
        case ["large-until-end"]:
            connection.sendall(head("200 OK") + body + b" " * 70_000)
        case ["large-head"]:
            connection.sendall(head("200 OK", length, "X: " + "y" * 20_000) + body)
        case ["garbage"]:
            connection.sendall(b"220 mail.example ESMTP\r\n")
        case ["drop"]:
            pass


def count(connection: socket.socket, received: bytes) -> None:
    """Reads a body slowly at first, and answers with its length."""
    fields, rest = received.split(b"\r\n\r\n", 1)
    length = int(fields.lower().split(b"content-length:")[1].split(b"\r\n")[0])
    time.sleep(0.2)
    size = len(rest)
    while size < length and (more := connection.recv(65_536)):
        size += len(more)
    text = str(size).encode()
    connection.sendall(head("200 OK", f"Content-Length: {len(text)}") + text)


def serve(plain: socket.socket, context: ssl.SSLContext | None) -> None:
    note("begin")
    try:
        plain.settimeout(WAIT_SECONDS)
        mode = text("mode", "serve")
        if mode == "deaf":
            hang(mode)
            return
        if mode == "greet":
            plain.sendall(b"220 mail.example ESMTP\r\n")
            hang(mode)
            return
        connection = context.wrap_socket(plain, server_side=True) if context else plain
        received = b""
        while b"\r\n\r\n" not in received:
            more = connection.recv(4096)
            if not more:
                return
            received += more
        (FOLDER / "request").write_bytes(received)
        if mode == "count":
            count(connection, received)
        else:
            answer(connection, mode)
        # With TLS an orderly end is a close_notify; without, the end of the stream.
        if context and mode != "cut":
            connection.unwrap()
    except OSError:
        pass
    finally:
        note("end")
        plain.close()


def main() -> None:
    context = None
    if len(sys.argv) > 2:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(sys.argv[2], sys.argv[3])
    listener = socket.create_server(("127.0.0.1", int(os.environ.get("PORT", "0"))))
    print(f"port {listener.getsockname()[1]}", flush=True)
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=serve, args=(connection, context), daemon=True).start()


main()
