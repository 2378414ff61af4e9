"""What can happen to a lake from outside, one thing at a time: objects deleted, cut, flipped, swapped, doubled."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl

from mootech.lake import parquet
from mootech.lake.canonical import content_hash
from mootech.lake.footers import PROVENANCE, RECEIPT, provenance_in
from mootech.lake.paths import Layer, object_key, partition_key
from mootech.lake.publishing import LAST_MODIFIED
from mootech.lake.stores.store import Store, put_bytes
from mootech.tables import CLICKSTREAM, PRODUCTS, TRANSACTIONS, USERS, TableSpec

DAY = date(2024, 2, 29)
OTHER = date(2024, 3, 1)
REJECTS = date(2024, 3, 2)
"""A day of which some hits were quarantined."""


@dataclass(frozen=True)
class Damage:
    """One thing done to a lake, and what `verify` must say of it: (layer, table, day, check)."""

    name: str
    act: Callable[[Store, Path], None]
    """Given the store and a folder for scratch files."""
    found: frozenset[tuple[Layer, str, date | None, str]]
    foreign: tuple[str, ...] = ()
    """Keys that were added and that no repair takes away."""


def key_of(layer: Layer, table: TableSpec, day: date = DAY) -> str:
    """Return the key of a partition, or of the table's only object of that day in quarantine."""
    return partition_key(layer, table.name, day)


def quarantined(store: Store) -> str:
    """Return the key of the hits' quarantine object of the day that has one."""
    return store.list(f"{Layer.QUARANTINE}/{CLICKSTREAM}/utc_date={REJECTS}/")[-1].key


def delete(key: str) -> Callable[[Store, Path], None]:
    """Remove an object."""
    return lambda store, _work: store.delete(key)


def change(key: str, edit: Callable[[bytes], bytes]) -> Callable[[Store, Path], None]:
    """Put other bytes in an object's place."""
    return lambda store, work: _put(store, key, edit(store.read(key)), work)


def copy(source: str, target: str) -> Callable[[Store, Path], None]:
    """Put one object's bytes under another key, too."""
    return lambda store, work: _put(store, target, store.read(source), work)


def write(key: str, data: bytes) -> Callable[[Store, Path], None]:
    """Put an object of somebody else's there."""
    return lambda store, work: _put(store, key, data, work)


def flip(position: int, bit: int = 1) -> Callable[[bytes], bytes]:
    """Return the bytes with one bit turned; a position below 0 counts from the end."""

    def turned(data: bytes) -> bytes:
        changed = bytearray(data)
        changed[position] ^= bit
        return bytes(changed)

    return turned


def statistics_flipped(data: bytes) -> bytes:
    """Return a Parquet file whose rows read the same and whose statistics, which readers skip rows by, lie."""
    good = pl.read_parquet(data, hive_partitioning=False)
    for position in range(len(data) - 1, 3, -1):
        changed = flip(position)(data)
        try:
            same = pl.read_parquet_metadata(changed) == pl.read_parquet_metadata(data)
            if same and pl.read_parquet(changed, hive_partitioning=False).equals(good):
                return changed
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException):
            continue
    raise AssertionError("no byte of the file can change unseen")


def rewritten(data: bytes, rows: int | None = None) -> bytes:
    """Return the same rows, or the first of them, as another program would store them: without a receipt."""
    return _stored(pl.read_parquet(data, hive_partitioning=False).head(len(data) if rows is None else rows))


def _derived_with_a_row_less(data: bytes) -> bytes:
    """Return an object of silver that is in itself whole, and lacks a row."""
    rows = pl.read_parquet(data, hive_partitioning=False)[1:]
    made = provenance_in(pl.read_parquet_metadata(data))
    assert made is not None
    told = replace(made, content_hash=content_hash(rows, leave_out=(LAST_MODIFIED,)))
    return _sealed(rows, {PROVENANCE: told.to_json()})


def _with_receipt(text: str, data: bytes) -> bytes:
    """Return a partition that is in itself whole, with another text for its receipt."""
    return _sealed(pl.read_parquet(data, hive_partitioning=False), {RECEIPT: text})


def _sealed(rows: pl.DataFrame, footer: dict[str, str]) -> bytes:
    with TemporaryDirectory() as folder:
        file = Path(folder) / "object.parquet"
        parquet.write(rows, file, footer)
        return file.read_bytes()


def _stored(rows: pl.DataFrame) -> bytes:
    out = BytesIO()
    rows.write_parquet(out)
    return out.getvalue()


def _put(store: Store, key: str, data: bytes, work: Path) -> None:
    work.mkdir(exist_ok=True)
    put_bytes(store, key, data, work)


def _of(
    layer: Layer, table: TableSpec, check: str, day: date | None = DAY
) -> frozenset[tuple[Layer, str, date | None, str]]:
    return frozenset({(layer, str(table), day, check)})


