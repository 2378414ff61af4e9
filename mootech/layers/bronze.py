"""From the staged pages of days to what bronze and quarantine will hold of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from pathlib import Path

import polars as pl

from mootech.lake.lake import DayRows
from mootech.layers.passes import StagedPage, Union, united
from mootech.model import Reconciled, Table
from mootech.qa.contract import EXTRA, delivered_schema
from mootech.qa.decode import RowDecoder
from mootech.qa.gate import Fetched, Judged, judge
from mootech.source.dialect import Dialect
from mootech.source.mapping import FieldMapping
from mootech.source.metrics import Metrics

VISITOR = ("visid_high", "visid_low")
"""The columns of clickstream that identify a visitor."""


@dataclass(frozen=True)
class StagedPages:
    """One UTC day as it was staged."""

    day: date
    """The day that was asked for."""
    passes: Sequence[Sequence[Path]]
    """Files with the pages' bodies, in order, for each accepted pass over the day."""
    source_total: int | None
    """The rows the source declared in the last pass, None when it declares none."""
    metrics: Metrics | None = None
    """What the shop counts of the day; None: it was not asked."""
    dialect: Dialect | None = None
    """How the pages are read and their rows mapped; None is mootech's own protocol."""


def check_days(table: Table, staged: Sequence[StagedPages]) -> list[DayRows]:
    """Put the staged days of one table through the quality gate.

    Returns:
        For each day the rows for bronze and for quarantine; every fetched row is in one of them or counted as a
        duplicate.

    """
    decoder = RowDecoder(table)
    unions = [united(day.passes, day.dialect) for day in staged]
    mappings = [None if day.dialect is None else day.dialect.mapping for day in staged]
    decoded = [
        _decode(table, decoder, of.day, union.pages, mapping)
        for of, union, mapping in zip(staged, unions, mappings, strict=True)
    ]
    judged = judge(table, [fetched for fetched, _ in decoded])
    return [
        DayRows(
            table=table,
            day=of.day,
            rows=result.good,
            rejects=_with_raw(result.rejected, union.pages, starts),
            fetched=fetched.rows.height + union.repeated,
            duplicates=result.duplicates + union.repeated,
            source_total=of.source_total,
            reconciled=None if of.metrics is None else _reconciled(of.metrics, fetched.rows, result, union),
        )
        for of, union, (fetched, starts), result in zip(staged, unions, decoded, judged, strict=True)
    ]


def _reconciled(shop: Metrics, rows: pl.DataFrame, judged: Judged, union: Union) -> Reconciled:
    """Return a day of clickstream beside the shop's metrics."""
    visitors = rows.select(VISITOR).drop_nulls().n_unique()
    hits = different_hits(rows, judged)
    return Reconciled(shop.hits, shop.visitors, hits, visitors, union.passes or (rows.height,), union.repeated)


def different_hits(rows: pl.DataFrame, judged: Judged) -> int:
    """Count the different hits among a day's rows, good and bad; a key without a value is none.

    A good row's key is its own, so only those of the few bad rows are looked at.
    """
    key = list(Table.CLICKSTREAM.key)
    bad = rows[judged.rejected["position"]].select(key).drop_nulls().unique()
    return judged.good.height + bad.height - judged.good.join(bad, on=key, how="semi").height


def _decode(
    table: Table, decoder: RowDecoder, day: date, pages: Sequence[StagedPage], mapping: FieldMapping | None
) -> tuple[Fetched, Sequence[int]]:
    """Decode page after page; only the typed columns stay in memory, not the text.

    Returns:
        The day's rows, and the position of each page's first row, after the last page the number of rows.

    """
    frames = [pl.DataFrame(schema={**delivered_schema(table), EXTRA: pl.String()})]
    undecoded: dict[int, tuple[str, ...]] = {}
    starts = [0]
    for page in pages:
        rows = page.rows()
        decoded = decoder.decode(rows if mapping is None else mapping.rows(rows, day))
        undecoded.update({starts[-1] + position: reasons for position, reasons in decoded.reasons.items()})
        frames.append(decoded.frame)
        starts.append(starts[-1] + decoded.frame.height)
    return Fetched(day, pl.concat(frames), undecoded), starts


def _with_raw(rejected: pl.DataFrame, pages: Sequence[StagedPage], starts: Sequence[int]) -> pl.DataFrame:
    """Replace the positions by the rows' JSON text as the shop sent it, read once more from the rejected rows' pages.

    Returns:
        Frame with columns reasons (List(String)) and raw (String).

    """
    raw: list[str] = []
    positions = rejected["position"].to_list()
    for page, (start, end) in zip(pages, pairwise(starts), strict=True):
        of_page = [position - start for position in positions if start <= position < end]
        if of_page:
            rows = page.rows()
            raw += [bytes(rows[position]).decode() for position in of_page]
    return rejected.select("reasons").with_columns(pl.Series("raw", raw, dtype=pl.String))
