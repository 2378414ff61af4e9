"""The pages of any dialect but mootech's own: rows, the next page and the total, found where the configuration says."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urljoin

import httpx
import msgspec

from mootech.errors import RefusedError
from mootech.source.body import TransientError
from mootech.source.dialect import ADDRESSED, COUNTED, Dialect, Style
from mootech.source.guards import Page, PagePosition
from mootech.source.paths import JsonPath, elements_of, fields_of, found
from mootech.source.strict import check_rows, refuse_dense

_LINES = msgspec.json.Decoder(msgspec.Raw)
_FAILURES = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


def rows_in(dialect: Dialect, body: bytes) -> list[msgspec.Raw]:
    """Return the JSON text of each row of a body.

    Raises:
        TransientError: there is no list of rows where it should be.
        msgspec.MsgspecError: it is no JSON.

    """
    if dialect.lines:
        return _LINES.decode_lines(body)
    if not dialect.records:
        return elements_of(body)
    rows = found(fields_of(body), dialect.records)
    if rows is None:
        raise TransientError(f"a body without a list of rows at {shown(dialect.records)} ([source.pages] records)")
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
        outside = {} if dialect.lines or not dialect.records else fields_of(body)
        total = _total(dialect, outside, head)
        more = _more(dialect, outside)
        named = _named(dialect, outside, head)
    except _FAILURES as exc:
        raise TransientError(f"a body that is no page of rows ({exc})") from exc
    check_rows(body, rows)
    if dialect.style in ADDRESSED and named is not None:
        named = next_address(dialect.url, before.next_cursor or f"{dialect.url}/{dialect.path}", named)
    if dialect.style in COUNTED:
        declared = before.total if total is None else total
        named = _counted(dialect, before, len(rows), page_size, declared if more is None else None)
    if more is False or dialect.style is Style.NONE:
        named = None
    kept = {name: head[name] for name in dialect.heads if name in head}
    return Page(before.pages + 1, before.next_cursor, named, rows, total, body, kept)


def _counted(dialect: Dialect, before: PagePosition, rows: int, page_size: int, total: int | None) -> str | None:
    """Return the next page's place where no page names it; None on the last.

    A page without rows is the last. A short one is only when all declared rows are there with it: the shop may just
    have smaller pages than those asked for.
    """
    if rows == 0 or (rows < page_size and total == before.rows + rows):
        return None
    return str(dialect.first_page + before.pages + 1 if dialect.style is Style.PAGE else before.rows + rows)


def _named(dialect: Dialect, outside: Mapping[str, msgspec.Raw], head: Mapping[str, str]) -> str | None:
    """Return the cursor or address that a page names for the next one."""
    if dialect.style is Style.LINK:
        links = httpx.Response(httpx.codes.OK, headers={"Link": head.get("link", "")}).links
        return links.get("next", {}).get("url")
    if dialect.style not in (Style.CURSOR, Style.NEXT_URL):
        return None
    named = _at(outside, dialect.next)
    if named is None or named is False or named == "":
        return None
    if isinstance(named, bool) or not isinstance(named, str | int):
        raise msgspec.ValidationError(f"what stands at {shown(dialect.next)} names no page")
    return str(named)


def _total(dialect: Dialect, outside: Mapping[str, msgspec.Raw], head: Mapping[str, str]) -> int | None:
    """Return the declared number of rows."""
    if dialect.total_header:
        where = dialect.total_header
        value: Any = head.get(where.lower())
    else:
        where = shown(dialect.total)
        value = _at(outside, dialect.total)
    if isinstance(value, str) and value.strip().isdecimal():
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int | None):
        raise msgspec.ValidationError(f"what stands at {where} is no number of rows")
    return value


def _more(dialect: Dialect, outside: Mapping[str, msgspec.Raw]) -> bool | None:
    """Return whether the page says that there is another one; None where it says nothing."""
    value = _at(outside, dialect.more)
    if value is None or isinstance(value, bool):
        return value
    raise msgspec.ValidationError(f"what stands at {shown(dialect.more)} is neither true nor false")


def _at(outside: Mapping[str, msgspec.Raw], path: JsonPath) -> Any:  # noqa: ANN401  # whatever the shop put there
    value = found(outside, path) if path else None
    return None if value is None else msgspec.json.decode(value)


def next_address(url: str, asked: str, named: str) -> str:
    """Return the whole address of a next page.

    Args:
        url: the base URL: the key goes to its origin and to no other.
        asked: the address that the page was asked for with, which a relative one starts at.
        named: what the page says.

    Raises:
        RefusedError: it lies elsewhere, or is no address.

    """
    hint = (
        "Nothing was sent there: the key goes to the configured address only. If the shop's API has moved, "
        "set MOOTECH_API_URL; if not, its next links need mending."
    )
    try:
        address, home = httpx.URL(urljoin(asked, named)), httpx.URL(url)
    except (httpx.InvalidURL, ValueError) as exc:
        raise RefusedError("a page names a next one at what is no address", hint=hint) from exc
    if address.userinfo or _origin(address) != _origin(home):
        raise RefusedError(f"a page names a next one at {address.host or 'another place'}, elsewhere", hint=hint)
    return str(address.copy_with(fragment=None))


def _origin(address: httpx.URL) -> tuple[str, str, int | None]:
    default = {"http": 80, "https": 443}.get(address.scheme)
    return address.scheme, address.host, default if address.port is None else address.port


def shown(path: JsonPath) -> str:
    """Return a path as it is configured."""
    return ".".join(path) or "$"
