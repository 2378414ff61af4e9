"""The nouns of mootech: tables, days, receipts and what a command found. Frozen, pure, importable in no time."""

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol, Self

from mootech.definition import Definition
from mootech.errors import MootechError, UsageError, exit_code
from mootech.tables import TableSpec

SCHEMA_VERSION = 1
"""Version of the columns and types in bronze and silver; a change of it rewrites partitions."""

FORMAT_VERSION = 1
"""Version of the lake's layout (format.json); a change of it is an ADR."""


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

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what `to_json` wrote; ValueError or TypeError when it is something else."""
        fields = json.loads(text)
        if "reconciled" in fields:
            told = fields["reconciled"]
            fields["reconciled"] = Reconciled(**{**told, "passes": tuple(told["passes"])})
        return cls(**fields)


@dataclass(frozen=True)
class Provenance:
    """What a derived object (silver, results) was made from; it stands in its Parquet footer."""

    content_hash: str
    """Of this object's own rows and columns, `last_modified` left out."""
    inputs_hash: str
    """Of the content hashes of everything it was computed from."""
    schema_version: int = SCHEMA_VERSION

    def to_json(self) -> str:
        """Render as one line of JSON with sorted keys."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what `to_json` wrote; ValueError or TypeError when it is something else."""
        return cls(**json.loads(text))


class Drift(StrEnum):
    """What becomes of fields that the contract does not name."""

    EVOLVE = "evolve"
    """They are kept, in the column `extra`."""
    FREEZE = "freeze"
    """A day with such fields is not published."""
    DISCARD = "discard"
    """They are dropped from published rows; every row stays."""


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
    """What one command did with one table and day. The counts are None where the rows were never seen whole."""

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
        """The error with the table and day in front; many days may share one error, which cannot name them all."""
        if self.error is None or str(self.utc_date) in self.error.message:
            return self.error
        return type(self.error)(f"{self.table} {self.utc_date}: {self.error.message}", self.error.hint)


@dataclass(frozen=True)
class Outcome:
    """What a command did. `errors` are those that belong to no day; days carry their own."""

    command: str
    run_id: str | None = None
    days: tuple[DayResult, ...] = ()
    errors: tuple[MootechError, ...] = ()
    notes: tuple[str, ...] = ()
    """Lines for a person that are no result: what was skipped and why, what to type next."""

    @property
    def all_errors(self) -> tuple[MootechError, ...]:
        """Every error, the days' included, in order."""
        return (*self.errors, *(error for day in self.days if (error := day.named_error) is not None))

    @property
    def exit_code(self) -> int:
        """The process's exit code: 0 only when nothing failed."""
        return exit_code(self.all_errors)


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
    """True for what nobody has to act on, and somebody should look at."""
    data: dict[str, Any] = field(default_factory=dict)
    """The figures, JSON-ready."""


class DayState(StrEnum):
    """Whether the lake has a table's day."""

    HELD = "held"
    MISSING = "missing"
    BLOCKED = "blocked"
    """The gate stopped it, or its newest form, on this host."""


@dataclass(frozen=True)
class DayQuality:
    """How good one table's day is; the counts are None where its receipt is not there to tell."""

    table: str
    utc_date: date
    state: DayState
    fetched: int | None = None
    published: int | None = None
    quarantined: int | None = None
    duplicates: int | None = None
    undeclared: int | None = None
    """Published rows with fields the contract does not name."""
    source_share: float | None = None
    """How much of what the shop itself counts arrived, 0 to 1; None where the two were not compared."""
    remarks: tuple[str, ...] = ()
    """What was found about the day: anomalies, broken rules, why it is blocked."""


@dataclass(frozen=True)
class QaOutcome(Outcome):
    """What `qa` and `verify` found."""

    findings: tuple[Finding, ...] = ()
    history: tuple[DayQuality, ...] = ()
    """Every day from the first of a table to its last, table by table, oldest first; empty where nobody asked."""


