"""Uploads in parts on S3: broken in each part and at completion; what is aborted, and what never is."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tenacity import wait_none

from mootech.errors import StoreError
from mootech.lake.stores import s3_client
from mootech.lake.stores.s3 import S3Store
from mootech.lake.stores.s3_parts import LEFT_ALONE_SECONDS, Sizes
from mootech.lake.stores.store import put_bytes
from tests.conftest import S3Server
from tests.faults import proxy as faults
from tests.faults.days import KEY, NEW, OLD, Host, check_converges, objects, oracle
from tests.faults.proxy import Fault, Hold, Proxy, Rule, proxying

pytestmark = [pytest.mark.s3, pytest.mark.fault(23)]

PART = 5 * 2**20
SIZES = Sizes(single=PART, part=PART)
DATA = bytes(range(251)) * (PART // 100)
"""Three parts."""
ANSWERS = {
    "cut before": faults.cut,
    "cut inside": faults.cut_inside,
    "acknowledgement lost": faults.lost,
    "cut inside the answer": faults.cut_answer,
    "503 SlowDown": faults.says(503, "SlowDown"),
}
COMPLETION = "uploadId=[^&]+$"


PUT = """
import sys
from pathlib import Path
from mootech.lake.stores.s3 import S3Store
from mootech.lake.stores.s3_parts import Sizes
store = S3Store.connect(sys.argv[1], "lake", journal=Path(sys.argv[2]), sizes=Sizes(int(sys.argv[4]), int(sys.argv[4])))
store.put(sys.argv[5], Path(sys.argv[3]), {})
"""


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Try again at once."""
    monkeypatch.setattr(s3_client, "PAUSE", wait_none())


@dataclass(frozen=True)
class Bench:
    """A store that sends larger files in parts through a proxy, this host's journal, and a file of three parts."""

    store: S3Store
    proxy: Proxy
    server: S3Server
    bucket: str
    journal: Path
    large: Path

    @property
    def uploads(self) -> list[str]:
        """The ids of the uploads that the server holds open."""
        listed = self.server.client.list_multipart_uploads(Bucket=self.bucket)
        return [upload["UploadId"] for upload in listed.get("Uploads", ())]

    @property
    def notes(self) -> list[Path]:
        """The notes of open uploads."""
        return sorted(self.journal.glob("*")) if self.journal.exists() else []

    def sent(self, method: str) -> list[str]:
        """Return the requests of a method that came by since the last rule."""
        return [path for each, path in self.proxy.requests if each == method]

    def assert_clear(self, data: bytes) -> None:
        """Assert that the object is this, no upload is open, and none is noted."""
        assert self.store.read(KEY) == data
        assert self.uploads == []
        assert self.notes == []

    def kill_a_put_at(self, part: int) -> None:
        """Let another process put the file, and kill it while this part is under way."""
        hold = Hold(then=faults.cut)
        self.proxy.spoil(Rule(hold, "PUT", f"partNumber={part}"))
        command = [sys.executable, "-c", PUT, self.bucket, str(self.journal), str(self.large), str(PART), KEY]
        with subprocess.Popen(command) as killed:  # noqa: S603  # our own interpreter
            assert hold.arrived.wait(60)
            killed.send_signal(signal.SIGKILL)
        hold.go.set()
        self.proxy.leave_alone()


