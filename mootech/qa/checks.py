"""What `mootech qa` says about the bronze partitions of a table, per column and check.

Partitions are taken together in batches, the sums of the batches are added up, and the total becomes findings; so a
range costs the memory of one batch, and small days do not cost a validation each.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

import msgspec
import polars as pl

from mootech.model import DayRange, Finding, Receipt
from mootech.qa.contract import EXTRA, breaches, bronze_schema, delivered_schema
from mootech.tables import TableSpec

_BATCH_ROWS = 200_000
"""Rows that are checked at once, or one day where it has more."""

_MOST_VALUES = 20
"""Values of a category that are listed; the others are counted together."""


@dataclass
class Summary:
    """What has been counted so far of one table."""

    days: int = 0
    rows: int = 0
    receipts: Counter[str] = field(default_factory=Counter)
    nulls: Counter[str] = field(default_factory=Counter)
    values: dict[str, Counter[str]] = field(default_factory=dict)
    ranges: dict[str, tuple[int, int]] = field(default_factory=dict)
    fields_since: dict[str, date] = field(default_factory=dict)
    """Undeclared field → first day it was seen on."""
    of_days: list[Finding] = field(default_factory=list)
    """Findings that belong to one day: something is wrong there."""


def undeclared(extra: pl.Series) -> list[str]:
    """Return the names of the undeclared fields that stand in a column `extra`, sorted."""
    names = {name for text in extra.drop_nulls().unique() for name in _fields(text)}
    return sorted(names)


def _fields(extra: str) -> dict[str, msgspec.Raw]:
    return msgspec.json.decode(extra, type=dict[str, msgspec.Raw])


def schema_drift(table: TableSpec, columns: Mapping[str, Any]) -> list[str]:
    """Return how the columns of a partition (name → polars type) differ from the contract; empty when they agree."""
    wanted = bronze_schema(table)
    drift = [f"column {name} is missing" for name in wanted if name not in columns]
    drift += [f"column {name} is not declared" for name in columns if name not in wanted]
    drift += [
        f"column {name} is {columns[name]}, not {dtype}"
        for name, dtype in wanted.items()
        if name in columns and columns[name] != dtype
    ]
    return drift


def days_missing(table: TableSpec, held: Sequence[date], blocked: Sequence[date]) -> list[Finding]:
    """Return a warning when days between the first and the last one held are neither held nor blocked."""
    there = {*held, *blocked}
    gaps = [day for day in DayRange(min(held), max(held)) if day not in there] if held else []
    if not gaps:
        return []
    message = f"{len(gaps):,} of the days from {min(held)} to {max(held)} are missing, {gaps[0]} the first of them"
    data = {"days": [day.isoformat() for day in gaps]}
    return [Finding(str(table), None, None, "missing_days", message, ok=True, warning=True, data=data)]


def days_behind(table: TableSpec, held: Sequence[date], yesterday: date, limit: int) -> list[Finding]:
    """Return how far the newest day held lies behind yesterday (UTC): a warning beyond the limit."""
    if not held:
        return []
    behind = max((yesterday - max(held)).days, 0)
    message = f"the newest day is {max(held)}, {behind:,} days before yesterday"
    data = {"newest": max(held).isoformat(), "days_behind": behind}
    return [Finding(str(table), None, None, "freshness", message, ok=True, warning=behind > limit, data=data)]


def summarise(table: TableSpec, days: Iterable[tuple[date, pl.DataFrame, Receipt | None]]) -> list[Finding]:
    """Return the findings of a range of partitions.

    Args:
        table: which table.
        days: UTC day, rows without utc_date, and receipt (None where the footer has none) of each partition, oldest
            first.

    """
    summary = Summary()
    batch: list[pl.DataFrame] = []
    for day, rows, receipt in days:
        summary.days += 1
        summary.rows += rows.height
        if receipt is not None:
            summary.receipts += Counter(
                fetched=receipt.fetched, quarantined=receipt.quarantined, duplicates=receipt.duplicates
            )
        drift = schema_drift(table, rows.schema)
        summary.of_days += [Finding(str(table), day, None, "schema_drift", difference) for difference in drift]
        if not drift:  # columns that are not what they are called cannot be counted by name
            batch.append(rows.with_columns(utc_date=pl.lit(day.isoformat())))
        if sum(part.height for part in batch) >= _BATCH_ROWS:
            _add(summary, table, pl.concat(batch))
            batch.clear()
    if batch:
        _add(summary, table, pl.concat(batch))
    return findings(table, summary)


def _add(summary: Summary, table: TableSpec, rows: pl.DataFrame) -> None:
    """Count some days' rows, told apart by utc_date (String), into the summary."""
    summary.nulls += Counter({name: rows[name].null_count() for name in rows.columns})
    for name in table.categories:
        counted = rows[name].drop_nulls().value_counts()
        summary.values[name] = summary.values.get(name, Counter()) + Counter(dict(counted.rows()))
    for name in table.times:
        _widen(summary.ranges, name, rows[name])
    extras = rows.filter(pl.col(EXTRA).is_not_null()).group_by(EXTRA).agg(pl.col("utc_date").min()).sort("utc_date")
    for extra, since in extras.iter_rows():
        for name in _fields(extra):
            summary.fields_since.setdefault(name, date.fromisoformat(since))
    summary.of_days += _broken_rules(table, rows)


