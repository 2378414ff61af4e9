"""The run lock: one run at a time writes to a lake. Readers take none.

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
from mootech.lake.holder import Holder
from mootech.lake.hostlock import holder_of, host_lock
from mootech.lake.lease import Lease, Terms, ruling
from mootech.lake.paths import PROBES
from mootech.lake.store import Store

Fence = Callable[[], None]
"""Returns while the run may write; raises StoreError from the moment it may not."""

SINGLE_HOST_WARNING = (
    "Single-host mode: this S3 store does not honour create-only writes, so runs on other hosts are not kept out. "
    "Let only one host write to this lake."
)

_PROOF_LASTS = timedelta(days=1)
_KEYS, _WRITERS = 2, 3


class DirectoryLock:
    """The lock of a lake in a directory."""

    def __init__(self, path: Path, terms: Terms) -> None:
        """Lock that file, in a folder that exists."""
        self._path = path
        self._terms = terms

    @contextmanager
    def hold(self, what: str) -> Iterator[Fence]:
        """Hold the lock for the body; LockHeldError when another run does."""
        with host_lock(self._path, self._terms.holder(what)):
            yield lambda: None

    def holder(self) -> Holder | None:
        """Return who holds the lock, None when nobody does."""
        return holder_of(self._path, self._terms.machine)


class BucketLock:
    """The lock of a lake on S3. `warnings` receives what a person should know."""

    def __init__(self, store: Store, folder: Path, work: Path, terms: Terms, warnings: list[str]) -> None:
        """`folder` is this host's own for this lake and exists; `work` is for files to be stored."""
        self._store = store
        self._path = folder / "lock"
        self._proof = folder / "create-only"
        self._work = work
        self._terms = terms
        self._warnings = warnings

    @contextmanager
    def hold(self, what: str) -> Iterator[Fence]:
        """Hold the lock for the body; LockHeldError when another run does, on this host or another."""
        holder = self._terms.holder(what)
        with host_lock(self._path, holder):
            if not self._proven():
                if SINGLE_HOST_WARNING not in self._warnings:
                    self._warnings.append(SINGLE_HOST_WARNING)
                yield lambda: None
                return
            lease = Lease(self._store, self._work, holder, self._terms)
            lease.take()
            lease.start_heartbeat()
            try:
                yield lease.check
            finally:
                # A release that fails costs the next run on another host a minute, and must not hide the body's error.
                with suppress(StoreError):
                    lease.release()

    def holder(self) -> Holder | None:
        """Return who holds the lease, or this host's lock; None when nobody does."""
        _, record = ruling(self._store)
        return self._terms.alive(record) or holder_of(self._path, self._terms.machine)

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
