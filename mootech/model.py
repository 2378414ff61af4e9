"""Types that several packages share: days, receipts, results of days, findings. Frozen, pure and fast to import."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol, Self

from mootech.errors import MootechError, UsageError
from mootech.tables import TableSpec

SCHEMA_VERSION = 1
"""Version of the columns and types in bronze and silver. A new version makes mootech rewrite partitions."""

FORMAT_VERSION = 1
"""Version of the lake's layout (format.json). A new version needs an ADR."""

QUARANTINE_NAME = re.compile(r"[0-9a-f]{16}\.parquet")
"""File name of a quarantine object: the first digits of its content hash."""

_LARGEST_COUNT = 2**63 - 1


def parse_day(text: str, what: str = "date") -> date:
    """Return the day that an ISO date names; `what` names the option in the error.

    Raises:
        UsageError: the text is not a date, or the calendar has no such day.

    """
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC).date()
    except ValueError as exc:
        msg = f"{what} {text!r} is not a day of the calendar"
        raise UsageError(msg, hint="Dates are UTC days in ISO form, for example 2023-03-01.") from exc


def check_over(day: date, today: date, what: str) -> None:
    """Refuse a day that is not over, because an ingest would count it as complete.

    Raises:
        UsageError: `day` is today (UTC) or later; `what` names the option in the message.

    """
    if day >= today:
        when = "in the future" if day > today else "today, and not over (UTC)"
        raise UsageError(
            f"{what} {day} is {when}",
            hint=f"Only whole UTC days are fetched; the last one is {today - timedelta(days=1)}.",
        )


def utc_today() -> date:
    """Return the current UTC day."""
    return datetime.now(UTC).date()


@dataclass(frozen=True, order=True)
class DayRange:
    """The UTC days from `first` to `last`, both included."""

    first: date
    last: date

    def __post_init__(self) -> None:
        """Refuse a range that ends before it starts."""
        if self.last < self.first:
            msg = f"the range ends ({self.last}) before it starts ({self.first})"
            raise UsageError(msg, hint=f"Swap them: --start {self.last} --end {self.first}.")

    def __iter__(self) -> Iterator[date]:
        """Yield every day, oldest first."""
        return (self.first + timedelta(days=n) for n in range(len(self)))

    def __len__(self) -> int:
        """Count the days."""
        return (self.last - self.first).days + 1

    def __contains__(self, day: object) -> bool:
        """Say whether the day is in the range."""
        return isinstance(day, date) and self.first <= day <= self.last


@dataclass(frozen=True)
class Job:
    """One table and UTC day to work on."""

    table: TableSpec
    day: date


def _check_counts(*counts: int) -> None:
    """Raise ValueError for a number that cannot be a count: it is negative or does not fit into 64 bits."""
    if not all(0 <= count <= _LARGEST_COUNT for count in counts):
        raise ValueError("a count is negative or does not fit into 64 bits")


@dataclass(frozen=True)
class Reconciled:
    """A day's distinct hits and visitors, and the shop's own counts of them. It is part of the receipt."""

    source_hits: int
    source_visitors: int
    hits: int
    """Distinct pairs (hitid_high, hitid_low) that arrived, published and quarantined rows together."""
    visitors: int
    """Distinct pairs (visid_high, visid_low), counted in the same way."""
    passes: tuple[int, ...]
    """Number of rows of each accepted pass over the day's pages, in order. Their sum is the number of fetched rows."""
    repeated: int = 0
    """Number of rows of later passes that an earlier pass had already returned. They count as duplicates."""

    def __post_init__(self) -> None:
        """Refuse numbers that cannot be counts."""
        _check_counts(self.source_hits, self.source_visitors, self.hits, self.visitors, *self.passes, self.repeated)

    @property
    def share(self) -> float:
        """The share, 0 to 1, of the shop's own count of hits or of visitors that arrived, whichever is smaller."""
        pairs = ((self.hits, self.source_hits), (self.visitors, self.source_visitors))
        return min([1.0, *(have / counted for have, counted in pairs if counted)])

    def below(self, share: float) -> bool:
        """Say whether less than this share (0 to 1) of the shop's own count of hits or of visitors arrived."""
        return self.hits < share * self.source_hits or self.visitors < share * self.source_visitors


