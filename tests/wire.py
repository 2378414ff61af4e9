"""A real HTTP server that answers exactly the bytes it was told to, so that a test can cut, drip or spoil an answer."""

import json
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.listening import listening

Answer = Callable[[socket.socket, str], None]
"""Sends what it likes to the client; given the request's head."""


def answer(body: bytes, status: str = "200 OK", **headers: str) -> Answer:
    """Return an answer with a whole body and its length."""

    def send(client: socket.socket, _request: str) -> None:
        lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        client.sendall("\r\n".join([*lines, "", ""]).encode() + body)

    return send


def unframed(body: bytes, **headers: str) -> Answer:
    """Return an answer without a length or chunks: its body ends where the connection does."""

    def send(client: socket.socket, _request: str) -> None:
        lines = [
            "HTTP/1.1 200 OK",
            "Connection: close",
            *(f"{name.replace('_', '-')}: {headers[name]}" for name in headers),
        ]
        client.sendall("\r\n".join([*lines, "", ""]).encode() + body)

    return send


def problem(status: int, detail: str, **headers: str) -> Answer:
    """Return an RFC 9457 problem document."""
    body = json.dumps({"type": "about:blank", "title": "no", "status": status, "detail": detail}).encode()
    return answer(body, f"{status} No", Content_Type="application/problem+json", **headers)


def cut(body: bytes, after: int) -> Answer:
    """Return an answer whose connection breaks after some bytes of the body it announced."""

    def send(client: socket.socket, _request: str) -> None:
        client.sendall(f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body[:after])

    return send


def routed(choose: Callable[[str], Answer]) -> Answer:
    """Return an answer that depends on the request's head, and so on path and query."""
    return lambda client, request: choose(request)(client, request)


def drip(body: bytes, stop: threading.Event) -> Answer:
    """Return an answer that sends a byte every 20 ms, so that no read ever times out."""

    def send(client: socket.socket, _request: str) -> None:
        client.sendall(f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n".encode())
        for byte in body:
            if stop.wait(0.02):
                return
            client.sendall(bytes([byte]))

    return send


@dataclass
class Wire:
    """Where the server listens, and the request lines it has seen."""

    url: str
    requests: list[str] = field(default_factory=list)
    heads: list[str] = field(default_factory=list)


@contextmanager
def serving(answers: Sequence[Answer]) -> Iterator[Wire]:
    """Serve on loopback: one answer per connection, the last of them for ever."""

    def one(client: socket.socket, number: int) -> None:
        with client:
            head = b""
            while b"\r\n\r\n" not in head:
                chunk = client.recv(65536)
                if not chunk:
                    return
                head += chunk
            wire.heads.append(head.decode())
            wire.requests.append(head.decode().split("\r\n", 1)[0])
            try:
                answers[min(number, len(answers) - 1)](client, head.decode())
            except OSError:
                return  # the client has gone, which some answers are meant to make it do

    with listening(one) as address:
        wire = Wire(f"http://{address}/v1")
        yield wire