def _broken_rules(table: TableSpec, rows: pl.DataFrame) -> Iterator[Finding]:
    """Yield what no row of a published partition may do: repeat a key, break the contract, be of another day."""

    def wrong(day: str, check: str, column: str, message: str, data: dict[str, Any]) -> Finding:
        return Finding(str(table), date.fromisoformat(day), column, check, message, data=data)

    repeated = rows.group_by("utc_date").agg(rows=pl.len() - pl.struct(table.key).n_unique()).filter(pl.col("rows") > 0)
    for day, count in repeated.sort("utc_date").iter_rows():
        yield wrong(day, "duplicates", ", ".join(table.key), f"{count:,} rows repeat a key", {"rows": count})
    days = rows.select(pl.int_range(pl.len(), dtype=pl.UInt32).alias("row"), "utc_date")
    broken = breaches(table, rows.select(delivered_schema(table).names())).join(days, on="row")
    for day, reason, count in broken.group_by("utc_date", "reason").len().sort("utc_date", "reason").iter_rows():
        column, _, rule = reason.partition(":")
        message = f"{count:,} rows break the rule {rule}"
        yield wrong(day, "contract", column, message, {"rows": count, "rule": rule})
    if table.event_time is not None:
        of_another_day = _date_of(table.event_time) != pl.col("utc_date").str.to_date()
        elsewhere = rows.filter(of_another_day).group_by("utc_date").len().sort("utc_date")
        for day, count in elsewhere.iter_rows():
            message = f"{count:,} events are of another day"
            yield wrong(day, "wrong_day", table.event_time, message, {"rows": count})


def findings(table: TableSpec, summary: Summary) -> list[Finding]:
    """Return what is to be said of the table: the figures per column, then what is wrong, day by day."""

    def told(check: str, column: str | None, message: str, data: dict[str, Any], *, ok: bool = True) -> Finding:
        return Finding(str(table), None, column, check, message, ok=ok, data=data)

    counts = {name: summary.receipts[name] for name in ("fetched", "quarantined", "duplicates")}
    rows = (
        f"{summary.rows:,} rows in {summary.days:,} days; of {counts['fetched']:,} fetched "
        f"{counts['quarantined']:,} quarantined, {counts['duplicates']:,} exact duplicates dropped"
    )
    result = [told("rows", None, rows, {"rows": summary.rows, "days": summary.days, **counts})]
    for name in bronze_schema(table):
        nulls = summary.nulls[name]
        share = nulls / summary.rows if summary.rows else 0.0
        ok = nulls == 0 or name == EXTRA or table.delivered[name].nullable
        data = {"nulls": nulls, "share": round(share, 6)}
        result.append(told("nulls", name, f"{nulls:,} NULL ({share:.1%})", data, ok=ok))
    for name, counter in summary.values.items():
        common = counter.most_common(_MOST_VALUES)
        listed = ", ".join(f"{value} {count:,}" for value, count in common)
        more = f" and {len(counter) - len(common):,} more" if len(counter) > len(common) else ""
        result.append(told("categories", name, listed + more, {"values": dict(common), "distinct": len(counter)}))
    for name, (first, last) in summary.ranges.items():
        span = [datetime.fromtimestamp(moment, UTC).isoformat() for moment in (first, last)]
        result.append(told("time_range", name, f"{span[0]} to {span[1]}", {"min": span[0], "max": span[1]}))
    for name, since in sorted(summary.fields_since.items()):
        message = f"undeclared field {name!r} since {since}, kept in {EXTRA}"
        result.append(told("schema_drift", EXTRA, message, {"field": name, "since": since.isoformat()}))
    return [*result, *summary.of_days]


def _widen(ranges: dict[str, tuple[int, int]], name: str, seconds: pl.Series) -> None:
    """Take a day's smallest and largest value into the range."""
    low, high = seconds.min(), seconds.max()
    if isinstance(low, int) and isinstance(high, int):
        before = ranges.get(name, (low, high))
        ranges[name] = (min(before[0], low), max(before[1], high))


def _date_of(column: str) -> pl.Expr:
    return pl.from_epoch(pl.col(column), time_unit="s").dt.date()
