"""How a good row is broken: one function per table, which breaks a row in the way that a flaw names."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import polars as pl

from mootech.sandbox.dirt import Flaw
from mootech.tables import CLICKSTREAM, TRANSACTIONS, USERS, TableSpec

Row = dict[str, Any]
_T = TypeVar("_T")


def spoil(table: TableSpec, flaw: Flaw, row: Row, variant: int) -> Row:
    """Return a broken copy of a good row, with a key of its own.

    Args:
        table: whose row it is.
        flaw: what is to be wrong with the copy.
        row: the good row; left as it is.
        variant: a number that no other broken row of the day has; it makes the key and picks the way to break the row.

    """
    return _SPOILERS[table](flaw, dict(row), variant)


def fitting(schema: pl.Schema, row: Row) -> Row:
    """Return the row with a schema's columns: null where it has no value, or one that the column cannot hold."""
    kinds: Mapping[pl.DataType, Any] = {pl.Int64(): int, pl.Float64(): int | float, pl.String(): str}
    return {
        name: value if isinstance(value := row.get(name), kinds.get(dtype, list)) else None
        for name, dtype in schema.items()
    }


def _hit(flaw: Flaw, row: Row, variant: int) -> Row:
    row["hitid_low"] = str(variant)
    if flaw is Flaw.WRONG_TYPE:
        wrong: tuple[Row, ...] = (
            {"hit_time_gmt": "n/a"},
            {"visit_start_time_gmt": {"seconds": row["visit_start_time_gmt"]}},
            {"pagename": ["home", "product"]},
        )
        return row | _one_of(wrong, variant)
    if flaw is Flaw.MISSING:
        return _without(row, _one_of(("pagename", "currency", "visid_low", "hit_time_gmt"), variant))
    if flaw is Flaw.IMPOSSIBLE:
        return row | _one_of(({"hit_time_gmt": -1}, {"hitid_high": "abc"}), variant)
    return row | {"currency": "ZZZ"}


def _transaction(flaw: Flaw, row: Row, variant: int) -> Row:
    row["order_id"] = f"X{variant}"
    if flaw is Flaw.WRONG_TYPE:
        return row | _one_of(({"total_purchase_usd": "n/a"}, {"transaction_timestamp": "n/a"}), variant)
    if flaw is Flaw.MISSING:
        return _without(row, _one_of(("email", "items", "transaction_type"), variant))
    quantity: int = row["total_item_quantity"]
    return row | _one_of(({"total_item_quantity": quantity + 1}, {"total_purchase_usd": -9.99}), variant)


def _user(flaw: Flaw, row: Row, variant: int) -> Row:
    row["account_id"] = f"acc-x{variant}"
    if flaw is Flaw.WRONG_TYPE:
        return row | {"first_time_time_stamp": "n/a"}
    if flaw is Flaw.MISSING:
        return _without(row, "email")
    return row | {"email": "not an address"}


_SPOILERS: Mapping[TableSpec, Callable[[Flaw, Row, int], Row]] = {
    CLICKSTREAM: _hit,
    TRANSACTIONS: _transaction,
    USERS: _user,
}


def _without(row: Row, column: str) -> Row:
    """Return the row without one of its columns."""
    return {name: value for name, value in row.items() if name != column}


def _one_of(choices: tuple[_T, ...], variant: int) -> _T:
    """Return the choice that the variant picks."""
    return choices[variant % len(choices)]
