"""Checks on rows: what no row of a published partition may do. A new one is a function here and a line in `RULES`.

Each takes a table and the rows of some of its days, with their day in `utc_date` (String, ISO), and yields one finding
per day that is broken.
"""

from collections.abc import Callable, Iterator
from datetime import date

import polars as pl

from mootech.model import Finding
from mootech.qa.contract import breaches, delivered_schema
from mootech.qa.keys import key_of
from mootech.tables import TableSpec

Rule = Callable[[TableSpec, pl.DataFrame], Iterator[Finding]]


def duplicates(table: TableSpec, rows: pl.DataFrame) -> Iterator[Finding]:
    """Find keys that stand in a day more than once."""
    repeated = rows.group_by("utc_date").agg(rows=pl.len() - key_of(table).n_unique()).filter(pl.col("rows") > 0)
    for day, count in repeated.sort("utc_date").iter_rows():
        message = f"{count:,} rows repeat a key"
        yield Finding(
            str(table), date.fromisoformat(day), ", ".join(table.key), "duplicates", message, data={"rows": count}
        )


def contract(table: TableSpec, rows: pl.DataFrame) -> Iterator[Finding]:
    """Find rows that break a rule of the table's contract."""
    days = rows.select(pl.int_range(pl.len(), dtype=pl.UInt32).alias("row"), "utc_date")
    broken = breaches(table, rows.select(delivered_schema(table).names())).join(days, on="row")
    for day, reason, count in broken.group_by("utc_date", "reason").len().sort("utc_date", "reason").iter_rows():
        column, _, rule = reason.partition(":")
        message = f"{count:,} rows break the rule {rule}"
        data = {"rows": count, "rule": rule}
        yield Finding(str(table), date.fromisoformat(day), column, "contract", message, data=data)


def wrong_day(table: TableSpec, rows: pl.DataFrame) -> Iterator[Finding]:
    """Find events that happened on another day than their partition's."""
    if table.event_time is None:
        return
    happened = pl.from_epoch(pl.col(table.event_time), time_unit="s").dt.date()
    elsewhere = rows.filter(happened != pl.col("utc_date").str.to_date()).group_by("utc_date").len().sort("utc_date")
    for day, count in elsewhere.iter_rows():
        message = f"{count:,} events are of another day"
        yield Finding(str(table), date.fromisoformat(day), table.event_time, "wrong_day", message, data={"rows": count})


RULES: tuple[Rule, ...] = (duplicates, contract, wrong_day)
"""Every rule, in the order of their findings."""