_HITS = key_of(Layer.RAW, CLICKSTREAM)
_ORDERS = key_of(Layer.RAW, TRANSACTIONS)
_SILVER_ORDERS = key_of(Layer.SILVER, TRANSACTIONS)
_DOUBLE = _HITS.replace("data.parquet", "data (copy).parquet")
_STRAY = f"{Layer.RAW}/users/notes.parquet"
_OLD = f"{Layer.RAW}/clickstream_old/utc_date=2024-02-29/data.parquet"

DAMAGES = (
    Damage(
        "quarantine deleted",
        lambda store, _work: store.delete(quarantined(store)),
        _of(Layer.QUARANTINE, CLICKSTREAM, "deleted", REJECTS),
    ),
    Damage(
        "quarantine truncated",
        lambda store, work: change(quarantined(store), lambda data: data[:50])(store, work),
        _of(Layer.QUARANTINE, CLICKSTREAM, "unreadable", REJECTS),
    ),
    Damage(
        "quarantine replaced by another program",
        lambda store, work: change(quarantined(store), lambda data: rewritten(data, rows=0))(store, work),
        _of(Layer.QUARANTINE, CLICKSTREAM, "quarantine", REJECTS),
    ),
    Damage(
        "quarantine that no receipt names",
        lambda store, work: copy(quarantined(store), f"{quarantined(store)[:-24]}{'0' * 16}.parquet")(store, work),
        _of(Layer.QUARANTINE, CLICKSTREAM, "unnamed", REJECTS),
    ),
    Damage("deleted", delete(_HITS), _of(Layer.RAW, CLICKSTREAM, "deleted")),
    Damage(
        "deleted, the first day of a snapshot table",
        delete(key_of(Layer.RAW, USERS, date(2024, 2, 26))),
        _of(Layer.RAW, USERS, "deleted", date(2024, 2, 26)),
    ),
    Damage("truncated", change(_HITS, lambda data: data[:-100]), _of(Layer.RAW, CLICKSTREAM, "unreadable")),
    Damage("emptied", change(_ORDERS, lambda _data: b""), _of(Layer.RAW, TRANSACTIONS, "unreadable")),
    Damage("statistics flipped", change(_ORDERS, statistics_flipped), _of(Layer.RAW, TRANSACTIONS, "bytes")),
    Damage(
        "replaced by another day",
        copy(key_of(Layer.RAW, PRODUCTS, OTHER), key_of(Layer.RAW, PRODUCTS)),
        _of(Layer.RAW, PRODUCTS, "receipt"),
    ),
    Damage("replaced by another program", change(_ORDERS, rewritten), _of(Layer.RAW, TRANSACTIONS, "receipt")),
    Damage(
        "a receipt that is none",
        change(_ORDERS, partial(_with_receipt, '{"fetched": ' + "[" * 10_000)),
        _of(Layer.RAW, TRANSACTIONS, "receipt"),
    ),
    Damage("duplicated", copy(_HITS, _DOUBLE), _of(Layer.RAW, CLICKSTREAM, "foreign_object", None), (_DOUBLE,)),
    Damage("foreign", write(_STRAY, b"?"), _of(Layer.RAW, USERS, "foreign_object", None), (_STRAY,)),
    Damage(
        "a foreign folder",
        copy(_HITS, _OLD),
        frozenset({(Layer.RAW, "clickstream_old", None, "foreign_object")}),
        (_OLD,),
    ),
    Damage("silver deleted", delete(_SILVER_ORDERS), _of(Layer.SILVER, TRANSACTIONS, "deleted")),
    Damage(
        "silver truncated",
        change(_SILVER_ORDERS, lambda data: data[:-1]),
        _of(Layer.SILVER, TRANSACTIONS, "unreadable"),
    ),
    Damage(
        "silver that bronze does not give",
        change(_SILVER_ORDERS, _derived_with_a_row_less),
        _of(Layer.SILVER, TRANSACTIONS, "replaced"),
    ),
    Damage(
        "silver replaced by another day",
        copy(key_of(Layer.SILVER, TRANSACTIONS, OTHER), _SILVER_ORDERS),
        _of(Layer.SILVER, TRANSACTIONS, "wrong_day"),
    ),
    Damage(
        "silver's statistics flipped",
        change(_SILVER_ORDERS, statistics_flipped),
        _of(Layer.SILVER, TRANSACTIONS, "bytes"),
    ),
    Damage(
        "the validity ranges deleted",
        delete(object_key(Layer.SILVER, PRODUCTS.name)),
        _of(Layer.SILVER, PRODUCTS, "deleted", None),
    ),
    Damage(
        "the validity ranges of another table",
        copy(object_key(Layer.SILVER, USERS.name), object_key(Layer.SILVER, PRODUCTS.name)),
        _of(Layer.SILVER, PRODUCTS, "schema", None),
    ),
)
