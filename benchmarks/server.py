"""The shop's API from one process that does as little as can be: pages go from the page cache to the socket.

    python -m benchmarks.server FOLDER      prints its port; serves until its stdin ends

It speaks the contract of docs/design.md ("What mootech asks of the shop's API"): X-API-Key, ranges of days, cursors,
totals and metrics with true numbers, problem documents. Pages are as they were made, so `limit` must admit them. What
both sides of a comparison fetch costs the server next to nothing, so that they are measured and not the server.
"""

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar
from urllib.parse import parse_qsl, urlsplit

from benchmarks.data.shelf import PAGE_ROWS, Shelf
from mootech.tables import CLICKSTREAM, TABLES

API_KEY = "benchmark"
_HOST = "127.0.0.1"
_ROOT = Path(__file__).parents[1]


class RefusedError(Exception):
    """A request that cannot be answered; becomes a problem document."""

    def __init__(self, status: HTTPStatus, detail: str) -> None:
        """Keep the status apart from the words."""
        super().__init__(detail)
        self.status = status


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # head and page are two writes, and the second must not wait for an acknowledgement
    shelf: ClassVar[Shelf]

    def do_GET(self) -> None:  # the name that http.server calls
        """Answer with a page, a metric or a problem."""
        try:
            self._answer()
        except RefusedError as refused:
            problem = {"type": "about:blank", "status": refused.status, "detail": str(refused)}
            self._send(json.dumps(problem).encode(), refused.status, "application/problem+json")

    def log_message(self, *_: object) -> None:
        """Say nothing: a line per request is work too."""

    def _answer(self) -> None:
        if self.headers["X-API-Key"] != API_KEY:
            raise RefusedError(HTTPStatus.UNAUTHORIZED, "X-API-Key is missing or wrong")
        parts = urlsplit(self.path)
        query = dict(parse_qsl(parts.query))
        match parts.path.strip("/").split("/"):
            case ["metrics", "hits" | "visitors" as name]:
                held = self.shelf.day(CLICKSTREAM.name, _day(query, "date"))
                if held is None:
                    raise RefusedError(HTTPStatus.UNPROCESSABLE_ENTITY, "the shop has no such day")
                self._send(str(held.rows if name == "hits" else held.visitors).encode())
            case [table] if table in TABLES.names:
                self._page(table, query)
            case _:
                raise RefusedError(HTTPStatus.NOT_FOUND, "there is nothing here")

    def _page(self, table: str, query: dict[str, str]) -> None:
        """Send the page that a cursor names, `day:number`, or the first one of the range."""
        first, last = _day(query, "start_date"), _day(query, "end_date")
        days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
        held = {day: told for day in days if (told := self.shelf.day(table, day)) is not None}
        places = [(day, number) for day, told in held.items() for number in range(told.pages)]
        cursors = [f"{day}:{number}" for day, number in places]
        asked = query.get("cursor", cursors[0] if cursors else "")
        if asked not in cursors or int(query.get("limit", "0")) < min(
            max(each.rows for each in held.values()), PAGE_ROWS
        ):
            raise RefusedError(HTTPStatus.UNPROCESSABLE_ENTITY, "no such days, cursor or limit")
        at = cursors.index(asked)
        following = cursors[at + 1] if at + 1 < len(cursors) else None
        tail = json.dumps({"next_cursor": following, "total": sum(each.rows for each in held.values())})
        head, end = b'{"data":', f",{tail[1:]}".encode()
        with self.shelf.page(table, *places[at]).open("rb") as page:
            size = os.fstat(page.fileno()).st_size
            self._head(HTTPStatus.OK, "application/json", len(head) + size + len(end))
            self.wfile.write(head)
            sent = 0
            while sent < size:
                sent += os.sendfile(self.connection.fileno(), page.fileno(), sent, size - sent)
            self.wfile.write(end)

    def _send(self, body: bytes, status: int = HTTPStatus.OK, kind: str = "application/json") -> None:
        self._head(status, kind, len(body))
        self.wfile.write(body)

    def _head(self, status: int, kind: str, size: int) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(size))
        self.end_headers()


def _day(query: dict[str, str], name: str) -> date:
    try:
        return date.fromisoformat(query[name])
    except (KeyError, ValueError):
        raise RefusedError(HTTPStatus.UNPROCESSABLE_ENTITY, f"{name} is no day") from None


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64
    address_family = socket.AF_INET


def main() -> None:
    """Serve the folder until stdin ends."""
    Handler.shelf = Shelf(Path(sys.argv[1]))
    with _Server((_HOST, 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        print(server.server_port, flush=True)
        sys.stdin.read()
        server.shutdown()


@contextmanager
def serving(shelf: Shelf) -> Iterator[str]:
    """Serve a shelf from a process of its own; yields the API's address."""
    command = [sys.executable, "-m", "benchmarks.server", str(shelf.folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=_ROOT) as process:  # noqa: S603  # ours
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("both were asked for as pipes")
        try:
            yield f"http://{_HOST}:{int(process.stdout.readline())}"
        finally:
            process.stdin.close()
            process.wait()


if __name__ == "__main__":
    main()
