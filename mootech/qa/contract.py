"""The data contract: a table's spec as types of Polars and as a pandera schema, and which rows break its rules.

The gate asks `breaches` which rows break a rule; `mootech qa` asks again about the rows in bronze. The gate itself
decides whether a row belongs to the day that was asked for, because a frame does not know its day.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import cache

import polars as pl

from mootech.qa.currencies import ISO_4217
from mootech.qa.unseen import unseen
from mootech.tables.spec import Column, TableSpec, TextFormat, Type

# Where Spark is installed pandera would import it, which takes half a second and prints a warning.
with unseen("pyspark"):
    import pandera.polars as pa
    from pandera.api.polars.types import PolarsData
    from pandera.errors import SchemaErrors

_MAX_U64 = "18446744073709551615"
# Unix seconds of 1990-01-01 and 2101-01-01: a web shop has no events outside of them, and milliseconds are too large.
_EARLIEST, _LATEST = 631_152_000, 4_133_980_800
_EMAIL = r"^[^@\s]+@[^@\s]+$"
_FILLED = r"\S"

EXTRA = "extra"
"""The column with the undeclared fields of a row as one JSON object; NULL without them."""
NO_EXTRA = pl.lit(None, pl.String()).alias(EXTRA)
"""The column without a value."""


_TYPES: Mapping[Type, pl.DataType] = {
    Type.TEXT: pl.String(),
    Type.INTEGER: pl.Int64(),
    Type.NUMBER: pl.Float64(),
    Type.SECONDS: pl.Int64(),
    Type.TEXTS: pl.List(pl.String()),
}


def _unsigned_64_bit(data: PolarsData) -> pl.LazyFrame:
    """Decimal digits of an unsigned 64-bit number; compared as text, because no signed type holds them."""
    digits = pl.col(data.key)
    padded = digits.str.zfill(len(_MAX_U64))
    return data.lazyframe.select(digits.str.contains(r"^[0-9]{1,20}$") & (padded <= pl.lit(_MAX_U64)).alias(data.key))


def _each_filled(data: PolarsData) -> pl.LazyFrame:
    """Every entry of a list is a text that is not empty."""
    filled = pl.element().is_not_null() & (pl.element() != "")
    return data.lazyframe.select(pl.col(data.key).list.eval(filled).list.all())


def _counting(number: str, texts: str) -> Callable[[PolarsData], pl.LazyFrame]:
    """Return the check that a column is the length of another one."""

    def counts(data: PolarsData) -> pl.LazyFrame:
        return data.lazyframe.select(pl.col(number) == pl.col(texts).list.len())

    return counts


_FORMATS: Mapping[TextFormat, Callable[[], pa.Check]] = {
    TextFormat.FILLED: lambda: pa.Check.str_matches(_FILLED),
    TextFormat.EMAIL: lambda: pa.Check.str_matches(_EMAIL),
    TextFormat.CURRENCY: lambda: pa.Check.isin(sorted(ISO_4217)),
    TextFormat.UNSIGNED_64_BIT: lambda: pa.Check(_unsigned_64_bit, name="unsigned_64_bit"),
}


def _checks(column: Column) -> Iterator[pa.Check]:
    """Yield the rules of a column's values."""
    if column.type is Type.SECONDS:
        yield pa.Check.in_range(_EARLIEST, _LATEST)
    if column.format is not None:
        yield _FORMATS[column.format]()
    if column.matches:
        yield pa.Check.str_matches(column.matches)
    if column.one_of:
        yield pa.Check.isin(list(column.one_of))
    if column.least is not None and column.most is not None:
        yield pa.Check.in_range(column.least, column.most)
    elif column.least is not None:
        yield pa.Check.ge(column.least)
    elif column.most is not None:
        yield pa.Check.le(column.most)
    if column.each_filled:
        yield pa.Check(_each_filled, name=column.each_filled)


# pandera's names of its built-in checks, in the words of a reason.
_REASONS = {
    "not_nullable": "null",
    "str_matches": "malformed",
    "isin": "unknown_value",
    "greater_than_or_equal_to": "out_of_range",
    "less_than_or_equal_to": "out_of_range",
    "in_range": "out_of_range",
}


@cache
def delivered_schema(table: TableSpec) -> pl.Schema:
    """Return the columns the shop delivers, with their types, in order; without `extra`."""
    return pl.Schema({name: _TYPES[column.type] for name, column in table.delivered.items()})


@cache
def bronze_schema(table: TableSpec) -> pl.Schema:
    """Return the columns of a bronze partition: as delivered, `utc_date` left to the path, `extra` added."""
    return pl.Schema({**{name: _TYPES[column.type] for name, column in table.columns.items()}, EXTRA: pl.String()})


@cache
def _rules(table: TableSpec) -> pa.DataFrameSchema:
    """Return the contract, without the columns that have no rule: each column costs pandera time."""
    columns = {
        name: pa.Column(_TYPES[column.type], checks, nullable=column.nullable)
        for name, column in table.delivered.items()
        if (checks := list(_checks(column))) or not column.nullable
    }
    counted = [
        pa.Check(_counting(name, column.counts), name=column.counts_reason)
        for name, column in table.columns.items()
        if column.counts
    ]
    return pa.DataFrameSchema(columns, checks=counted)


def breaches(table: TableSpec, rows: pl.DataFrame) -> pl.DataFrame:
    """Return one line per row and broken rule.

    Args:
        table: whose contract.
        rows: frame of `delivered_schema(table)`, any number of rows.

    Returns:
        Frame with columns row (UInt32: position in `rows`) and reason (String: "column:rule").

    """
    try:
        # An eager frame on purpose: on a LazyFrame pandera silently skips the checks of values.
        _rules(table).validate(rows, lazy=True)
    except SchemaErrors as exc:
        cases: pl.DataFrame = exc.failure_cases
        of_schema = cases.filter(pl.col("index").is_null())
        if of_schema.height:
            # The frame has other columns or types, which is the fault of no single row.
            raise TypeError(f"not a frame of {table}: {of_schema['failure_case'].to_list()}") from exc
        rule = pl.col("check").str.extract(r"^(\w+)")
        return cases.select(
            pl.col("index").cast(pl.UInt32).alias("row"),
            pl.when(pl.col("schema_context") == "DataFrameSchema")
            .then(pl.lit("row"))
            .otherwise(pl.col("column"))
            .add(":")
            .add(rule.replace(_REASONS))
            .alias("reason"),
        ).unique()
    return pl.DataFrame(schema={"row": pl.UInt32, "reason": pl.String})
