"""What the commands return: an Outcome, and for most of them more. Frozen, pure, importable in no time."""

from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Any

from mootech.definition import Definition
from mootech.errors import Exit, MootechError, exit_code
from mootech.model import DayResult, Finding


@dataclass(frozen=True)
class Outcome:
    """What a command did. `errors` belong to no single day; each day carries its own."""

    command: str
    run_id: str | None = None
    days: tuple[DayResult, ...] = ()
    errors: tuple[MootechError, ...] = ()
    notes: tuple[str, ...] = ()
    """Lines for a person besides the results: what was skipped and why, what to type next."""

    @property
    def all_errors(self) -> tuple[MootechError, ...]:
        """Every error, the days' included, in order."""
        return (*self.errors, *(error for day in self.days if (error := day.named_error) is not None))

    @property
    def exit_code(self) -> Exit:
        """The process's exit code: 0 only when nothing failed."""
        return exit_code(self.all_errors)


class DayState(StrEnum):
    """Whether the lake has a table's day."""

    HELD = "held"
    MISSING = "missing"
    BLOCKED = "blocked"
    """The gate stopped it on this host. An earlier version of the day may be published."""


@dataclass(frozen=True)
class DayQuality:
    """How good one table's day is. The counts are None where the day has no receipt."""

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
    """Share of the shop's own count that arrived, 0 to 1; None where it was not compared."""
    remarks: tuple[str, ...] = ()
    """What was found about the day: anomalies, broken rules, why it is blocked."""


@dataclass(frozen=True)
class QaOutcome(Outcome):
    """What `qa` and `verify` found."""

    findings: tuple[Finding, ...] = ()
    history: tuple[DayQuality, ...] = ()
    """Every day from a table's first to its last, table by table, oldest first; empty where it was not asked for."""


@dataclass(frozen=True)
class QuarantinedDay:
    """A table's UTC day with rows in quarantine."""

    utc_date: date
    rows: int
    acknowledged: bool = False
    """A person has said that these rows are no alarm."""


@dataclass(frozen=True)
class QuarantinedShare:
    """How many rows of a table's last 28 UTC days are in quarantine."""

    first: date
    last: date
    """The last day held."""
    fetched: int
    """Rows that came from the shop for these days, as their receipts in raw_data say."""
    days: tuple[QuarantinedDay, ...]
    """The days with such rows, oldest first."""

    @property
    def quarantined(self) -> int:
        """The rows in quarantine."""
        return sum(day.rows for day in self.days)

    @property
    def acknowledged(self) -> int:
        """Those of them that a person has acknowledged."""
        return sum(day.rows for day in self.days if day.acknowledged)

    @property
    def share(self) -> float:
        """The share of the rows in quarantine, 0 to 1."""
        return self.quarantined / self.fetched if self.fetched else 0.0

    @property
    def alarming(self) -> float:
        """The share of those that nobody has acknowledged, 0 to 1."""
        return (self.quarantined - self.acknowledged) / self.fetched if self.fetched else 0.0


@dataclass(frozen=True)
class QuarantinedMonth:
    """A month with rows in quarantine."""

    month: date
    """Its first day."""
    rows: int


@dataclass(frozen=True)
class InputCoverage:
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
    """How many of these rows were rejected: they are in quarantine, and the report does not count them."""
    months: tuple[QuarantinedMonth, ...] = ()
    """The months that these are from, oldest first; a month without one is left out."""


@dataclass(frozen=True)
class Freshness:
    """How fresh a report's first input is, and how complete its last month."""

    last: date
    """The last UTC day held."""
    behind: int
    """Days from the last day to yesterday; 0 is fresh."""
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
    coverage: tuple[InputCoverage, ...] = ()
    """In the definition's order."""
    freshness: Freshness | None = None
    """Freshness of the first input; None where it is not partitioned by day."""


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
    """Silver objects that are missing or stale: one a day of events; a snapshot table has one in all."""
    freshness_days: int | None
    """Whole days from the last held day to yesterday (UTC); 0 is fresh, None for an empty table."""
    quarantined_lately: QuarantinedShare | None = None
    """The quarantined rows of the last 28 days; None for an empty table."""


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
    """What one small answer of the shop's API holds, as mootech understands it."""

    table: str
    url: str
    """The address that was asked, without its query."""
    status: int | None = None
    """HTTP status; None where no answer could be understood."""
    rows: int | None = None
    rejected: int = 0
    """Rows that the gate would reject."""
    mapped: tuple[str, ...] = ()
    """Columns of the contract that every row has."""
    missing: tuple[str, ...] = ()
    """Columns that at least one row lacks."""
    extra: tuple[str, ...] = ()
    """Fields that the contract does not name."""
    reasons: dict[str, int] = field(default_factory=dict)
    """Why rows would be rejected, and how many."""
    next_page: bool = False
    total: int | None = None
    """The declared number of rows; None where none was found."""
    total_in_doubt: bool = False
    """The total is just the rows that were asked for, and would end the day: it may count the page and not the day."""
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
