"""From the staged pages of days to what bronze and quarantine will hold of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from pathlib import Path

import msgspec
import polars as pl

from mootech.lake.disk import mapped
from mootech.lake.lake import DayRows
from mootech.model import Table
from mootech.qa.contract import EXTRA, delivered_schema
from mootech.qa.decode import RowDecoder
from mootech.qa.gate import Fetched, judge
from mootech.source.pages import rows_of


@dataclass(frozen=True)
class StagedPages:
    """One UTC day as it was staged."""

    day: date
    """The day that was asked for."""
    pages: Sequence[Path]
    """Files with the pages' bodies, in order."""
    source_total: int | None
    """The rows the source declared, None when it declares none."""


def check_days(table: Table, staged: Sequence[StagedPages]) -> list[DayRows]:
    """Put the staged days of one table through the quality gate.

    Returns:
        For each day the rows for bronze and for quarantine; every fetched row is in one of them or counted as a
        duplicate.

    """
    decoder = RowDecoder(table)
    decoded = [_decode(table, decoder, day) for day in staged]
    judged = judge(table, [fetched for fetched, _ in decoded])
    return [
        DayRows(
            table=table,
            day=of.day,
            rows=result.good,
            rejects=_with_raw(result.rejected, of.pages, starts),
            fetched=fetched.rows.height,
            duplicates=result.duplicates,
            source_total=of.source_total,
        )
        for of, (fetched, starts), result in zip(staged, decoded, judged, strict=True)
    ]


def _decode(table: Table, decoder: RowDecoder, staged: StagedPages) -> tuple[Fetched, Sequence[int]]:
    """Decode page after page; only the typed columns stay in memory, not the text.

    Returns:
        The day's rows, and the position of each page's first row, after the last page the number of rows.

    """
    frames = [pl.DataFrame(schema={**delivered_schema(table), EXTRA: pl.String()})]
    undecoded: dict[int, tuple[str, ...]] = {}
    starts = [0]
    for page in staged.pages:
        decoded = decoder.decode(_rows(page))
        undecoded.update({starts[-1] + position: reasons for position, reasons in decoded.reasons.items()})
        frames.append(decoded.frame)
        starts.append(starts[-1] + decoded.frame.height)
    return Fetched(staged.day, pl.concat(frames), undecoded), starts


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
            rows = _rows(page)
            raw += [bytes(rows[position]).decode() for position in of_page]
    return rejected.select("reasons").with_columns(pl.Series("raw", raw, dtype=pl.String))


def _rows(page: Path) -> list[msgspec.Raw]:
    with mapped(f"reading the staged page {page}"):
        return rows_of(page.read_bytes())
