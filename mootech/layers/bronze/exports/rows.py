"""Turn the rows of a Parquet file into the JSON rows of a page, so that both protocols share the code that follows.

Nothing is dropped and nothing is rounded. 64-bit identifiers become decimal digits, a null stays a null, and a missing
column stays missing. JSON has no NaN and no infinity: they become text, which the contract rejects with its raw value.
"""

import math
from collections.abc import Mapping
from datetime import date
from typing import Any

import msgspec
import polars as pl

DAY = "utc_date"

_FLOATS = (pl.Float32, pl.Float64)


def shaped(frame: pl.DataFrame, contract: Mapping[str, pl.DataType]) -> pl.DataFrame:
    """Return the frame with its columns in the contract's types, wherever that changes no value.

    Args:
        frame: the rows of a file.
        contract: the declared columns with their types. Other columns, and types that do not fit, stay unchanged.

    """
    binary = [_as_text(frame[name]) for name, dtype in frame.schema.items() if dtype == pl.Binary]
    return frame.with_columns(binary).with_columns(
        expression
        for name, dtype in frame.schema.items()
        if (expression := _as_contracted(name, dtype, contract.get(name))) is not None
    )


def _as_text(binary: pl.Series) -> pl.Series:
    """Return bytes as text, because older writers do not mark text as such; hex digits for bytes that are no UTF-8."""
    try:
        return binary.cast(pl.String)
    except pl.exceptions.ComputeError:
        return pl.Series(binary.name, [None if each is None else _text(each) for each in binary], dtype=pl.String)


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.hex()


def json_rows(frame: pl.DataFrame) -> list[str]:
    """Return the JSON text of each row of a shaped frame, columns in the frame's order."""
    if not all(_encodes(dtype) for dtype in frame.dtypes) or frame.width == 0:
        return [_json(row) for row in frame.iter_rows(named=True)] if frame.width else ["{}"] * frame.height
    texts: list[str] = frame.select(pl.struct(pl.all()).struct.json_encode()).to_series().to_list()
    odd = _not_finite(frame)
    for place, row in zip(odd, frame[odd].iter_rows(named=True), strict=True):
        texts[place] = _json(row)
    return texts


def day_of_row(schema: Mapping[str, pl.DataType], default: str | None) -> pl.Expr:
    """Return the expression for the day that a file's row names, as text; NULL where it names none.

    Args:
        schema: the file's columns.
        default: the day for a file without such a column; None when it is unknown, too.

    """
    if DAY not in schema:
        return pl.lit(default, dtype=pl.String)
    if isinstance(schema[DAY], pl.Datetime):
        return pl.col(DAY).dt.strftime("%Y-%m-%d")
    return pl.col(DAY).cast(pl.String, strict=False)


def _as_contracted(name: str, dtype: pl.DataType, wanted: pl.DataType | None) -> pl.Expr | None:
    """Return the expression that converts a column; None for a column that stays unchanged."""
    column = pl.col(name)
    whole = dtype.is_integer() or (isinstance(dtype, pl.Decimal) and dtype.scale == 0)
    if name == DAY and isinstance(dtype, pl.Datetime):
        return column.dt.strftime("%Y-%m-%d")
    if wanted == pl.String and whole:
        return column.cast(pl.String)
    if isinstance(dtype, pl.Decimal) and wanted == pl.Float64:
        return column.cast(pl.Float64)
    if isinstance(dtype, pl.Decimal) and wanted == pl.Int64 and whole:
        return column.cast(pl.Int128)
    return None


def _encodes(dtype: pl.DataType) -> bool:
    """Say whether Polars writes a column of this type as JSON without loss: not floats or bytes within others."""
    return not dtype.is_nested() or (isinstance(dtype, pl.List) and (dtype.inner == pl.String or _whole(dtype.inner)))


def _whole(dtype: Any) -> bool:  # noqa: ANN401  # Polars has types as classes and as instances
    return bool(dtype.is_integer())


def _not_finite(frame: pl.DataFrame) -> list[int]:
    """Return the positions of the rows with a number that JSON does not have."""
    floats = [name for name, dtype in frame.schema.items() if dtype in _FLOATS]
    if not floats:
        return []
    odd = frame.select(pl.any_horizontal(~pl.col(floats).is_finite())).to_series()
    return odd.fill_null(value=False).arg_true().to_list()


def _json(row: Mapping[str, Any]) -> str:
    return msgspec.json.encode(_plain(row)).decode()


def _plain(value: Any) -> Any:  # noqa: ANN401  # whatever a column may hold
    """Return a value in a form that JSON has."""
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, list | pl.Series):
        return [_plain(each) for each in value]
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, date):
        return value.isoformat()
    fits = isinstance(value, int) and -(2**63) <= value < 2**64
    finite = isinstance(value, float) and math.isfinite(value)
    return value if fits or finite or isinstance(value, str | None) else str(value)
