"""The run lock on S3: a chain of create-only objects, one key per generation, each the lease of one run.

    _mootech/lease/000000000007.json    {holder, expires_at, released}

A slice of a backfill has a chain of its own, `_mootech/lease/shard-2-of-5/`. The highest generation of a chain is the
ruling lease. It is marked released but never deleted, so a generation is never used twice. A run that was suspended
while others took over either fails to create its key, or sees a higher one in the listing that follows. This needs
only create-only PUTs, because compare-and-swap of one object is broken on some stores.
"""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from threading import Event, Thread

import msgspec

from mootech.errors import LockHeldError, StoreError
from mootech.lake.locks.holder import Holder, held_error, is_dead, this_machine, this_process
from mootech.lake.locks.shard import Shard, rivals
from mootech.lake.paths import LEASES
from mootech.lake.stores.store import Store, put_bytes

EXPIRY = timedelta(seconds=60)
HEARTBEAT_SECONDS = 15.0

_LOOKS = 5
_READERS = 16


class LeaseState(msgspec.Struct, frozen=True):
    """The content of a generation's object."""

    holder: Holder
    expires_at: datetime
    released: bool = False


_RECORDS = msgspec.json.Decoder(LeaseState)


def is_free(record: LeaseState | None, now: datetime, *, dead: bool) -> bool:
    """Say whether a run may take over from the ruling lease (None: there is none) at `now` (UTC).

    `dead`: the holder is known to have ended, which only a process of the same host can know.
    """
    return record is None or record.released or dead or now >= record.expires_at


def _boottime() -> float:
    # Linux's monotonic clock stops while a laptop sleeps, but a lease still runs out.
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


@dataclass(frozen=True)
class Clock:
    """The two clocks of a lease: UTC for other runs to read, and a monotonic one, in seconds, for its holder."""

    now: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))
    monotonic: Callable[[], float] = _boottime


@dataclass(frozen=True)
class LockPolicy:
    """The times and the clock of a lock. A user cannot set them, because all hosts of a lake need the same expiry."""

    clock: Clock = Clock()
    expiry: timedelta = EXPIRY
    heartbeat_seconds: float = HEARTBEAT_SECONDS
    machine: str = field(default_factory=this_machine)
    """This boot of this machine. Whether a process has ended can be known only on its own machine."""

    def holder(self, what: str) -> Holder:
        """Return this process as a holder that begins `what` now."""
        return this_process(what, self.clock.now(), self.machine)

    def alive(self, record: LeaseState | None) -> Holder | None:
        """Return the holder of a lease; None when the lease is free."""
        if record is None or is_free(record, self.clock.now(), dead=is_dead(record.holder, self.machine)):
            return None
        return record.holder


def ruling(store: Store, chain: str = LEASES) -> tuple[int, LeaseState | None]:
    """Return a chain's highest generation and its record; 0 and None before the first.

    Raises:
        StoreError: the store failed, or the object is not a lease that this version can read.

    """
    generations = _generations(store, chain)
    return (generations[-1], _record(store, _key(chain, generations[-1]))) if generations else (0, None)


def _record(store: Store, key: str) -> LeaseState:
    try:
        return _RECORDS.decode(store.read(key))
    except msgspec.DecodeError as exc:
        msg = f"{store.uri(key)} is not a lease that this version of mootech can read"
        raise StoreError(
            msg, hint="If no run works on the lake, delete that object and run the command again."
        ) from exc


class _GoneError(Exception):
    """A lease was replaced by a newer one after it was listed and before it was read."""


def leases(
    store: Store, wanted: Callable[[Shard | None], bool] = lambda _: True
) -> list[tuple[Shard | None, int, LeaseState]]:
    """Return the ruling lease of each chain: its slice (None for the whole lake), its generation and its record.

    Args:
        store: the lake's store.
        wanted: takes a slice and says whether to include its chain.

    Raises:
        StoreError: as `ruling`.

    """
    for _ in range(_LOOKS):
        highest: dict[Shard | None, tuple[int, str]] = {}
        for entry in store.list(LEASES):
            chain, _, name = entry.key.removeprefix(LEASES).rpartition("/")
            number, shard = name.removesuffix(".json"), Shard.named(chain)
            if number.isdecimal() and (shard is not None or not chain) and wanted(shard):
                highest[shard] = int(number), entry.key
        try:
            with ThreadPoolExecutor(_READERS) as pool:
                records = list(pool.map(partial(_record_there, store), (key for _, key in highest.values())))
        except _GoneError:
            continue
        return [(shard, highest[shard][0], record) for shard, record in zip(highest, records, strict=True)]
    raise StoreError("the locks of this lake change hands too fast to be read", hint="Run the same command again.")


def _record_there(store: Store, key: str) -> LeaseState:
    try:
        return _record(store, key)
    except StoreError:
        if store.head(key) is None:
            raise _GoneError from None
        raise


def chain_of(shard: Shard | None) -> str:
    """Return the key prefix of a slice's leases; None is a run on the whole lake."""
    return LEASES if shard is None else f"{LEASES}{shard.name}/"


