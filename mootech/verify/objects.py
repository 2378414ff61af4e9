"""What `verify` asks of one object: that it opens, that its hash, receipt and keys hold, that no byte has changed."""

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
"""Of its content hash, in a quarantine object's name."""


class Remake(Protocol):
    """Makes silver once more, as it is published, without `last_modified`."""

    def __call__(self, table: TableSpec, day: date, bronze: pl.DataFrame) -> pl.DataFrame:
        """Make a UTC day from the rows of its bronze."""

    def recipe(self, table: TableSpec) -> Recipe:
        """Return what makes the table's silver."""


_OTHER_BYTES = "the rows are right, and yet the file is not as it was written"


@dataclass(frozen=True)
class Bronze:
    """A partition without a fault."""

    rows: pl.DataFrame
    receipt: Receipt


def bronze_partition(lake: Lake, table: TableSpec, day: date) -> tuple[Bronze | None, list[Problem]]:
    """Return a day of bronze when nothing is wrong with it, else what is."""
    opened = _opened(lake, partition_key(Layer.RAW, table.name, day), Mend.FETCH)
    if isinstance(opened, Problem):
        return None, [opened]
    receipt = receipt_in(opened.footer)
    if receipt is None:
        return None, [Problem("receipt", "the footer holds no receipt", Mend.FETCH)]
    problems = [Problem(check, message, Mend.FETCH) for check, message in _faults(table, day, opened, receipt)]
    return (None if problems else Bronze(_frame(opened), receipt)), problems


def quarantine_object(lake: Lake, key: str, rows: int) -> Iterator[Problem]:
    """Yield what is wrong with a quarantine object, which should hold so many rows of the hash in its name."""
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
        remake: makes silver from bronze once more.
        job: the UTC day, of a table that has a partition per day in silver.
        made: what it counts as made from, as the lake's catalog has it.
        bronze: what it should be made from, None where that is itself broken or gone.

    """
    problems = list(derived_object(lake, job.table, partition_key(Layer.SILVER, job.table.name, job.day), job.day))
    yield from problems
    if problems or bronze is None or made is None:
        return
    # Silver that is behind bronze, or by another recipe, is no broken promise: `silver` brings it up to date.
    current = made.is_by(remake.recipe(job.table).fingerprint) and (made.inputs_hash, made.schema_version) == (
        bronze.receipt.content_hash,
        SCHEMA_VERSION,
    )
    if current and content_hash(remake(job.table, job.day, bronze.rows)) != made.content_hash:
        yield Problem("replaced", "the rows are not those that bronze gives", Mend.REBUILD)


def derived_object(lake: Lake, table: TableSpec, key: str, day: date | None = None) -> Iterator[Problem]:
    """Yield what an object of silver itself tells to be wrong; `day` is the one it is of, where it is of one."""
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
        yield Problem("duplicates", "a key stands there more than once", Mend.REBUILD)
    if table.silver.time is not None and (rows[table.silver.time].cast(pl.Date) != day).any():
        yield Problem("wrong_day", "events of another day stand there", Mend.REBUILD)


def _frame(opened: Inspected) -> pl.DataFrame:
    return opened.rows.lazy().collect()


def _opened(lake: Lake, key: str, mend: Mend) -> Inspected | Problem:
    """Read one object; what is wrong with it is returned, what is wrong with the store raised."""
    try:
        return parquet.inspect(lake.store, key)
    except DamagedError as exc:
        return Problem("unreadable", exc.message, mend)
    except StoreError as exc:
        lake.store.head(FORMAT_KEY)  # raises when it is the store that fails
        return Problem("unreadable", exc.message, mend)


def _faults(table: TableSpec, day: date, opened: Inspected, receipt: Receipt) -> Iterator[tuple[str, str]]:
    """Yield the check and what it found for everything wrong with a bronze partition that has a receipt."""
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
        yield "conservation", f"of {receipt.fetched:,} fetched {counts}, and {rows.height:,} rows there"
    drift = schema_drift(table, rows.schema)
    yield from (("schema", difference) for difference in drift)
    if drift:
        return
    if rows.select(key_of(table).n_unique()).item() != rows.height:
        yield "duplicates", "a key stands there more than once"
    if table.event_time is not None and (rows[table.event_time] // _SECONDS_A_DAY != (day - _EPOCH).days).any():
        yield "wrong_day", "events of another day stand there"