@dataclass(frozen=True)
class Receipt:
    """What happened to the rows of one table and day. It is stored in the partition's Parquet footer.

    Promise 1: fetched = published + quarantined + duplicates. A receipt has no clock time, so the same pages give the
    same receipt.
    """

    table: str
    utc_date: str
    fetched: int
    published: int
    quarantined: int
    duplicates: int
    source_total: int | None
    quarantine: str | None
    """File name of the day's quarantine object; None when no row was rejected."""
    content_hash: str
    schema_version: int = SCHEMA_VERSION
    reconciled: Reconciled | None = None
    """None for a table without metrics, or when the shop was not asked for them."""

    def __post_init__(self) -> None:
        """Refuse counts that no run can have made, and a name that no quarantine object can have."""
        _check_counts(self.fetched, self.published, self.quarantined, self.duplicates, self.source_total or 0)
        _check_counts(self.schema_version)
        if self.reconciled is not None and self.reconciled.repeated > min(self.fetched, self.duplicates):
            raise ValueError("more rows were repeated than came as duplicates")
        if self.quarantine is not None and not QUARANTINE_NAME.fullmatch(self.quarantine):
            raise ValueError("no quarantine object can have that name")

    @property
    def conserved(self) -> bool:
        """Say whether every fetched row is accounted for exactly once."""
        passes = None if self.reconciled is None else sum(self.reconciled.passes)
        return self.fetched == self.published + self.quarantined + self.duplicates and passes in (None, self.fetched)

    @property
    def of_one_pass(self) -> Self:
        """The receipt that the same rows would have if one pass had returned them: without repeats of later passes."""
        if self.reconciled is None or not self.reconciled.repeated:
            return self
        rows = self.fetched - self.reconciled.repeated
        return replace(
            self,
            fetched=rows,
            duplicates=self.duplicates - self.reconciled.repeated,
            # In a receipt of one pass, the declared total equals the number of rows.
            source_total=None if self.source_total is None else rows,
            reconciled=replace(self.reconciled, passes=(rows,), repeated=0),
        )

    def to_json(self) -> str:
        """Render as one line of JSON with sorted keys."""
        fields = asdict(self)
        if self.reconciled is None:
            del fields["reconciled"]
        return json.dumps(fields, sort_keys=True)


@dataclass(frozen=True)
class Lineage:
    """What a derived object (silver, results) is made from, and by which recipe."""

    inputs_hash: str
    """Hash of the content hashes of everything that the object is computed from."""
    recipe: str | None = None
    """Fingerprint of the SQL that makes it; None for an object that was written before recipes had fingerprints."""
    recipe_version: int = 0
    """The number in the recipe's header; a newer recipe has a larger one."""


@dataclass(frozen=True)
class Provenance:
    """What a derived object was made from. It is stored in the object's Parquet footer."""

    content_hash: str
    """Hash of this object's own rows and columns, without `last_modified`."""
    inputs_hash: str
    """See Lineage, also for the two fields of the recipe."""
    schema_version: int = SCHEMA_VERSION
    recipe: str | None = None
    recipe_version: int = 0

    def is_by(self, recipe: str) -> bool:
        """Say whether the recipe with this fingerprint made the object; True also if the object names no recipe."""
        return self.recipe in (None, recipe)

    def is_by_newer(self, version: int) -> bool:
        """Say whether a newer recipe than this version made the object, which means that a newer mootech ran."""
        return self.recipe_version > version

    def __post_init__(self) -> None:
        """Refuse a number that cannot be a version."""
        _check_counts(self.schema_version)

    def to_json(self) -> str:
        """Render as one line of JSON with sorted keys."""
        fields = asdict(self)
        if self.recipe is None:
            del fields["recipe"], fields["recipe_version"]
        return json.dumps(fields, sort_keys=True)


class DayStatus(StrEnum):
    """How a table's day ended."""

    PUBLISHED = "published"
    UNCHANGED = "unchanged"
    BLOCKED = "blocked"
    INCOMPLETE = "incomplete"
    FAILED = "failed"
    PLANNED = "planned"
    """Only with --dry-run."""


@dataclass(frozen=True)
class DayResult:
    """What one command did with one table and day. The counts are None if the command did not see all rows."""

    table: str
    utc_date: date
    status: DayStatus
    fetched: int | None = None
    published: int | None = None
    quarantined: int | None = None
    duplicates: int | None = None
    source_total: int | None = None
    error: MootechError | None = None
    reconciled: Reconciled | None = None
    note: str = ""
    """One line for a person, for example "resumed: 37 of 60 pages were staged"."""

    @property
    def named_error(self) -> MootechError | None:
        """The error with table and day in front, because many days may share one error."""
        if self.error is None or str(self.utc_date) in self.error.message:
            return self.error
        return type(self.error)(f"{self.table} {self.utc_date}: {self.error.message}", self.error.hint)


class Progress(Protocol):
    """The report of a long command on how far it is. A terminal shows bars; a log file shows nothing."""

    def planned(self, table: str, days: int) -> None:
        """Report that the command will work on this number of days of the table."""

    def rows(self, table: str, count: int) -> None:
        """Report that this number of further rows of the table has arrived."""

    def done(self, result: DayResult) -> None:
        """Report that the work on one table's day has ended."""

    def on_interrupt(self, callback: Callable[[], str]) -> None:
        """Set the callback that returns a short summary of what is done. Any thread may use it at any time."""


class Silent:
    """Progress that reports nothing."""

    def planned(self, table: str, days: int) -> None:
        """Say nothing."""

    def rows(self, table: str, count: int) -> None:
        """Say nothing."""

    def done(self, result: DayResult) -> None:
        """Say nothing."""

    def on_interrupt(self, callback: Callable[[], str]) -> None:
        """Say nothing."""


@dataclass(frozen=True)
class Finding:
    """One thing that `qa` or `verify` reports about a table, a day or a column."""

    table: str
    utc_date: date | None
    column: str | None
    check: str
    """Standard name of the check: nulls, duplicates, unknown_category, out_of_range, schema_drift, content_hash …"""
    message: str
    ok: bool = False
    """True for a figure that is only reported; False for something that needs action."""
    warning: bool = False
    """True for something that is worth a look but needs no action."""
    data: dict[str, Any] = field(default_factory=dict)
    """The figures, ready for JSON."""
