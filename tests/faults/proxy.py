"""A TCP proxy before an S3 server that spoils chosen requests: cuts, holds or loses them, answers in the server's name.

Bytes pass unchanged, the Host header that a signature covers included, so a client signs for the proxy's address and
the server accepts it. A `Rule` names the requests; the first that fits decides what happens to one.
"""

import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import unquote

import botocore.auth
import botocore.awsrequest
import botocore.credentials

from tests.conftest import ACCESS_KEY, SECRET_KEY
from tests.listening import GIVES_UP_SECONDS, listening

_READ = 65536


@dataclass
class Exchange:
    """One request on its way: its method, path with query, head and body, and both ends of the line."""

    method: str
    path: str
    head: bytes
    body: bytes
    client: socket.socket
    upstream: tuple[str, int]

    def forward(self) -> bytes:
        """Send the whole request on; return the whole answer."""
        with socket.create_connection(self.upstream, timeout=GIVES_UP_SECONDS) as server:
            server.sendall(self.head + self.body)
            return _answer(server, has_body=self.method != "HEAD")


Fault = Callable[[Exchange], bool]
"""Does something to a request; returns whether the connection stays open."""


def passed(exchange: Exchange) -> bool:
    """Do nothing to it."""
    exchange.client.sendall(exchange.forward())
    return True


def cut(_: Exchange) -> bool:
    """Break the connection; the server never hears of the request."""
    return False


