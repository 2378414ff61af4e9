"""Reports as one Parquet file with the types that their definition declares."""
# ruff: noqa: PLC0415 - Polars is slow to import, and most reports are looked at

import io
import re
from typing import TYPE_CHECKING

from mootech.render.cells import columns_of
from mootech.render.formats.format import Format, Reports

if TYPE_CHECKING:
    import polars as pl

_DECIMAL = re.compile(r"DECIMAL\((\d+),(\d+)\)")


def _encode(reports: Reports) -> bytes:
    """Return the rows of all reports, in their order; a column that one of them lacks is NULL in its rows."""
    import polars as pl

    frames = [
        pl.DataFrame(
            report.rows,
            schema={column.name: _type(column.type) for column in columns_of(report)},
            orient="row",
            infer_schema_length=None,
        )
        for report in reports
    ]
    stream = io.BytesIO()
    pl.concat(frames, how="diagonal_relaxed").write_parquet(stream)
    return stream.getvalue()


def _type(declared: str) -> "pl.DataType | type[pl.DataType] | None":
    """Return the Polars type of a type of SQL; None: Polars infers it from the values."""
    import polars as pl

    if declared.endswith("[]"):
        inner = _type(declared.removesuffix("[]"))
        return None if inner is None else pl.List(inner)
    if match := _DECIMAL.fullmatch(declared):
        return pl.Decimal(int(match[1]), int(match[2]))
    known: dict[str, type[pl.DataType]] = {
        "BIGINT": pl.Int64,
        "INTEGER": pl.Int32,
        "DOUBLE": pl.Float64,
        "DATE": pl.Date,
        "BOOLEAN": pl.Boolean,
        "VARCHAR": pl.String,
    }
    return known.get(declared)


PARQUET = Format("parquet", _encode, ("parquet",), is_text=False)
