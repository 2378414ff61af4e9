"""Events that came with another UTC day than their own: each is looked for in its own day.

A shop that answers by local days hands out some rows with a neighbouring UTC day. The gate keeps such a row in the
quarantine of the day that was asked for. Nothing is lost where its own day holds it, or is still to be fetched. Where
its own day is held without it, figures are too small, and a person has to be told.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import msgspec
import polars as pl

from mootech.errors import QualityError
from mootech.lake.lake import Lake
from mootech.lake.paths import Layer
from mootech.layers.bronze.quarantine import rejects_of
from mootech.model import Receipt
from mootech.qa.decode import RowDecoder
from mootech.qa.gate import WRONG_DAY
from mootech.qa.keys import KEY, key_of
from mootech.source.mapping import FieldMapping
from mootech.tables import TableSpec

_DAY_SECONDS = 86_400
_HOUR_SECONDS = 3_600
_WIDEST_ZONE = 14
"""Hours that the clock of a zone is ahead of UTC, at most; none is further behind."""
_ASKED, _OWN, _SECONDS = "asked", "own", "seconds"


@dataclass(frozen=True)
class Strays:
    """Events of one table that no day holds, though their own days were fetched."""

    table: TableSpec
    rows: int
    days: tuple[date, ...]
    """Their own UTC days, oldest first."""
    hours: int | None
    """Hours, rounded up, that the furthest one lies after the day that was asked for, or before it as a negative
    number. None where they lie on both sides, or further than any time zone explains."""

    def error(self) -> QualityError:
        """Return the error that tells a person."""
        first, last = self.days[0], self.days[-1]
        days = f"{first}" if first == last else f"{len(self.days):,} days from {first} to {last}"
        return QualityError(
            f"{self.table}: rows that came with another UTC day than their own, and that their own day lacks: "
            f"{self.rows:,} of {days}",
            hint=f"{_suspicion(self.hours)}They are in quarantine, and no figure counts them. mootech asks for days of "
            f'UTC: let the shop answer by them, for example with `date_format = "seconds"` (docs/source.md). '
            f"`mootech qa -t {self.table} --quarantine` shows the rows.",
        )


def stray_rows(
    lake: Lake, table: TableSpec, receipts: Mapping[date, Receipt], mapping: FieldMapping | None
) -> pl.DataFrame:
    """Return the events that were rejected for nothing but their day, and that their own held day lacks.

    Args:
        lake: where the days are held.
        table: a table of events.
        receipts: the days that were asked for, by UTC day.
        mapping: the table's mapping as configured now; None where rows come in the contract's own fields.

    Returns:
        A row per own day and key: asked and own (Date), seconds (Int64, Unix seconds) and the key.

    Raises:
        StoreError: an object is missing or damaged.

    """
    frames = [
        _wrong_days(table, day, rejects_of(lake, table, day, receipt), mapping)
        for day, receipt in receipts.items()
        if receipt.quarantine is not None
    ]
    if not frames:
        return pl.DataFrame()
    wrong, held = pl.concat(frames), lake.known(Layer.RAW, table.name)
    found = [
        rows.join(lake.read(held[own].key).select(key_of(table)), on=KEY, how="anti", nulls_equal=True)
        for (own,), rows in wrong.partition_by(_OWN, as_dict=True).items()
        if own in held
    ]
    return (pl.concat(found) if found else wrong.clear()).unique([_OWN, KEY], keep="first", maintain_order=True)


def strays_of(table: TableSpec, rows: pl.DataFrame) -> Strays | None:
    """Return what to tell of stray rows; None where there are none."""
    if rows.is_empty():
        return None
    return Strays(
        table, rows.height, tuple(rows[_OWN].unique().sort()), hours_off(rows.select(_ASKED, _SECONDS).rows())
    )


def hours_off(events: Sequence[tuple[date, int]]) -> int | None:
    """Return how many hours events lie outside the UTC day that was asked for: see `Strays.hours`. Pure.

    Args:
        events: the day that was asked for, and the Unix seconds of an event outside it.

    """
    late = [seconds - (_first_second(day) + _DAY_SECONDS) for day, seconds in events]
    early = [_first_second(day) - seconds for day, seconds in events]
    after = max((each // _HOUR_SECONDS + 1 for each in late if each >= 0), default=0)
    before = max((-(-each // _HOUR_SECONDS) for each in early if each > 0), default=0)
    if (after and before) or max(after, before) > _WIDEST_ZONE:
        return None
    return after or -before


def _wrong_days(table: TableSpec, day: date, rejects: pl.DataFrame, mapping: FieldMapping | None) -> pl.DataFrame:
    """Return a day's rows that were rejected for nothing but their day, once per key: see `stray_rows`."""
    raws = [msgspec.Raw(raw.encode()) for reasons, raw in rejects.iter_rows() if reasons == [WRONG_DAY]]
    rows = RowDecoder(table).decode(raws if mapping is None else mapping.rows(raws, day)).frame
    seconds = pl.col(table.event_time or "")
    return (
        rows.select(
            pl.lit(day).alias(_ASKED),
            pl.from_epoch(seconds, time_unit="s").dt.date().alias(_OWN),
            seconds.alias(_SECONDS),
            key_of(table),
        )
        .filter(pl.col(_OWN) != pl.col(_ASKED))
        .unique([_OWN, KEY], keep="first", maintain_order=True)
    )


def _first_second(day: date) -> int:
    return (day - date(1970, 1, 1)).days * _DAY_SECONDS


def _suspicion(hours: int | None) -> str:
    """Return the question to ask where one time zone explains all rows."""
    if not hours:
        return ""
    side, sign, further = ("late", "−", "west") if hours > 0 else ("early", "+", "east")  # noqa: RUF001  # a minus sign
    count = f"{abs(hours)} hour{'s' if abs(hours) > 1 else ''}"
    return f"Rows lie up to {count} {side}: is the shop's day one of UTC{sign}{abs(hours)}, or further {further}? "
