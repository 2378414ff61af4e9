"""The quality gate: which rows of a fetched day are good, which are rejected and why, and whether the day may pass.

Pure functions of frames, in the order of docs/design.md. First, rows that break the contract or belong to another day
are rejected, repeats included. Then identical rows are dropped and counted. Then the latest of different rows with one
key stays, and the others are rejected. So fetched = good + rejected + duplicates, whatever came in.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import accumulate

import polars as pl

from mootech.config import QaSettings
from mootech.qa.contract import breaches, bronze_schema, delivered_schema
from mootech.qa.keys import key_of
from mootech.tables import TableSpec

POSITION = "_position"
"""The column with each row's position among those fetched; only the gate needs it."""
WRONG_DAY = "wrong_day"
"""The reason of a row whose utc_date or event time lies outside the day that was asked for."""
_CANONICAL = "_canonical"
_SEVERAL = 2
"""So many bad rows are no accident of a single row; where they are most of a day, the day is bad."""


@dataclass(frozen=True)
class Judged:
    """The rows of one table and day after the gate."""

    good: pl.DataFrame
    """Columns of `bronze_schema(table)`, sorted by event time, then key."""
    rejected: pl.DataFrame
    """Columns position (UInt32, into the rows judged) and reasons (List(String), sorted); one line a row."""
    duplicates: int
    """Identical rows dropped."""
    bad_keys: pl.DataFrame
    """The key columns of the rows that break the contract, as far as they decoded."""


@dataclass(frozen=True)
class Fetched:
    """The decoded rows of one table and UTC day."""

    day: date
    """The day that was asked for."""
    rows: pl.DataFrame
    """Columns of `delivered_schema(table)`, then `extra`."""
    undecoded: Mapping[int, tuple[str, ...]]
    """Position → reasons, for the rows whose JSON lacks a value or has a wrong one."""


def blocks(limits: QaSettings, *, fetched: int, bad: int) -> bool:
    """Say whether a day with so many bad rows of so many must not be published.

    It must not when all its rows are bad; when at least two are bad and they are more than half; or when both limits
    of the settings are exceeded, the number (`max_bad_rows`) and the share (`max_bad_share`). A single bad row among
    good ones blocks no day, however small the day is.
    """
    if fetched and bad == fetched:
        return True
    if bad >= _SEVERAL and bad * 2 > fetched:
        return True
    return bad > limits.max_bad_rows and bad > limits.max_bad_share * fetched


def judge(table: TableSpec, days: Sequence[Fetched]) -> list[Judged]:
    """Sort the rows of each day into good, rejected and duplicate.

    Several days of a table are validated at once, because a validation costs the same for one row as for thousands.
    """
    columns = delivered_schema(table).names()
    ruled = breaches(table, pl.concat([day.rows.select(columns) for day in days]))
    starts = accumulate((day.rows.height for day in days), initial=0)
    return [
        _judge_day(
            table,
            day,
            ruled.filter(pl.col("row").is_between(start, start + day.rows.height, closed="left")).select(
                (pl.col("row") - start).alias("position"), "reason"
            ),
        )
        for day, start in zip(days, starts, strict=False)
    ]


def judge_again(table: TableSpec, rejected: Fetched, published: pl.DataFrame) -> Judged:
    """Judge the rejected rows of a day once more, together with the day's good rows.

    Args:
        table: whose contract.
        rejected: the rows that were rejected, decoded anew.
        published: the day's good rows, columns as in `Fetched.rows`. They are not checked against the contract again;
            only the keys of all rows together are.

    Returns:
        The verdict on all these rows; the positions of `published` follow those of `rejected`.

    """
    ruled = breaches(table, rejected.rows.select(delivered_schema(table).names()))
    return _judge_day(table, rejected, ruled.rename({"row": "position"}), published)


def _judge_day(
    table: TableSpec, fetched: Fetched, ruled: pl.DataFrame, published: pl.DataFrame | None = None
) -> Judged:
    """Sort the rows of one day; `ruled` has a line (position, reason) per row and broken rule of the contract."""
    sifted = _sifted(table, fetched, ruled)
    kept = sifted.kept
    if published is not None:
        rows = published.select(fetched.rows.columns).with_row_index(POSITION, offset=fetched.rows.height)
        kept = pl.concat([kept, rows])
    good, losers, duplicates = one_per_key(table, kept)
    ordered = good.select(bronze_schema(table).names()).sort(table.order)
    return Judged(ordered, rejected(sifted.reasons, losers), duplicates, sifted.bad_keys)


