"""Read the pages of any dialect but mootech's own: rows, the next page and the total, where the configuration says."""

from collections.abc import Mapping
from typing import Any

import msgspec

from mootech.errors import RefusedError
from mootech.source.complaints import FAILURES, no_page, refuse_error_line, refuse_errors
from mootech.source.dialect import Dialect
from mootech.source.guards import Page, PagePosition
from mootech.source.http import Answer
from mootech.source.paths import decoded_at, elements_of, fields_of, found, shown
from mootech.source.strict import check_rows, refuse_dense
from mootech.source.styles import PageRead

_LINES = msgspec.json.Decoder(msgspec.Raw)


def rows_in(dialect: Dialect, body: bytes) -> list[msgspec.Raw]:
    """Return the JSON text of each row of a body.

    Raises:
        msgspec.MsgspecError: it is no JSON, or there is no list of rows where it should be.

    """
    records = dialect.pages.records
    if dialect.lines:
        return _LINES.decode_lines(body)
    if not records:
        return elements_of(body)
    rows = found(fields_of(body), records)
    if rows is None:
        raise msgspec.ValidationError(f"without a list of rows at {shown(records)}, [source.pages] records")
    return elements_of(rows)


def read(dialect: Dialect, answer: Answer, before: PagePosition, page_size: int) -> Page:
    """Read the page that follows on `before`.

    Args:
        dialect: where things stand.
        answer: the body as it arrived, and the headers that belong to it.
        before: the pages so far.
        page_size: the rows that were asked for.

    Raises:
        TransientError: it is not strict JSON in UTF-8, or not a page, or has an error beside its rows; it is worth
            asking again.
        RefusedError: it has more rows than any page may have, or a row that is too large, or names a next page that
            is not the shop's; or nobody can tell whether it is whole.

    """
    body, head, errors = answer.body, answer.head, dialect.pages.errors
    refuse_dense(body)
    try:
        if not body.isascii():
            body.decode()
        rows = rows_in(dialect, body)
        beside = {} if dialect.lines or not dialect.pages.records else fields_of(body)
        refuse_errors(beside, errors)
        total = _total(dialect, beside, head)
        more = _more(dialect, beside)
        page = PageRead(
            before=before,
            rows=len(rows),
            page_size=page_size,
            total=before.total if total is None else total,
            more=more,
            beside=beside,
            head=head,
            first_address=f"{dialect.url}/{dialect.path}",
        )
        # Some shops hand out a cursor for ever; an empty page that says it is the last is.
        is_last = not rows and more is False
        following = None if is_last else dialect.style.following(dialect.pages, page)
    except FAILURES as exc:
        raise no_page(body, () if dialect.lines else errors, exc) from exc
    check_rows(body, rows)
    if dialect.lines:
        refuse_error_line(rows, errors)
        if not answer.framed and page.total is None and not dialect.pages.unframed:
            raise _unframed()
    kept = {name: head[name] for name in dialect.headers if name in head}
    return Page(before.pages + 1, before.next_cursor, following, rows, total, body, kept, more)


def _unframed() -> RefusedError:
    return RefusedError(
        "a body of lines ends where the connection does, and nobody can tell whether it is whole",
        hint="Nothing of it was kept. The shop should send Content-Length, chunks, gzip, or the number of all rows in "
        "a header ([source.pages] total_header). `unframed = true` under [source.pages] takes such bodies for whole; "
        "rows that get lost on the way are not noticed then.",
    )


def _total(dialect: Dialect, beside: Mapping[str, msgspec.Raw], head: Mapping[str, str]) -> int | None:
    """Return the declared number of rows."""
    if dialect.pages.total_header:
        where = dialect.pages.total_header
        value: Any = head.get(where.lower())
    else:
        where = shown(dialect.pages.total)
        value = decoded_at(beside, dialect.pages.total)
    if isinstance(value, str) and value.strip().isdecimal():
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int | None):
        raise msgspec.ValidationError(f"what stands at {where} is no number of rows")
    return value


def _more(dialect: Dialect, beside: Mapping[str, msgspec.Raw]) -> bool | None:
    """Return whether the page says that there is another one; None where it says nothing."""
    value = decoded_at(beside, dialect.pages.more)
    if value is None or isinstance(value, bool):
        return value
    raise msgspec.ValidationError(f"what stands at {shown(dialect.pages.more)} is neither true nor false")