class Lease:
    """The right of one run to write. `take` it, `check` it before every PUT, then `release` it."""

    def __init__(self, store: Store, work: Path, holder: Holder, policy: LockPolicy, chain: str = LEASES) -> None:
        """Prepare the lease without a request to the store. `work` is a local folder for files to be stored."""
        self._store = store
        self._chain = chain
        self._work = work
        self._holder = holder
        self._policy = policy
        self._clock = policy.clock
        self._generation = 0
        self._deadline = 0.0
        self._stop = Event()
        self._heart = Thread(target=self._beat_until_stopped, name="mootech-lease", daemon=True)

    def take(self) -> None:
        """Become the holder.

        Raises:
            LockHeldError: another run holds the lease.
            StoreError: the store failed.

        """
        generation, record = ruling(self._store, self._chain)
        if (alive := self._policy.alive(record)) is not None:
            raise self.held_by(alive)
        self._generation = generation + 1
        asked = self._clock.monotonic()
        if not self._store.create(_key(self._chain, self._generation), self._document(released=False)):
            raise self._overtaken()
        self._deadline = asked + self._policy.expiry.total_seconds()
        generations = _generations(self._store, self._chain)
        if generations[-1:] != [self._generation]:
            self._store.delete(_key(self._chain, self._generation))
            raise self._overtaken()
        for old in generations[:-1]:
            self._store.delete(_key(self._chain, old))

    def yield_to_rivals(self, mine: Shard | None) -> None:
        """Return when no rival holds a lease: a run of another chain that must not run at the same time as this one.

        Call it after `take`: if two rivals call it at the same moment, each sees the other's lease. When a rival's
        lease has run out, this creates a released one after it. If that run was only suspended, or its clock is slow,
        it finds the new lease before its next PUT and stops, as within one chain.

        Raises:
            LockHeldError: a rival is running.
            StoreError: the store failed.

        """
        settled = False
        while not settled:
            settled = True
            for shard, generation, record in leases(self._store, partial(rivals, mine)):
                if (alive := self._policy.alive(record)) is not None:
                    raise self.held_by(alive)
                if not record.released:
                    # If the create fails, another run has just taken that lease over, so look again.
                    key = _key(chain_of(shard), generation + 1)
                    settled = self._store.create(key, self._document(released=True)) and settled

    def start_heartbeat(self) -> None:
        """Renew the lease from a thread until it is released."""
        self._heart.start()

    def beat(self) -> None:
        """Renew the lease, unless it is lost.

        Raises:
            StoreError: it is lost, or the store failed.

        """
        self.check()
        asked = self._clock.monotonic()
        put_bytes(self._store, _key(self._chain, self._generation), self._document(released=False), self._work)
        self._deadline = asked + self._policy.expiry.total_seconds()

    def check(self) -> None:
        """Return if this run still holds the lease.

        Raises:
            StoreError: the lease ran out or another run has taken over; this run must not write any more.

        """
        hint = "What was published is whole. Run the command again when the other run has ended."
        if self._clock.monotonic() >= self._deadline:
            msg = f"this run lost the lake's lock: it could not renew it for {self._policy.expiry.seconds} s"
            raise StoreError(msg, hint=hint)
        if _generations(self._store, self._chain)[-1:] != [self._generation]:
            raise StoreError("this run lost the lake's lock: another run has taken over", hint=hint)

    def release(self) -> None:
        """Let the next run take over at once. After a loss there is nothing to release.

        Raises:
            StoreError: the store failed; the lease runs out by itself.

        """
        self._stop.set()
        if self._heart.is_alive():
            # A renewal that is under way must not be stored after the release.
            self._heart.join()
        if _generations(self._store, self._chain)[-1:] == [self._generation]:
            put_bytes(self._store, _key(self._chain, self._generation), self._document(released=True), self._work)

    def _beat_until_stopped(self) -> None:
        while not self._stop.wait(self._policy.heartbeat_seconds):
            try:
                self.beat()
            except StoreError:
                # The store may answer again before the deadline. If it does not, `check` stops the run.
                continue

    def _document(self, *, released: bool) -> bytes:
        return msgspec.json.encode(LeaseState(self._holder, self._clock.now() + self._policy.expiry, released))

    def _overtaken(self) -> LockHeldError:
        _, record = ruling(self._store, self._chain)
        return self.held_by(None if record is None else record.holder)

    def held_by(self, holder: Holder | None) -> LockHeldError:
        """Return the error of a run that cannot take the lease because of this holder."""
        seconds = self._policy.expiry.seconds
        return held_error(holder, f"After {seconds} s without a sign of life from it, the next run takes over.")


def _key(chain: str, generation: int) -> str:
    return f"{chain}{generation:012d}.json"


def _generations(store: Store, chain: str) -> list[int]:
    names = (entry.key.removeprefix(chain).removesuffix(".json") for entry in store.list(chain))
    return sorted(int(name) for name in names if name.isdecimal())