@dataclass(frozen=True)
class Sifted:
    """Rows that were checked against the contract; their keys are not compared yet."""

    kept: pl.DataFrame
    """The rows that keep the contract: the columns as fetched, and `POSITION`."""
    reasons: pl.DataFrame
    """Columns position (UInt32) and reason (String): a line per row and broken rule."""
    bad_keys: pl.DataFrame
    """See `Judged`."""


def sift(table: TableSpec, fetched: Fetched) -> Sifted:
    """Hold rows against the contract and against the day that was asked for."""
    ruled = breaches(table, fetched.rows.select(delivered_schema(table).names()))
    return _sifted(table, fetched, ruled.rename({"row": "position"}))


def _sifted(table: TableSpec, fetched: Fetched, ruled: pl.DataFrame) -> Sifted:
    reasons = _reasons(table, fetched, ruled)
    bad = reasons["position"].unique().sort()
    kept = fetched.rows.with_row_index(POSITION)
    if bad.len():
        kept = kept.filter(~pl.col(POSITION).is_in(bad.implode()))
    return Sifted(kept, reasons, fetched.rows[bad].select(table.key))


def rejected(reasons: pl.DataFrame, losers: pl.DataFrame) -> pl.DataFrame:
    """Return what is rejected and why; `losers` are the rows, with their `POSITION`, whose key another row keeps."""
    conflicts = losers.select(pl.col(POSITION).alias("position"), pl.lit("key_conflict").alias("reason"))
    return (
        pl.concat([reasons, conflicts])
        .group_by("position")
        .agg(pl.col("reason").unique().sort().alias("reasons"))
        .sort("position")
    )


def _reasons(table: TableSpec, fetched: Fetched, ruled: pl.DataFrame) -> pl.DataFrame:
    """Return one line (position, reason) per row and everything that is wrong with it."""
    flat = [(position, reason) for position, of_row in fetched.undecoded.items() for reason in of_row]
    structural = pl.DataFrame(flat, schema={"position": pl.UInt32, "reason": pl.String}, orient="row")
    # A value that is missing or of the wrong type is NULL in the frame. That NULL is no reason of its own.
    blank = structural.filter(pl.col("reason").str.starts_with("row:")).select("position")
    echoes = structural.with_columns(pl.col("reason").str.extract(r"^(.*):").add(":null")).select("position", "reason")
    elsewhere = (
        fetched.rows.with_row_index("position")
        .filter(_of_another_day(table, fetched.day))
        .select("position", pl.lit(WRONG_DAY).alias("reason"))
    )
    broken = pl.concat([ruled, elsewhere])
    if structural.height:
        broken = broken.join(echoes, on=["position", "reason"], how="anti").join(blank, on="position", how="anti")
    return pl.concat([structural, broken])


def _of_another_day(table: TableSpec, day: date) -> pl.Expr:
    """Say whether a row's utc_date or its event time lies outside the day. NULL does not; other rules catch it."""
    other = pl.col("utc_date") != day.isoformat()
    if table.event_time is not None:
        first = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())
        last = first + int(timedelta(days=1).total_seconds()) - 1
        other = other | ~pl.col(table.event_time).is_between(first, last)
    return other.fill_null(value=False)


def one_per_key(table: TableSpec, rows: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame, int]:
    """Return the rows to keep, the losers of a key conflict, and how many identical rows were dropped.

    `rows` have their `POSITION` and are sorted by it.
    """
    repeated = rows.select(key_of(table).is_duplicated()).to_series()
    if not repeated.any():
        return rows, rows.clear(), 0
    alone, crowd = rows.filter(~repeated), rows.filter(repeated)
    columns = [name for name in rows.columns if name != POSITION]
    # Only rows that share a key can be identical, and they are few: comparing their text decides both questions.
    distinct = crowd.with_columns(pl.struct(columns).struct.json_encode().alias(_CANONICAL)).unique(
        _CANONICAL, keep="first", maintain_order=True
    )
    latest_last = [table.event_time, _CANONICAL] if table.event_time is not None else [_CANONICAL]
    ranked = distinct.sort(latest_last, maintain_order=True)
    latest = ranked.select(key_of(table).is_last_distinct()).to_series()
    kept = pl.concat([alone, ranked.filter(latest).drop(_CANONICAL)])
    return kept, ranked.filter(~latest).drop(_CANONICAL), crowd.height - distinct.height
