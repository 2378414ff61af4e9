"""What `mootech qa` says about the bronze partitions of a table, per column and check.

A day is summed up by itself, the summaries of a range are added up, and the sum becomes findings; so a range costs
the memory of its largest day.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

import msgspec
import polars as pl

from mootech.model import Finding, Receipt, Table
from mootech.qa.contract import EXTRA, breaches, bronze_schema, delivered_schema, nullable

CATEGORIES: Mapping[Table, tuple[str, ...]] = {
    Table.CLICKSTREAM: ("campaign", "currency", "os", "pagename"),
    Table.TRANSACTIONS: ("transaction_type",),
    Table.USERS: (),
    Table.PRODUCTS: (),
}
"""Columns with few values, which are listed with their counts."""

TIMES: Mapping[Table, tuple[str, ...]] = {
    Table.CLICKSTREAM: ("hit_time_gmt", "cust_hit_time_gmt", "first_hit_time_gmt", "visit_start_time_gmt"),
    Table.TRANSACTIONS: ("transaction_timestamp",),
    Table.USERS: ("first_time_time_stamp",),
    Table.PRODUCTS: (),
}
"""Columns of Unix seconds, of which the range is given."""

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


def schema_drift(table: Table, columns: Mapping[str, Any]) -> list[str]:
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


def add_day(summary: Summary, table: Table, day: date, rows: pl.DataFrame, receipt: Receipt | None) -> None:
    """Count one partition into the summary.

    Args:
        summary: of the same table; changed in place.
        table: which table.
        day: the partition's UTC day; days come in order, or "since" would be wrong.
        rows: the partition, without utc_date.
        receipt: from its footer, None where it has none.

    """
    summary.days += 1
    summary.rows += rows.height
    if receipt is not None:
        summary.receipts += Counter(
            fetched=receipt.fetched, quarantined=receipt.quarantined, duplicates=receipt.duplicates
        )

    drift = schema_drift(table, rows.schema)
    summary.of_days += [Finding(str(table), day, None, "schema_drift", difference) for difference in drift]
    if drift:
        # Columns that are not what they are called cannot be counted by name.
        return
    summary.nulls += Counter({name: rows[name].null_count() for name in rows.columns})
    for name in CATEGORIES[table]:
        counted = rows[name].drop_nulls().value_counts()
        summary.values[name] = summary.values.get(name, Counter()) + Counter(dict(counted.rows()))
    for name in TIMES[table]:
        _widen(summary.ranges, name, rows[name])
    for undeclared in _extra_fields(rows[EXTRA]):
        summary.fields_since.setdefault(undeclared, day)
    summary.of_days += _broken_rules(table, day, rows)


def _broken_rules(table: Table, day: date, rows: pl.DataFrame) -> Iterator[Finding]:
    """Yield what no row of a published partition may do: repeat a key, break the contract, be of another day."""

    def wrong(check: str, column: str, message: str, count: int, **data: str) -> Finding:
        return Finding(str(table), day, column, check, message, data={"rows": count, **data})

    repeated = rows.height - rows.select(table.key).n_unique()
    if repeated:
        yield wrong("duplicates", ", ".join(table.key), f"{repeated:,} rows repeat a key", repeated)
    delivered = rows.with_columns(utc_date=pl.lit(day.isoformat())).select(delivered_schema(table).names())
    for reason, count in breaches(table, delivered)["reason"].value_counts().sort("reason").iter_rows():
        column, _, rule = reason.partition(":")
        yield wrong("contract", column, f"{count:,} rows break the rule {rule}", count, rule=rule)
    if table.event_time is not None:
        elsewhere = rows.filter(_date_of(table.event_time) != day).height
        if elsewhere:
            yield wrong("wrong_day", table.event_time, f"{elsewhere:,} events are of another day", elsewhere)


def findings(table: Table, summary: Summary) -> list[Finding]:
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
        ok = nulls == 0 or name == EXTRA or nullable(table, name)
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


def summarise(table: Table, days: Iterable[tuple[date, pl.DataFrame, Receipt | None]]) -> list[Finding]:
    """Return the findings of a range of partitions, given oldest first."""
    summary = Summary()
    for day, rows, receipt in days:
        add_day(summary, table, day, rows, receipt)
    return findings(table, summary)


def _widen(ranges: dict[str, tuple[int, int]], name: str, seconds: pl.Series) -> None:
    """Take a day's smallest and largest value into the range."""
    low, high = seconds.min(), seconds.max()
    if isinstance(low, int) and isinstance(high, int):
        before = ranges.get(name, (low, high))
        ranges[name] = (min(before[0], low), max(before[1], high))


def _extra_fields(extra: pl.Series) -> set[str]:
    """Return the names of the undeclared fields in a column of JSON objects."""
    decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])
    names: set[str] = set()
    for text in extra.drop_nulls().unique():
        names.update(decoder.decode(text))
    return names


def _date_of(column: str) -> pl.Expr:
    return pl.from_epoch(pl.col(column), time_unit="s").dt.date()
