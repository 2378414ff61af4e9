"""What a day of a table looks like in a few numbers, so that days can be compared."""

import msgspec
import polars as pl

from mootech.lake.rows import Rows
from mootech.qa.contract import EXTRA
from mootech.tables import TableSpec

MOST_VALUES = 50
"""A text column with more different values than this in a day is no category, and they are not counted."""
_ROWS_A_VALUE = 2
"""The fewest rows per value, on average: a column of names is no category, however small the day."""


class Profile(msgspec.Struct, frozen=True, omit_defaults=True):
    """One partition in numbers."""

    rows: int
    nulls: dict[str, int] = {}
    """Column → rows without a value; columns without such rows are left out."""
    values: dict[str, dict[str, int]] = {}
    """Text column → value → rows; a column with too many values to be a category is left out."""
    undeclared: int = 0
    """Rows with fields the contract does not name."""

    def share(self, column: str, value: str) -> float:
        """Return the share of a value among the rows that have one, 0 to 1."""
        return self.values.get(column, {}).get(value, 0) / max(self.filled(column), 1)

    def null_share(self, column: str) -> float:
        """Return the share of rows without a value, 0 to 1."""
        return self.nulls.get(column, 0) / max(self.rows, 1)

    def filled(self, column: str) -> int:
        """Return how many rows have a value."""
        return self.rows - self.nulls.get(column, 0)


class Links(msgspec.Struct, frozen=True):
    """How many purchases and sold products of a day the snapshots of that day lack."""

    purchases: int
    without_user: int
    items: int
    """Different products in each row, added up."""
    without_product: int


def profile(table: TableSpec, rows: Rows) -> Profile:
    """Count a partition: any number of rows of `bronze_schema(table)`. One column at a time is in memory."""
    nulls: dict[str, int] = {}
    values: dict[str, dict[str, int]] = {}
    undeclared = 0
    for name, dtype in rows.schema.items():
        column = rows.lazy().select(name).collect()[name]
        filled = rows.height - column.null_count()
        if name == EXTRA:
            undeclared = filled
            continue
        if filled < rows.height:
            nulls[name] = rows.height - filled
        if dtype != pl.String() or name in table.key:
            continue
        counted = column.drop_nulls().value_counts()
        if 0 < counted.height <= MOST_VALUES and counted.height * _ROWS_A_VALUE <= filled:
            values[name] = dict(sorted(counted.rows()))
    return Profile(rows.height, nulls, values, undeclared)


def links(transactions: pl.DataFrame, users: pl.DataFrame | None, products: pl.DataFrame | None) -> Links:
    """Compare a day's transactions with the snapshots of the day; None is a snapshot that the lake lacks.

    A customer is `lower(trim(email))`, as in the reports. Returns are left out: the purchase may be from long ago.
    """
    purchases = transactions.filter(pl.col("transaction_type") == "purchase")
    items = purchases.select("order_id", "items").explode("items").unique()
    strangers, unknown = 0, 0
    if users is not None:
        known = users.select(_customer().unique())
        strangers = purchases.select(_customer()).join(known, on="email", how="anti").height
    if products is not None:
        unknown = items.join(products, left_on="items", right_on="product_id", how="anti").height
    return Links(purchases.height, strangers, items.height, unknown)


def _customer() -> pl.Expr:
    return pl.col("email").str.strip_chars().str.to_lowercase()
