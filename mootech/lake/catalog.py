"""What the lake holds now: a fresh listing, joined with what the manifests remember of the footers."""

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from threading import RLock

from mootech.lake import parquet
from mootech.lake.footers import provenance_in, receipt_in
from mootech.lake.manifest import Manifest, ManifestEntry, load, manifest_key
from mootech.lake.paths import Layer, day_of, is_quarantine_key, object_key, partition_day, table_prefix
from mootech.lake.stores.store import Entry, Store
from mootech.model import Provenance, Receipt

_READERS = 16
"""Number of footers read at once. On S3 most of the time is latency, which threads hide."""


@dataclass(frozen=True)
class Held:
    """One object the lake holds.

    Objects of raw_data have a `receipt`; objects of silver and results have a `provenance`. It is None when the footer
    has none or cannot be read. `verify` reports such an object, and the next ingest rebuilds it. A provenance's
    inputs_hash may be newer than the object: the inputs changed, but the content computed from them did not.
    """

    key: str
    entry: Entry
    receipt: Receipt | None
    provenance: Provenance | None


class Catalog:
    """The objects of one lake by layer and table; every `held` is a fresh listing. Thread-safe."""

    def __init__(self, store: Store, work: Path) -> None:
        """Read from the store; `work` is a local folder for files to be stored."""
        self._store = store
        self._work = work
        self._mutex = RLock()
        self._manifests: dict[str, Manifest] = {}
        self._known: dict[tuple[Layer, str], dict[date, Held]] = {}
        self._quarantined: dict[str, dict[date, set[str]]] = {}

    def forget(self) -> None:
        """Drop everything remembered, because another run may have written since."""
        with self._mutex:
            self._manifests.clear()
            self._known.clear()
            self._quarantined.clear()

    def forget_table(self, layer: Layer, table: str) -> None:
        """Drop a table's listing, because a write failed and may have happened all the same."""
        with self._mutex:
            self._known.pop((layer, table), None)
            self._quarantined.pop(table, None)

    def held(self, layer: Layer, table: str) -> dict[date, Held]:
        """List the table's partitions, oldest day first; read the footers that the manifest does not know."""
        with self._mutex:
            manifest = self._manifest(layer, table)
            entries = {
                day: entry
                for entry in self._store.list(table_prefix(layer, table))
                if (day := partition_day(layer, table, entry.key)) is not None
            }
            known = {day: manifest.records.get(day.isoformat()) for day in entries}
            unknown = [day for day, record in known.items() if record is None or not record.describes(entries[day])]
            records = {day: record for day, record in known.items() if record is not None}
            records |= dict(zip(unknown, self._read(entries[day] for day in unknown), strict=True))
            # This drops the records of partitions that are gone, and keeps the listing's order.
            manifest.records = {day.isoformat(): records[day] for day in entries}
            self._known[layer, table] = {day: _held(entries[day], records[day]) for day in entries}
            return dict(self._known[layer, table])

    def known(self, layer: Layer, table: str) -> Mapping[date, Held]:
        """Return the partitions of the last listing with what was published since; list the table the first time."""
        with self._mutex:
            if (layer, table) not in self._known:
                self.held(layer, table)
            return self._known[layer, table]

    def recorded(self, layer: Layer, name: str) -> frozenset[str]:
        """Return what the stored manifest says was published, also if it is gone: ISO days, or single objects' names.

        `held` forgets what is gone. The stored manifest still tells `verify`, until the next run stores a new one.
        """
        return frozenset(load(self._store, manifest_key(layer, name)).records)

    def invalidate(self, layer: Layer, name: str, day: date | None) -> None:
        """Treat an object's footer as unreadable, so that it is built again. An object without days has `day` None."""
        with self._mutex:
            held = self.single(layer, name) if day is None else self.partition(layer, name, day)
            if held is not None:
                self.remember(layer, name, day, Held(held.key, held.entry, None, None))

    def partition(self, layer: Layer, table: str, day: date) -> Held | None:
        """Return the day's partition from `known`."""
        return self.known(layer, table).get(day)

    def single(self, layer: Layer, name: str) -> Held | None:
        """Return an object without days, such as silver/users; None when there is none. Ask the store every time."""
        with self._mutex:
            head = self._store.head(object_key(layer, name))
            records = self._manifest(layer, name).records
            if head is None:
                records.pop(name, None)
                return None
            record = records.get(name)
            if record is None or not record.describes(head.entry):
                [record] = self._read([head.entry])
                records[name] = record
            return _held(head.entry, record)

    def results(self) -> dict[str, Held]:
        """List the reports' objects by name, freshly; read the footers that the manifest does not know."""
        with self._mutex:
            records = self._manifest(Layer.RESULTS, "").records
            places = [(entry.key.split("/"), entry) for entry in self._store.list(f"{Layer.RESULTS}/")]
            # mootech did not write anything else that lies there.
            entries = {parts[1]: entry for parts, entry in places if parts[2:] == ["data.parquet"]}
            unknown = [name for name in entries if name not in records or not records[name].describes(entries[name])]
            records |= dict(zip(unknown, self._read(entries[name] for name in unknown), strict=True))
            return {name: _held(entry, records[name]) for name, entry in entries.items()}

    def remember(self, layer: Layer, table: str, day: date | None, held: Held) -> None:
        """Remember an object that was just published, or a new provenance of one that was not written again."""
        with self._mutex:
            record = ManifestEntry(held.entry.version, held.entry.size, held.receipt, held.provenance)
            self._manifest(layer, table).records[table if day is None else day.isoformat()] = record
            if day is not None and (layer, table) in self._known:
                self._known[layer, table][day] = held

    def quarantined(self, table: str, day: date) -> set[str]:
        """Return the keys of the day's quarantine objects. A caller that writes or deletes one updates this set."""
        with self._mutex:
            if table not in self._quarantined:
                days: dict[date, set[str]] = {}
                for entry in self._store.list(table_prefix(Layer.QUARANTINE, table)):
                    where = day_of(Layer.QUARANTINE, table, entry.key)
                    # The caller deletes keys of this set, so it holds only what mootech wrote.
                    if where is not None and is_quarantine_key(table, entry.key):
                        days.setdefault(where, set()).add(entry.key)
                self._quarantined[table] = days
            return self._quarantined[table].setdefault(day, set())

    def save(self, check: Callable[[], None]) -> None:
        """Store the manifests that changed, each after `check` has passed."""
        with self._mutex:
            for manifest in self._manifests.values():
                check()
                manifest.save(self._store, self._work)

    def _manifest(self, layer: Layer, table: str) -> Manifest:
        key = manifest_key(layer, table)
        if key not in self._manifests:
            self._manifests[key] = load(self._store, key)
        return self._manifests[key]

    def _read(self, entries: Iterable[Entry]) -> list[ManifestEntry]:
        entries = list(entries)
        if not entries:
            return []
        with ThreadPoolExecutor(min(_READERS, len(entries))) as pool:
            return list(pool.map(self._record, entries))

    def _record(self, entry: Entry) -> ManifestEntry:
        try:
            metadata = parquet.footer(self._store, entry.key)
        except parquet.DamagedError:
            metadata = {}
        return ManifestEntry(entry.version, entry.size, receipt_in(metadata), provenance_in(metadata))


def _held(entry: Entry, record: ManifestEntry) -> Held:
    return Held(entry.key, entry, record.receipt, record.provenance)
