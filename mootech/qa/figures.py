"""Figures of a table's rows over a range of days. A new one is a class here and a line in `FIGURES`.

A figure sees the rows batch by batch and keeps only what it counts, so a range of years takes no more memory than one
batch.
"""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

import polars as pl

from mootech.model import Finding
from mootech.qa.contract import EXTRA, bronze_schema
from mootech.qa.drift import fields_of
from mootech.tables import TableSpec

_MOST_VALUES = 20
"""Values of a category that are listed; the others are counted together."""


@dataclass
class Totals:
    """What is counted of the partitions themselves."""

    days: int = 0
    rows: int = 0
    receipts: Counter[str] = field(default_factory=Counter)
    """The receipts' counts, added up: fetched, quarantined, duplicates."""


class Figure(ABC):
    """Something that is counted over the rows of a range, and reported at the end."""

    def __init__(self, table: TableSpec) -> None:
        """Begin to count."""
        self.table = table

    @abstractmethod
    def add(self, rows: pl.DataFrame) -> None:
        """Count some days' rows: columns of `bronze_schema`, and their day in `utc_date` (String, ISO)."""

    @abstractmethod
    def findings(self, totals: Totals) -> Iterator[Finding]:
        """Yield what is to be said of the range."""

    def finding(
        self, check: str, column: str | None, message: str, data: dict[str, Any], *, ok: bool = True
    ) -> Finding:
        """Return a finding of the whole range."""
        return Finding(str(self.table), None, column, check, message, ok=ok, data=data)


class RowCounts(Figure):
    """Rows and days, and what the gate did with the rows that were fetched."""

    def add(self, rows: pl.DataFrame) -> None:
        """Leave the rows alone: the totals count them."""

    def findings(self, totals: Totals) -> Iterator[Finding]:
        """Yield one finding."""
        counts = {name: totals.receipts[name] for name in ("fetched", "quarantined", "duplicates")}
        message = (
            f"{totals.rows:,} rows in {totals.days:,} days; of {counts['fetched']:,} fetched "
            f"{counts['quarantined']:,} quarantined, {counts['duplicates']:,} exact duplicates dropped"
        )
        yield self.finding("rows", None, message, {"rows": totals.rows, "days": totals.days, **counts})


class Nulls(Figure):
    """Rows without a value, for each column."""

    def __init__(self, table: TableSpec) -> None:
        """Begin to count."""
        super().__init__(table)
        self._nulls: Counter[str] = Counter()

    def add(self, rows: pl.DataFrame) -> None:
        """Count some days' rows."""
        self._nulls += Counter({name: rows[name].null_count() for name in rows.columns})

    def findings(self, totals: Totals) -> Iterator[Finding]:
        """Yield a finding for each column; NULL in a column that must have a value is wrong."""
        for name in bronze_schema(self.table):
            nulls = self._nulls[name]
            share = nulls / totals.rows if totals.rows else 0.0
            ok = nulls == 0 or name == EXTRA or self.table.delivered[name].nullable
            data = {"nulls": nulls, "share": round(share, 6)}
            yield self.finding("nulls", name, f"{nulls:,} NULL ({share:.1%})", data, ok=ok)


class Categories(Figure):
    """The most frequent values of each category."""

    def __init__(self, table: TableSpec) -> None:
        """Begin to count."""
        super().__init__(table)
        self._values: dict[str, Counter[str]] = {}

    def add(self, rows: pl.DataFrame) -> None:
        """Count some days' rows."""
        for name in self.table.categories:
            counted = rows[name].drop_nulls().value_counts()
            self._values[name] = self._values.get(name, Counter()) + Counter(dict(counted.rows()))

    def findings(self, _totals: Totals) -> Iterator[Finding]:
        """Yield a finding for each category."""
        for name, counter in self._values.items():
            common = counter.most_common(_MOST_VALUES)
            listed = ", ".join(f"{value} {count:,}" for value, count in common)
            more = f" and {len(counter) - len(common):,} more" if len(counter) > len(common) else ""
            yield self.finding("categories", name, listed + more, {"values": dict(common), "distinct": len(counter)})


class TimeRanges(Figure):
    """The earliest and the latest moment of each column of Unix seconds."""

    def __init__(self, table: TableSpec) -> None:
        """Begin to look."""
        super().__init__(table)
        self._ranges: dict[str, tuple[int, int]] = {}

    def add(self, rows: pl.DataFrame) -> None:
        """Take some days' rows into the ranges."""
        for name in self.table.times:
            low, high = rows[name].min(), rows[name].max()
            if isinstance(low, int) and isinstance(high, int):
                before = self._ranges.get(name, (low, high))
                self._ranges[name] = (min(before[0], low), max(before[1], high))

    def findings(self, _totals: Totals) -> Iterator[Finding]:
        """Yield a finding for each column that has values."""
        for name, seconds in self._ranges.items():
            first, last = (datetime.fromtimestamp(moment, UTC).isoformat() for moment in seconds)
            yield self.finding("time_range", name, f"{first} to {last}", {"min": first, "max": last})


class UndeclaredFields(Figure):
    """The fields that the contract does not name, with the first day of each."""

    def __init__(self, table: TableSpec) -> None:
        """Begin to look."""
        super().__init__(table)
        self._since: dict[str, date] = {}

    def add(self, rows: pl.DataFrame) -> None:
        """Look for fields in some days' rows; days come oldest first."""
        extras = rows.filter(pl.col(EXTRA).is_not_null()).group_by(EXTRA).agg(pl.col("utc_date").min()).sort("utc_date")
        for extra, since in extras.iter_rows():
            for name in fields_of(extra):
                self._since.setdefault(name, date.fromisoformat(since))

    def findings(self, _totals: Totals) -> Iterator[Finding]:
        """Yield a finding for each field."""
        for name, since in sorted(self._since.items()):
            message = f"undeclared field {name!r} since {since}, kept in {EXTRA}"
            yield self.finding("schema_drift", EXTRA, message, {"field": name, "since": since.isoformat()})


FIGURES: tuple[type[Figure], ...] = (RowCounts, Nulls, Categories, TimeRanges, UndeclaredFields)
"""Every figure, in the order of their findings."""
