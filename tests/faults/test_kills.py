"""Row 1: kill -9 at any moment and at each step of publishing. `make torture` does the same a thousand times."""

import shutil
import signal
import socket
import socketserver
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import date
from pathlib import Path
from random import Random
from urllib.parse import urlsplit

import pytest

from mootech.lake.stores.registry import open_store
from mootech.tables import USERS
from tests.conftest import S3Server
from tests.faults.invariants import World, check_converged, check_lake, contents, ingest_command
from tests.faults.kills import Tally, Target, chain, converge
from tests.faults.torture import two_shops
from tests.faults.watched import watched
from tests.forked import shared

pytestmark = pytest.mark.fault(1)

REJECTS_ON = date(2024, 3, 2)
"""The small shop's day with rejected users: publishing it takes every step there is."""


@pytest.fixture(scope="module")
def shops(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[World]]:
    """Two shops that take turns on one lake."""
    with two_shops(tmp_path_factory.mktemp("shops")) as worlds:
        yield worlds


@pytest.fixture
def target(tmp_path: Path, request: pytest.FixtureRequest) -> Target:
    """An empty lake, in a directory or on S3 as the test's parameter says."""
    lake = str(tmp_path / "lake")
    if request.param == "s3":
        request.getfixturevalue("s3_bucket")
        lake = str(request.getfixturevalue("s3_lake"))
    return Target(shared(), lake, tmp_path)


@pytest.mark.fault(10)
@pytest.mark.parametrize(
    ("target", "kills"),
    [pytest.param("local", 30, id="local"), pytest.param("s3", 10, marks=pytest.mark.s3, id="s3")],
    indirect=["target"],
)
def test_runs_killed_at_any_moment_lose_nothing_and_double_nothing(
    target: Target, shops: list[World], kills: int
) -> None:
    """After every kill each object is old or new, the next run takes over at once, and a clean one leaves the oracle.

    One more run after that writes nothing.
    """
    tally = Tally()
    chain(target, shops, Random(kills), kills, tally)
    assert tally.kills == kills
    assert tally.converged >= kills // 8


@pytest.mark.parametrize("target", ["local"], indirect=True)
def test_a_kill_at_each_step_of_publishing_a_day_is_survived(target: Target, world: World, shops: list[World]) -> None:
    """Killed before each of its file events in turn, a run over one day always leaves the old day or the new one.

    What it replaces is another shop's day, with a quarantine object of its own.
    """
    new, old = (_one_day(each) for each in (world, shops[1]))
    target.undisturbed(old)
    before = contents(target.store)
    lake, saved = Path(target.lake), target.folder / "saved"
    shutil.copytree(lake, saved)

    def restored() -> Target:
        shutil.rmtree(lake)
        shutil.copytree(saved, lake)
        return target

    restored().undisturbed(new)
    seen: set[bytes] = set()
    for event in range(1, target.events + 1):
        ended = restored().run(new, die_at=event)
        assert ended.returncode in {-signal.SIGKILL, 0}
        check_lake(target.store, new, before)
        seen.add(contents(target.store)[f"raw_data/users/utc_date={REJECTS_ON}/data.parquet"])
    assert len(seen) == 2
    converge(target, new, Tally())


def test_the_installed_command_is_killed_and_resumes(world: World, tmp_path: Path) -> None:
    """What a user started in a shell dies by kill -9 as well, and the same command brings the lake to the oracle."""
    lake, state = tmp_path / "lake", tmp_path / "state"
    with watched(world.url) as source:
        argv, env = ingest_command(replace(world, url=source.url), lake, state)
        source.hold(after=5)
        with subprocess.Popen(argv, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:  # noqa: S603  # ours
            try:
                # All four that are under way: then everything that was answered is staged.
                source.wait_for(4)
            finally:
                process.kill()
        assert process.returncode == -signal.SIGKILL
        check_lake(open_store(str(lake)), world)
        source.flow()
        done = subprocess.run(argv, env=env, capture_output=True, text=True, check=False, timeout=120)  # noqa: S603  # ours
    assert done.returncode == 0, done.stderr
    assert "pages were staged" in done.stderr
    check_converged(open_store(str(lake)), world)


@pytest.mark.s3
@pytest.mark.fault(23)
def test_a_writer_that_dies_before_the_body_leaves_the_old_object(
    s3_server: S3Server, s3_bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed between a PUT's headers and its body, a run does not leave an empty object in place of a good one."""
    s3_server.client.put_object(Bucket=s3_bucket, Key="lake/day", Body=b"old")
    seen: list[bytes] = []

    def look() -> None:
        seen.append(s3_server.client.get_object(Bucket=s3_bucket, Key="lake/day")["Body"].read())

    with cutting_the_first_put(s3_server.endpoint, look) as endpoint:
        monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
        file = tmp_path / "day"
        file.write_bytes(b"new")
        open_store(f"s3://{s3_bucket}/lake").put("day", file, {})
    look()
    assert seen == [b"old", b"new"]


@contextmanager
def cutting_the_first_put(endpoint: str, then: Callable[[], None]) -> Iterator[str]:
    """Pass requests on to an S3 server, of the first PUT the headers only; `then` is called when that is over."""
    upstream = urlsplit(endpoint)
    cut = threading.Event()

    class Relay(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            client = self.request
            with socket.create_connection((str(upstream.hostname), upstream.port or 0)) as server:
                answers = threading.Thread(target=_pass_on, args=(server, client))
                answers.start()
                while data := client.recv(2**20):
                    if data.startswith(b"PUT ") and not cut.is_set():
                        cut.set()
                        server.sendall(data.partition(b"\r\n\r\n")[0] + b"\r\n\r\n")
                        break
                    server.sendall(data)
                server.shutdown(socket.SHUT_WR)
                answers.join()
            if data:
                then()

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Relay) as relay:
        relay.daemon_threads = True  # a client's idle connection must not keep the test
        thread = threading.Thread(target=relay.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{relay.server_address[1]}"
        finally:
            relay.shutdown()
            thread.join()


def _pass_on(server: socket.socket, client: socket.socket) -> None:
    with suppress(OSError):
        while data := server.recv(2**20):
            client.sendall(data)


def _one_day(world: World) -> World:
    """Return the world's day with rejected users, and nothing else of it."""
    part = f"users/utc_date={REJECTS_ON}/"
    objects = {key: data for key, data in world.objects.items() if part in key}
    return replace(world, tables=(USERS,), start=REJECTS_ON, end=REJECTS_ON, objects=objects)
