"""What a command remembers of the lake's footers, so that the next one need not read them all: a cache, never a truth.

An entry counts only for an object whose version and size a fresh listing confirms; anything unreadable is ignored
and read again from the footers. `_mootech/manifests/<layer>-<table>.json` (and `results.json` for all reports).
"""

from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from mootech.errors import StoreError
from mootech.lake.paths import MANIFESTS, Layer
from mootech.lake.stores.store import Entry, Store, put_bytes
from mootech.model import Provenance, Receipt

FORMAT = 1


class ManifestEntry(msgspec.Struct, frozen=True, omit_defaults=True):
    """One object: its version and size, and the receipt (raw_data) or provenance (silver, results) in its footer."""

    version: str
    size: int
    receipt: Receipt | None = None
    provenance: Provenance | None = None

    def describes(self, entry: Entry) -> bool:
        """Say whether this was noted down of exactly that object."""
        return (self.version, self.size) == (entry.version, entry.size)


class _Document(msgspec.Struct, frozen=True):
    format: int
    entries: dict[str, ManifestEntry]


_DOCUMENTS = msgspec.json.Decoder(_Document)


@dataclass
class Manifest:
    """The records of one table's partitions by ISO day, or of single objects by name."""

    key: str
    records: dict[str, ManifestEntry] = field(default_factory=dict)
    stored: bytes = b""
    """The document as it stands in the lake, to write it only when it changes."""

    def save(self, store: Store, work: Path) -> None:
        """Store the records, when they are not stored already."""
        document = msgspec.json.encode(_Document(FORMAT, dict(sorted(self.records.items()))))
        if document != self.stored and (self.records or self.stored):
            put_bytes(store, self.key, document, work)
            self.stored = document


def manifest_key(layer: Layer, table: str) -> str:
    """Return the key of the manifest that remembers a table of a layer; one remembers all reports."""
    return f"{MANIFESTS}{layer}.json" if layer is Layer.RESULTS else f"{MANIFESTS}{layer}-{table}.json"


def load(store: Store, key: str) -> Manifest:
    """Return the manifest; an empty one when there is none, or one of another format, or a corrupt one."""
    if store.head(key) is None:
        return Manifest(key)
    try:
        data = store.read(key)
        document = _DOCUMENTS.decode(data)
    except (StoreError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Manifest(key)
    return Manifest(key, document.entries, data) if document.format == FORMAT else Manifest(key)
