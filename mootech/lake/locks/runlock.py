"""The run lock: one run at a time writes to a lake, or several slices of one backfill. Readers take none.

A lake in a directory: flock on `_mootech/lock`. On S3: flock in this host's state folder, and between hosts a lease,
where the store is seen to honour create-only PUTs; where it does not, a warning says that only this host is
protected.
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
"""Returns while the run may write; raises StoreError from the moment it may not."""

SINGLE_HOST_WARNING = (
    "Single-host mode: this S3 store does not honour create-only writes, so runs on other hosts are not kept out. "
    "Let only one host write to this lake."
)

_PROOF_LASTS = timedelta(days=1)
_KEYS, _WRITERS = 2, 3


class HostLocks:
    """The lock files of one lake on this host: `lock` for runs on the whole lake, `lock-shard-2-of-5` for a slice."""

    def __init__(self, folder: Path, policy: LockPolicy, shard: Shard | None = None) -> None:
        """Lock files of that folder, which exists; `shard` is the slice that this run works on."""
        self.folder = folder
        self.policy = policy
        self.shard = shard

    @contextmanager
    def hold(self, what: str) -> Iterator[Holder]:
        """Hold this run's file for the body; LockHeldError when it is held, or a rival's is."""
        holder = self.policy.holder(what)
        with host_lock(self._path(self.shard), holder):
            # With the own lock in hand: of two that look at the same moment each then finds the other's held.
            for shard in self._shards():
                if rivals(self.shard, shard) and is_held(self._path(shard)):
                    raise turned_away(self._path(shard), self.policy.machine)
            yield holder

    def holder(self) -> Holder | None:
        """Return who holds one of the files, None when nobody does."""
        machine = self.policy.machine
        return next(filter(None, (holder_of(self._path(shard), machine) for shard in self._shards())), None)

    def _path(self, shard: Shard | None) -> Path:
        return self.folder / (LOCK_NAME if shard is None else f"{LOCK_NAME}-{shard.name}")

    def _shards(self) -> list[Shard | None]:
        """Return whose lock files there are, None for the whole lake's."""
        with mapped(f"looking for locks in {self.folder}"):
            names = {file.name.removeprefix(LOCK_NAME) for file in self.folder.glob(f"{LOCK_NAME}*")}
        found = [shard for name in sorted(names) if (shard := Shard.named(name.removeprefix("-")))]
        return [*([None] if "" in names else []), *found]


class DirectoryLock:
    """The lock of a lake in a directory."""

    def __init__(self, host: HostLocks) -> None:
        """Take the lock files, which lie in the lake itself."""
        self._host = host

    @contextmanager
    def hold(self, what: str) -> Iterator[Fence]:
        """Hold the lock for the body; LockHeldError when another run does."""
        with self._host.hold(what):
            yield lambda: None

    def holder(self) -> Holder | None:
        """Return who holds the lock, or a slice's, None when nobody does."""
        return self._host.holder()


class BucketLock:
    """The lock of a lake on S3. `warnings` receives what a person should know."""

    def __init__(self, store: Store, host: HostLocks, work: Path, warnings: list[str]) -> None:
        """Take the lock files, in this host's own folder for this lake; `work` is for files to be stored."""
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
                # A release that fails costs the next run on another host a minute, and must not hide the body's error.
                with suppress(StoreError):
                    lease.release()

    def holder(self) -> Holder | None:
        """Return who holds the lease, or a slice's, or this host's lock; None when nobody does."""
        alive = (self._host.policy.alive(record) for *_, record in leases(self._store))
        return next(filter(None, alive), None) or self._host.holder()

    def _proven(self) -> bool:
        # Losing writers wait up to a second on some stores, so a store that passed is not asked at every run.
        with mapped(f"reading {self._proof}"):
            fresh = self._proof.exists() and time.time() - self._proof.stat().st_mtime < _PROOF_LASTS.total_seconds()
            if fresh or not honours_create_only(self._store):
                return fresh
            self._proof.touch(mode=0o600)
        return True


def honours_create_only(store: Store) -> bool:
    """Let several writers create the same fresh keys at once; say whether each key had one winner, whose data stand."""
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
