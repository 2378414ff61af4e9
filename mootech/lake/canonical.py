"""The content hash: a sha256 of a frame's schema and values. Library versions and file layouts do not change it.

This is its only definition, byte by byte (see docs/adr/0003-content-hash.md):

1. `mootech-content-1`, then the schema as JSON: [[column, canonical type], …] in column order.
2. Per block of 65,536 rows (the last one shorter), per column in order: a sequence.

A sequence is its length and its number of nulls (two little-endian 64-bit integers). The null mask follows when some
but not all values are null: packed to bits, the first row in the highest bit, 1 for null. Then come the values that are
not null:

- boolean: one byte each; integers, dates (days), timestamps (units since 1970): little-endian at their own width
- floats: little-endian IEEE 754, with -0.0 as 0.0 and one NaN: values that compare equal hash equal
- strings and binary: the lengths in bytes (32 bits each), then all bytes together
- decimals: the unscaled integers in decimal digits, as strings
- lists: the lengths (32 bits each), then the elements of all lists as one sequence
- structs: each field as a sequence
"""

import hashlib
import json
import struct
from collections.abc import Collection, Iterable
from typing import Protocol

import numpy as np
import polars as pl

from mootech.errors import MootechError
from mootech.lake.rows import Rows

BLOCK_ROWS = 65_536

_INTEGERS = (pl.Int8, pl.Int16, pl.Int32, pl.Int64, pl.UInt8, pl.UInt16, pl.UInt32, pl.UInt64)
_PLAIN = (*_INTEGERS, pl.Float32, pl.Float64, pl.Boolean, pl.Date, pl.Binary, pl.Null)


class _Hash(Protocol):
    def update(self, data: bytes | memoryview, /) -> None: ...


def content_hash(rows: Rows, *, leave_out: Collection[str] = ()) -> str:
    """Return the sha256, in hex, of the columns, types and values in row order; `leave_out` names columns to skip."""
    digest = hashlib.sha256(b"mootech-content-1\n")
    schema = [[name, _type_name(dtype)] for name, dtype in rows.schema.items() if name not in leave_out]
    digest.update(json.dumps(schema, ensure_ascii=True).encode())
    for block in rows.iter_slices(BLOCK_ROWS):
        for name, _ in schema:
            _feed(digest, block[name])
    return digest.hexdigest()


def combined_hash(hashes: Iterable[str]) -> str:
    """Return one sha256, in hex, for a sequence of hashes; their order counts."""
    return hashlib.sha256("\n".join(hashes).encode()).hexdigest()


def _type_name(dtype: pl.DataType) -> str:
    match dtype:
        case pl.String() | pl.Categorical() | pl.Enum():
            return "string"
        case pl.List():
            return f"list<{_type_name(_resolved(dtype.inner))}>"
        case pl.Struct():
            fields = ",".join(f"{json.dumps(item.name)}:{_type_name(_resolved(item.dtype))}" for item in dtype.fields)
            return f"struct<{fields}>"
        case pl.Datetime():
            return f"timestamp[{dtype.time_unit},{dtype.time_zone or ''}]"
        case pl.Decimal():
            return f"decimal({dtype.precision},{dtype.scale})"
    if isinstance(dtype, _PLAIN):
        return type(dtype).__name__.lower()
    msg = f"a column of type {dtype} has no content hash"
    raise MootechError(msg)


def _resolved(dtype: object) -> pl.DataType:
    # Inside a nested type, Polars may hold the class of a type instead of an instance.
    return pl.Series(dtype=dtype).dtype  # type: ignore[arg-type]  # either of the two


def _feed(digest: _Hash, column: pl.Series) -> None:
    nulls = column.null_count()
    digest.update(struct.pack("<QQ", len(column), nulls))
    if 0 < nulls < len(column):
        digest.update(np.packbits(column.is_null().to_numpy()).data)
    values = column.drop_nulls() if nulls else column
    if values.is_empty():
        return
    match values.dtype:
        case pl.Categorical() | pl.Enum():
            _feed_bytes(digest, values.cast(pl.String))
        case pl.String() | pl.Binary():
            _feed_bytes(digest, values)
        case pl.Decimal():
            _feed_bytes(digest, values.to_physical().cast(pl.String))
        case pl.List():
            lengths = values.list.len()
            _feed_numbers(digest, lengths.cast(pl.UInt32).to_numpy())
            _feed(digest, values.filter(lengths > 0).explode())
        case pl.Struct():
            for item in values.struct.fields:
                _feed(digest, values.struct.field(item))
        case pl.Float32() | pl.Float64():
            # Adding 0.0 turns -0.0 into 0.0. NumPy adds, because Polars skips it. A NaN has many bit patterns.
            floats = values.to_numpy() + 0.0
            floats[np.isnan(floats)] = np.nan
            _feed_numbers(digest, floats)
        case _:
            _feed_numbers(digest, values.to_physical().to_numpy())


def _feed_bytes(digest: _Hash, values: pl.Series) -> None:
    texts = values.dtype == pl.String
    lengths = values.str.len_bytes() if texts else values.bin.size()
    _feed_numbers(digest, lengths.cast(pl.UInt32).to_numpy())
    digest.update(values.str.join("").cast(pl.Binary).item() if texts else b"".join(values.to_list()))


def _feed_numbers(digest: _Hash, values: np.ndarray) -> None:
    digest.update(np.ascontiguousarray(values, dtype=values.dtype.newbyteorder("<")).data)
