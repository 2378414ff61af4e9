"""The shop's API seen from in front: a plain HTTP proxy that notes every request, and can hold the answers back."""

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
    """What came by. Answers flow while `flowing` is set, which it is at first."""

    url: str
    requests: list[str] = field(default_factory=list)
    """Path and query of each, in order of arrival."""
    arrived: threading.Event = field(default_factory=threading.Event)
    """Set by every request."""
    flowing: threading.Event = field(default_factory=threading.Event)
    pages: int | None = None
    """How many requests may still be answered; None is any number. Then `flowing` is cleared."""
    answered: list[int] = field(default_factory=list)
    """The status of each answer."""

    def __post_init__(self) -> None:
        """Let the answers flow."""
        self.flowing.set()


@contextmanager
def watched(url: str) -> Iterator[Watched]:
    """Serve on loopback what the API at `url` answers."""
    source = urlsplit(url)
    mutex = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            with mutex:
                seen.requests.append(self.path)
                if seen.pages is not None:
                    seen.pages -= 1
                    if seen.pages < 0:
                        seen.flowing.clear()
            seen.arrived.set()
            seen.flowing.wait(WAIT_SECONDS)
            client = http.client.HTTPConnection(str(source.hostname), source.port)
            client.request("GET", self.path, headers={name: self.headers[name] or "" for name in _PASSED_ON})
            answer = client.getresponse()
            body = answer.read()
            client.close()
            seen.answered.append(answer.status)
            self.send_response(answer.status)
            for name in _PASSED_BACK:
                if name in answer.headers:
                    self.send_header(name, answer.headers[name])
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:  # noqa: ANN401  # as the base class has it
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: Any) -> None:  # noqa: ANN401  # as the base class has it
            """Say nothing of clients that were killed: that is what the tests do to them."""

    with Server(("127.0.0.1", 0), Handler) as server:
        seen = Watched(f"http://127.0.0.1:{server.server_address[1]}{source.path}")
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield seen
        finally:
            seen.flowing.set()
            server.shutdown()
            thread.join()
