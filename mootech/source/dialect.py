"""How a shop speaks of one table: where its pages are, how they are asked for, where things stand in them.

A Dialect is a plain value, made from the configuration. It turns a day and a position into the next request; pages.py
turns an answer into a Page. Both are pure, so that a page on disk is read exactly as it was read from the network.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from urllib.parse import quote

from mootech.config import PagesSettings
from mootech.source.guards import PagePosition
from mootech.source.http import Ask
from mootech.source.mapping import FieldMapping
from mootech.source.styles import STYLES, Style

SECONDS, MILLISECONDS = "seconds", "milliseconds"
"""Formats of a date besides those of strftime: since 1970, UTC."""

_READ = ("style", "body", "records", "next", "total", "total_header", "more", "errors")
"""The settings that decide how a page is read; the others decide how it is asked for."""


@dataclass(frozen=True)
class Dialect:
    """How one table is asked for and how its pages are read. The defaults are mootech's own pages protocol."""

    path: str
    """Below the base URL; `{day}` in it is the UTC day."""
    pages: PagesSettings = field(default_factory=PagesSettings)
    """The section [source.pages], as far as it is not different for the table."""
    url: str = ""
    """The base URL; the address of a next page must lie in its origin."""
    mapping: FieldMapping | None = None
    """From the shop's fields to the contract's; None: rows come in the contract's own fields."""

    @property
    def style(self) -> Style:
        """How one page leads to the next."""
        return STYLES[self.pages.style]

    @property
    def lines(self) -> bool:
        """Say whether the body is one row a line (NDJSON), without anything around them."""
        return self.pages.body == "ndjson"

    @property
    def is_own(self) -> bool:
        """Say whether pages are those of mootech's own protocol, which has a decoder that is faster."""
        return all(getattr(self.pages, name) == getattr(_OWN, name) for name in _READ)

    @property
    def headers(self) -> tuple[str, ...]:
        """The headers that belong to a page, in lower case."""
        return (*self.style.headers, *filter(None, (self.pages.total_header.lower(),)))

    @property
    def digest(self) -> str:
        """Return a hash of how pages are asked for and read; how rows are mapped is no part of it."""
        settings = self.pages.model_dump_json(exclude_defaults=True)
        return hashlib.sha256(repr((self.url, self.path, settings)).encode()).hexdigest()

    def on(self, day: date) -> "Dialect":
        """Return the dialect with the day in its path; without a place for a day there it stays the same."""
        return replace(self, path=self.path.replace("{day}", quote(self._begin(day), safe="")))

    def ask(self, day: date, position: PagePosition, page_size: int) -> Ask:
        """Return the request for the page that follows on `position`; for a dialect that is `on` that day."""
        accept = "application/x-ndjson, application/json;q=0.5" if self.lines else "application/json"
        first = Ask(self.path, self._query(day, page_size), accept=accept)
        return self.style.ask(first, self.pages, position.next_cursor)

    def _query(self, day: date, page_size: int) -> Mapping[str, str]:
        """Return the query for the day, without a cursor."""
        pages = self.pages
        asked = dict(pages.parameters)
        if pages.start_parameter:
            asked[pages.start_parameter] = self._begin(day)
        if pages.end_parameter:
            asked[pages.end_parameter] = self._end(day)
        if pages.limit_parameter and self.style.limited:
            asked[pages.limit_parameter] = str(page_size)
        return asked

    def _begin(self, day: date) -> str:
        return _dated(datetime.combine(day, time(), UTC), self.pages.date_format)

    def _end(self, day: date) -> str:
        date_format = self.pages.date_format
        following = datetime.combine(day, time(), UTC) + timedelta(days=1)
        if self.pages.end_exclusive:
            return _dated(following, date_format)
        smallest = timedelta(milliseconds=1) if date_format == MILLISECONDS else timedelta(seconds=1)
        return _dated(following - smallest, date_format)


_OWN = PagesSettings()


def _dated(moment: datetime, date_format: str) -> str:
    match date_format:
        case "seconds":
            return str(int(moment.timestamp()))
        case "milliseconds":
            return str(int(moment.timestamp() * 1000))
    return moment.strftime(date_format)
