"""Publishing on S3 when the line breaks or the server says no, at every single request of the command."""

from collections.abc import Iterator
from functools import partial
from itertools import cycle
from pathlib import Path

import pytest
from tenacity import wait_none

from mootech.errors import StoreError
from mootech.lake.locks.lease import EXPIRY
from mootech.lake.stores import s3_client
from mootech.lake.stores.registry import open_store
from tests import forked
from tests.clocks import Time
from tests.conftest import S3Server
from tests.faults import proxy as faults
from tests.faults.days import KEY, NEW, OLD, Host, check_converges, check_whole, failure, objects, oracle
from tests.faults.invariants import World, check_converged, check_lake, ingest_command
from tests.faults.proxy import Fault, Proxy, Rule, proxying

pytestmark = [pytest.mark.s3, pytest.mark.fault(23)]

ONCE = {
    "cut before the request": faults.cut,
    "cut inside the request": faults.cut_inside,
    "acknowledgement lost": faults.lost,
    "cut inside the answer": faults.cut_answer,
    "503 SlowDown": faults.says(503, "SlowDown"),
    "500 although it happened": faults.says(500, "InternalError", after=True),
    "409 although it happened": faults.says(409, "OperationAborted", after=True),
}
FOR_GOOD = {
    "cut before the request": faults.cut,
    "acknowledgement lost": faults.lost,
    "credentials expired": faults.says(400, "ExpiredToken"),
}


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Try again at once."""
    monkeypatch.setattr(s3_client, "PAUSE", wait_none())


@pytest.fixture
def _two_attempts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give up soon on a store that is gone anyway."""
    monkeypatch.setattr(s3_client, "ATTEMPTS", 2)