@dataclass(frozen=True)
class InputStanding:
    """What a report has read of one table. Days are UTC; None where nothing is held."""

    table: str
    days: int
    """Days held."""
    first: date | None
    last: date | None
    missing: int
    """Days between first and last that are not held."""
    fetched: int
    """Rows that came from the shop for the held days, as their receipts in raw_data say."""
    quarantined: int
    """Rows of them that were rejected."""


@dataclass(frozen=True)
class Standing:
    """How fresh a report's main input is, and how complete the last month of it."""

    last: date
    """The last UTC day held."""
    behind: int
    """Days from then to yesterday; 0 is fresh."""
    held: int
    """Days of the last day's month that are held."""
    of: int
    """Days that the month has."""


@dataclass(frozen=True)
class ReportResult:
    """One computed report: its rows as plain values, in the column order of its definition."""

    name: str
    """"sales" …"""
    title: str
    """For a person: "Sales of Tumbler, month over month"."""
    object_key: str
    """Where it lies in the lake: results/sales_report_tumbler/data.parquet."""
    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    changed: bool
    """True when the object in the lake was written because its content changed."""
    definition: Definition
    inputs: tuple[InputStanding, ...] = ()
    """In the definition's order."""
    standing: Standing | None = None
    """Of the first input; None for one that holds no day."""


@dataclass(frozen=True)
class ReportOutcome(Outcome):
    """What `report` computed."""

    reports: tuple[ReportResult, ...] = ()
    lake: str = ""
    """Its address, without secrets."""


@dataclass(frozen=True)
class LibraryOutcome(Outcome):
    """Which reports there are."""

    definitions: tuple[Definition, ...] = ()


@dataclass(frozen=True)
class TableStatus:
    """What the lake holds of one table."""

    table: str
    days: int
    first: date | None
    last: date | None
    gaps: tuple[date, ...]
    """Days between first and last that are not held."""
    rows: int
    quarantined: int
    blocked: tuple[date, ...]
    """Days the gate stopped, in this host's state folder."""
    silver_behind: int
    """Days of bronze whose silver is missing or older."""
    freshness_days: int | None
    """Whole days from the last held day to yesterday (UTC); 0 is fresh, None for an empty table."""


@dataclass(frozen=True)
class StatusOutcome(Outcome):
    """What `status` found."""

    lake: str = ""
    tables: tuple[TableStatus, ...] = ()
    last_run: dict[str, Any] | None = None
    """The newest entry of the run history."""
    lock_holder: str | None = None
    """Who holds the lake's lock, as one line."""


@dataclass(frozen=True)
class TableCheck:
    """What was understood of a small answer for one table."""

    table: str
    url: str
    """What was asked, without the query."""
    status: int | None = None
    """HTTP status of the answer that was understood; None where none was."""
    rows: int | None = None
    rejected: int = 0
    """Rows that the gate would reject."""
    mapped: tuple[str, ...] = ()
    """Columns of the contract that every row has."""
    missing: tuple[str, ...] = ()
    """Columns that some row has not."""
    extra: tuple[str, ...] = ()
    """Fields that are no column."""
    reasons: dict[str, int] = field(default_factory=dict)
    """Why rows would be rejected, and how many."""
    next_page: bool = False
    total: int | None = None
    """As declared; None where none was found."""
    error: MootechError | None = None


@dataclass(frozen=True)
class SourceOutcome(Outcome):
    """What `source check` understood."""

    checks: tuple[TableCheck, ...] = ()


@dataclass(frozen=True)
class RunOutcome(Outcome):
    """What `run` did: the steps' own outcomes, in order; `days` are the ingest's."""

    steps: tuple[Outcome, ...] = ()

    @property
    def all_errors(self) -> tuple[MootechError, ...]:
        """Every step's errors, in order."""
        return (*self.errors, *(error for step in self.steps for error in step.all_errors))
