"""A cache of the lake's footers, so that a command need not read them all. It is never the source of truth.

An entry counts only if a fresh listing shows its object with the same version and size. A manifest that cannot be read
is ignored, and the footers are read again. The files are `_mootech/manifests/<layer>-<table>.json`, and `results.json`
for all reports.
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
        """Say whether this entry is of exactly that object and version."""
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
    """The document in the lake, for comparison: it is written only when it changes."""

    def save(self, store: Store, work: Path) -> None:
        """Store the records if they changed."""
        document = msgspec.json.encode(_Document(FORMAT, dict(sorted(self.records.items()))))
        if document != self.stored and (self.records or self.stored):
            put_bytes(store, self.key, document, work)
            self.stored = document


def manifest_key(layer: Layer, table: str) -> str:
    """Return the key of the manifest of a table in a layer; all reports share one."""
    return f"{MANIFESTS}{layer}.json" if layer is Layer.RESULTS else f"{MANIFESTS}{layer}-{table}.json"


def load(store: Store, key: str) -> Manifest:
    """Return the manifest; an empty one when it is missing, has another format or cannot be read."""
    if store.head(key) is None:
        return Manifest(key)
    try:
        data = store.read(key)
        document = _DOCUMENTS.decode(data)
    except (StoreError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Manifest(key)
    return Manifest(key, document.entries, data) if document.format == FORMAT else Manifest(key)
