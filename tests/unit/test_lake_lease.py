"""The lease: who may take over when, who is told off, and that a run which lost it stops; on a clock of our own."""

import subprocess
import sys
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mootech.errors import LockHeldError, StoreError
from mootech.lake.locks.holder import Holder, is_dead, this_machine, this_process
from mootech.lake.locks.lease import EXPIRY, Lease, LeaseState, is_free, ruling
from mootech.lake.locks.runlock import honours_create_only
from mootech.lake.stores.local import LocalStore
from mootech.lake.stores.store import Store
from tests.clocks import NOON, Time
from tests.stores import BlindStore, CutAfter, Wrapper

ELSEWHERE = Holder("host7", "another boot", 4242, "1", NOON, "ingest", "nonce")


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    """Make a store that honours create-only writes."""
    return LocalStore(tmp_path / "lake")


@pytest.fixture
def time() -> Time:
    """Start the clock."""
    return Time()


def lease(store: Store, tmp_path: Path, time: Time, *, host: str) -> Lease:
    """Prepare a lease of a run on another host: its process is never known to be dead."""
    return Lease(store, tmp_path, replace(ELSEWHERE, host=host, nonce=host), time.policy)


def leases(store: Store) -> list[str]:
    """Return the names of the lease objects."""
    return [entry.key.rpartition("/")[2] for entry in store.list("_mootech/lease/")]


def test_the_second_run_is_told_who_works(store: LocalStore, tmp_path: Path, time: Time) -> None:
    """While a lease is alive another run is refused, with the holder's host, process, start and command."""
    lease(store, tmp_path, time, host="one").take()
    with pytest.raises(LockHeldError) as caught:
        lease(store, tmp_path, time, host="two").take()
    assert "ingest on one (pid 4242) since 2024-02-29 12:00:00 UTC" in caught.value.message
    assert "kill 4242" in caught.value.hint


def test_a_released_lease_is_taken_over_at_once(store: LocalStore, tmp_path: Path, time: Time) -> None:
    """After a release the next run takes the next generation, and the one before is cleared away."""
    first = lease(store, tmp_path, time, host="one")
    first.take()
    first.release()
    assert leases(store) == ["000000000001.json"]
    second = lease(store, tmp_path, time, host="two")
    second.take()
    second.check()
    assert leases(store) == ["000000000002.json"]


def test_a_silent_run_is_taken_over_when_its_lease_ran_out(store: LocalStore, tmp_path: Path, time: Time) -> None:
    """A run that stops renewing holds the lease for sixty seconds and not a second more, and then must not write."""
    first = lease(store, tmp_path, time, host="one")
    first.take()
    time.seconds = 59.9
    with pytest.raises(LockHeldError):
        lease(store, tmp_path, time, host="two").take()
    time.seconds = 60
    second = lease(store, tmp_path, time, host="two")
    second.take()
    second.check()
    for act in (first.check, first.beat):
        with pytest.raises(StoreError, match="lost the lake's lock"):
            act()
    first.release()
    second.check()


def test_a_sleeper_that_wakes_within_its_time_sees_the_new_generation(
    store: LocalStore, tmp_path: Path, time: Time
) -> None:
    """A run whose own clock stood still is stopped by the listing: another generation is higher."""
    asleep = Time()
    first = lease(store, tmp_path, asleep, host="one")
    first.take()
    time.seconds = 61
    lease(store, tmp_path, time, host="two").take()
    with pytest.raises(StoreError, match="another run has taken over"):
        first.check()


def test_renewing_keeps_the_lease(store: LocalStore, tmp_path: Path, time: Time) -> None:
    """A lease that is renewed every fifteen seconds is held for as long as the run lasts."""
    first = lease(store, tmp_path, time, host="one")
    first.take()
    for _ in range(20):
        time.seconds += 15
        first.beat()
        first.check()
        with pytest.raises(LockHeldError):
            lease(store, tmp_path, time, host="two").take()


