"""How a shop speaks of one table: where its pages are, how they are asked for, where things stand in them.

A Dialect is a plain value, made from the configuration. It turns (day, where we stand) into the next request; pages.py
turns an answer into a Page. Both are pure, so that pages on disk are read again as they were read first.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from urllib.parse import quote

from mootech.source.guards import PagePosition
from mootech.source.http import Ask
from mootech.source.mapping import FieldMapping
from mootech.source.paths import JsonPath

SECONDS, MILLISECONDS = "seconds", "milliseconds"
"""Formats of a date besides those of strftime: since 1970, UTC."""


class Style(StrEnum):
    """How a page says where the next one is."""

    CURSOR = "cursor"
    """The body holds what to ask with."""
    PAGE = "page"
    """Pages are counted."""
    OFFSET = "offset"
    """Rows are counted."""
    LINK = "link"
    """The Link header holds the address (RFC 8288)."""
    NEXT_URL = "next_url"
    """The body holds the address."""
    NONE = "none"
    """One page is all there is."""


COUNTED = frozenset({Style.PAGE, Style.OFFSET})
"""Styles in which no page names the next one."""
ADDRESSED = frozenset({Style.LINK, Style.NEXT_URL})
"""Styles in which a page names the whole address of the next one."""


@dataclass(frozen=True)
class Dialect:
    """How one table is asked for and how its pages are read. The defaults are mootech's own pages protocol."""

    path: str
    """Below the base URL; `{day}` in it is the UTC day."""
    style: Style = Style.CURSOR
    lines: bool = False
    """True: the body is one row a line (NDJSON), without anything around them."""
    url: str = ""
    """The base URL; the address of a next page must lie in its origin."""
    records: JsonPath = ("data",)
    """Where the list of rows stands in the body; empty: the body is the list."""
    next: JsonPath = ("next_cursor",)
    """Where the cursor or the next page's address stands in the body."""
    total: JsonPath = ("total",)
    """Where the declared number of rows stands in the body; empty: nowhere."""
    total_header: str = ""
    """The header that holds it instead."""
    more: JsonPath = ()
    """Where true or false stands for whether there is another page; empty: nowhere."""
    place_parameter: str = "cursor"
    """Says where to go on: cursor, number of the page or of rows."""
    first_page: int = 1
    limit_parameter: str = "limit"
    """Empty: the shop decides how many rows a page has."""
    start_parameter: str = "start_date"
    end_parameter: str = "end_date"
    """Empty: the first one alone names the day."""
    end_exclusive: bool = False
    """True: the range ends before the next day's begin."""
    date_format: str = "%Y-%m-%d"
    """Of strftime, or `seconds` or `milliseconds` since 1970; UTC."""
    parameters: tuple[tuple[str, str], ...] = ()
    """Sent with every request."""
    mapping: FieldMapping | None = field(default=None, metadata={"of_rows": True})
    """From the shop's fields to the contract's."""

    @property
    def is_own(self) -> bool:
        """Say whether pages are those of mootech's own protocol, which has a decoder that is faster."""
        read = ("style", "lines", "records", "next", "total", "total_header", "more")
        return all(getattr(self, name) == getattr(_OWN, name) for name in read)

    @property
    def heads(self) -> tuple[str, ...]:
        """The headers that belong to a page, in lower case."""
        link = ("link",) if self.style is Style.LINK else ()
        return (*link, *((self.total_header.lower(),) if self.total_header else ()))

    @property
    def digest(self) -> str:
        """Return a hash of how pages are asked for and read; how rows are mapped is no part of it."""
        read = [(each.name, getattr(self, each.name)) for each in fields(self) if "of_rows" not in each.metadata]
        return hashlib.sha256(repr(read).encode()).hexdigest()

    def on(self, day: date) -> "Dialect":
        """Return the dialect with the day in its path; the same again where it is there already."""
        return replace(self, path=self.path.replace("{day}", quote(self._begin(day), safe="")))

    def ask(self, day: date, position: PagePosition, page_size: int) -> Ask:
        """Return the request for the page that follows on `position`; for a dialect that is on that day."""
        accept = "application/x-ndjson, application/json;q=0.5" if self.lines else "application/json"
        cursor = position.next_cursor
        if cursor is not None and self.style in ADDRESSED:
            return Ask(self.path, {}, url=cursor, accept=accept)
        return Ask(self.path, self._query(day, cursor, page_size), accept=accept)

    def _query(self, day: date, cursor: str | None, page_size: int) -> Mapping[str, str]:
        asked = dict(self.parameters)
        if self.start_parameter:
            asked[self.start_parameter] = self._begin(day)
        if self.end_parameter:
            asked[self.end_parameter] = self._end(day)
        if self.limit_parameter and self.style is not Style.NONE:
            asked[self.limit_parameter] = str(page_size)
        if cursor is None and self.style in COUNTED:
            cursor = str(self.first_page if self.style is Style.PAGE else 0)
        if cursor is not None:
            asked[self.place_parameter] = cursor
        return asked

    def _begin(self, day: date) -> str:
        return _dated(datetime.combine(day, time(), UTC), self.date_format)

    def _end(self, day: date) -> str:
        following = datetime.combine(day, time(), UTC) + timedelta(days=1)
        if self.end_exclusive:
            return _dated(following, self.date_format)
        smallest = timedelta(milliseconds=1) if self.date_format == MILLISECONDS else timedelta(seconds=1)
        return _dated(following - smallest, self.date_format)


_OWN = Dialect("")


def _dated(moment: datetime, date_format: str) -> str:
    match date_format:
        case "seconds":
            return str(int(moment.timestamp()))
        case "milliseconds":
            return str(int(moment.timestamp() * 1000))
    return moment.strftime(date_format)
