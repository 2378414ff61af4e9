"""The gate for a day that is too large for memory: an external merge sort, with the gate's rules on the way.

The result is that of `mootech.qa.gate.judge`, made of the same parts, in three steps:

1. Each portion is checked against the contract. Its valid rows are sorted and written to a file of their own, a run.
2. Rows may share a key across portions. The hashes of all keys fit into memory, so the few rows that may share one are
   known, and they are decided as in memory.
3. The runs are merged: the range of the first sort column is cut so that a portion's worth of rows lies between two
   cuts; the runs' rows between two cuts are put together, sorted and written.

Memory holds one portion (or all rows with one value of the first sort column, when these are more), the hash and the
first sort column of every row, and the rejected rows.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from mootech.lake.rows import SpilledRows, collected, read_spilled, write_spilled
from mootech.qa.contract import bronze_schema
from mootech.qa.gate import POSITION, Fetched, one_per_key, rejected, sift
from mootech.qa.keys import key_hashes
from mootech.tables import TableSpec

PORTION_ROWS = 100_000
"""Rows in memory at once: some 65 MB of hits, and as much again while they are sorted."""

_HASH = "_hash"


@dataclass(frozen=True)
class JudgedOnDisk:
    """What `Judged` is, with the good rows on disk."""

    good: SpilledRows
    rejected: pl.DataFrame
    duplicates: int
    bad_keys: pl.DataFrame


@dataclass(frozen=True)
class _Run:
    """The valid rows of a portion, in a file, sorted."""

    file: Path
    first: pl.Series
    """The first column they are sorted by."""
    hashes: pl.Series
    """Of their keys. Different keys may share a hash; their rows are then compared like rows that share a key."""


def judge_on_disk(
    table: TableSpec,
    portions: Iterable[Fetched],
    folder: Path,
    *,
    portion_rows: int = PORTION_ROWS,
    proceed: Callable[[], None] = lambda: None,
) -> JudgedOnDisk:
    """Sort the rows of one day into good, rejected and duplicate.

    Args:
        table: whose contract.
        portions: the day's rows in pieces, none much larger than `portion_rows`.
        folder: holds files for as long as the good rows are needed; nothing else may use it.
        portion_rows: how many rows may be in memory.
        proceed: called between the portions; what it raises ends the work.

    Raises:
        StoreError: the disk failed.

    """
    order = table.order
    runs: list[_Run] = []
    reasons: list[pl.DataFrame] = []
    bad_keys: list[pl.DataFrame] = []
    seen = 0
    for number, fetched in enumerate(portions):
        proceed()
        sifted = sift(table, fetched)
        hashes = key_hashes(table, sifted.kept).alias(_HASH)
        kept = sifted.kept.with_columns(pl.col(POSITION) + pl.lit(seen, pl.UInt32()), hashes).sort([*order, POSITION])
        file = folder / f"run-{number:05d}.arrow"
        write_spilled(kept, file)
        runs.append(_Run(file, kept[order[0]], kept[_HASH]))
        reasons.append(sifted.reasons.with_columns(pl.col("position") + pl.lit(seen, pl.UInt32())))
        bad_keys.append(sifted.bad_keys)
        seen += fetched.rows.height
    verdict = _decided(table, runs, portion_rows)
    parts = []
    for part in _merged(table, runs, verdict.dropped, folder, portion_rows):
        proceed()
        parts.append(part)
    return JudgedOnDisk(
        _scanned(table, parts),
        rejected(pl.concat(reasons), verdict.losers),
        verdict.duplicates,
        pl.concat(bad_keys),
    )


@dataclass(frozen=True)
class _Verdict:
    """The decision on the rows that share a key."""

    losers: pl.DataFrame
    """Positions of the rows that lost their key to another row."""
    dropped: pl.Series
    """Positions of all rows that are not kept."""
    duplicates: int


def _decided(table: TableSpec, runs: Sequence[_Run], portion_rows: int) -> _Verdict:
    """Decide which rows keep their key."""
    ordered = pl.concat([run.hashes for run in runs]).sort()
    crowded = ordered.filter(ordered == ordered.shift(1)).unique()
    crowd_rows = sum(int(run.hashes.is_in(crowded.implode()).sum()) for run in runs) if crowded.len() else 0
    # When the source hands out everything twice, the whole day shares keys: it is decided share by share.
    shares = -(-crowd_rows // portion_rows)
    positions = pl.DataFrame(schema={POSITION: pl.UInt32()})
    losers, dropped, duplicates = [positions], [positions], 0
    for share in range(shares):
        hashes = crowded.filter(crowded % shares == share)
        rows = pl.concat([_of_hashes(run, hashes) for run in runs]).drop(_HASH).sort(POSITION)
        kept, lost, repeated = one_per_key(table, rows)
        losers.append(lost.select(POSITION))
        dropped.append(rows.select(POSITION).join(kept.select(POSITION), on=POSITION, how="anti"))
        duplicates += repeated
    return _Verdict(pl.concat(losers), pl.concat(dropped)[POSITION], duplicates)


def _of_hashes(run: _Run, hashes: pl.Series) -> pl.DataFrame:
    return collected(read_spilled(run.file)).filter(run.hashes.is_in(hashes.implode()))


def _merged(
    table: TableSpec, runs: Sequence[_Run], dropped: pl.Series, folder: Path, portion_rows: int
) -> Iterator[tuple[Path, int]]:
    """Write the kept rows, sorted over all runs; yield each file, in order, and its number of rows."""
    first = pl.concat([run.first for run in runs]).sort()
    cuts = first.gather_every(portion_rows)[1:].unique(maintain_order=True)
    bounds = [[0, *run.first.search_sorted(cuts, side="left").to_list(), run.first.len()] for run in runs]
    for number in range(cuts.len() + 1):
        between = [
            collected(read_spilled(run.file).slice(of_run[number], of_run[number + 1] - of_run[number]))
            for run, of_run in zip(runs, bounds, strict=True)
            if of_run[number] < of_run[number + 1]
        ]
        if not between:
            continue
        rows = pl.concat(between)
        if dropped.len():
            rows = rows.filter(~pl.col(POSITION).is_in(dropped.implode()))
        file = folder / f"part-{number:05d}.arrow"
        write_spilled(rows.select(bronze_schema(table).names()).sort(table.order), file)
        yield file, rows.height


def _scanned(table: TableSpec, parts: Sequence[tuple[Path, int]]) -> SpilledRows:
    if not parts:
        return SpilledRows(pl.LazyFrame(schema=bronze_schema(table)), 0)
    return SpilledRows(read_spilled(*(file for file, _ in parts)), sum(rows for _, rows in parts))
