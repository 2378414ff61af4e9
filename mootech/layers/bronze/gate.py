"""Put the staged pages of days through the gate: which rows go to bronze, and which to quarantine."""

from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from itertools import pairwise
from pathlib import Path

import polars as pl

from mootech.lake.lake import DayRows
from mootech.layers.bronze.passes import StagedPage, Union, united
from mootech.layers.bronze.spill import PORTION_ROWS, JudgedOnDisk, judge_on_disk
from mootech.model import Reconciled
from mootech.qa.contract import EXTRA, delivered_schema
from mootech.qa.decode import RowDecoder
from mootech.qa.gate import Fetched, Judged, judge
from mootech.source.dialect import Dialect
from mootech.source.metrics import Metrics
from mootech.tables import TableSpec


class Drift(StrEnum):
    """What becomes of fields that the contract does not name."""

    EVOLVE = "evolve"
    """They are kept, in the column `extra`."""
    FREEZE = "freeze"
    """A day with such fields is not published."""
    DISCARD = "discard"
    """They are dropped from published rows; every row stays."""


@dataclass(frozen=True)
class StagedPages:
    """The staged pages of one UTC day."""

    day: date
    """The day that was asked for."""
    passes: Sequence[Sequence[Path]]
    """Files with the pages' bodies, in order, for each accepted pass over the day."""
    source_total: int | None
    """The rows the source declared in the last pass, None when it declares none."""
    metrics: Metrics | None = None
    """The shop's own counts of the day; None when it was not asked."""
    dialect: Dialect | None = None
    """How the pages are read and their rows mapped; None is mootech's own protocol."""


def check_days(table: TableSpec, staged: Sequence[StagedPages]) -> list[DayRows]:
    """Put the staged days of one table through the quality gate, in memory.

    Returns:
        For each day the rows for bronze and for quarantine; every fetched row is in one of them or counted as a
        duplicate.

    """
    decoder = RowDecoder(table)
    days = [_Day(table, of, united(of.passes, of.dialect)) for of in staged]
    fetched = [portion for day in days for portion in day.portions(decoder)]
    return [day.rows(judged) for day, judged in zip(days, judge(table, fetched), strict=True)]


def check_large_day(
    table: TableSpec,
    staged: StagedPages,
    folder: Path,
    *,
    portion_rows: int = PORTION_ROWS,
    proceed: Callable[[], None] = lambda: None,
) -> DayRows:
    """Put one staged day through the quality gate, a portion at a time.

    Args:
        table: which table.
        staged: the day.
        folder: holds its rows for as long as the result is needed; nothing else may use it.
        portion_rows: how many rows may be in memory.
        proceed: called between the portions; what it raises ends the work.

    Returns:
        As `check_days`, the same rows in the same order.

    """
    day = _Day(table, staged, united(staged.passes, staged.dialect))
    portions = day.portions(RowDecoder(table), portion_rows)
    return day.rows(judge_on_disk(table, portions, folder, portion_rows=portion_rows, proceed=proceed))


class _Day:
    """One day on its way through the gate: it decodes the pages once and counts rows and visitors meanwhile."""

    def __init__(self, table: TableSpec, staged: StagedPages, union: Union) -> None:
        self._table, self._staged, self._union = table, staged, union
        self._starts = [0]
        """The position of each page's first row, after the last page the number of rows."""
        self._visitors: pl.DataFrame | None = None

    def portions(self, decoder: RowDecoder, most: int | None = None) -> Iterator[Fetched]:
        """Decode page after page; only the typed columns stay in memory, not the text.

        Yields:
            The day's rows in one piece, or in pieces of `most` rows and a page.

        """
        mapping = None if self._staged.dialect is None else self._staged.dialect.mapping
        empty = pl.DataFrame(schema={**delivered_schema(self._table), EXTRA: pl.String()})
        frames, undecoded, rows = [empty], dict[int, tuple[str, ...]](), 0
        for page in self._union.pages:
            texts = page.rows()
            decoded = decoder.decode(texts if mapping is None else mapping.rows(texts, self._staged.day))
            undecoded |= {rows + position: reasons for position, reasons in decoded.reasons.items()}
            frames.append(decoded.frame)
            rows += decoded.frame.height
            self._starts.append(self._starts[-1] + decoded.frame.height)
            if most is not None and rows >= most:
                yield self._portion(frames, undecoded)
                frames, undecoded, rows = [empty], {}, 0
        if rows or self._starts[-1] == 0 or most is None:
            yield self._portion(frames, undecoded)

    def _portion(self, frames: Sequence[pl.DataFrame], undecoded: Mapping[int, tuple[str, ...]]) -> Fetched:
        rows = pl.concat(frames)
        if self._staged.metrics is not None:
            visitors = rows.select(self._table.visitor).drop_nulls().unique()
            self._visitors = visitors if self._visitors is None else pl.concat([self._visitors, visitors]).unique()
        return Fetched(self._staged.day, rows, undecoded)

    def rows(self, judged: Judged | JudgedOnDisk) -> DayRows:
        """Return the rows for bronze and for quarantine; all `portions` must have been read."""
        return DayRows(
            table=self._table,
            day=self._staged.day,
            rows=judged.good,
            rejects=_with_raw(judged.rejected, self._union.pages, self._starts),
            fetched=self._starts[-1] + self._union.repeated,
            duplicates=judged.duplicates + self._union.repeated,
            source_total=self._staged.source_total,
            reconciled=self._reconciled(judged),
        )

    def _reconciled(self, judged: Judged | JudgedOnDisk) -> Reconciled | None:
        """Return the day's counts beside the shop's metrics; None without metrics."""
        shop = self._staged.metrics
        if shop is None or self._visitors is None:
            return None
        passes = self._union.passes or (self._starts[-1],)
        return Reconciled(
            shop.hits, shop.visitors, different_hits(judged), self._visitors.height, passes, self._union.repeated
        )


def different_hits(judged: Judged | JudgedOnDisk) -> int:
    """Count the different keys among a day's rows, good and bad; a key with a NULL does not count.

    Each good row has a key of its own, and a row that lost a key conflict shares the winner's. So only the few rows
    that break the contract can add keys.
    """
    key = list(judged.bad_keys.columns)
    bad = judged.bad_keys.drop_nulls().unique()
    if bad.is_empty():
        return judged.good.height
    both = judged.good.lazy().join(bad.lazy(), on=key, how="semi").select(pl.len()).collect().item()
    return judged.good.height + bad.height - int(both)


def _with_raw(rejected: pl.DataFrame, pages: Sequence[StagedPage], starts: Sequence[int]) -> pl.DataFrame:
    """Replace the positions by the rows' JSON text as the shop sent it, read once more from the rejected rows' pages.

    Returns:
        Frame with columns reasons (List(String)) and raw (String).

    """
    raw: list[str] = []
    positions = rejected["position"].to_list()
    for page, (start, end) in zip(pages, pairwise(starts), strict=True):
        of_page = positions[bisect_left(positions, start) : bisect_left(positions, end)]
        if of_page:
            rows = page.rows()
            raw += [bytes(rows[position - start]).decode() for position in of_page]
    return rejected.select("reasons").with_columns(pl.Series("raw", raw, dtype=pl.String))
