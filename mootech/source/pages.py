"""The pages protocol: one table and day, page by page, with guards against a source that lies about its pages."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import date
from functools import partial

import msgspec

from mootech.errors import IncompleteError
from mootech.model import Table
from mootech.source.body import TransientError
from mootech.source.http import Api

_HINT = (
    "Nothing of the day was published; what was there before is intact. "
    "Run the same command again; if it stays, the shop's API needs mending."
)


class TotalChangedError(Exception):
    """The declared total changed between two pages: the day must be asked for from its first page again."""


class _Envelope(msgspec.Struct, frozen=True):
    """The body of a page; the rows stay text, because one bad row must not cost the page."""

    data: list[msgspec.Raw]
    next_cursor: str | None = None
    total: int | None = None


_DECODER = msgspec.json.Decoder(_Envelope)


@dataclass(frozen=True)
class Page:
    """One accepted page of a table's day."""

    number: int
    """1 is the first."""
    cursor: str | None
    """What it was asked for with; None for the first."""
    next_cursor: str | None
    """What the next page is asked for with; None on the last."""
    rows: int
    total: int | None
    """The rows of the whole day as declared by the source."""
    body: bytes
    """The JSON text, decoded from the wire."""


def rows_of(body: bytes) -> list[msgspec.Raw]:
    """Return the JSON text of each row of an accepted page."""
    return _DECODER.decode(body).data


def parse_page(body: bytes, number: int, cursor: str | None) -> Page:
    """Read a page's envelope.

    Raises:
        TransientError: it is not strict JSON in UTF-8, or not a page; it is worth asking again.

    """
    try:
        if not body.isascii():
            # Rows stay undecoded here, and with them bytes that are no UTF-8.
            body.decode()
        envelope = _DECODER.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as exc:
        raise TransientError(f"a body that is no page of rows ({exc})") from exc
    return Page(number, cursor, envelope.next_cursor or None, len(envelope.data), envelope.total, body)


@dataclass(frozen=True)
class Progress:
    """Where in a day's pages a reader stands; the first page follows on `START`."""

    pages: int
    rows: int
    next_cursor: str | None
    total: int | None
    cursors: frozenset[str]
    """Every cursor used or handed out so far."""

    def after(self, page: Page) -> "Progress":
        """Return where one stands after this page.

        Raises:
            TotalChangedError: it declares another total than the pages before it.
            IncompleteError: the source repeats a cursor, or hands out pages beyond its own total, or without end.

        """
        where = f"page {page.number}"
        if self.pages and page.total != self.total:
            raise TotalChangedError(f"{where} declares {page.total} rows, the pages before it {self.total}")
        rows = self.rows + page.rows
        if page.next_cursor is not None:
            if page.next_cursor in self.cursors:
                raise IncompleteError(f"{where} hands out a cursor for the second time", hint=_HINT)
            if page.rows == 0:
                raise IncompleteError(f"{where} is empty and yet says that there is more", hint=_HINT)
        if page.total is not None and rows > page.total:
            raise IncompleteError(f"{rows:,} rows came by {where}, {page.total:,} were declared", hint=_HINT)
        if page.next_cursor is None and page.total is not None and rows != page.total:
            raise IncompleteError(f"only {rows:,} rows came of {page.total:,} declared", hint=_HINT)
        cursors = self.cursors if page.next_cursor is None else self.cursors | {page.next_cursor}
        return Progress(self.pages + 1, rows, page.next_cursor, page.total, cursors)


START = Progress(pages=0, rows=0, next_cursor=None, total=None, cursors=frozenset())


async def pages(
    api: Api, table: Table, day: date, *, page_size: int, progress: Progress = START
) -> AsyncIterator[Page]:
    """Yield the pages of one table and day that follow on `progress`, each accepted by its guards.

    When the iterator ends, the pages are all there are and as many rows as were declared.

    Raises:
        SourceError: see `Api.get`.
        IncompleteError, TotalChangedError: see `Progress.after`.

    """
    asked = {"start_date": day.isoformat(), "end_date": day.isoformat(), "limit": str(page_size)}
    while progress.pages == 0 or progress.next_cursor is not None:
        number, cursor = progress.pages + 1, progress.next_cursor
        params = asked if cursor is None else {**asked, "cursor": cursor}
        page = await api.get(table, params, partial(parse_page, number=number, cursor=cursor))
        progress = progress.after(page)
        yield page
