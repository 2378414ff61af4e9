"""The shop's API seen from in front: a plain HTTP proxy that notes every request, and can hold the answers back."""

import http
import http.client
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

_PASSED_ON = ("X-API-Key", "Accept-Encoding")
_PASSED_BACK = ("Content-Type", "Content-Encoding", "Retry-After")
WAIT_SECONDS = 120


@dataclass
class Watched:
    """What came by. Answers flow until they are told to `hold`."""

    url: str
    requests: list[str] = field(default_factory=list)
    """Path and query of each, in order of arrival."""
    arrived: threading.Event = field(default_factory=threading.Event)
    """Set by every request."""
    flowing: threading.Event = field(default_factory=threading.Event)
    """What held requests wait for."""
    allowed: int | None = None
    """How many requests may still be answered before the next ones wait; None is any number."""
    held_back: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    """Released by each request that has to wait."""
    forgotten: int = 0
    """How many requests with a cursor are still to be answered 410 Gone."""
    connections: int = 0
    """Open now."""
    most_connections: int = 0
    """Open at once, at most."""
    mutex: threading.Lock = field(default_factory=threading.Lock)

    def hold(self, after: int = 0) -> None:
        """Answer so many requests more, and let those behind them wait."""
        with self.mutex:
            self.allowed = after
            self.held_back = threading.Semaphore(0)
            self.flowing.clear()

    def flow(self) -> None:
        """Answer what waits and whatever comes."""
        with self.mutex:
            self.allowed = None
            self.flowing.set()

    def wait_for(self, requests: int) -> None:
        """Wait until so many requests have been held back since `hold`."""
        assert all(self.held_back.acquire(timeout=WAIT_SECONDS) for _ in range(requests))

    def note(self, path: str) -> tuple[bool, bool]:
        """Take down a request; say whether its cursor is one the source has forgotten, and whether it has to wait."""
        with self.mutex:
            self.requests.append(path)
            if self.allowed is not None:
                self.allowed -= 1
            waits = self.allowed is not None and self.allowed < 0
            if waits:
                self.held_back.release()
            gone = self.forgotten > 0 and "cursor=" in path
            self.forgotten -= int(gone)
        self.arrived.set()
        return gone, waits

    def count(self, change: int) -> None:
        """Take down that a connection was opened or closed."""
        with self.mutex:
            self.connections += change
            self.most_connections = max(self.most_connections, self.connections)


class _Server(ThreadingHTTPServer):
    def __init__(self, url: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.source = urlsplit(url)
        self.seen = Watched(f"http://127.0.0.1:{self.server_address[1]}{self.source.path}")

    def handle_error(self, *_: Any) -> None:  # noqa: ANN401  # as the base class has it
        """Say nothing of clients that were killed: that is what the tests do to them."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def setup(self) -> None:
        super().setup()
        self.server.seen.count(1)

    def finish(self) -> None:
        super().finish()
        self.server.seen.count(-1)

    def do_GET(self) -> None:
        seen = self.server.seen
        gone, waits = seen.note(self.path)
        if gone:
            self.send_error(http.HTTPStatus.GONE)
            return
        if waits:
            seen.flowing.wait(WAIT_SECONDS)
        client = http.client.HTTPConnection(str(self.server.source.hostname), self.server.source.port)
        client.request("GET", self.path, headers={name: self.headers[name] or "" for name in _PASSED_ON})
        answer = client.getresponse()
        body = answer.read()
        client.close()
        self.send_response(answer.status)
        for name in _PASSED_BACK:
            if name in answer.headers:
                self.send_header(name, answer.headers[name])
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:  # noqa: ANN401  # as the base class has it
        """Say nothing."""


@contextmanager
def watched(url: str) -> Iterator[Watched]:
    """Serve on loopback what the API at `url` answers."""
    with _Server(url) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.seen
        finally:
            server.seen.flow()
            server.shutdown()
            thread.join()
