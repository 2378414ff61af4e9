"""From the staged pages of one day to what bronze and quarantine will hold of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from pathlib import Path

import polars as pl

from mootech.lake.lake import DayRows
from mootech.model import Table
from mootech.qa.contract import EXTRA, delivered_schema
from mootech.qa.decode import RowDecoder
from mootech.qa.gate import judge
from mootech.source.pages import rows_of


@dataclass(frozen=True)
class _Decoded:
    """The rows of all pages in one frame."""

    frame: pl.DataFrame
    undecoded: dict[int, tuple[str, ...]]
    starts: tuple[int, ...]
    """Position of each page's first row, and after the last page the number of rows."""


def check_day(table: Table, day: date, pages: Sequence[Path], source_total: int | None) -> DayRows:
    """Put one day's staged pages through the quality gate.

    Args:
        table: whose contract applies.
        day: the UTC day that was asked for.
        pages: files with the pages' bodies, in order.
        source_total: the rows the source declared, None when it declares none.

    Returns:
        The rows for bronze and for quarantine; every fetched row is in one of them or counted as a duplicate.

    """
    decoded = _decode(table, pages)
    judged = judge(table, day, decoded.frame, decoded.undecoded)
    return DayRows(
        table=table,
        day=day,
        rows=judged.good,
        rejects=_with_raw(judged.rejected, pages, decoded.starts),
        fetched=decoded.frame.height,
        duplicates=judged.duplicates,
        source_total=source_total,
    )


def _decode(table: Table, pages: Sequence[Path]) -> _Decoded:
    """Decode page after page; only the typed columns stay in memory, not the text."""
    decoder = RowDecoder(table)
    frames = [pl.DataFrame(schema={**delivered_schema(table), EXTRA: pl.String()})]
    undecoded: dict[int, tuple[str, ...]] = {}
    starts = [0]
    for page in pages:
        decoded = decoder.decode(rows_of(page.read_bytes()))
        undecoded.update({starts[-1] + position: reasons for position, reasons in decoded.reasons.items()})
        frames.append(decoded.frame)
        starts.append(starts[-1] + decoded.frame.height)
    return _Decoded(pl.concat(frames), undecoded, tuple(starts))


def _with_raw(rejected: pl.DataFrame, pages: Sequence[Path], starts: Sequence[int]) -> pl.DataFrame:
    """Replace the positions by the rows' JSON text, read once more from the pages that hold rejected rows.

    Returns:
        Frame with columns reasons (List(String)) and raw (String).

    """
    raw: list[str] = []
    positions = rejected["position"].to_list()
    for page, (start, end) in zip(pages, pairwise(starts), strict=True):
        of_page = [position - start for position in positions if start <= position < end]
        if of_page:
            rows = rows_of(page.read_bytes())
            raw += [bytes(rows[position]).decode() for position in of_page]
    return rejected.select("reasons").with_columns(pl.Series("raw", raw, dtype=pl.String))