def cut_inside(exchange: Exchange) -> bool:
    """Break the connection in the middle of the request's body, on the server's side too."""
    with socket.create_connection(exchange.upstream, timeout=GIVES_UP_SECONDS) as server:
        server.sendall(exchange.head + exchange.body[: len(exchange.body) // 2])
    return False


def lost(exchange: Exchange) -> bool:
    """Let the request happen and lose the answer."""
    exchange.forward()
    return False


def cut_answer(exchange: Exchange) -> bool:
    """Let the request happen and break the connection in the middle of the answer."""
    whole = exchange.forward()
    exchange.client.sendall(whole[: len(whole) // 2])
    return False


def says(status: int, code: str, *, after: bool = False) -> Fault:
    """Answer with an S3 error; with `after`, once the request has happened."""

    def fault(exchange: Exchange) -> bool:
        if after:
            exchange.forward()
        text = f'<?xml version="1.0"?><Error><Code>{code}</Code><Message>as the test wants it</Message></Error>'
        body = b"" if exchange.method == "HEAD" else text.encode()
        head = f"HTTP/1.1 {status} No\r\nContent-Type: application/xml\r\nContent-Length: {len(body)}\r\n\r\n"
        exchange.client.sendall(head.encode() + body)
        return True

    return fault


@dataclass
class Hold:
    """Keeps a request back until it is told how to go on: to pass it, as a request in flight does, or otherwise."""

    then: Fault = passed
    arrived: threading.Event = field(default_factory=threading.Event)
    go: threading.Event = field(default_factory=threading.Event)

    def __call__(self, exchange: Exchange) -> bool:
        """Say that it is here, and wait."""
        self.arrived.set()
        self.go.wait(GIVES_UP_SECONDS)
        return self.then(exchange)


def unconditional(exchange: Exchange) -> bool:
    """Take the conditions off, as servers do that do not know them, and sign again, since signatures cover them."""
    lines = exchange.head.decode("latin-1").split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines[1:] if line)
    dropped = {"if-none-match", "if-match", "authorization"}
    kept = {name: value for name, value in headers.items() if name.lower() not in dropped}
    request = botocore.awsrequest.AWSRequest(
        method=exchange.method,
        url=f"http://{next(value for name, value in kept.items() if name.lower() == 'host')}{exchange.path}",
        headers=kept,
        data=exchange.body,
    )
    credentials = botocore.credentials.Credentials(ACCESS_KEY, SECRET_KEY)
    botocore.auth.S3SigV4Auth(credentials, "s3", "us-east-1").add_auth(request)
    signed = "".join(f"{name}: {value}\r\n" for name, value in request.headers.items())
    exchange.head = f"{lines[0]}\r\n{signed}\r\n".encode("latin-1")
    return passed(exchange)


@dataclass
class Rule:
    """What happens to some requests: to those whose method and path match, from match `first` on, `times` of them.

    `every` takes only each so-manieth of them.
    """

    fault: Fault
    method: str = ""
    """Empty is any."""
    path: str = ""
    """A pattern searched for in the decoded path and query."""
    first: int = 1
    times: float = 1
    every: int = 1
    matched: int = 0
    hits: int = 0

    def takes(self, method: str, path: str) -> bool:
        """Count a request that matches, and say whether it is one to spoil."""
        if self.method not in {"", method} or not re.search(self.path, path):
            return False
        self.matched += 1
        turn = self.matched - self.first
        if turn < 0 or turn % self.every or self.hits >= self.times:
            return False
        self.hits += 1
        return True


@dataclass
class Proxy:
    """Where it listens, what it does to whom, and what has come by."""

    url: str
    rules: list[Rule] = field(default_factory=list)
    requests: list[tuple[str, str]] = field(default_factory=list)
    """Method, and decoded path with its query."""
    mutex: threading.Lock = field(default_factory=threading.Lock)

    def spoil(self, rule: Rule) -> Rule:
        """Forget the rules and requests of before, and go by this rule from now on."""
        with self.mutex:
            self.rules, self.requests = [rule], []
        return rule

    def leave_alone(self) -> None:
        """Let everything pass from now on."""
        with self.mutex:
            self.rules, self.requests = [], []

    def fault(self, method: str, path: str) -> Fault:
        """Note a request, and return what happens to it."""
        with self.mutex:
            self.requests.append((method, path))
            return next((rule.fault for rule in self.rules if rule.takes(method, path)), passed)


@contextmanager
def proxying(endpoint: str) -> Iterator[Proxy]:
    """Listen on loopback before the server at that address (http://host:port)."""
    host, _, port = endpoint.removeprefix("http://").partition(":")
    with listening(lambda client, _: _serve(client, (host, int(port)), proxy)) as address:
        proxy = Proxy(f"http://{address}")
        yield proxy


def _serve(client: socket.socket, upstream: tuple[str, int], proxy: Proxy) -> None:
    """Work off the requests of one connection."""
    # Whichever end has gone, the connection is over: to break it is what some faults are for.
    with client, suppress(OSError):
        while (head := _head(client)) is not None:
            text, body = head[0].decode("latin-1"), head[1]
            method, path, _ = text.split("\r\n", 1)[0].split(" ", 2)
            length = int(_header(text, "content-length") or 0)
            if _header(text, "expect") and length > len(body):
                client.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
            fault = proxy.fault(method, unquote(path))
            body += _exactly(client, length - len(body))
            if not fault(Exchange(method, path, head[0], body, client, upstream)):
                return


def _head(peer: socket.socket, data: bytes = b"") -> tuple[bytes, bytes] | None:
    """Return the next head and what came along behind it; None when the peer has nothing more to say.

    `data` is what has been read of it already.
    """
    while b"\r\n\r\n" not in data:
        chunk = peer.recv(_READ)
        if not chunk:
            return None
        data += chunk
    head, _, rest = data.partition(b"\r\n\r\n")
    return head + b"\r\n\r\n", rest


def _exactly(peer: socket.socket, size: int) -> bytes:
    data = bytearray()
    while len(data) < size:
        chunk = peer.recv(min(_READ, size - len(data)))
        if not chunk:
            raise ConnectionResetError
        data += chunk
    return bytes(data)


def _header(head: str, name: str) -> str:
    match = re.search(rf"^{name}:\s*(.*?)\s*$", head, re.IGNORECASE | re.MULTILINE)
    return match[1] if match else ""


def _answer(server: socket.socket, *, has_body: bool) -> bytes:
    """Return the server's whole answer; interim ones (100 Continue) are left out."""
    body = b""
    while (answer := _head(server, body)) is not None:
        head, body = answer
        text = head.decode("latin-1")
        status = int(text.split(" ", 2)[1])
        if status < 200:
            continue
        if not has_body or status in {204, 304}:
            return head
        if _header(text, "transfer-encoding").lower() == "chunked":
            while not body.endswith(b"0\r\n\r\n"):
                chunk = server.recv(_READ)
                if not chunk:
                    raise ConnectionResetError
                body += chunk
            return head + body
        return head + body + _exactly(server, int(_header(text, "content-length") or 0) - len(body))
    raise ConnectionResetError
