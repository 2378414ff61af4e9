"""Two versions of one day, published by small commands of their own, and what may stand in a lake between them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

import polars as pl

from mootech.errors import MootechError
from mootech.lake.footers import receipt_in
from mootech.lake.lake import DayRows, Lake, Layer
from mootech.lake.locks.lease import LockPolicy
from mootech.lake.paths import OWN, partition_key, quarantine_key
from mootech.lake.stores.local import LocalStore
from mootech.lake.stores.store import Store
from mootech.tables import TABLES
from tests.stores import DAY, day_rows

KEY = partition_key(Layer.RAW, "transactions", DAY)
OLD = day_rows([1, 2], rejects=("{a}", "{b}"), duplicates=1)
NEW = day_rows([1, 2, 3], rejects=("{c}",))

Objects = Mapping[str, bytes]
"""Keys outside `_mootech/` -> bytes."""


@dataclass
class Host:
    """A machine that works on a lake: its state folder, and what its locks go by."""

    store: Store
    state: Path
    policy: LockPolicy = field(default_factory=LockPolicy)
    warnings: list[str] = field(default_factory=list)
    """How its last command ended."""

    def publish(self, *days: DayRows) -> list[bool]:
        """Publish days in one command, the first opened to the last stored; return for each whether it was written."""
        lake = Lake(self.store, state_dir=self.state, write=True, policy=self.policy)
        with lake.lock("ingest"):
            changed = [lake.publish_day(day)[1] for day in days]
            lake.save_manifests()
        self.warnings = lake.warnings
        return changed


def failure(work: Callable[[], object]) -> MootechError | None:
    """Do the work; return how it failed, None when it did not."""
    try:
        work()
    except MootechError as exc:
        return exc
    return None


def objects(store: Store) -> dict[str, bytes]:
    """Return every object outside `_mootech/`."""
    return {entry.key: store.read(entry.key) for entry in store.list("") if not entry.key.startswith(OWN)}


def oracle(folder: Path, *days: DayRows) -> Objects:
    """Return what an undisturbed run leaves of the days."""
    host = Host(LocalStore(folder / "lake"), folder / "state")
    host.publish(*days)
    return objects(host.store)


def check_whole(found: Objects, *versions: Objects, key: str = KEY) -> None:
    """Assert that the day is one of the versions, whole, with its own rejects; an absent day is an empty version.

    A quarantine object of another version may still, or already, stand beside it: no receipt names it.
    """
    allowed = [version for version in versions if found.get(key) == version.get(key)]
    assert allowed, f"{key} is no version of the day (I1)"
    for other in found:
        wanted = [version[other] for version in versions if other in version]
        assert found[other] in wanted, f"{other} is no object of any version (I1, I4)"
    if key in found:
        receipt = receipt_in(pl.read_parquet_metadata(BytesIO(found[key])))
        assert receipt is not None, f"{key} has no receipt (I3)"
        rows = pl.read_parquet(BytesIO(found[key]), hive_partitioning=False)
        assert rows["order_id"].n_unique() == rows.height == receipt.published, f"{key} holds other rows (I2, I3)"
        rejected = 0
        if receipt.quarantine is not None:
            named = quarantine_key(TABLES.named(receipt.table).name, DAY, receipt.quarantine)
            assert named in found, f"{key} names {named}, which is not there (I3)"
            rejected = pl.read_parquet(BytesIO(found[named]), hive_partitioning=False).height
        assert receipt.fetched == rows.height + rejected + receipt.duplicates, f"{key} lost rows (I3)"


def check_converges(host: Host, day: DayRows, wanted: Objects) -> None:
    """Assert that a clean run leaves exactly the undisturbed bytes, and one more run writes nothing (I7)."""
    host.publish(day)
    assert objects(host.store) == wanted
    stood = _versions(host.store)
    assert host.publish(day) == [False]
    assert _versions(host.store) == stood


def _versions(store: Store) -> dict[str, str]:
    # Locks come and go; everything else would be a write.
    kept = (f"{OWN}manifests/", f"{OWN}format.json")
    return {e.key: e.version for e in store.list("") if not e.key.startswith(OWN) or e.key.startswith(kept)}
