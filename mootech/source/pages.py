"""The pages protocol: one table and day, page by page, with guards against a source that lies about its pages."""

from collections.abc import AsyncIterator
from datetime import date
from functools import partial

import msgspec

from mootech.source.body import TransientError
from mootech.source.dialect import Dialect
from mootech.source.guards import START, Page, PagePosition
from mootech.source.http import Answer, Api
from mootech.source.reading import read, rows_in
from mootech.source.strict import check_rows, refuse_dense


class _Envelope(msgspec.Struct, frozen=True):
    """The body of a page; the rows stay text, because one bad row must not cost the page.

    When a name stands twice in one object, its last value counts, here and in rows, as in Python and JavaScript.
    """

    data: list[msgspec.Raw]
    next_cursor: str | None = None
    total: int | None = None


_DECODER = msgspec.json.Decoder(_Envelope)


def rows_of(body: bytes, dialect: Dialect | None = None) -> list[msgspec.Raw]:
    """Return the JSON text of each row of an accepted page."""
    return _DECODER.decode(body).data if dialect is None or dialect.is_own else rows_in(dialect, body)


def parse_page(body: bytes, number: int, cursor: str | None) -> Page:
    """Read a page of mootech's own protocol.

    Raises:
        TransientError: it is not strict JSON in UTF-8, or not a page; it is worth asking again.
        RefusedError: it has more rows than any page may have, or a row that is too large.

    """
    refuse_dense(body)
    try:
        if not body.isascii():
            # Rows are not decoded here, so bytes that are no UTF-8 would pass.
            body.decode()
        envelope = _DECODER.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as exc:
        raise TransientError(f"a body that is no page of rows ({exc})") from exc
    check_rows(body, envelope.data)
    return Page(number, cursor, envelope.next_cursor or None, envelope.data, envelope.total, body)


def read_page(dialect: Dialect, answer: Answer, before: PagePosition, page_size: int) -> Page:
    """Read the page that follows on `before`, in any dialect. Pure: a page from disk is read like one from the network.

    Raises:
        TransientError, RefusedError: as `parse_page`; or it names a next page that is not the shop's.

    """
    if dialect.is_own:
        return parse_page(answer.body, before.pages + 1, before.next_cursor)
    return read(dialect, answer.body, answer.head, before, page_size)


async def pages(
    api: Api, dialect: Dialect, day: date, *, page_size: int, position: PagePosition = START
) -> AsyncIterator[Page]:
    """Yield the pages of one table's UTC day that follow on `position`, each accepted by its guards.

    When the iterator ends, the pages are all there are and as many rows as were declared.

    Raises:
        SourceError: see `Api.get`.
        IncompleteError, TotalChangedError: see `PagePosition.after`.

    """
    dialect = dialect.on(day)
    while position.pages == 0 or position.next_cursor is not None:
        parse = partial(read_page, dialect, before=position, page_size=page_size)
        page = await api.ask(dialect.ask(day, position, page_size), parse)
        position = position.after(page)
        yield page