def test_a_run_whose_renewals_fail_stops_before_others_may_start(store: LocalStore, tmp_path: Path, time: Time) -> None:
    """When the store does not take renewals, `check` refuses at the moment at which others may take over."""
    first = lease(CutAfter(store, writes=0), tmp_path, time, host="one")
    first.take()
    time.seconds = 30
    with pytest.raises(StoreError):
        first.beat()
    time.seconds = 59
    first.check()
    time.seconds = 60
    with pytest.raises(StoreError):
        first.check()


def test_a_lease_whose_object_is_gone_is_lost(store: LocalStore, tmp_path: Path, time: Time) -> None:
    """A run whose lease object somebody deleted stops."""
    first = lease(store, tmp_path, time, host="one")
    first.take()
    store.delete("_mootech/lease/000000000001.json")
    with pytest.raises(StoreError):
        first.check()


@dataclass
class Overtaking(Wrapper):
    """A store in which the chain moves on between a run's look at it and its own create."""

    time: Time
    state: Path

    def create(self, key: str, data: bytes) -> bool:
        """Let two other runs pass, the first of them gone again with its object, then create."""
        for host in ("fast", "faster"):
            other = lease(self.inner, self.state, self.time, host=host)
            other.take()
            if host == "fast":
                other.release()
        return self.inner.create(key, data)


def test_a_run_that_was_overtaken_while_it_took_gives_up(store: LocalStore, tmp_path: Path, time: Time) -> None:
    """A generation that became free again below a higher one gives no right: the taker withdraws it."""
    with pytest.raises(LockHeldError, match="faster"):
        lease(Overtaking(store, time, tmp_path), tmp_path, time, host="slow").take()
    assert leases(store) == ["000000000002.json"]


def test_a_killed_run_on_this_host_is_taken_over_at_once(store: LocalStore, tmp_path: Path, time: Time) -> None:
    """A lease of a process of this host that is no more is free, long before it runs out."""
    with subprocess.Popen([sys.executable, "-c", ""]) as child:
        child.wait()
    gone = replace(this_process("ingest", NOON, this_machine()), pid=child.pid)
    assert is_dead(gone, this_machine())
    Lease(store, tmp_path, gone, time.policy).take()
    lease(store, tmp_path, time, host="two").take()
    assert ruling(store)[0] == 2


def test_only_what_is_known_counts_as_dead() -> None:
    """A running process lives; a process id used again is another process; other machines are unknown."""
    me = this_process("ingest", NOON, this_machine())
    assert not is_dead(me, this_machine())
    assert is_dead(replace(me, start="0"), this_machine())
    assert not is_dead(replace(me, start="0", machine="another boot"), this_machine())
    assert not is_dead(replace(me, start="0", machine=""), this_machine())


@given(released=st.booleans(), dead=st.booleans(), seconds=st.integers(-120, 120))
def test_a_lease_is_free_when_released_dead_or_run_out(*, released: bool, dead: bool, seconds: int) -> None:
    """Exactly these three make a lease free; without a lease the lake is."""
    record = LeaseState(ELSEWHERE, NOON + EXPIRY, released)
    now = NOON + EXPIRY + timedelta(seconds=seconds)
    assert is_free(record, now, dead=dead) == (released or dead or seconds >= 0)
    assert is_free(None, now, dead=dead)


def test_a_lease_of_another_version_is_not_guessed_at(store: LocalStore, tmp_path: Path, time: Time) -> None:
    """A lease object that cannot be read stops the run and names the object to delete."""
    store.create("_mootech/lease/000000000003.json", msgspec.json.encode({"holder": "?"}))
    with pytest.raises(StoreError) as caught:
        lease(store, tmp_path, time, host="one").take()
    assert "000000000003.json" in caught.value.message
    assert "delete" in caught.value.hint


def test_the_probe_tells_stores_apart(store: LocalStore) -> None:
    """A store with one winner per key passes, one that takes every create does not, and neither keeps a trace."""
    assert honours_create_only(store)
    assert not honours_create_only(BlindStore(store))
    assert store.list("") == []
