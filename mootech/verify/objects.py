"""The checks of one object: it can be read; its hash, receipt and keys are right; no byte has changed."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Protocol

import polars as pl

from mootech.engines.recipe import Recipe
from mootech.errors import StoreError
from mootech.lake import parquet
from mootech.lake.canonical import content_hash
from mootech.lake.footers import provenance_in, receipt_in
from mootech.lake.lake import Lake
from mootech.lake.parquet import DamagedError, Inspected
from mootech.lake.paths import FORMAT_KEY, Layer, partition_key
from mootech.lake.publishing import LAST_MODIFIED
from mootech.model import SCHEMA_VERSION, Job, Provenance, Receipt
from mootech.qa.drift import schema_drift
from mootech.qa.keys import key_of
from mootech.tables import TableSpec
from mootech.verify.findings import Mend, Problem

_SECONDS_A_DAY = 86_400
_EPOCH = date(1970, 1, 1)
_NAME_DIGITS = 16
"""Digits of the content hash in a quarantine object's name."""


class Remake(Protocol):
    """Makes silver again for comparison, as it is published but without `last_modified`."""

    def __call__(self, table: TableSpec, day: date, bronze: pl.DataFrame) -> pl.DataFrame:
        """Return the silver rows of a UTC day, made from its bronze rows."""

    def recipe(self, table: TableSpec) -> Recipe:
        """Return the recipe of the table's silver."""


_OTHER_BYTES = "the rows are right, but the bytes of the file have changed"


@dataclass(frozen=True)
class Bronze:
    """A bronze partition that passed every check."""

    rows: pl.DataFrame
    receipt: Receipt


def bronze_partition(lake: Lake, table: TableSpec, day: date) -> tuple[Bronze | None, list[Problem]]:
    """Return a day of bronze if nothing is wrong with it, else None and its problems."""
    opened = _opened(lake, partition_key(Layer.RAW, table.name, day), Mend.FETCH)
    if isinstance(opened, Problem):
        return None, [opened]
    receipt = receipt_in(opened.footer)
    if receipt is None:
        return None, [Problem("receipt", "the footer holds no receipt", Mend.FETCH)]
    problems = [Problem(check, message, Mend.FETCH) for check, message in _faults(table, day, opened, receipt)]
    return (None if problems else Bronze(_frame(opened), receipt)), problems


def quarantine_object(lake: Lake, key: str, rows: int) -> Iterator[Problem]:
    """Yield what is wrong with a quarantine object. It should hold `rows` rows, and its name is their hash."""
    opened = _opened(lake, key, Mend.FETCH)
    if isinstance(opened, Problem):
        yield opened
    elif opened.rows.height != rows or not key.endswith(f"/{content_hash(opened.rows)[:_NAME_DIGITS]}.parquet"):
        yield Problem("quarantine", f"{key} does not hold the {rows:,} rows it should", Mend.FETCH)
    elif not opened.intact:
        yield Problem("bytes", f"{key}: {_OTHER_BYTES}", Mend.FETCH)


def silver_partition(
    lake: Lake, remake: Remake, job: Job, made: Provenance | None, bronze: Bronze | None
) -> Iterator[Problem]:
    """Yield what is wrong with a day of silver.

    Args:
        lake: which lake.
        remake: makes silver from bronze again.
        job: the table, which has a partition per day in silver, and the UTC day.
        made: the provenance that the lake's catalog has for the partition.
        bronze: the partition that silver should be made from; None if that is itself broken or gone.

    """
    problems = list(derived_object(lake, job.table, partition_key(Layer.SILVER, job.table.name, job.day), job.day))
    yield from problems
    if problems or bronze is None or made is None:
        return
    # Silver that is older than bronze or of another recipe is no broken promise: `mootech silver` brings it up to date.
    current = made.is_by(remake.recipe(job.table).fingerprint) and (made.inputs_hash, made.schema_version) == (
        bronze.receipt.content_hash,
        SCHEMA_VERSION,
    )
    if current and content_hash(remake(job.table, job.day, bronze.rows)) != made.content_hash:
        yield Problem("replaced", "the rows are not those that bronze gives", Mend.REBUILD)


def derived_object(lake: Lake, table: TableSpec, key: str, day: date | None = None) -> Iterator[Problem]:
    """Yield what is wrong with an object of silver by itself; `day` is its UTC day, None for an object without days."""
    opened = _opened(lake, key, Mend.REBUILD)
    if isinstance(opened, Problem):
        yield opened
        return
    provenance = provenance_in(opened.footer)
    if provenance is None:
        yield Problem("provenance", "the footer does not say what it was made from", Mend.REBUILD)
        return
    rows = _frame(opened)
    if content_hash(rows, leave_out=(LAST_MODIFIED,)) != provenance.content_hash:
        yield Problem("content_hash", "the rows are not those that were written", Mend.REBUILD)
    elif not opened.intact:
        yield Problem("bytes", _OTHER_BYTES, Mend.REBUILD)
    wanted = set(table.silver.order)
    if wanted - set(rows.columns):
        yield Problem("schema", f"columns are missing: {', '.join(sorted(wanted - set(rows.columns)))}", Mend.REBUILD)
        return
    if rows.select(table.silver.key).n_unique() != rows.height:
        yield Problem("duplicates", "several rows have the same key", Mend.REBUILD)
    if table.silver.time is not None and (rows[table.silver.time].cast(pl.Date) != day).any():
        yield Problem("wrong_day", "it holds events of another day", Mend.REBUILD)


def _frame(opened: Inspected) -> pl.DataFrame:
    return opened.rows.lazy().collect()


def _opened(lake: Lake, key: str, mend: Mend) -> Inspected | Problem:
    """Read one object. Return the problem if the object is wrong; raise StoreError if the store fails."""
    try:
        return parquet.inspect(lake.store, key)
    except DamagedError as exc:
        return Problem("unreadable", exc.message, mend)
    except StoreError as exc:
        lake.store.head(FORMAT_KEY)  # raises StoreError if the store itself fails
        return Problem("unreadable", exc.message, mend)


def _faults(table: TableSpec, day: date, opened: Inspected, receipt: Receipt) -> Iterator[tuple[str, str]]:
    """Yield the name of the check and what it found, for everything wrong with a bronze partition and its receipt."""
    rows = _frame(opened)
    if content_hash(rows) != receipt.content_hash:
        yield "content_hash", "the rows are not those the receipt was made for"
    elif not opened.intact:
        yield "bytes", _OTHER_BYTES
    if (receipt.table, receipt.utc_date) != (table.name, day.isoformat()):
        yield "receipt", f"the receipt is of {receipt.table} {receipt.utc_date}"
    if not receipt.conserved or receipt.published != rows.height:
        counts = (
            f"{receipt.published:,} published, {receipt.quarantined:,} quarantined, {receipt.duplicates:,} duplicates"
        )
        yield "conservation", f"of {receipt.fetched:,} rows fetched, {counts}; the partition holds {rows.height:,} rows"
    drift = schema_drift(table, rows.schema)
    yield from (("schema", difference) for difference in drift)
    if drift:
        return
    if rows.select(key_of(table).n_unique()).item() != rows.height:
        yield "duplicates", "several rows have the same key"
    if table.event_time is not None and (rows[table.event_time] // _SECONDS_A_DAY != (day - _EPOCH).days).any():
        yield "wrong_day", "it holds events of another day"
