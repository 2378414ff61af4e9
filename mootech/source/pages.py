"""The pages protocol: one table and day, page by page, with guards against a source that lies about its pages."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import date
from functools import partial
from typing import Any, Final

import msgspec

from mootech.config import PagesSettings
from mootech.errors import IncompleteError, RefusedError
from mootech.source.complaints import FAILURES, no_page, refuse_errors
from mootech.source.dialect import Dialect
from mootech.source.guards import START, Page, PagePosition
from mootech.source.http import Answer, Api
from mootech.source.paths import fields_of
from mootech.source.reading import read, rows_in
from mootech.source.strict import check_rows, refuse_dense


class _Envelope(msgspec.Struct, frozen=True):
    """The body of a page; the rows stay text, because one bad row must not cost the page.

    When a name stands twice in one object, its last value counts, here and in rows, as in Python and JavaScript.
    """

    data: list[msgspec.Raw]
    next_cursor: str | None = None
    total: int | None = None
    errors: Any = None
    error: Any = None


_ERRORS: Final = PagesSettings().errors
_DECODER = msgspec.json.Decoder(_Envelope)


def rows_of(body: bytes, dialect: Dialect | None = None) -> list[msgspec.Raw]:
    """Return the JSON text of each row of an accepted page."""
    return _DECODER.decode(body).data if dialect is None or dialect.is_own else rows_in(dialect, body)


def parse_page(body: bytes, number: int, cursor: str | None) -> Page:
    """Read a page of mootech's own protocol.

    Raises:
        TransientError: it is not strict JSON in UTF-8, or not a page, or has an error beside its rows; it is worth
            asking again.
        RefusedError: it has more rows than any page may have, or a row that is too large.

    """
    refuse_dense(body)
    try:
        if not body.isascii():
            # Rows are not decoded here, so bytes that are no UTF-8 would pass.
            body.decode()
        envelope = _DECODER.decode(body)
        if envelope.errors or envelope.error:
            refuse_errors(fields_of(body), _ERRORS)
    except FAILURES as exc:
        raise no_page(body, _ERRORS, exc) from exc
    check_rows(body, envelope.data)
    return Page(number, cursor, envelope.next_cursor or None, envelope.data, envelope.total, body)


def read_page(dialect: Dialect, answer: Answer, before: PagePosition, page_size: int) -> Page:
    """Read the page that follows on `before`, in any dialect. Pure: a page from disk is read like one from the network.

    Raises:
        TransientError, RefusedError: as `parse_page`; or it names a next page that is not the shop's.

    """
    if dialect.is_own:
        return parse_page(answer.body, before.pages + 1, before.next_cursor)
    return read(dialect, answer, before, page_size)


async def pages(
    api: Api, dialect: Dialect, day: date, *, page_size: int, position: PagePosition = START
) -> AsyncIterator[Page]:
    """Yield the pages of one table's UTC day that follow on `position`, each accepted by its guards.

    When the iterator ends, the pages are all there are and as many rows as were declared.

    Raises:
        SourceError: see `Api.get`.
        IncompleteError, TotalChangedError: see `PagePosition.after`; or what was refused as behind the last page is
            not behind it when it is asked for again.

    """
    dialect = dialect.on(day)

    async def asked(at: PagePosition) -> Page:
        return await api.ask(
            dialect.ask(day, at, page_size), partial(read_page, dialect, before=at, page_size=page_size)
        )

    while position.pages == 0 or position.next_cursor is not None:
        try:
            page = await asked(position)
        except RefusedError as exc:
            if not dialect.style.counts or not position.may_end_with(exc.status, dialect.pages.end_status):
                raise
            await _confirm_end(asked, position, exc)
            return
        position = position.after(page)
        yield page


async def _confirm_end(
    asked: Callable[[PagePosition], Awaitable[Page]], position: PagePosition, refusal: RefusedError
) -> None:
    """Prove that a day ends with its last page, because the page behind it was refused.

    The last page is asked for once more and must be the same; then the refusal must come again. Otherwise rows moved,
    or the shop refuses what it has.

    Raises:
        SourceError: another failure than the same refusal.
        IncompleteError: the last page has changed, or there is a page behind it after all.

    """
    hint = "Nothing of the day was published; what was there before is intact. Run the same command again."
    again = await asked(replace(position, pages=position.pages - 1, next_cursor=position.cursor))
    if not position.confirms(again):
        raise IncompleteError(f"page {position.pages} changed while the end of the day was looked for", hint=hint)
    try:
        await asked(position)
    except RefusedError as exc:
        if exc.status != refusal.status:
            raise
    else:
        raise IncompleteError(f"page {position.pages + 1} was refused ({refusal.status}), and then it came", hint=hint)
