"""Publishing without loss: write the quarantine object, then the partition, then delete old quarantine objects.

The lake is whole after each step. Before the partition's PUT, the old receipt names the old quarantine object; after
it, the new receipt names the new one. If a run stops between two steps, the next run removes what no receipt names.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import polars as pl

from mootech.errors import MootechError, StoreError
from mootech.lake import parquet
from mootech.lake.canonical import content_hash
from mootech.lake.catalog import Catalog, Held
from mootech.lake.disk import ScratchError, scratch_file
from mootech.lake.footers import PROVENANCE, RECEIPT, receipt_in
from mootech.lake.paths import Layer, object_key, partition_key, quarantine_key
from mootech.lake.rows import Rows
from mootech.lake.stores.store import ABSENT, Entry, Store
from mootech.model import SCHEMA_VERSION, Lineage, Provenance, Receipt, Reconciled
from mootech.tables import TableSpec

CONTENT_HASH = "mootech.content_hash"
LAST_MODIFIED = "last_modified"
"""The column of silver with the day on which a partition was written. It is not part of the content."""

_NAME_DIGITS = 16


@dataclass(frozen=True)
class DayRows:
    """One table and UTC day, ready to publish: every fetched row is in `rows`, in `rejects` or a duplicate.

    `rows` is sorted and has the contract's columns and `extra`. `rejects` has `reasons` (list of strings) and `raw`
    (the row's JSON text). `source_total` is the total that the source declared; None when it declared none.
    `reconciled` compares the day with the source's own counts; None when the source was not asked for them.
    """

    table: TableSpec
    day: date
    rows: Rows
    rejects: pl.DataFrame
    fetched: int
    duplicates: int
    source_total: int | None
    reconciled: Reconciled | None = None


class Publisher:
    """Writes partitions and objects of one lake. `fence` raises when this run may not write, or no longer."""

    def __init__(self, store: Store, catalog: Catalog, work: Path, fence: Callable[[], None]) -> None:
        """Write to the store from files in `work`, a local folder; for a lake in a directory, on its file system."""
        self._store = store
        self._catalog = catalog
        self._work = work
        self._fence = fence

    def day(self, day: DayRows) -> tuple[Receipt, bool]:
        """Publish a day of raw_data; return its receipt, and whether the partition was written.

        A day is not written again when the lake already holds the same receipt with its rows and its quarantine object.
        Both objects are read to check that, so a damaged one is rebuilt. The number of passes is not compared: if the
        same rows came in other passes, the old receipt stays.

        Raises:
            StoreError: the new partition is not known to be stored; if it is not, the old one is intact.
            MootechError: rows were lost or doubled before this call (a bug).

        """
        rejects = day.rejects.sort("raw", pl.col("reasons").list.join("\x00"))
        receipt = _receipt(day, rejects)
        table = day.table.name
        named = set() if receipt.quarantine is None else {quarantine_key(table, day.day, receipt.quarantine)}
        try:
            held = self._catalog.partition(Layer.RAW, table, day.day)
            quarantined = self._catalog.quarantined(table, day.day)
            if held is not None and held.receipt is not None and held.receipt.of_one_pass == receipt.of_one_pass:
                receipt = held.receipt
            changed = (
                held is None
                or held.receipt != receipt
                or not named <= quarantined
                or not self._stands(held.key, receipt.content_hash, receipt)
                or not all(self._stands(key, content_hash(rejects)) for key in named)
            )
            if changed:
                for key in named:
                    # The name is a hash of the content, so any other run that writes this key writes the same rows.
                    self._write(key, rejects, {CONTENT_HASH: content_hash(rejects)}, {}, replaces=None)
                    quarantined.add(key)
                self._partition(day, receipt, _version(held))
            for key in sorted(quarantined - named):
                self._fence()
                self._store.delete(key)
                quarantined.discard(key)
        except StoreError:
            self._catalog.forget_table(Layer.RAW, table)
            raise
        return receipt, changed

    def derived(self, layer: Layer, table: str, day: date | None, frame: pl.DataFrame, lineage: Lineage) -> bool:
        """Publish silver or results (`day` None: one object without days); return whether the object was written.

        An object with the same content, apart from `last_modified`, is not written again. Then only the manifest
        records that the object is also what the new inputs or the new recipe give.
        """
        provenance = Provenance(
            content_hash(frame, leave_out=(LAST_MODIFIED,)),
            lineage.inputs_hash,
            recipe=lineage.recipe,
            recipe_version=lineage.recipe_version,
        )
        if day is None:
            key, held = object_key(layer, table), self._catalog.single(layer, table)
        else:
            key, held = partition_key(layer, table, day), self._catalog.partition(layer, table, day)
        if (
            held is not None
            and held.provenance is not None
            and _same_content(held.provenance, provenance)
            and self._stands(key, provenance.content_hash)
        ):
            self._catalog.remember(layer, table, day, Held(key, held.entry, None, provenance))
            return False
        metadata = {"mootech-content-hash": provenance.content_hash}
        try:
            footer = {PROVENANCE: provenance.to_json()}
            entry = self._write(key, frame, footer, metadata, replaces=_version(held))
        except StoreError:
            self._catalog.forget_table(layer, table)
            raise
        self._catalog.remember(layer, table, day, Held(key, entry, None, provenance))
        return True

    def _partition(self, day: DayRows, receipt: Receipt, replaces: str) -> None:
        key = partition_key(Layer.RAW, day.table.name, day.day)
        text = receipt.to_json()
        # The receipt's hash is needed too: counts may change when the rows do not, and a HEAD must show the difference.
        metadata = {
            "mootech-content-hash": receipt.content_hash,
            "mootech-receipt": hashlib.sha256(text.encode()).hexdigest(),
        }
        entry = self._write(key, day.rows, {RECEIPT: text}, metadata, replaces=replaces)
        self._catalog.remember(Layer.RAW, day.table.name, day.day, Held(key, entry, receipt, None))

    def _stands(self, key: str, wanted: str, receipt: Receipt | None = None) -> bool:
        try:
            found = parquet.inspect(self._store, key, scratch=self._work)
        except ScratchError:
            raise
        except StoreError:
            # A missing or damaged object must be written again. If the store is out of reach, the write will fail.
            return False
        # The parsed receipts are compared, because fields that a newer mootech added are no reason to write again.
        whole = found.intact and (receipt is None or receipt_in(found.footer) == receipt)
        return whole and content_hash(found.rows, leave_out=(LAST_MODIFIED,)) == wanted

    def _write(
        self,
        key: str,
        rows: Rows,
        footer: Mapping[str, str],
        metadata: Mapping[str, str],
        *,
        replaces: str | None,
    ) -> Entry:
        with scratch_file(self._work, ".parquet") as file:
            parquet.write(rows, file, footer)
            # The check comes as late as possible, because the lease may have been lost while the file was written.
            self._fence()
            # This run may still be suspended for an hour between the check and the PUT, and another run may take over
            # the lease. `replaces` keeps the late PUT from overwriting the partition that the other run has published:
            # its receipt would name a quarantine object that the other run has deleted.
            return self._store.put(key, file, metadata, replaces=replaces)


def _version(held: Held | None) -> str:
    return ABSENT if held is None else held.entry.version


def _receipt(day: DayRows, rejects: pl.DataFrame) -> Receipt:
    receipt = Receipt(
        table=day.table.name,
        utc_date=day.day.isoformat(),
        fetched=day.fetched,
        published=day.rows.height,
        quarantined=rejects.height,
        duplicates=day.duplicates,
        source_total=day.source_total,
        quarantine=None if rejects.is_empty() else f"{content_hash(rejects)[:_NAME_DIGITS]}.parquet",
        content_hash=content_hash(day.rows),
        reconciled=day.reconciled,
    )
    if not receipt.conserved:
        msg = (
            f"{receipt.table} {receipt.utc_date}: {receipt.fetched} rows fetched, but {receipt.published} to publish, "
            f"{receipt.quarantined} rejected and {receipt.duplicates} duplicates"
        )
        raise MootechError(msg, hint="Nothing of the day was published. This is a bug in mootech: please report it.")
    return receipt


def _same_content(held: Provenance, new: Provenance) -> bool:
    return (held.content_hash, held.schema_version) == (new.content_hash, SCHEMA_VERSION)