@pytest.fixture
def proxy(s3_server: S3Server, s3_bucket: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    """Stand between mootech and the S3 server; the bucket is there."""
    assert s3_bucket
    with proxying(s3_server.endpoint) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        yield proxy


@pytest.fixture
def time() -> Time:
    """Start the clock."""
    return Time()


@pytest.fixture
def host(proxy: Proxy, time: Time, s3_lake: str, state_dir: Path) -> Host:
    """Return a host whose lake holds OLD, and which knows that the store honours create-only writes."""
    host = Host(open_store(s3_lake), state_dir, time.policy)
    host.publish(OLD)
    proxy.leave_alone()
    return host


@pytest.mark.parametrize("name", ONCE)
def test_one_broken_request_changes_nothing(host: Host, proxy: Proxy, tmp_path: Path, name: str) -> None:
    """Whichever request goes wrong once, the command succeeds with exactly the bytes of an undisturbed one."""
    wanted = {"old": oracle(tmp_path / "old", OLD), "new": oracle(tmp_path / "new", NEW)}
    turns = cycle((("new", NEW), ("old", OLD)))
    number, rule = 0, Rule(ONCE[name])
    while rule.hits or not number:
        number += 1
        version, day = next(turns)
        rule = proxy.spoil(Rule(ONCE[name], first=number))
        assert host.publish(day) == [True], f"request {number}: {proxy.requests}"
        assert objects(host.store) == wanted[version], f"request {number}: {proxy.requests}"
        puts = [path for method, path in proxy.requests if method == "PUT" and KEY in path]
        assert len(puts) <= (2 if rule.hits else 1)
    assert number > 15, "too few requests were tried"
    proxy.leave_alone()
    check_converges(host, day, wanted[version])


@pytest.mark.parametrize("name", FOR_GOOD)
@pytest.mark.usefixtures("_two_attempts")
def test_a_store_that_is_gone_leaves_old_or_new(
    host: Host, proxy: Proxy, time: Time, tmp_path: Path, name: str
) -> None:
    """Whichever request is the first of those that all fail: a clean error, the old day or the new, and it mends."""
    wanted = {"old": oracle(tmp_path / "old", OLD), "new": oracle(tmp_path / "new", NEW)}
    turns = cycle((("new", NEW), ("old", OLD)))
    number, rule = 0, Rule(FOR_GOOD[name])
    while rule.hits or not number:
        number += 1
        version, day = next(turns)
        rule = proxy.spoil(Rule(FOR_GOOD[name], first=number, times=float("inf")))
        error = failure(partial(host.publish, day))
        proxy.leave_alone()
        if error is not None:
            assert (type(error), bool(error.hint)) == (StoreError, True), f"request {number}: {error!r}"
            check_whole(objects(host.store), *wanted.values())
        # Its lease may not have been released, and its process, which is this one, lives on.
        time.seconds += EXPIRY.total_seconds()
        host.publish(day)
        assert objects(host.store) == wanted[version], f"request {number}"
    assert number > 15, "too few requests were tried"
    check_converges(host, day, wanted[version])


@pytest.mark.parametrize("method", ["PUT", "GET", "HEAD", "DELETE"])
def test_expired_credentials_are_named(host: Host, proxy: Proxy, method: str) -> None:
    """When the credentials run out in the middle, the error says that and what to do; the old day stands."""
    proxy.spoil(Rule(faults.says(403, "ExpiredToken"), method, times=float("inf")))
    with pytest.raises(StoreError) as caught:
        host.publish(NEW)
    assert "intact" in caught.value.hint
    assert "redentials" in caught.value.hint or "AWS_" in caught.value.hint


@pytest.mark.parametrize(
    "answer",
    [faults.says(412, "PreconditionFailed"), faults.says(501, "NotImplemented")],
    ids=["always 412", "501"],
)
def test_a_store_that_does_not_know_conditions_is_written_without(host: Host, proxy: Proxy, answer: Fault) -> None:
    """A refused condition while nothing has changed is the store's weakness: the day is published without it."""
    rule = proxy.spoil(Rule(answer, "PUT", KEY))
    assert host.publish(NEW) == [True]
    assert rule.hits == 1
    assert rule.matched == 2, "\n".join(map(str, proxy.requests))
    assert host.publish(OLD) == [True]
    assert rule.matched == 3


def test_a_412_for_a_put_that_happened_is_a_success(host: Host, proxy: Proxy, tmp_path: Path) -> None:
    """A PUT whose repetition meets its own object is recognised by HEAD: no error, and no second PUT."""
    rule = proxy.spoil(Rule(faults.says(412, "PreconditionFailed", after=True), "PUT", KEY))
    assert host.publish(NEW) == [True]
    assert (rule.hits, rule.matched) == (1, 1)
    assert objects(host.store) == oracle(tmp_path / "new", NEW)


def test_what_another_client_wrote_meanwhile_is_not_overwritten(host: Host, proxy: Proxy, s3_lake: str) -> None:
    """When the partition is another's by the time of the PUT, the store refuses, and the other's object stands."""

    def meddle(exchange: faults.Exchange) -> bool:
        host.store.create(f"{KEY}.theirs", b"theirs")
        other = open_store(s3_lake)
        file = host.state / "theirs"
        file.write_bytes(b"theirs")
        other.put(KEY, file, {})
        return faults.passed(exchange)

    proxy.spoil(Rule(meddle, "PUT", f"{KEY}$"))
    with pytest.raises(StoreError, match="somebody else has written it") as caught:
        host.publish(NEW)
    assert "whole" in caught.value.hint
    assert host.store.read(KEY) == b"theirs"


def test_a_whole_ingest_on_a_bad_line_converges(proxy: Proxy, s3_lake: str, tmp_path: Path, world: World) -> None:
    """`mootech ingest` of a week whose every eleventh S3 request goes wrong, in turn in every way, misses nothing."""
    turns = enumerate(ONCE.values(), start=1)
    spoilt = [Rule(fault, every=11 * len(ONCE), first=11 * turn, times=float("inf")) for turn, fault in turns]
    proxy.rules = spoilt
    argv, env = ingest_command(world, s3_lake, tmp_path / "state")
    for _ in range(2):
        done = forked.run(argv, env)
        assert done.returncode == 0, done.stdout + done.stderr
    assert all(rule.hits for rule in spoilt), [rule.hits for rule in spoilt]
    proxy.leave_alone()
    check_converged(open_store(s3_lake), world)


def test_credentials_that_expire_during_an_ingest_end_it(
    proxy: Proxy, s3_lake: str, tmp_path: Path, world: World
) -> None:
    """`mootech ingest` exits 5 when its credentials run out in the middle; its days are whole, and a rerun is clean."""
    proxy.spoil(Rule(faults.says(400, "ExpiredToken"), first=60, times=float("inf")))
    argv, env = ingest_command(world, s3_lake, tmp_path / "state")
    done = forked.run(argv, env)
    assert done.returncode == StoreError.exit_code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert "Renew them" in " ".join((done.stdout + done.stderr).split())
    proxy.leave_alone()
    store = open_store(s3_lake)
    check_lake(store, world)
    assert forked.run(argv, env).returncode == 0
    check_converged(store, world)
