"""The data contract: one pandera model per table, and what it says about a frame of rows.

The models are the only place where columns, types and rules stand (but for the day: that a row is of the day that was
asked for is the gate's to say, because a frame does not know it): the decoder reads the types from them, the
gate asks `breaches` which rows break a rule, `mootech qa` asks it again of what is in bronze.
"""

from collections.abc import Mapping
from functools import cache

import polars as pl

from mootech.model import Table
from mootech.qa.currencies import ISO_4217
from mootech.qa.unseen import unseen

# pandera would import Spark wherever it is installed, for the sake of pandas: half a second, and a warning.
with unseen("pyspark"):
    import pandera.polars as pa
    from pandera.api.polars.types import PolarsData
    from pandera.errors import SchemaErrors

_MAX_U64 = "18446744073709551615"
# Unix seconds of 1990-01-01 and 2101-01-01: a shop on the web has no events outside, and milliseconds fall out.
_EARLIEST, _LATEST = 631_152_000, 4_133_980_800
_EMAIL = r"^[^@\s]+@[^@\s]+$"
_FILLED = r"\S"

EXTRA = "extra"
"""The column with the undeclared fields of a row as one JSON object; NULL without them."""
VISITOR = ("visid_high", "visid_low")
"""The columns of clickstream that identify a visitor."""
NO_EXTRA = pl.lit(None, pl.String()).alias(EXTRA)
"""The column without a value."""


def _seconds() -> int:
    """Declare a column of Unix seconds."""
    field: int = pa.Field(in_range={"min_value": _EARLIEST, "max_value": _LATEST})
    return field


def _optional() -> str:
    """Declare a text column that may be NULL."""
    field: str = pa.Field(nullable=True)
    return field


class Clickstream(pa.DataFrameModel):
    """A hit, in the style of an Adobe Analytics data feed. Key: hitid_high, hitid_low."""

    hitid_high: str
    hitid_low: str
    visid_high: str
    visid_low: str
    hit_time_gmt: int = _seconds()
    cust_hit_time_gmt: int = _seconds()
    first_hit_time_gmt: int = _seconds()
    visit_start_time_gmt: int = _seconds()
    campaign: str = _optional()
    currency: str = pa.Field(isin=sorted(ISO_4217))
    os: str = pa.Field(str_matches=_FILLED)
    pagename: str = pa.Field(str_matches=_FILLED)
    page_url: str = pa.Field(str_matches=_FILLED)
    event_list: str = pa.Field(nullable=True, str_matches=r"^([0-9]+(=[^,]*)?(,[0-9]+(=[^,]*)?)*)?$")
    product_list: str = _optional()
    cust_visid: str = _optional()
    evar1: str = _optional()
    evar2: str = _optional()
    evar3: str = _optional()
    evar4: str = _optional()
    evar5: str = _optional()
    evar6: str = _optional()
    utc_date: str

    @pa.check("hitid_high", "hitid_low", "visid_high", "visid_low", name="unsigned_64_bit")
    @classmethod
    def _unsigned_64_bit(cls, data: PolarsData) -> pl.LazyFrame:
        """Decimal digits of an unsigned 64-bit number; compared as text, because no signed type holds them."""
        digits = pl.col(data.key)
        padded = digits.str.zfill(len(_MAX_U64))
        return data.lazyframe.select(
            digits.str.contains(r"^[0-9]{1,20}$") & (padded <= pl.lit(_MAX_U64)).alias(data.key)
        )


class Transactions(pa.DataFrameModel):
    """A purchase or a return. Key: order_id."""

    order_id: str = pa.Field(str_matches=_FILLED)
    email: str = pa.Field(str_matches=_EMAIL)
    transaction_type: str = pa.Field(isin=["purchase", "return"])
    items: pl.List(pl.String)  # type: ignore[valid-type]  # pandera takes a dtype instance as the annotation
    total_item_quantity: int = pa.Field(ge=1)
    total_purchase_usd: float = pa.Field(in_range={"min_value": 0, "max_value": 1e12})
    transaction_timestamp: int = _seconds()
    utc_date: str

    @pa.dataframe_check(name="quantity_disagrees")
    @classmethod
    def _quantity_agrees(cls, data: PolarsData) -> pl.LazyFrame:
        """`items` has one entry per unit, so that its length is the quantity."""
        return data.lazyframe.select(pl.col("total_item_quantity") == pl.col("items").list.len())

    @pa.check("items", name="items_without_id")
    @classmethod
    def _items_have_ids(cls, data: PolarsData) -> pl.LazyFrame:
        """Every unit names its product."""
        named = pl.element().is_not_null() & (pl.element() != "")
        return data.lazyframe.select(pl.col(data.key).list.eval(named).list.all())


class Users(pa.DataFrameModel):
    """A customer in the daily snapshot. Key: account_id."""

    account_id: str = pa.Field(str_matches=_FILLED)
    email: str = pa.Field(str_matches=_EMAIL)
    first_time_time_stamp: int = _seconds()
    utc_date: str


class Products(pa.DataFrameModel):
    """A product in the daily snapshot. Key: product_id."""

    product_id: str = pa.Field(str_matches=_FILLED)
    product_name: str = pa.Field(str_matches=_FILLED)
    price: float = pa.Field(in_range={"min_value": 0, "max_value": 1e9})
    utc_date: str


CONTRACTS: Mapping[Table, type[pa.DataFrameModel]] = {
    Table.CLICKSTREAM: Clickstream,
    Table.TRANSACTIONS: Transactions,
    Table.USERS: Users,
    Table.PRODUCTS: Products,
}

# pandera's names of its built-in checks, in the words of a reason.
_REASONS = {
    "not_nullable": "null",
    "str_matches": "malformed",
    "isin": "unknown_value",
    "greater_than_or_equal_to": "out_of_range",
    "in_range": "out_of_range",
}


@cache
def delivered_schema(table: Table) -> pl.Schema:
    """Return the columns the shop delivers, with their types, in order; without `extra`."""
    columns = CONTRACTS[table].to_schema().columns
    return pl.Schema({name: column.dtype.type for name, column in columns.items()})


@cache
def bronze_schema(table: Table) -> pl.Schema:
    """Return the columns of a bronze partition: as delivered, `utc_date` left to the path, `extra` added."""
    delivered = {name: dtype for name, dtype in delivered_schema(table).items() if name != "utc_date"}
    return pl.Schema({**delivered, EXTRA: pl.String()})


def nullable(table: Table, column: str) -> bool:
    """Say whether the contract allows NULL in a delivered column."""
    return bool(CONTRACTS[table].to_schema().columns[column].nullable)


@cache
def _rules(table: Table) -> pa.DataFrameSchema:
    """Return the contract without the columns that nothing is asked of: pandera's price is per column."""
    schema = CONTRACTS[table].to_schema()
    unruled = [name for name, column in schema.columns.items() if column.nullable and not column.checks]
    return schema.remove_columns(unruled)


def breaches(table: Table, rows: pl.DataFrame) -> pl.DataFrame:
    """Return one line per row and broken rule.

    Args:
        table: whose contract.
        rows: frame of `delivered_schema(table)`, any number of rows.

    Returns:
        Frame with columns row (UInt32: position in `rows`) and reason (String: "column:rule").

    """
    try:
        # Eager on purpose: pandera skips the checks of values on a LazyFrame without a word.
        _rules(table).validate(rows, lazy=True)
    except SchemaErrors as exc:
        cases: pl.DataFrame = exc.failure_cases
        of_schema = cases.filter(pl.col("index").is_null())
        if of_schema.height:
            # A frame of other columns or types: not a row's fault, so no row can take the blame.
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
