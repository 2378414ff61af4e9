"""The model's world: a shop whose rows a test changes, what is staged, and what a run must make of a day."""

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

from mootech.tables import TRANSACTIONS
from tests.rows import DAY, NOON, order

DAYS = (DAY, DAY + timedelta(days=1), DAY + timedelta(days=2))
PAGE_SIZE = 4
TABLE = TRANSACTIONS

Row = tuple[str, float]
"""order_id and amount; a negative amount breaks the contract."""
Held = frozenset[Row]


@dataclass
class Shop:
    """What the shop hands out, by day, over HTTP; it can refuse all requests but the first few."""

    rows: dict[date, list[Row]] = field(default_factory=lambda: {day: [] for day in DAYS})
    patience: int | None = None
    """How many more requests are answered; None is any number."""

    def answer(self, query: Mapping[str, list[str]]) -> tuple[int, bytes]:
        """Return the status and body for a page's request."""
        if self.patience is not None:
            self.patience -= 1
            if self.patience < 0:
                return 404, b"{}"
        day = date.fromisoformat(query["start_date"][0])
        first = int(query.get("cursor", ["0"])[0])
        rows = [_json(day, *row) for row in self.rows[day][first : first + PAGE_SIZE]]
        last = first + PAGE_SIZE >= len(self.rows[day])
        cursor = None if last else str(first + PAGE_SIZE)
        page = {"data": rows, "next_cursor": cursor, "total": len(self.rows[day])}
        return 200, json.dumps(page).encode()


def _json(day: date, order_id: str, amount: float) -> dict[str, Any]:
    noon = NOON + (day - DAY).days * 86_400
    return order(order_id, total_purchase_usd=amount, transaction_timestamp=noon, utc_date=day.isoformat())


@contextmanager
def open_shop(shop: Shop) -> Iterator[str]:
    """Serve the shop on loopback."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            status, body = shop.answer(parse_qs(urlsplit(self.path).query))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:  # noqa: ANN401  # as the base class has it
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = Thread(target=partial(server.serve_forever, poll_interval=0.01))
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/v1"
        server.shutdown()
        thread.join()


@dataclass(frozen=True)
class Staged:
    """The pages of a day that a run would take up: they were asked for in the way in which it would ask."""

    rows: tuple[Row, ...]
    whole: bool
    """The last page is there: the shop is not asked again, whatever it has by now."""

    @classmethod
    def of(cls, rows: list[Row]) -> "Staged":
        """Return all pages of these rows."""
        return cls(tuple(rows), whole=True)

    def begins(self, rows: list[Row]) -> bool:
        """Say whether these are the first pages, or all, of a day with these rows."""
        count = len(self.rows)
        return self.rows == tuple(rows[:count]) and (count == len(rows) if self.whole else count % PAGE_SIZE == 0)


def staged(state: Path) -> dict[date, Staged]:
    """Return what the state folder holds of each day."""
    return {
        date.fromisoformat(journal.parent.name): found
        for journal in state.glob(f"lakes/*/stage/{TABLE}/*/journal.jsonl")
        if (found := _staged(journal)) is not None
    }


def forget_unfinished(state: Path, day: date) -> None:
    """Let the pages of a day that is not staged whole grow stale."""
    for folder in state.glob(f"lakes/*/stage/{TABLE}/{day}"):
        pages = staged(state).get(day)
        if pages is None or not pages.whole:
            shutil.rmtree(folder)


def _staged(journal: Path) -> Staged | None:
    header, *lines = map(json.loads, journal.read_text().splitlines())
    # A day that was begun again has pages of another size, which no later run takes up.
    if header["page_size"] != PAGE_SIZE or not lines:
        return None
    pages = [json.loads((journal.parent / f"page-{line['page']:05d}.json").read_bytes()) for line in lines]
    rows = tuple((row["order_id"], row["total_purchase_usd"]) for page in pages for row in page["data"])
    return Staged(rows, whole=pages[-1]["next_cursor"] is None)


@dataclass(frozen=True)
class Expected:
    """What a run must make of a day's rows."""

    good: Held
    bad: int
    duplicates: int

    @classmethod
    def of(cls, rows: Sequence[Row]) -> "Expected":
        """Split rows the way docs/design.md says; in these every order_id has one amount."""
        different = set(rows)
        good = frozenset(row for row in different if row[1] >= 0)
        bad = sum(row[1] < 0 for row in rows)
        return cls(good, bad, len(rows) - bad - len(good))

    @property
    def blocked(self) -> bool:
        """Nothing but bad rows, two or more that are most of the day, or more than ten and more than 1 % of it."""
        fetched = len(self.good) + self.bad + self.duplicates
        most = self.bad >= 2 and self.bad > fetched / 2
        return self.bad > 0 and (not self.good or most or (self.bad > 10 and self.bad > 0.01 * fetched))

    def shrinks(self, held: Held | None) -> bool:
        """Fewer than 95 % of the rows there are, or none."""
        return bool(held) and (not self.good or len(self.good) < 0.95 * len(held or ()))
