"""Read the pages of any dialect but mootech's own: rows, the next page and the total, where the configuration says."""

from collections.abc import Mapping
from typing import Any

import msgspec

from mootech.source.body import TransientError
from mootech.source.dialect import Dialect
from mootech.source.guards import Page, PagePosition
from mootech.source.paths import decoded_at, elements_of, fields_of, found, shown
from mootech.source.strict import check_rows, refuse_dense
from mootech.source.styles import PageRead

_LINES = msgspec.json.Decoder(msgspec.Raw)
_FAILURES = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


def rows_in(dialect: Dialect, body: bytes) -> list[msgspec.Raw]:
    """Return the JSON text of each row of a body.

    Raises:
        TransientError: there is no list of rows where it should be.
        msgspec.MsgspecError: it is no JSON.

    """
    records = dialect.pages.records
    if dialect.lines:
        return _LINES.decode_lines(body)
    if not records:
        return elements_of(body)
    rows = found(fields_of(body), records)
    if rows is None:
        raise TransientError(f"a body without a list of rows at {shown(records)} ([source.pages] records)")
    return elements_of(rows)


def read(dialect: Dialect, body: bytes, head: Mapping[str, str], before: PagePosition, page_size: int) -> Page:
    """Read the page that follows on `before`.

    Args:
        dialect: where things stand.
        body: decoded, as it arrived.
        head: the headers that belong to the page, names in lower case.
        before: the pages so far.
        page_size: the rows that were asked for.

    Raises:
        TransientError: it is not strict JSON in UTF-8, or not a page; it is worth asking again.
        RefusedError: it has more rows than any page may have, or a row that is too large, or names a next page that
            is not the shop's.

    """
    refuse_dense(body)
    try:
        if not body.isascii():
            body.decode()
        rows = rows_in(dialect, body)
        beside = {} if dialect.lines or not dialect.pages.records else fields_of(body)
        total = _total(dialect, beside, head)
        more = _more(dialect, beside)
        page = PageRead(
            before=before,
            rows=len(rows),
            page_size=page_size,
            # A shop that says whether more follow need not be counted after.
            total=None if more is not None else before.total if total is None else total,
            beside=beside,
            head=head,
            first_address=f"{dialect.url}/{dialect.path}",
        )
        following = dialect.style.following(dialect.pages, page)
    except _FAILURES as exc:
        raise TransientError(f"a body that is no page of rows ({exc})") from exc
    check_rows(body, rows)
    kept = {name: head[name] for name in dialect.headers if name in head}
    next_cursor = None if more is False else following
    return Page(before.pages + 1, before.next_cursor, next_cursor, rows, total, body, kept)


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
