"""The guards of pagination: a source that repeats itself, never ends or contradicts itself is not believed.

They also decide which refusal may be the end of a day. All are pure functions of the pages so far. They cannot notice
one thing: while the day is read, a row is removed from the pages already read and another one is inserted in the pages
still to come. Then every count fits and nothing comes twice.
"""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

import msgspec

from mootech.errors import IncompleteError

MOST_PAGES = 10_000
"""Pages of one table and day: fifty million rows at the default page size."""

MOST_EMPTY = 100
"""Empty pages in a row that say that there is more. Some shops filter behind their pagination, and pages stay empty."""

_HINT = (
    "Nothing of the day was published; what was there before is intact. "
    "Run the same command again; if it stays, the shop's API needs mending."
)


class TotalChangedError(Exception):
    """The declared total changed between two pages: the day must be asked for from its first page again."""


class TotalExceededError(IncompleteError):
    """More rows came than were declared. Whoever reads days passes it on as an IncompleteError."""

    def __init__(self, message: str, hint: str = "", *, total: int | None = None) -> None:
        """Keep the total that does not hold, too."""
        super().__init__(message, hint)
        self.total = total


@dataclass(frozen=True)
class Page:
    """One accepted page of a table's day."""

    number: int
    """1 is the first."""
    cursor: str | None
    """The cursor that it was asked for with; None for the first."""
    next_cursor: str | None
    """The cursor that the next page is asked for with; None on the last."""
    data: Sequence[msgspec.Raw] = field(repr=False)
    """The JSON text of each row."""
    total: int | None
    """The rows of the whole day as declared by the source; None when this page declares none."""
    body: bytes = field(repr=False)
    """The JSON text, decoded from the wire."""
    head: Mapping[str, str] = field(default_factory=dict)
    """The headers that the page is read with, names in lower case."""
    more: bool | None = None
    """Whether the source says that there is another page; None where it does not say."""

    @property
    def rows(self) -> int:
        """Count the rows."""
        return len(self.data)


@dataclass(frozen=True)
class PagePosition:
    """How far a reader has come through a day's pages; the first page follows on `START`."""

    pages: int = 0
    rows: int = 0
    next_cursor: str | None = None
    cursor: str | None = None
    """The cursor that the page before was asked for with; None for the first."""
    total: int | None = None
    """As declared; None as long as no page declares one."""
    more: bool | None = None
    """What the page before says; see `Page`."""
    empty: int = 0
    """The last pages that were empty, in a row."""
    overlaps: bool = False
    """True when neighbouring pages share a row: the source repeats a row, or its rows moved while they were read."""
    cursors: frozenset[str] = frozenset()
    """Every cursor used or handed out so far."""
    fingerprints: frozenset[bytes] = frozenset()
    """The fingerprints of the pages so far."""
    before: Sequence[msgspec.Raw] = field(default=(), repr=False)
    """Rows of the last page that had any; none at the end: a day that waits for the gate keeps no rows in memory."""

    def after(self, page: Page) -> "PagePosition":
        """Return the position after this page.

        Raises:
            TotalChangedError: it declares another total than the pages before it.
            IncompleteError: the source repeats a cursor or a page, or hands out pages beyond its own total, without
                end, or fewer rows than it declared, or says that there is more and does not say where.

        """
        where = f"page {page.number}"
        if None not in (self.total, page.total) and page.total != self.total:
            raise TotalChangedError(f"{where} declares {page.total} rows, the pages before it {self.total}")
        total = self.total if page.total is None else page.total
        rows = self.rows + page.rows
        self._check_end(page, where)
        if total is not None and rows > total:
            told = f"{rows:,} rows came by {where}, {total:,} were declared"
            raise TotalExceededError(told, hint=_HINT, total=total)
        fingerprint = _fingerprint(page.data)
        if fingerprint in self.fingerprints:
            raise IncompleteError(f"{where} has the same rows as a page before it", hint=_HINT)
        if page.next_cursor is None and total is not None and rows != total:
            raise IncompleteError(f"only {rows:,} rows came of {total:,} declared", hint=_HINT)
        return PagePosition(
            pages=self.pages + 1,
            rows=rows,
            next_cursor=page.next_cursor,
            cursor=page.cursor,
            total=total,
            more=page.more,
            empty=0 if page.rows else self.empty + 1,
            overlaps=self.overlaps or _overlap(self.before, page.data),
            cursors=self.cursors | {cursor for cursor in (page.next_cursor,) if cursor is not None},
            fingerprints=self.fingerprints | {each for each in (fingerprint,) if each is not None},
            before=() if page.next_cursor is None else page.data or self.before,
        )

    def may_end_with(self, status: int | None, end_status: Collection[int]) -> bool:
        """Say whether the day may end here, because the page after the last one was refused with a status.

        It may when the page before has rows, nothing declares or says that there are more, and the status is one that
        shops answer with behind their last page. It is the end when `confirms` agrees, too.
        """
        return status in end_status and bool(self.before) and not self.empty and self.total is None and not self.more

    def confirms(self, again: Page) -> bool:
        """Say whether the page before, asked for once more, is still the same: then no row moved meanwhile."""
        return (list(again.data), again.total, again.more) == (list(self.before), None, self.more)

    def ended(self) -> "PagePosition":
        """Return the position at the end, behind which nothing is asked for."""
        return replace(self, next_cursor=None, before=())

    def _check_end(self, page: Page, where: str) -> None:
        """Refuse a page that says there is more when that would never end, or when it leads nowhere."""
        if page.next_cursor is None:
            if page.more:
                raise IncompleteError(f"{where} says that there is more and names no next page", hint=_HINT)
            return
        if page.next_cursor in self.cursors:
            raise IncompleteError(f"{where} hands out a cursor for the second time", hint=_HINT)
        if page.rows == 0 and self.empty + 1 >= MOST_EMPTY:
            raise IncompleteError(
                f"{where} is empty like {self.empty} before it and says that there is more", hint=_HINT
            )
        if page.number >= MOST_PAGES:
            raise IncompleteError(
                f"{where} says that there is more, and {MOST_PAGES:,} pages of a day are the most",
                hint="Nothing of the day was published; what was there before is intact. "
                "If the day really is that large, ask for more rows a page ([source] page_size).",
            )


START = PagePosition()


def _fingerprint(rows: Sequence[msgspec.Raw]) -> bytes | None:
    """Return the fingerprint of a page's rows; None when they are all the same.

    The number of rows and the first and last of them are enough. A page that repeats one row may well come again,
    because shops hand out exact duplicates.
    """
    if not rows:
        return None
    sample = [rows[0], rows[-1]]
    if rows[0] == rows[-1]:
        sample = list(rows)
        if all(row == rows[0] for row in rows):
            return None
    fingerprint = hashlib.blake2b(str(len(rows)).encode(), digest_size=16)
    for row in sample:
        fingerprint.update(b"\n")
        fingerprint.update(bytes(row))
    return fingerprint.digest()


def _overlap(before: Sequence[msgspec.Raw], after: Sequence[msgspec.Raw]) -> bool:
    """Say whether a page begins with a row of the page before it, or that page ends with a row of this one.

    This happens when rows were inserted or removed between the two requests, or when the source repeats a row.
    """
    return bool(before and after) and (after[0] in before or before[-1] in after)
