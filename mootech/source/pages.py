"""The pages protocol: one table and day, page by page, with guards against a source that lies about its pages."""

from collections.abc import AsyncIterator
from datetime import date
from functools import partial

import msgspec

from mootech.errors import RefusedError
from mootech.model import Table
from mootech.source.body import TransientError
from mootech.source.guards import START, Page, Progress
from mootech.source.http import Api
from mootech.source.strict import MOST_ROWS, is_dense, is_too_deep


class _Envelope(msgspec.Struct, frozen=True):
    """The body of a page; the rows stay text, because one bad row must not cost the page.

    Of a name that stands twice in one object the last value counts, here and in rows, as in Python and JavaScript.
    """

    data: list[msgspec.Raw]
    next_cursor: str | None = None
    total: int | None = None


_DECODER = msgspec.json.Decoder(_Envelope)


def rows_of(body: bytes) -> list[msgspec.Raw]:
    """Return the JSON text of each row of an accepted page."""
    return _DECODER.decode(body).data


def parse_page(body: bytes, number: int, cursor: str | None) -> Page:
    """Read a page's envelope.

    Raises:
        TransientError: it is not strict JSON in UTF-8, or not a page; it is worth asking again.
        RefusedError: it has more rows than any page may have.

    """
    if is_dense(body):
        raise _too_many()
    try:
        if not body.isascii():
            # Rows stay undecoded here, and with them bytes that are no UTF-8.
            body.decode()
        envelope = _DECODER.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as exc:
        raise TransientError(f"a body that is no page of rows ({exc})") from exc
    if len(envelope.data) > MOST_ROWS:
        raise _too_many()
    if is_too_deep(body, envelope.data):
        raise TransientError("a body that is no page of rows (it nests too deep)")
    return Page(number, cursor, envelope.next_cursor or None, envelope.data, envelope.total, body)


def _too_many() -> RefusedError:
    return RefusedError(
        f"a page has more than {MOST_ROWS:,} rows, or rows too small to be any",
        hint="Nothing of it was kept. The shop's API must heed `limit`, the rows asked for ([source] page_size).",
    )


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
