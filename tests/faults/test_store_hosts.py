"""Two hosts on one S3 lake: who works, who is refused, who is stopped; and another client that writes while we look.

A host here is a process, or a part of this one, with a state folder and a machine id of its own.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from mootech.errors import LockHeldError, StoreError
from mootech.lake.lake import Lake, Layer
from mootech.lake.locks.lease import LockPolicy, ruling
from mootech.lake.locks.runlock import SINGLE_HOST_WARNING
from mootech.lake.paths import LEASES, PROBES
from mootech.lake.stores.registry import open_store
from tests import forked
from tests.conftest import S3Server
from tests.faults import proxy as faults
from tests.faults.days import KEY, NEW, OLD, Host, check_converges, check_whole, objects, oracle
from tests.faults.invariants import World, ingest_command
from tests.faults.proxy import Hold, Proxy, Rule, proxying
from tests.stores import DAY, Wrapper, day_rows

pytestmark = pytest.mark.s3

ROOT = Path(__file__).parents[2]
SHORT = timedelta(seconds=4)
"""A lease's expiry where a test has to wait for it."""
GENEROUS_SECONDS = 60.0
"""Nothing waited for takes this long; only a broken test waits it out."""

HOLDER = """
import sys
from datetime import timedelta
from pathlib import Path
from mootech.errors import MootechError
from mootech.lake.lake import Lake
from mootech.lake.locks.lease import LockPolicy
from tests.faults.days import NEW, OLD
url, state, machine, seconds = sys.argv[1:]
policy = LockPolicy(expiry=timedelta(seconds=float(seconds)), heartbeat_seconds=float(seconds) / 10, machine=machine)
lake = Lake.open(url, state_dir=Path(state), write=True, policy=policy)
print("ready", flush=True)
sys.stdin.readline()
try:
    with lake.lock("ingest"):
        print("held", flush=True)
        for line in sys.stdin:
            lake.publish_day(OLD if line.strip() == "old" else NEW)
            print("published", flush=True)
        lake.save_manifests()
except MootechError as exc:
    print(exc.message, flush=True)
    sys.exit(exc.exit_code)
"""


