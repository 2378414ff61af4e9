"""Restatements: a report's version before its last change is kept, and compared with the report as it is now.

Late rows and late returns change months that were reported already. `results/` can be computed again from silver. The
version before cannot, so it is kept apart: `_mootech/reports/<report>/data.parquet`.
"""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import polars as pl

from mootech.definition import Definition, ReportColumn
from mootech.lake.canonical import content_hash
from mootech.lake.lake import Lake
from mootech.lake.parquet import DamagedError
from mootech.lake.paths import Layer
from mootech.layers.gold.header import CHANGE_COLUMNS
from mootech.model import Lineage

_AMOUNT = "DECIMAL(38,4)"
_MEANINGS = (
    "which column of the report",
    "the figure before the last change; NULL where there was no such row",
    "the figure now; NULL where there is no such row any more",
    "now minus before; a NULL counts as 0",
)
_COLUMNS = tuple(
    ReportColumn(name, "VARCHAR" if name == "figure" else _AMOUNT, meaning)
    for name, meaning in zip(CHANGE_COLUMNS, _MEANINGS, strict=True)
)
_TYPE = pl.Decimal(38, 4)
_MOST = 10**30
"""Larger numbers do not fit into that type."""


def publish(lake: Lake, name: str, frame: pl.DataFrame, lineage: Lineage) -> bool:
    """Publish a report where its content changed, and keep the version before; return whether it changed."""
    held = lake.held_object(Layer.RESULTS, name)
    # The old version is copied first, because publishing replaces it. A run that is killed in between copies it again.
    if held is not None and held.provenance is not None and held.provenance.content_hash != content_hash(frame):
        lake.set_aside(name)
    return lake.publish_object(Layer.RESULTS, name, frame, lineage)


def changes(
    lake: Lake, name: str, now: pl.DataFrame, definition: Definition
) -> tuple[list[tuple[Any, ...]], Definition]:
    """Return a row for each figure that a report's last change altered, and the definition of these rows.

    A report that has never changed has no such rows.
    """
    key = list(definition.key)
    compared = replace(
        definition,
        summary="figures before the report's last change, beside those of now.",
        columns=(*(definition.column(each) for each in key), *_COLUMNS),
        key=(*key, "figure"),
        chart=None,
    )
    try:
        before = lake.read_aside(name)
    except DamagedError:
        before = None
    if before is None or not _alike(before, now, key):
        before = now
    return [_plain(row, definition) for row in differences(before, now, definition).iter_rows()], compared


def _alike(before: pl.DataFrame, now: pl.DataFrame, key: list[str]) -> bool:
    """Say whether two frames have the same key. A report of an earlier definition may have had another key."""
    return all(before.schema.get(each) == now.schema[each] for each in key)


def _amount(figure: str, dtype: pl.DataType) -> pl.Expr:
    """Return a figure as a decimal amount; infinity, NaN and numbers too large for it become NULL."""
    column = pl.col(figure)
    if dtype.is_float():
        column = pl.when(column.is_finite() & (column.abs() < _MOST)).then(column)
    return column.cast(_TYPE, strict=False)


def _plain(row: tuple[Any, ...], definition: Definition) -> tuple[Any, ...]:
    """Return a difference with as many decimal places as its figure has: none for units, two for money."""
    *key, figure, before, now, change = row
    column = definition.column(figure)
    places = column.places or (4 if column.type == "DOUBLE" else 0)
    one = Decimal(1).scaleb(-places)
    amounts = (None if each is None else each.quantize(one) if places else int(each) for each in (before, now, change))
    return (*key, figure, *amounts)


def differences(before: pl.DataFrame, now: pl.DataFrame, definition: Definition) -> pl.DataFrame:
    """Return a row per figure that differs: the key, figure, before, now, change, in the report's order.

    A row that is later than all rows before is new, and no restatement. A new row between older ones is one.

    Args:
        before: the report's columns, or some of them.
        now: the report's columns.
        definition: says which columns are the key, and which are figures.

    """
    key = list(definition.key)
    figures = [each for each in definition.figures if before.schema.get(each, pl.String()).is_numeric()]
    times = [each for each in key if now.schema[each].is_temporal()]
    amounts = [frame.select(*key, *(_amount(each, frame.schema[each]) for each in figures)) for frame in (before, now)]
    was, is_now = (
        frame.unpivot(figures, index=key, variable_name="figure", value_name=value)
        for frame, value in zip(amounts, ("before", "now"), strict=True)
    )
    zero = pl.lit(Decimal(0), _TYPE)
    places = {figure: place for place, figure in enumerate(figures)}
    return (
        was.join(is_now, on=[*key, "figure"], how="full", coalesce=True, nulls_equal=True)
        .filter(
            pl.col("before").ne_missing(pl.col("now")),
            *(pl.col(each) <= pl.lit(before[each].max(), before.schema[each]) for each in times),
        )
        .with_columns((pl.col("now").fill_null(zero) - pl.col("before").fill_null(zero)).alias("change"))
        .sort([*key, pl.col("figure").replace_strict(places, return_dtype=pl.Int32)])
        .select(*key, *CHANGE_COLUMNS)
    )
