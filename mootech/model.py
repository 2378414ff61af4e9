"""What several rooms share: days, receipts, results of days, findings. Frozen, pure, importable in no time."""

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
"""Version of the columns and types in bronze and silver; a change of it rewrites partitions."""

FORMAT_VERSION = 1
"""Version of the lake's layout (format.json); a change of it is an ADR."""

QUARANTINE_NAME = re.compile(r"[0-9a-f]{16}\.parquet")
"""File name of a quarantine object: the first digits of its content hash."""

_LARGEST_COUNT = 2**63 - 1


def parse_day(text: str, what: str = "date") -> date:
    """Return the day an ISO date names; `what` names the option in the error.

    Raises:
        UsageError: it is no date, or not one of the calendar.

    """
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC).date()
    except ValueError as exc:
        msg = f"{what} {text!r} is not a day of the calendar"
        raise UsageError(msg, hint="Dates are UTC days in ISO form, for example 2023-03-01.") from exc


def check_over(day: date, today: date, what: str) -> None:
    """Refuse a day that is not over, because it would count as complete.

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
        """Refuse a range that runs backwards."""
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
        """Say whether the day lies in the range."""
        return isinstance(day, date) and self.first <= day <= self.last


@dataclass(frozen=True)
class Job:
    """One table's UTC day to fetch."""

    table: TableSpec
    day: date


def _check_counts(*counts: int) -> None:
    """Raise ValueError for a number that is negative, or does not fit into 64 bits, and so never counted anything."""
    if not all(0 <= count <= _LARGEST_COUNT for count in counts):
        raise ValueError("a count is no such number")


@dataclass(frozen=True)
class Reconciled:
    """A day's different hits and visitors beside the shop's own counts of them; it stands in the receipt."""

    source_hits: int
    source_visitors: int
    hits: int
    """Different (hitid_high, hitid_low) that arrived, published and quarantined together."""
    visitors: int
    """The same for (visid_high, visid_low)."""
    passes: tuple[int, ...]
    """Rows of each accepted pass over the day's pages, in order; their sum is what was fetched."""
    repeated: int = 0
    """Rows of later passes that an earlier one had handed out already; they count as duplicates."""

    def __post_init__(self) -> None:
        """Refuse figures that count nothing."""
        _check_counts(self.source_hits, self.source_visitors, self.hits, self.visitors, *self.passes, self.repeated)

    @property
    def share(self) -> float:
        """How much of the shop's own count of hits is here, or of visitors where that is less; 1 is all, or more."""
        pairs = ((self.hits, self.source_hits), (self.visitors, self.source_visitors))
        return min([1.0, *(have / counted for have, counted in pairs if counted)])

    def below(self, share: float) -> bool:
        """Say whether less than this share (0 to 1) of the shop's own count of hits or of visitors is here."""
        return self.hits < share * self.source_hits or self.visitors < share * self.source_visitors


@dataclass(frozen=True)
class Receipt:
    """What happened to the rows of one table and day; it stands in the partition's Parquet footer.

    Promise 1: fetched = published + quarantined + duplicates. No clock times: the same pages give the same receipt.
    """

    table: str
    utc_date: str
    fetched: int
    published: int
    quarantined: int
    duplicates: int
    source_total: int | None
    quarantine: str | None
    """File name of the day's quarantine object, None when no row was rejected."""
    content_hash: str
    schema_version: int = SCHEMA_VERSION
    reconciled: Reconciled | None = None
    """None for a table without metrics, and where the shop was not asked for them."""

    def __post_init__(self) -> None:
        """Refuse what no run can have counted, and a name that no quarantine object has."""
        _check_counts(self.fetched, self.published, self.quarantined, self.duplicates, self.source_total or 0)
        _check_counts(self.schema_version)
        if self.reconciled is not None and self.reconciled.repeated > min(self.fetched, self.duplicates):
            raise ValueError("more rows were repeated than came as duplicates")
        if self.quarantine is not None and not QUARANTINE_NAME.fullmatch(self.quarantine):
            raise ValueError("no quarantine object has that name")

    @property
    def conserved(self) -> bool:
        """Say whether every fetched row is accounted for exactly once."""
        passes = None if self.reconciled is None else sum(self.reconciled.passes)
        return self.fetched == self.published + self.quarantined + self.duplicates and passes in (None, self.fetched)

    @property
    def of_one_pass(self) -> Self:
        """The receipt of the same rows if they had come in one pass: what later passes repeated is taken off."""
        if self.reconciled is None or not self.reconciled.repeated:
            return self
        rows = self.fetched - self.reconciled.repeated
        return replace(
            self,
            fetched=rows,
            duplicates=self.duplicates - self.reconciled.repeated,
            # Of a single pass the declared total is exact.
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
    """Of the content hashes of everything that it is computed from."""
    recipe: str | None = None
    """Fingerprint of the SQL that makes it; None for an object that was written before recipes had fingerprints."""
    recipe_version: int = 0
    """The number in the recipe's header; a newer recipe has a larger one."""


@dataclass(frozen=True)
class Provenance:
    """What a derived object was made from; it stands in its Parquet footer."""

    content_hash: str
    """Of this object's own rows and columns, `last_modified` left out."""
    inputs_hash: str
    """See Lineage, as for the recipe."""
    schema_version: int = SCHEMA_VERSION
    recipe: str | None = None
    recipe_version: int = 0

    def is_by(self, recipe: str) -> bool:
        """Say whether the recipe of this fingerprint made the object; one that names no recipe counts as made by it."""
        return self.recipe in (None, recipe)

    def is_by_newer(self, version: int) -> bool:
        """Say whether a newer recipe than this version made the object: a newer mootech has been here."""
        return self.recipe_version > version

    def __post_init__(self) -> None:
        """Refuse a version that is none."""
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
    """Only under --dry-run."""


@dataclass(frozen=True)
class DayResult:
    """What one command did with one table and day. The counts are None where not all rows were seen."""

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
    """The report of a long command on how far it is; a terminal draws bars from it, cron's log stays quiet."""

    def planned(self, table: str, days: int) -> None:
        """So many days of the table are going to be worked on."""

    def rows(self, table: str, count: int) -> None:
        """So many more rows of the table have arrived."""

    def done(self, result: DayResult) -> None:
        """One table's day has ended."""

    def on_interrupt(self, callback: Callable[[], str]) -> None:
        """Call `callback` for a summary of what is done, in a few words; at any time and from any thread."""


class Silent:
    """Progress that nobody watches."""

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
    """One thing `qa` or `verify` has to say about a table, a day or a column."""

    table: str
    utc_date: date | None
    column: str | None
    check: str
    """Standard name of the check: nulls, duplicates, unknown_category, out_of_range, schema_drift, content_hash …"""
    message: str
    ok: bool = False
    """True for a figure that is only reported, False for something to act on."""
    warning: bool = False
    """True for something that is worth a look and needs no action."""
    data: dict[str, Any] = field(default_factory=dict)
    """The figures, JSON-ready."""