class Process:
    """A host as a process: it takes the lock when told, and publishes what it is told."""

    def __init__(self, url: str, state: Path, machine: str, expiry: timedelta) -> None:
        """Start it, and wait until it has opened the lake."""
        command = [sys.executable, "-c", HOLDER, url, str(state), machine, str(expiry.total_seconds())]
        self.popen = subprocess.Popen(  # noqa: S603  # our own interpreter
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self.heard() == "ready"

    def tell(self, line: str = "") -> None:
        """Send a line."""
        assert self.popen.stdin is not None
        self.popen.stdin.write(f"{line}\n")
        self.popen.stdin.flush()

    def heard(self) -> str:
        """Wait for a line."""
        assert self.popen.stdout is not None
        return self.popen.stdout.readline().strip()

    def ended(self) -> int:
        """Let it end; return its exit code."""
        assert self.popen.stdin is not None
        self.popen.stdin.close()
        return self.popen.wait(GENEROUS_SECONDS)


@contextmanager
def process(url: str, state: Path, machine: str, expiry: timedelta = timedelta(seconds=60)) -> Iterator[Process]:
    """Run a host; whatever becomes of the test, it does not outlive it."""
    one = Process(url, state, machine, expiry)
    try:
        yield one
    finally:
        one.popen.kill()
        one.popen.wait()
        for pipe in (one.popen.stdin, one.popen.stdout):
            assert pipe is not None
            pipe.close()


def take_over(host: Host) -> None:
    """Publish NEW as soon as the lake's lock lets this host; LockHeldError when it never does."""
    deadline = time.monotonic() + GENEROUS_SECONDS
    while True:
        try:
            host.publish(NEW)
        except LockHeldError:
            if time.monotonic() > deadline:
                raise
            # Expiry is a moment on the clock; there is no event to wait for.
            threading.Event().wait(0.1)
        else:
            return


@pytest.mark.fault(7)
def test_of_two_hosts_one_works(s3_lake: str, tmp_path: Path) -> None:
    """Hosts that start at the same moment: one holds the lake, the other exits 75 naming it; then it is free again."""
    with process(s3_lake, tmp_path / "one", "boot one") as one, process(s3_lake, tmp_path / "two", "boot two") as two:
        for host in (one, two):
            host.tell()
        said = {host: host.heard() for host in (one, two)}
        [winner] = [host for host, line in said.items() if line == "held"]
        [loser] = [host for host in said if host is not winner]
        assert said[loser].startswith("another run works on this lake: ingest on ")
        assert f"(pid {winner.popen.pid}) since" in said[loser]
        assert loser.ended() == LockHeldError.exit_code
        winner.tell("new")
        assert winner.heard() == "published"
        assert winner.ended() == 0
    new = oracle(tmp_path / "new", NEW)
    assert objects(open_store(s3_lake)) == new
    check_converges(Host(open_store(s3_lake), tmp_path / "three", LockPolicy(machine="boot three")), NEW, new)


@pytest.mark.fault(9)
def test_a_run_that_sleeps_past_its_lease_stops_before_its_next_put(s3_lake: str, tmp_path: Path) -> None:
    """Stopped, overtaken and woken again, a run writes nothing more, says why and exits 5."""
    store = open_store(s3_lake)
    with process(s3_lake, tmp_path / "one", "boot one", SHORT) as sleeper:
        sleeper.tell()
        assert sleeper.heard() == "held"
        sleeper.tell("old")
        assert sleeper.heard() == "published"
        os.kill(sleeper.popen.pid, signal.SIGSTOP)
        other = Host(store, tmp_path / "two", LockPolicy(expiry=SHORT, heartbeat_seconds=0.3, machine="boot two"))
        take_over(other)
        stood = store.list("")
        sleeper.tell("old")
        os.kill(sleeper.popen.pid, signal.SIGCONT)
        assert "lost the lake's lock" in sleeper.heard()
        assert sleeper.ended() == StoreError.exit_code
    assert store.list("") == stood
    new = oracle(tmp_path / "new", NEW)
    assert objects(store) == new
    check_converges(other, NEW, new)


@pytest.mark.fault(9)
def test_a_put_in_flight_does_not_land_on_what_the_next_run_published(
    s3_lake: str, s3_server: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A PUT that left before its run lost the lease and arrives after the next run's is refused by its condition."""
    store = open_store(s3_lake)
    Host(store, tmp_path / "two").publish(OLD)
    with proxying(s3_server.endpoint) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        slow = Host(
            open_store(s3_lake), tmp_path / "one", LockPolicy(expiry=SHORT, heartbeat_seconds=600, machine="boot one")
        )
        hold = Hold()
        proxy.spoil(Rule(hold, "PUT", f"{KEY}$"))
        raised: list[BaseException] = []

        def publish() -> None:
            try:
                slow.publish(day_rows([9], rejects=("{z}",)))
            except StoreError as exc:
                raised.append(exc)

        thread = threading.Thread(target=publish)
        thread.start()
        assert hold.arrived.wait(GENEROUS_SECONDS)
        other = Host(store, tmp_path / "two", LockPolicy(expiry=SHORT, heartbeat_seconds=0.3, machine="boot two"))
        take_over(other)
        hold.go.set()
        thread.join(GENEROUS_SECONDS)
    assert "somebody else has written it" in str(raised)
    new = oracle(tmp_path / "new", NEW)
    found = objects(store)
    assert found[KEY] == new[KEY]
    assert new.items() <= found.items()
    check_converges(other, NEW, new)


@pytest.mark.fault(10)
def test_a_killed_holder_keeps_nobody_waiting(s3_lake: str, tmp_path: Path) -> None:
    """After kill -9 the lease stands for another minute, and the next run of that host works at once all the same."""
    machine = LockPolicy().machine
    with process(s3_lake, tmp_path / "state", machine) as holder:
        holder.tell()
        assert holder.heard() == "held"
        holder.popen.kill()
        holder.popen.wait()
    store = open_store(s3_lake)
    elsewhere = Host(store, tmp_path / "two", LockPolicy(machine="another boot"))
    with pytest.raises(LockHeldError, match=f"pid {holder.popen.pid}"):
        elsewhere.publish(NEW)
    here = Host(store, tmp_path / "state")
    assert here.publish(NEW) == [True]
    assert ruling(store)[0] == 2
    check_converges(here, NEW, oracle(tmp_path / "new", NEW))


@pytest.fixture
def blind(s3_server: S3Server, s3_bucket: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    """Stand before the S3 server and take every condition off, as a server does that ignores them."""
    assert s3_bucket
    with proxying(s3_server.endpoint) as proxy:
        proxy.spoil(Rule(faults.unconditional, "PUT", times=float("inf")))
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        yield proxy


@pytest.mark.fault(8)
def test_where_conditions_are_ignored_two_hosts_leave_whole_days_and_are_warned(
    blind: Proxy, s3_lake: str, tmp_path: Path
) -> None:
    """Without create-only writes both hosts publish; objects stay whole, both are told of single-host mode."""
    versions = {"one": OLD, "two": NEW}
    hosts = {name: Host(open_store(s3_lake), tmp_path / name, LockPolicy(machine=name)) for name in versions}
    wanted = [oracle(tmp_path / f"{name} wanted", day) for name, day in versions.items()]
    for _ in range(4):
        threads = [threading.Thread(target=host.publish, args=(versions[name],)) for name, host in hosts.items()]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(GENEROUS_SECONDS)
        partition = open_store(s3_lake).read(KEY)
        assert partition in [version[KEY] for version in wanted]
    assert [host.warnings for host in hosts.values()] == [[SINGLE_HOST_WARNING]] * 2
    store = open_store(s3_lake)
    assert store.list(LEASES) == store.list(PROBES) == []
    assert blind.rules[0].hits > 0
    check_converges(hosts["two"], NEW, wanted[1])
    check_whole(objects(store), *wanted)


@pytest.mark.fault(8)
def test_the_command_says_that_it_is_in_single_host_mode(
    blind: Proxy, s3_lake: str, tmp_path: Path, world: World
) -> None:
    """`mootech ingest` on a store that ignores conditions does its work, exits 0 and says so to the person."""
    day = world.start.isoformat()
    argv, env = ingest_command(world, s3_lake, tmp_path / "state", "--start", day, "--end", day)
    done = forked.run(argv, env)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Single-host mode" in " ".join((done.stdout + done.stderr).split())
    assert blind.rules[0].hits > 0


@pytest.mark.fault(25)
def test_every_listing_shows_what_another_client_did_before_it(
    s3_lake: str, s3_bucket: str, s3_server: S3Server
) -> None:
    """Objects that another client put, replaced or deleted are in, or out of, the very next listing and HEAD."""
    store, client = open_store(s3_lake), s3_server.client
    for number in range(20):
        key = f"raw_data/users/{number}"
        assert store.head(key) is None
        client.put_object(Bucket=s3_bucket, Key=f"lake/{key}", Body=b"one")
        one = store.head(key)
        assert one is not None
        assert one.entry in store.list("raw_data/")
        client.put_object(Bucket=s3_bucket, Key=f"lake/{key}", Body=b"two")
        two = store.head(key)
        assert two is not None
        assert two.entry.version != one.entry.version
        assert store.list("raw_data/") == [two.entry]
        assert store.read(key) == b"two"
        client.delete_object(Bucket=s3_bucket, Key=f"lake/{key}")
        assert store.list("raw_data/") == []


@pytest.mark.fault(25)
def test_a_reader_sees_what_was_published_before_it_looked_or_something_newer(s3_lake: str, tmp_path: Path) -> None:
    """While another process's lake publishes version after version, each look tells one no older than the last done."""
    writer = Host(open_store(s3_lake), tmp_path / "writer", LockPolicy(machine="writer"))
    writer.publish(day_rows([0]))
    reader = Lake(open_store(s3_lake), state_dir=tmp_path / "reader")
    done = 1
    ended = threading.Event()

    def write() -> None:
        nonlocal done
        for rows in range(2, 12):
            writer.publish(day_rows(list(range(rows))))
            done = rows
        ended.set()

    thread = threading.Thread(target=write)
    thread.start()
    looks = 0
    while not ended.is_set() or not looks:
        before = done
        receipt = reader.held(Layer.RAW, "transactions")[DAY].receipt
        assert receipt is not None
        assert receipt.published >= before
        looks += 1
    thread.join()
    last = reader.held(Layer.RAW, "transactions")[DAY].receipt
    assert last is not None
    assert last.published == 11


@pytest.mark.fault(25)
def test_an_object_deleted_while_it_was_looked_at_is_a_clean_error(s3_lake: str, tmp_path: Path) -> None:
    """A partition that another client deletes between listing and footer gives a store error, and is gone after."""
    store = open_store(s3_lake)
    Host(store, tmp_path / "state").publish(NEW)
    store.delete("_mootech/manifests/raw_data-transactions.json")
    lake = Lake(Vanishing(store), state_dir=tmp_path / "reader")
    with pytest.raises(StoreError) as caught:
        lake.held(Layer.RAW, "transactions")
    assert "removed after it was listed" in caught.value.hint
    assert lake.held(Layer.RAW, "transactions") == {}


class Vanishing(Wrapper):
    """A store from which another client deletes each object just before its end is read."""

    def read_tail(self, key: str, size: int) -> bytes:
        """Delete, then look."""
        self.inner.delete(key)
        return super().read_tail(key, size)
