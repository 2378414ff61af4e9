"""What a report said before it last changed: kept beside the lake's results, and compared with what it says now.

Late rows and late returns change months that were reported already. `results/` depends on silver alone, so that it can
be made again; this cannot, and is kept apart: `_mootech/reports/<report>/data.parquet`.
"""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import polars as pl

from mootech.definition import Column, Definition
from mootech.lake.canonical import content_hash
from mootech.lake.lake import Lake
from mootech.lake.parquet import DamagedError
from mootech.lake.paths import Layer
from mootech.layers.gold.header import CHANGE_COLUMNS
from mootech.model import Lineage

_AMOUNT = "DECIMAL(38,4)"
_MEANINGS = (
    "which column of the report",
    "what it said before it last changed; NULL where it had no such row",
    "what it says now; NULL where it has no such row any more",
    "now minus before, a NULL counted as nothing",
)
_COLUMNS = tuple(
    Column(name, "VARCHAR" if name == "figure" else _AMOUNT, meaning)
    for name, meaning in zip(CHANGE_COLUMNS, _MEANINGS, strict=True)
)
_TYPE = pl.Decimal(38, 4)
_MOST = 10**30
"""Beyond it a number has no four places in that type."""


def publish(lake: Lake, name: str, frame: pl.DataFrame, lineage: Lineage) -> bool:
    """Publish a report where its content changed, and keep what it said until then; return whether it changed."""
    held = lake.held_object(Layer.RESULTS, name)
    # Before, because afterwards it is gone; a run that is killed between the two keeps the same once more.
    if held is not None and held.provenance is not None and held.provenance.content_hash != content_hash(frame):
        lake.set_aside(name)
    return lake.publish_object(Layer.RESULTS, name, frame, lineage)


def changes(
    lake: Lake, name: str, now: pl.DataFrame, definition: Definition
) -> tuple[list[tuple[Any, ...]], Definition]:
    """Return what a report's rows say otherwise than before it last changed, and what the columns of that mean.

    A report that has never changed has no such rows.
    """
    key = list(definition.key)
    compared = replace(
        definition,
        summary="what it said before it last changed, beside what it says now.",
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
    """Say whether two frames have the same key; a report of an earlier definition may have had another."""
    return all(before.schema.get(each) == now.schema[each] for each in key)


def _amount(figure: str, dtype: pl.DataType) -> pl.Expr:
    """Return a figure as an amount; what is no number that fits, infinity among it, is NULL."""
    column = pl.col(figure)
    if dtype.is_float():
        column = pl.when(column.is_finite() & (column.abs() < _MOST)).then(column)
    return column.cast(_TYPE, strict=False)


def _plain(row: tuple[Any, ...], definition: Definition) -> tuple[Any, ...]:
    """Return a difference with its amounts as the figure has them: units without places, money with two."""
    *key, figure, before, now, change = row
    column = definition.column(figure)
    places = column.places or (4 if column.type == "DOUBLE" else 0)
    one = Decimal(1).scaleb(-places)
    amounts = (None if each is None else each.quantize(one) if places else int(each) for each in (before, now, change))
    return (*key, figure, *amounts)


def differences(before: pl.DataFrame, now: pl.DataFrame, definition: Definition) -> pl.DataFrame:
    """Return a line per row and figure that differs: the key, figure, before, now, change, in the report's order.

    A row that the report did not have before is no restatement, unless it lies among those that it had: what comes
    after them is new.

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