@pytest.fixture
def bench(s3_server: S3Server, s3_bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    """Stand between mootech and the S3 server."""
    large = tmp_path / "large"
    large.write_bytes(DATA)
    journal = tmp_path / "uploads"
    with proxying(s3_server.endpoint) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        store = S3Store.connect(s3_bucket, "lake", journal=journal, sizes=SIZES)
        yield Bench(store, proxy, s3_server, s3_bucket, journal, large)


@pytest.mark.parametrize("name", ANSWERS)
def test_a_part_that_breaks_is_sent_again(bench: Bench, name: str) -> None:
    """Whichever part goes wrong once, only that part is repeated, and the object is whole."""
    for number in (1, 2, 3):
        rule = bench.proxy.spoil(Rule(ANSWERS[name], "PUT", f"partNumber={number}"))
        bench.store.put(KEY, bench.large, {})
        assert rule.hits == 1
        others = [path for path in bench.sent("PUT") if f"partNumber={number}" not in path]
        assert len(others) == 2
        bench.assert_clear(DATA)


@pytest.mark.parametrize("number", [1, 3])
def test_a_part_that_never_gets_through_ends_the_upload(bench: Bench, number: int) -> None:
    """When one part fails for good our upload is aborted, the old object stands and nothing stays noted."""
    put_bytes(bench.store, KEY, b"old", bench.large.parent)
    bench.proxy.spoil(Rule(faults.cut_inside, "PUT", f"partNumber={number}", times=float("inf")))
    with pytest.raises(StoreError) as caught:
        bench.store.put(KEY, bench.large, {})
    assert "intact" in caught.value.hint
    bench.assert_clear(b"old")


@pytest.mark.parametrize(
    "answer",
    [*ANSWERS.values(), faults.says(200, "InternalError"), faults.says(200, "InternalError", after=True)],
    ids=[*ANSWERS, "200 with an error", "200 with an error although it happened"],
)
def test_a_completion_that_breaks_is_resolved(bench: Bench, answer: Fault) -> None:
    """However the answer to a completion is lost, the object is whole, no part is sent twice, and none is aborted."""
    rule = bench.proxy.spoil(Rule(answer, "POST", COMPLETION))
    bench.store.put(KEY, bench.large, {})
    assert rule.hits == 1
    bench.assert_clear(DATA)
    assert len(bench.sent("PUT")) == 3
    assert bench.sent("DELETE") == []


def test_a_completion_in_doubt_is_left_alone_until_it_cannot_happen_any_more(bench: Bench) -> None:
    """After 200 with an error for good the upload stays noted; it is aborted when no server can be completing it."""
    put_bytes(bench.store, KEY, b"old", bench.large.parent)
    bench.proxy.spoil(Rule(faults.says(200, "InternalError"), "POST", COMPLETION, times=float("inf")))
    with pytest.raises(StoreError):
        bench.store.put(KEY, bench.large, {})
    bench.proxy.leave_alone()
    assert bench.store.read(KEY) == b"old"
    left = bench.uploads
    [note] = bench.notes
    bench.store.recover()
    assert bench.uploads == left != []
    long_ago = note.stat().st_mtime - LEFT_ALONE_SECONDS
    os.utime(note, (long_ago, long_ago))
    bench.store.recover()
    assert bench.uploads == []
    assert bench.notes == []
    assert bench.store.read(KEY) == b"old"


def test_a_completion_that_happened_after_all_is_never_aborted(bench: Bench) -> None:
    """When completion and HEAD stay without an answer, the next run finds the object and only strikes out the note."""
    stop = bench.proxy.spoil(Rule(faults.lost, "POST", COMPLETION, times=float("inf")))
    bench.proxy.rules.append(Rule(faults.cut, "HEAD", times=float("inf")))
    with pytest.raises(StoreError):
        bench.store.put(KEY, bench.large, {})
    assert stop.hits > 0
    bench.proxy.leave_alone()
    [note] = bench.notes
    os.utime(note, (0, 0))
    bench.store.recover()
    assert bench.notes == []
    assert bench.sent("DELETE") == []
    assert bench.store.read(KEY) == DATA


def test_what_another_client_wrote_during_the_upload_stands(bench: Bench) -> None:
    """A completion refused by its condition is an error, our upload is aborted, the other's object stands."""
    old = put_bytes(bench.store, KEY, b"old", bench.large.parent)

    def meddle(exchange: faults.Exchange) -> bool:
        bench.server.client.put_object(Bucket=bench.bucket, Key=f"lake/{KEY}", Body=b"theirs")
        return faults.passed(exchange)

    bench.proxy.spoil(Rule(meddle, "POST", COMPLETION))
    with pytest.raises(StoreError, match="somebody else has written it"):
        bench.store.put(KEY, bench.large, {}, replaces=old.version)
    bench.assert_clear(b"theirs")


@pytest.mark.fault(1)
def test_the_upload_of_a_killed_run_is_aborted_by_the_next_and_no_other(bench: Bench) -> None:
    """A run killed between two parts leaves an upload, which the next aborts: that one, and nobody else's."""
    theirs = bench.server.client.create_multipart_upload(Bucket=bench.bucket, Key=f"lake/{KEY}")["UploadId"]
    bench.kill_a_put_at(part=2)
    assert len(bench.uploads) == 2
    assert [note.stat().st_mode & 0o777 for note in bench.notes] == [0o600]
    assert bench.journal.stat().st_mode & 0o777 == 0o700

    other = S3Store.connect(bench.bucket, "other", journal=bench.journal, sizes=SIZES)
    other.recover()
    assert len(bench.uploads) == 2, "another lake's uploads were touched"
    bench.store.recover()
    assert bench.uploads == [theirs]
    assert bench.notes == []
    bench.store.recover()
    assert bench.uploads == [theirs]


def test_a_note_that_cannot_be_read_is_passed_over(bench: Bench) -> None:
    """A torn note neither stops a run nor names an upload to abort."""
    bench.journal.mkdir()
    (bench.journal / "torn.json").write_bytes(b'{"key": "raw')
    bench.store.recover()
    bench.store.put(KEY, bench.large, {})
    assert [note.name for note in bench.notes] == ["torn.json"]


def test_a_command_clears_up_after_a_killed_one(bench: Bench, tmp_path: Path) -> None:
    """Whoever takes the lake's lock next aborts the leftover upload and publishes as if nothing had been."""
    host = Host(bench.store, tmp_path / "state")
    host.publish(OLD)
    bench.kill_a_put_at(part=1)
    assert host.publish(NEW) == [True]
    assert bench.uploads == []
    assert objects(bench.store) == oracle(tmp_path / "new", NEW)
    check_converges(host, NEW, oracle(tmp_path / "again", NEW))
