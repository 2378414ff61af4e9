"""Whole, well-formed pages with false contents: what a source with a bug in its pagination hands out."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from mootech.sandbox.faults import Fault
from mootech.sandbox.pages import decode_cursor, encode_cursor
from mootech.tables import TableSpec

Page = dict[str, Any]
"""The envelope: data, next_cursor, total."""

_AGAIN = "~"


@dataclass(frozen=True)
class Asked:
    """A request for a page, and a way to read another page of the same day."""

    table: TableSpec
    cursor: str | None
    """The page asked for; None is the first."""
    read: Callable[[str | None], Awaitable[Page]]
    """Returns the true page of a cursor."""


def possible(asked: Asked, page: Page) -> set[Fault]:
    """Return the lies that can be told on this true page."""
    if _AGAIN in (asked.cursor or ""):
        return set()
    lies = {Fault.MOVING_TOTAL}
    if page["data"]:
        lies |= {Fault.SHORT}
        lies |= {Fault.REPEATED_CURSOR, Fault.REPEATED_PAGE, Fault.SHIFTING_ROWS} if asked.cursor else set()
        lies |= {Fault.ENDLESS} if page["next_cursor"] is None else set()
    return lies


async def lie(fault: Fault, asked: Asked, page: Page, variant: int) -> Page:
    """Return the page with the lie in it; `page` is left as it is."""
    if fault is Fault.SHORT:
        return page | {"data": page["data"][:-1]}
    if fault is Fault.MOVING_TOTAL:
        return page | {"total": page["total"] + 1}
    if fault is Fault.REPEATED_CURSOR:
        return page | {"next_cursor": asked.cursor}
    if fault is Fault.REPEATED_PAGE:
        return page | {"data": (await asked.read(None))["data"]}
    if fault is Fault.ENDLESS:
        # With the total and without it, because a source need not declare one.
        return _one_more(page, asked.cursor or "", 1) | {"total": page["total"] if variant % 2 else None}
    return await _shifted(asked, page, variant)


async def truth(asked: Asked) -> Page:
    """Return the page of a cursor; a cursor that ENDLESS made up stands for the last page again."""
    cursor, made_up, times = (asked.cursor or "").partition(_AGAIN)
    page = await asked.read(cursor or None)
    if not made_up:
        return page
    return _one_more(page, cursor, int(times) + 1 if times.isdecimal() else 1) | {"total": None}


def _one_more(page: Page, cursor: str, times: int) -> Page:
    """Return the page with a next cursor that nobody has seen before."""
    return page | {"next_cursor": f"{cursor}{_AGAIN}{times}"}


async def _shifted(asked: Asked, page: Page, variant: int) -> Page:
    """Return the page as if, since the page before it, one earlier row had been added or removed."""
    day, offset = decode_cursor(asked.cursor or "", asked.table)
    # Only a full page stays full when its first row has moved onto the page before it.
    gone = variant % 2 == 1 and page["next_cursor"] is not None
    moved = await asked.read(encode_cursor(asked.table, day, offset + (1 if gone else -1)))
    return page | {"data": moved["data"][: len(page["data"])]}
