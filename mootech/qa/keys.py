"""The key of a table's rows, in the one form that the gate, `qa` and `verify` share."""

from functools import cache

import polars as pl

from mootech.tables import TableSpec

KEY = "_key"
"""The name of the key's column, a struct."""
_KIND = "_kind"


@cache
def key_of(table: TableSpec) -> pl.Expr:
    """Return the key of each row as a struct: two rows of a day are one row's versions when their structs are equal.

    Without other keys its fields are the key's columns. With other keys there is one more, the kind of the row, and a
    column that is no part of the kind's key is NULL. NULL equals NULL.
    """
    if not table.other_keys:
        return pl.struct(table.key).alias(KEY)
    kind = pl.lit(0, pl.UInt8)
    for number, other in reversed(list(enumerate(table.other_keys, 1))):
        fits = pl.col(other.column).eq_missing(pl.lit(other.value))
        kind = pl.when(fits).then(pl.lit(number, pl.UInt8)).otherwise(kind)
    keys = (table.key, *(other.key for other in table.other_keys))
    columns = [
        pl.when(kind.is_in([number for number, key in enumerate(keys) if name in key])).then(pl.col(name)).alias(name)
        for name in dict.fromkeys(name for key in keys for name in key)
    ]
    return pl.struct(kind.alias(_KIND), *columns).alias(KEY)


def key_hashes(table: TableSpec, rows: pl.DataFrame) -> pl.Series:
    """Return a 64-bit hash of each row's key; equal keys have equal hashes within this process."""
    return rows.select(key_of(table)).unnest(KEY).hash_rows()
