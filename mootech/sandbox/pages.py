"""The pages of the API: which rows answer a request, and where the next page begins."""

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final, Protocol

from mootech.errors import UsageError
from mootech.model import DayRange
from mootech.sandbox.calendar import check_day
from mootech.tables import TableSpec

DEFAULT_LIMIT: Final = 1_000
MOST_ROWS: Final = 10_000
"""Most rows in one page."""
MOST_DAYS: Final = 366
"""Most days in one request."""


class BadParameterError(Exception):
    """A parameter of the query cannot be used; the message says which one and why."""

    def __init__(self, parameter: str, reason: str) -> None:
        """Keep the parameter's name apart from the reason."""
        super().__init__(f"{parameter}: {reason}")
        self.parameter = parameter


class ServedRows(Protocol):
    """What has the rows: the shop, or a leak that hands out only some of them."""

    def count(self, table: TableSpec, day: date, *, today: date) -> int:
        """Return how many rows are handed out for a day."""

    def page(self, table: TableSpec, day: date, offset: int, limit: int, *, today: date) -> Sequence[str]:
        """Return the JSON text of up to `limit` of these rows, from the one at `offset` on."""


@dataclass(frozen=True)
class PageRequest:
    """What one request for rows asks for."""

    table: TableSpec
    days: DayRange
    limit: int
    day: date
    """Day at which the page begins."""
    offset: int
    """How many rows of that day earlier pages have handed out."""


@dataclass(frozen=True)
class ServedPage:
    """The answer to one request for rows."""

    rows: list[str]
    """JSON text of each row."""
    next_cursor: str | None
    total: int
    """Rows of all days asked for, dirt included, as of the request."""


def parse_day(query: Mapping[str, str], parameter: str, today: date) -> date:
    """Return the UTC day that a parameter names in ISO form.

    Raises:
        BadParameterError: it is no day of the calendar, is not over, or lies outside of the shop's life.

    """
    text = query.get(parameter)
    if text is None:
        raise BadParameterError(parameter, "is missing; give a UTC day as YYYY-MM-DD")
    try:
        day = date.fromisoformat(text)
    except ValueError as exc:
        raise BadParameterError(parameter, f"{text!r} is not a day of the calendar; give YYYY-MM-DD") from exc
    if day.isoformat() != text:
        raise BadParameterError(parameter, f"{text!r} is not in the form YYYY-MM-DD")
    return check_over(day, parameter, today)


def check_over(day: date, parameter: str, today: date) -> date:
    """Return a parameter's day when it is over and within the shop's life; BadParameterError when it is not."""
    try:
        check_day(day, today)
    except UsageError as exc:
        raise BadParameterError(parameter, exc.message) from exc
    return day


def parse(table: TableSpec, query: Mapping[str, str], shop: ServedRows, today: date) -> PageRequest:
    """Return what the query asks for.

    Raises:
        BadParameterError: a parameter is missing or cannot be used.

    """
    first, last = parse_day(query, "start_date", today), parse_day(query, "end_date", today)
    if last < first:
        raise BadParameterError("end_date", f"{last} is before start_date {first}")
    days = DayRange(first, last)
    if len(days) > MOST_DAYS:
        raise BadParameterError("end_date", f"the range has {len(days)} days; {MOST_DAYS} are the most in one request")
    limit = query.get("limit", str(DEFAULT_LIMIT))
    # The length is checked first: int() refuses thousands of digits with an error of its own.
    if not (limit.isascii() and limit.isdigit() and len(limit) <= len(str(MOST_ROWS)) and 1 <= int(limit) <= MOST_ROWS):
        raise BadParameterError("limit", f"{limit[:20]!r} is not a whole number from 1 to {MOST_ROWS}")
    cursor = query.get("cursor")
    day, offset = (first, 0) if cursor is None else decode_cursor(cursor, table)
    if cursor is not None and not (day in days and 0 <= offset < shop.count(table, day, today=today)):
        raise BadParameterError("cursor", "is not one that this request's pages hand out")
    return PageRequest(table, days, int(limit), day, offset)


def read(request: PageRequest, shop: ServedRows, today: date) -> ServedPage:
    """Return the page that answers a request."""
    rows: list[str] = []
    next_cursor = None
    for day in DayRange(request.day, request.days.last):
        begin = request.offset if day == request.day else 0
        held = shop.count(request.table, day, today=today)
        room = request.limit - len(rows)
        if room == 0 and held:
            next_cursor = encode_cursor(request.table, day, 0)
            break
        rows += shop.page(request.table, day, begin, room, today=today)
        if held - begin > room:
            next_cursor = encode_cursor(request.table, day, begin + room)
            break
    total = sum(shop.count(request.table, day, today=today) for day in request.days)
    return ServedPage(rows, next_cursor, total)


def encode_cursor(table: TableSpec, day: date, offset: int) -> str:
    """Return the opaque cursor of a place among the rows."""
    return base64.urlsafe_b64encode(f"{table}:{day}:{offset}".encode()).decode().rstrip("=")


def decode_cursor(cursor: str, table: TableSpec) -> tuple[date, int]:
    """Return the place that a cursor of this table stands for; BadParameterError when it is none."""
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode("ascii")
        name, day, offset = text.split(":")
        place = date.fromisoformat(day), int(offset[:12])
    except (binascii.Error, ValueError) as exc:
        raise BadParameterError("cursor", "is not one that this API hands out") from exc
    # Only the exact text that was handed out is a cursor; another spelling of it is not.
    if name != table.name or cursor != encode_cursor(table, *place):
        raise BadParameterError("cursor", f"is not one that this API hands out for {table}")
    return place
