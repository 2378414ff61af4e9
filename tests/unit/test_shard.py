"""Slices of a backfill: which jobs are whose, and which runs keep each other out."""

from collections import Counter
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mootech.config import IngestSettings, Settings
from mootech.errors import LockHeldError, StoreError, UsageError
from mootech.lake.lake import Lake
from mootech.lake.locks.holder import Holder
from mootech.lake.locks.lease import Lease, LockPolicy, chain_of
from mootech.lake.locks.shard import Shard, rivals
from mootech.lake.stores.local import LocalStore
from mootech.lake.stores.store import Store
from mootech.layers.bronze.selection import Selection
from mootech.tables import TABLES
from tests.clocks import NOON, Time
from tests.stores import Wrapper

SHARDS = st.integers(1, 1000).flatmap(lambda of: st.builds(Shard, st.integers(1, of), st.just(of)))


@given(SHARDS)
def test_a_slice_is_read_as_it_is_written(shard: Shard) -> None:
    """On the command line and as the name of its lock."""
    assert Shard.parse(str(shard)) == shard
    assert Shard.named(shard.name) == shard


@pytest.mark.parametrize("text", ["0/5", "6/5", "2/0", "2", "2/", "a/b", "-1/5", "1/1001", "2/5/9", ""])
def test_what_is_no_slice_is_refused(text: str) -> None:
    """With an example of one."""
    with pytest.raises(UsageError, match="slice") as caught:
        Shard.parse(text)
    assert "/5" in caught.value.hint


@pytest.mark.parametrize("name", ["shard-6-of-5", "shard-0-of-0", "shard-1-of-2.json", "", "lock"])
def test_what_is_no_slice_s_name_is_none(name: str) -> None:
    """A file or folder that only looks like one keeps nobody out."""
    assert Shard.named(name) is None


@given(of=st.integers(1, 9), days=st.integers(0, 40))
def test_every_job_is_in_exactly_one_slice(of: int, days: int) -> None:
    """Whatever the number of slices, together they fetch what one run would, and none of it twice."""
    first = date(2024, 1, 1)
    settings = Settings(state_dir=Path("state"), ingest=IngestSettings(start=first))
    last = first + timedelta(days=days)
    whole = Selection(start=first, end=last).jobs(settings, None)
    shards = [Shard(number, of) for number in range(1, of + 1)]
    slices = [Selection(start=first, end=last, shard=shard).jobs(settings, None) for shard in shards]
    assert Counter(job for each in slices for job in each) == Counter(whole)
    assert max(map(len, slices)) - min(map(len, slices)) <= len(TABLES)


def test_who_keeps_whom_out() -> None:
    """The whole lake and any slice, and slices of another number of them; slices of one backfill work side by side."""
    assert rivals(None, Shard(1, 2))
    assert rivals(Shard(1, 2), None)
    assert rivals(Shard(1, 2), Shard(1, 3))
    assert not rivals(Shard(1, 2), Shard(2, 2))
    assert not rivals(None, None)


@pytest.mark.parametrize("hosts", [1, 2], ids=["one host", "two hosts"])
@pytest.mark.parametrize(
    ("holder", "other", "turned_away"),
    [
        (None, None, True),
        (None, "1/2", True),
        ("1/2", None, True),
        ("1/2", "1/2", True),
        ("1/2", "1/3", True),
        ("1/2", "2/2", False),
    ],
)
def test_a_lock_keeps_its_rivals_out(  # noqa: PLR0913 - a table of cases
    lake_url: str, tmp_path: Path, holder: str | None, other: str | None, hosts: int, *, turned_away: bool
) -> None:
    """On a directory and on S3, from one host and from two: exit 75 that names the other, and both locks come free."""
    opened = [_lake(lake_url, tmp_path, host, text) for host, text in enumerate((holder, other))]
    if hosts == 1:
        opened[1] = _lake(lake_url, tmp_path, 0, other)
    first, second = opened
    with first.lock("ingest of the first"):
        if turned_away:
            with pytest.raises(LockHeldError, match="ingest of the first"), second.lock("ingest of the second"):
                pass
        else:
            with second.lock("ingest of the second"):
                pass
        assert "ingest of the first" in (first.lock_holder() or "")
        assert "ingest of the first" in (_lake(lake_url, tmp_path, 0, None).lock_holder() or "")
    with second.lock("afterwards"):
        pass
    assert first.lock_holder() is None


def _lake(url: str, tmp_path: Path, host: int, shard: str | None) -> Lake:
    policy = LockPolicy(machine=f"machine {host}")
    slice_of = None if shard is None else Shard.parse(shard)
    return Lake.open(url, state_dir=tmp_path / f"state {host}", write=True, policy=policy, shard=slice_of)


def test_a_rival_that_only_slept_finds_out(tmp_path: Path) -> None:
    """A slice whose clock is slow, or that slept through its lease, must not write beside a run that took its turn."""
    store, slow, right = LocalStore(tmp_path / "lake"), Time(), Time(seconds=90)
    sleeper = _lease(store, tmp_path, slow, Shard(1, 2))
    sleeper.take()
    sleeper.check()
    whole = _lease(store, tmp_path, right, None)
    whole.take()
    whole.yield_to_rivals(None)
    with pytest.raises(StoreError, match="another run has taken over"):
        sleeper.check()
    with pytest.raises(StoreError, match="another run has taken over"):
        sleeper.beat()
    whole.check()
    whole.release()
    _lease(store, tmp_path, right, Shard(1, 2)).take()


def test_slices_that_begin_together_do_not_trip_over_each_other(tmp_path: Path) -> None:
    """A sibling's chain is not looked at, and a rival's lease that goes while it is looked at is looked at again."""

    class Moving(Wrapper):
        gone = 0

        def read(self, key: str) -> bytes:
            """Let the lease be succeeded by a released one before the first look at it."""
            if "shard-1-of-3" in key and not self.gone:
                self.gone += 1
                old.release()
                old.take()
                old.release()
            assert "shard-2-of-2" not in key
            return super().read(key)

    time = Time()
    store = Moving(LocalStore(tmp_path / "lake"))
    old = _lease(store.inner, tmp_path, time, Shard(1, 3))
    old.take()
    _lease(store.inner, tmp_path, time, Shard(2, 2)).take()
    mine = _lease(store, tmp_path, time, Shard(1, 2))
    mine.take()
    mine.yield_to_rivals(Shard(1, 2))
    assert store.gone == 1


def _lease(store: Store, tmp_path: Path, time: Time, shard: Shard | None) -> Lease:
    holder = Holder("host", f"another boot for {shard}", 4242, "1", NOON, "ingest", f"nonce {shard}")
    return Lease(store, tmp_path, holder, time.policy, chain_of(shard))
