"""Which quarantined rows a person has acknowledged: a table's days, in `_mootech/acknowledged/<table>.json`.

A UTC day is acknowledged together with the name of its quarantine object, which is the hash of the rows in it. Other
rows in the day's quarantine have another name, and nobody has acknowledged them.
"""

import json
from collections.abc import Mapping
from datetime import date
from pathlib import Path

from mootech.errors import StoreError
from mootech.lake.paths import acknowledged_key
from mootech.lake.stores.store import Store, put_bytes


def load(store: Store, table: str) -> dict[date, str]:
    """Return the acknowledged quarantine objects' names by UTC day; none where the note is missing or unreadable."""
    key = acknowledged_key(table)
    if store.head(key) is None:
        return {}
    try:
        known = json.loads(store.read(key))
        return {date.fromisoformat(day): str(name) for day, name in known.items()}
    except (StoreError, ValueError, TypeError, AttributeError, RecursionError):
        return {}  # nothing is acknowledged then, and the alarm is told again


def save(store: Store, table: str, known: Mapping[date, str], work: Path) -> None:
    """Store them; `work` is a local folder on the store's file system."""
    document = {day.isoformat(): name for day, name in sorted(known.items())}
    put_bytes(store, acknowledged_key(table), json.dumps(document).encode(), work)
