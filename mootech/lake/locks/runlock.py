"""The run lock: one run at a time writes to a lake, or several slices of one backfill. Readers take no lock.

The lock of a lake in a directory is flock on `_mootech/lock`. The lock of a lake on S3 is flock in this host's state
folder, plus a lease between hosts if a test shows that the store honours create-only PUTs. If it does not, a warning
says that only runs on this host are kept apart.
"""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from threading import Barrier
from uuid import uuid4

from mootech.errors import StoreError
from mootech.lake.disk import mapped
from mootech.lake.locks.holder import Holder
from mootech.lake.locks.hostlock import holder_of, host_lock, is_held, turned_away
from mootech.lake.locks.lease import Lease, LockPolicy, chain_of, leases
from mootech.lake.locks.shard import Shard, rivals
from mootech.lake.paths import LOCK_NAME, PROBES
from mootech.lake.stores.store import Store

Fence = Callable[[], None]
"""Returns while the run may write; raises StoreError when it no longer may."""

SINGLE_HOST_WARNING = (
    "Single-host mode: this S3 store does not honour create-only writes, so runs on other hosts are not kept out. "
    "Let only one host write to this lake."
)

_PROOF_LASTS = timedelta(days=1)
_KEYS, _WRITERS = 2, 3


class HostLocks:
    """The lock files of one lake on this host: `lock` for the whole lake, `lock-shard-2-of-5` for a slice."""

    def __init__(self, folder: Path, policy: LockPolicy, shard: Shard | None = None) -> None:
        """Use lock files in the folder, which must exist. `shard` is this run's slice; None is the whole lake."""
        self.folder = folder
        self.policy = policy
        self.shard = shard

    @contextmanager
    def hold(self, what: str) -> Iterator[Holder]:
        """Hold this run's lock file for the body; LockHeldError when another run holds it or a rival's file."""
        holder = self.policy.holder(what)
        with host_lock(self._path(self.shard), holder):
            # This run holds its own lock first, so that two rivals that look at the same moment see each other.
            for shard in self._shards():
                if rivals(self.shard, shard) and is_held(self._path(shard)):
                    raise turned_away(self._path(shard), self.policy.machine)
            yield holder

    def holder(self) -> Holder | None:
        """Return who holds one of the files; None when nobody does."""
        machine = self.policy.machine
        return next(filter(None, (holder_of(self._path(shard), machine) for shard in self._shards())), None)

    def _path(self, shard: Shard | None) -> Path:
        return self.folder / (LOCK_NAME if shard is None else f"{LOCK_NAME}-{shard.name}")

    def _shards(self) -> list[Shard | None]:
        """Return the slices that have lock files; None stands for the whole lake."""
        with mapped(f"looking for locks in {self.folder}"):
            names = {file.name.removeprefix(LOCK_NAME) for file in self.folder.glob(f"{LOCK_NAME}*")}
        found = [shard for name in sorted(names) if (shard := Shard.named(name.removeprefix("-")))]
        return [*([None] if "" in names else []), *found]


class DirectoryLock:
    """The lock of a lake in a directory."""

    def __init__(self, host: HostLocks) -> None:
        """Use these lock files, which lie in the lake's own directory."""
        self._host = host

    @contextmanager
    def hold(self, what: str) -> Iterator[Fence]:
        """Hold the lock for the body; LockHeldError when another run does."""
        with self._host.hold(what):
            yield lambda: None

    def holder(self) -> Holder | None:
        """Return who holds the lock or that of a slice; None when nobody does."""
        return self._host.holder()


class BucketLock:
    """The lock of a lake on S3. It adds warnings for a person to `warnings`."""

    def __init__(self, store: Store, host: HostLocks, work: Path, warnings: list[str]) -> None:
        """Use these lock files, in this host's folder for the lake. `work` is a local folder for files to be stored."""
        self._store = store
        self._host = host
        self._proof = host.folder / "create-only"
        self._work = work
        self._warnings = warnings

    @contextmanager
    def hold(self, what: str) -> Iterator[Fence]:
        """Hold the lock for the body; LockHeldError when another run does, on this host or another."""
        with self._host.hold(what) as holder:
            if not self._proven():
                if SINGLE_HOST_WARNING not in self._warnings:
                    self._warnings.append(SINGLE_HOST_WARNING)
                yield lambda: None
                return
            lease = Lease(self._store, self._work, holder, self._host.policy, chain_of(self._host.shard))
            lease.take()
            lease.start_heartbeat()
            try:
                lease.yield_to_rivals(self._host.shard)
                yield lease.check
            finally:
                # If the release fails, a run on another host only waits a minute. It must not hide the body's error.
                with suppress(StoreError):
                    lease.release()

    def holder(self) -> Holder | None:
        """Return who holds the lease, a slice's lease or this host's lock; None when nobody does."""
        alive = (self._host.policy.alive(record) for *_, record in leases(self._store))
        return next(filter(None, alive), None) or self._host.holder()

    def _proven(self) -> bool:
        # On some stores the test takes up to a second, so a store that passed is tested again only after a day.
        with mapped(f"reading {self._proof}"):
            fresh = self._proof.exists() and time.time() - self._proof.stat().st_mtime < _PROOF_LASTS.total_seconds()
            if fresh or not honours_create_only(self._store):
                return fresh
            self._proof.touch(mode=0o600)
        return True


def honours_create_only(store: Store) -> bool:
    """Let several writers create the same new keys at once; say whether each key keeps the data of its one winner."""
    keys = [f"{PROBES}{uuid4().hex}" for _ in range(_KEYS)]
    start = Barrier(_KEYS * _WRITERS)

    def create(number: int) -> bool:
        start.wait()
        return store.create(keys[number % _KEYS], str(number).encode())

    try:
        with ThreadPoolExecutor(_KEYS * _WRITERS) as pool:
            won = list(pool.map(create, range(_KEYS * _WRITERS)))
        winners = [number for number, mine in enumerate(won) if mine]
        held = sorted(int(store.read(key)) for key in keys)
        return len(winners) == _KEYS and held == winners
    finally:
        for key in keys:
            store.delete(key)
