"""Prove promise 1 again: every object of bronze and silver holds what its footer says, and nothing else lies there.

Nothing is believed from a manifest: every object is opened, its values are hashed again, its receipt is added up.
"""

from collections.abc import Iterator
from datetime import date

from mootech.errors import StoreError
from mootech.lake import parquet
from mootech.lake.canonical import content_hash
from mootech.lake.lake import Lake
from mootech.lake.paths import SNAPSHOTS, Layer, object_key, partition_key, quarantine_key
from mootech.model import Finding, Provenance, Receipt, Table
from mootech.qa.checks import schema_drift

RECEIPT = "mootech.receipt"
PROVENANCE = "mootech.provenance"
QUARANTINE_HASH = "mootech.content_hash"

_Problem = tuple[str, str]
"""Name of the check, and what it found."""


def verify_table(lake: Lake, table: Table) -> Iterator[Finding]:
    """Check every object of one table; yield a line per layer of what holds, and one per thing that does not."""
    for layer, check in ((Layer.RAW, _bronze_problems), (Layer.SILVER, _silver_problems)):
        days = lake.held(layer, table)
        broken = 0
        for day in days:
            for problem in check(lake, table, day):
                broken += 1
                yield _finding(layer, table, day, problem)
        if layer is Layer.SILVER and table in SNAPSHOTS and lake.held_object(layer, table) is not None:
            for problem in _derived_problems(lake, object_key(layer, table)):
                broken += 1
                yield _finding(layer, table, None, problem)
        for key in lake.foreign(layer, table):
            broken += 1
            yield _finding(layer, table, None, ("foreign_object", f"{key} is none of mootech's"))
        if days and not broken:
            told = f"{len(days):,} partitions hold: hash, receipt, keys, nothing else there"
            yield Finding(str(table), None, None, f"{layer}", told, ok=True, data={"partitions": len(days)})


def _finding(layer: Layer, table: Table, day: date | None, problem: _Problem) -> Finding:
    check, message = problem
    return Finding(str(table), day, None, check, f"{layer}: {message}", data={"layer": str(layer)})


def _bronze_problems(lake: Lake, table: Table, day: date) -> Iterator[_Problem]:
    """Yield what is wrong with one bronze partition and its quarantine object."""
    key = partition_key(Layer.RAW, table, day)
    try:
        receipt = Receipt.from_json(parquet.footer(lake.store, key)[RECEIPT])
        rows = lake.read(key)
    except StoreError as exc:
        yield "unreadable", exc.message
        return
    except (KeyError, ValueError, TypeError):
        yield "receipt", "the footer holds no receipt"
        return
    if content_hash(rows) != receipt.content_hash:
        yield "content_hash", "the rows are not those the receipt was made for"
    if (receipt.table, receipt.utc_date) != (table, day.isoformat()):
        yield "receipt", f"the receipt is of {receipt.table} {receipt.utc_date}"
    if not receipt.conserved or receipt.published != rows.height:
        counts = (
            f"{receipt.published:,} published, {receipt.quarantined:,} quarantined, {receipt.duplicates:,} duplicates"
        )
        yield "conservation", f"of {receipt.fetched:,} fetched {counts}, and {rows.height:,} rows there"
    drift = schema_drift(table, rows.schema)
    yield from (("schema", difference) for difference in drift)
    if not drift and rows.select(table.key).n_unique() != rows.height:
        yield "duplicates", "a key stands there more than once"
    yield from _quarantine_problems(lake, table, day, receipt)


def _quarantine_problems(lake: Lake, table: Table, day: date, receipt: Receipt) -> Iterator[_Problem]:
    """Yield what is wrong with the quarantine object that a receipt names."""
    if receipt.quarantine is None:
        if receipt.quarantined:
            yield "quarantine", f"{receipt.quarantined:,} rows were quarantined and no object is named"
        return
    key = quarantine_key(table, day, receipt.quarantine)
    try:
        wanted = parquet.footer(lake.store, key).get(QUARANTINE_HASH)
        rejects = lake.read(key)
    except StoreError as exc:
        yield "quarantine", exc.message
        return
    if rejects.height != receipt.quarantined or content_hash(rejects) != wanted:
        yield "quarantine", f"{key} does not hold the {receipt.quarantined:,} rows it should"


def _silver_problems(lake: Lake, table: Table, day: date) -> Iterator[_Problem]:
    """Yield what is wrong with one silver partition."""
    yield from _derived_problems(lake, partition_key(Layer.SILVER, table, day))


def _derived_problems(lake: Lake, key: str) -> Iterator[_Problem]:
    """Yield what is wrong with one object of silver."""
    try:
        provenance = Provenance.from_json(parquet.footer(lake.store, key)[PROVENANCE])
        rows = lake.read(key)
    except StoreError as exc:
        yield "unreadable", exc.message
        return
    except (KeyError, ValueError, TypeError):
        yield "provenance", "the footer does not say what it was made from"
        return
    if content_hash(rows, leave_out=("last_modified",)) != provenance.content_hash:
        yield "content_hash", "the rows are not those that were written"
