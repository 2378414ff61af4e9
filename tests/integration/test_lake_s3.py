"""The lake on a real S3 server: lost answers, lost leases, wrong credentials, and the same bytes as on the disk."""

import hashlib
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError
from tenacity import wait_none

from mootech.errors import EmptyLakeError, LockHeldError, StoreError
from mootech.lake.lake import Lake, Layer
from mootech.lake.locks.runlock import SINGLE_HOST_WARNING
from mootech.lake.paths import partition_key
from mootech.lake.stores import s3_client
from mootech.lake.stores.registry import open_store
from mootech.lake.stores.s3 import S3Store
from mootech.lake.stores.s3_parts import Sizes
from mootech.lake.stores.store import put_bytes
from tests.conftest import SECRET_KEY, S3Server
from tests.stores import DAY, BlindStore, RecordingStore, day_rows

pytestmark = pytest.mark.s3

KEY = partition_key(Layer.RAW, "transactions", DAY)
ROWS = day_rows([1, 2], rejects=("{a}",))


class Faulty:
    """An S3FileSystem whose first calls of one method go wrong: before they happen, or after (`lost`)."""

    def __init__(self, store: S3Store, method: str, *, times: int = 1, lost: bool = True) -> None:
        """Take the connected file system of a store."""
        self.inner: Any = store._fs  # noqa: SLF001  # there is no other way in between
        self.method = method
        self.times = times
        self.lost = lost
        self.calls: list[str] = []

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  # whatever the file system has
        """Pass on."""
        return getattr(self.inner, name)

    def call_s3(self, method: str, **arguments: Any) -> Any:  # noqa: ANN401  # what botocore takes and gives
        """Do the call, or not, and fail."""
        self.calls.append(method)
        if method != self.method or self.times <= 0:
            return self.inner.call_s3(method, **arguments)
        self.times -= 1
        if self.lost:
            self.inner.call_s3(method, **arguments)
            raise ReadTimeoutError(endpoint_url="http://test")
        response = {"Error": {"Code": "SlowDown"}, "ResponseMetadata": {"HTTPStatusCode": 503}}
        raise OSError("Reduce your request rate") from ClientError(response, method)


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Try again at once."""
    monkeypatch.setattr(s3_client, "PAUSE", wait_none())


@pytest.fixture
def store(s3_lake: str) -> S3Store:
    """Open an empty store."""
    opened = open_store(s3_lake)
    assert isinstance(opened, S3Store)
    return opened


def faulty(
    store: S3Store, method: str, *, times: int = 1, lost: bool = True, sizes: Sizes | None = None
) -> tuple[S3Store, Faulty]:
    """Return a store on the same bucket with a fault, and the fault."""
    fault = Faulty(store, method, times=times, lost=lost)
    return S3Store(fault, store.url.split("/")[2], "lake", sizes=sizes), fault


@pytest.mark.parametrize("lost", [True, False])
def test_a_put_whose_answer_was_lost_is_neither_repeated_nor_failed(
    store: S3Store, tmp_path: Path, *, lost: bool
) -> None:
    """A stored PUT without an answer is recognised by HEAD and not sent again; a refused one is sent again."""
    flaky, fault = faulty(store, "put_object", lost=lost)
    entry = put_bytes(flaky, KEY, b"new", tmp_path)
    assert store.head(KEY) is not None
    assert store.list("") == [entry]
    assert fault.calls.count("put_object") == (1 if lost else 2)


def test_a_put_that_never_succeeds_is_an_error_and_the_old_object_stands(store: S3Store, tmp_path: Path) -> None:
    """A store that is overloaded for good gives an error after a few attempts, with the old object intact."""
    put_bytes(store, KEY, b"old", tmp_path)
    flaky, fault = faulty(store, "put_object", times=99, lost=False)
    with pytest.raises(StoreError) as caught:
        put_bytes(flaky, KEY, b"new", tmp_path)
    assert "intact" in caught.value.hint
    assert fault.calls.count("put_object") == s3_client.ATTEMPTS
    assert store.read(KEY) == b"old"


def test_a_create_whose_answer_was_lost_still_won(store: S3Store) -> None:
    """A create that was stored without an answer reads back its own data and has won; the next one has not."""
    flaky, _ = faulty(store, "put_object")
    assert flaky.create("lease/1", b"mine")
    assert not store.create("lease/1", b"yours")


def test_a_create_that_lost_while_its_answer_was_lost_says_so(store: S3Store) -> None:
    """A create without an answer, in truth refused because of another's object, is False."""
    store.create("lease/1", b"theirs")
    flaky, _ = faulty(store, "put_object", lost=False)
    assert not flaky.create("lease/1", b"mine")


@pytest.mark.parametrize("method", ["", "upload_part", "complete_multipart_upload"])
def test_large_files_go_in_parts(store: S3Store, tmp_path: Path, method: str) -> None:
    """A file above the limit arrives whole, with its metadata, also when an answer is lost; no upload stays open."""
    data = bytes(range(256)) * 4 * 11 * 1024
    file = tmp_path / "large"
    file.write_bytes(data)
    flaky, fault = faulty(store, method, sizes=Sizes(single=6 * 2**20, part=5 * 2**20))
    entry = flaky.put(KEY, file, {"mootech-content-hash": "ab"})
    assert "put_object" not in fault.calls
    head = store.head(KEY)
    assert head is not None
    assert (head.entry, head.metadata["mootech-content-hash"]) == (entry, "ab")
    assert hashlib.sha256(store.read(KEY)).digest() == hashlib.sha256(data).digest()
    assert fault.calls.count("abort_multipart_upload") == 0
    assert fault.calls.count("create_multipart_upload") == 1
    assert fault.calls.count("upload_part") == (4 if method == "upload_part" else 3)


def test_a_listing_goes_on_beyond_one_page(store: S3Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A listing that the server hands out in pages is returned whole and sorted."""
    for number in range(5):
        put_bytes(store, f"a/{number}", b"x", tmp_path)
    inner = store._fs  # noqa: SLF001  # there is no other way in between
    call = inner.call_s3
    monkeypatch.setattr(inner, "call_s3", lambda method, **arguments: call(method, **arguments, MaxKeys=2))
    assert [entry.key for entry in store.list("a/")] == [f"a/{number}" for number in range(5)]


def publish(url: str, state_dir: Path) -> bool:
    """Publish ROWS in a command of its own; return whether that changed the lake."""
    lake = Lake.open(url, state_dir=state_dir, write=True)
    with lake.lock("ingest"):
        _, changed = lake.publish_day(ROWS)
        lake.save_manifests()
    assert lake.warnings == []
    return changed


def test_s3_holds_the_bytes_that_a_directory_holds(s3_lake: str, tmp_path: Path, state_dir: Path) -> None:
    """The same day published twice into a bucket and a directory: unchanged the second time, equal bytes."""
    local = str(tmp_path / "lake")
    assert [publish(url, state_dir) for url in (s3_lake, s3_lake, local)] == [True, False, True]
    stores = [open_store(url) for url in (s3_lake, local)]
    kept = [
        {entry.key: store.read(entry.key) for entry in store.list("") if not entry.key.startswith("_mootech/")}
        for store in stores
    ]
    assert kept[0] == kept[1]
    assert len(kept[0]) == 2


def test_the_hashes_are_user_metadata(s3_lake: str, s3_bucket: str, s3_server: S3Server, state_dir: Path) -> None:
    """A HEAD of a partition, by any client, tells its content hash and its receipt's."""
    publish(s3_lake, state_dir)
    held = Lake.open(s3_lake, state_dir=state_dir).held(Layer.RAW, "transactions")[DAY]
    metadata = s3_server.client.head_object(Bucket=s3_bucket, Key=f"lake/{KEY}")["Metadata"]
    assert held.receipt is not None
    assert metadata["mootech-content-hash"] == held.receipt.content_hash
    assert metadata["mootech-receipt"] == hashlib.sha256(held.receipt.to_json().encode()).hexdigest()


def test_two_hosts_exclude_each_other(s3_lake: str, tmp_path: Path) -> None:
    """With state folders of their own, as on two hosts, the second run is refused until the first has ended."""
    one, two = (Lake.open(s3_lake, state_dir=tmp_path / host, write=True) for host in ("one", "two"))
    with one.lock("ingest"):
        assert "ingest on" in (two.lock_holder() or "")
        with pytest.raises(LockHeldError, match="ingest on") as caught, two.lock("silver"):
            pass
        assert "takes over" in caught.value.hint
    assert two.lock_holder() is None
    with two.lock("silver"):
        assert "silver on" in (one.lock_holder() or "")
    assert one.warnings == two.warnings == []


def test_one_host_is_refused_by_its_own_lock(s3_lake: str, state_dir: Path) -> None:
    """With one state folder the host's own lock answers, and names the holder too."""
    one, two = (Lake.open(s3_lake, state_dir=state_dir, write=True) for _ in range(2))
    with one.lock("ingest"), pytest.raises(LockHeldError, match="ingest on"), two.lock("silver"):
        pass


HOLD = """
import sys
from pathlib import Path
from mootech.lake.lake import Lake
with Lake.open(sys.argv[1], state_dir=Path(sys.argv[2]), write=True).lock("ingest"):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_killed_run_on_this_host_is_taken_over_at_once(s3_lake: str, state_dir: Path) -> None:
    """After kill -9 the lease is still alive, but its process is known to be dead: the next run starts."""
    command = [sys.executable, "-c", HOLD, s3_lake, str(state_dir)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:  # noqa: S603  # our own interpreter
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        other.send_signal(signal.SIGKILL)
        other.wait()
    assert publish(s3_lake, state_dir)


def test_a_run_that_lost_its_lease_stops_before_its_next_put(s3_lake: str, state_dir: Path) -> None:
    """When a higher generation appears, neither the quarantine object nor the partition is written."""
    lake = Lake.open(s3_lake, state_dir=state_dir, write=True)
    with lake.lock("ingest"):
        lake.store.create("_mootech/lease/000000000099.json", b"{}")
        with pytest.raises(StoreError, match="lost the lake's lock"):
            lake.publish_day(ROWS)
    kept = [entry.key for entry in lake.store.list("") if not entry.key.startswith("_mootech/")]
    assert kept == []


def test_a_store_without_create_only_writes_is_used_with_a_warning(store: S3Store, state_dir: Path) -> None:
    """Where every create succeeds the lake works for one host, says so once, and makes no lease."""
    lake = Lake(BlindStore(store), state_dir=state_dir, write=True)
    for _ in range(2):
        with lake.lock("ingest"):
            lake.publish_day(ROWS)
    assert lake.warnings == [SINGLE_HOST_WARNING]
    assert store.list("_mootech/lease/") == []
    assert store.list("_mootech/probe/") == []


def test_a_store_that_passed_the_probe_is_not_asked_at_every_run(store: S3Store, state_dir: Path) -> None:
    """The first lock of a day lets writers race for fresh keys; the next one believes that."""
    recording = RecordingStore(store)
    races = []
    for _ in range(2):
        with Lake(recording, state_dir=state_dir, write=True).lock("ingest"):
            races.append(sum(call[0] == "create" and "/probe/" in call[1] for call in recording.calls))
            recording.calls.clear()
    assert races[0] > 0
    assert races[1] == 0


def test_an_empty_prefix_is_no_lake(s3_lake: str, state_dir: Path) -> None:
    """Reading from a bucket without a lake says so."""
    with pytest.raises(EmptyLakeError):
        Lake.open(s3_lake, state_dir=state_dir)


def test_a_bucket_that_does_not_exist_is_not_made(s3_bucket: str, s3_server: S3Server, state_dir: Path) -> None:
    """A missing bucket is a store error that says what to do, and is still missing after."""
    missing = f"{s3_bucket}-missing"
    with pytest.raises(StoreError) as caught:
        Lake.open(f"s3://{missing}/lake", state_dir=state_dir, write=True)
    assert "Create the bucket" in caught.value.hint
    assert missing not in [bucket["Name"] for bucket in s3_server.client.list_buckets()["Buckets"]]


@pytest.mark.parametrize(
    ("name", "value", "hint"),
    [
        ("AWS_SECRET_ACCESS_KEY", "wrong-canary", "AWS_ACCESS_KEY_ID"),
        ("AWS_ACCESS_KEY_ID", "unknown", "AWS_ACCESS_KEY_ID"),
        ("AWS_PROFILE", "no-such-profile", "AWS_PROFILE"),
        ("AWS_ENDPOINT_URL", "http://127.0.0.1:1", "AWS_ENDPOINT_URL"),
        ("AWS_ENDPOINT_URL", "nonsense", "AWS_ENDPOINT_URL"),
    ],
)
def test_wrong_settings_name_themselves(
    s3_lake: str, monkeypatch: pytest.MonkeyPatch, name: str, value: str, hint: str
) -> None:
    """Wrong credentials or endpoints are store errors whose hint names the variable, and show no secret."""
    monkeypatch.setenv(name, value)
    with pytest.raises(StoreError) as caught:
        open_store(s3_lake)
    assert hint in caught.value.hint
    assert SECRET_KEY not in (shown := f"{caught.value.message} {caught.value.hint} {caught.value.__cause__!r}")
    assert "canary" not in shown


def test_no_credentials_is_an_error(s3_lake: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without any credentials the hint names the variables to set."""
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(StoreError) as caught:
        open_store(s3_lake)
    assert "AWS_PROFILE" in caught.value.hint


def test_a_server_that_never_answers_is_given_up(s3_lake: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An endpoint that takes the connection and stays silent is a store error after three attempts."""
    monkeypatch.setattr(s3_client, "FIRST_ANSWER_SECONDS", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{silent.getsockname()[1]}")
        with pytest.raises(StoreError, match="no answer in time"):
            open_store(s3_lake)


def test_a_store_never_shows_its_credentials(store: S3Store) -> None:
    """Neither its representation nor its address nor what it keeps has the secret key in it."""
    assert SECRET_KEY not in repr(store) + store.url + str(vars(store))


class Deaf(Faulty):
    """An S3FileSystem of a server that ignores the Range header."""

    def call_s3(self, method: str, **arguments: Any) -> Any:  # noqa: ANN401  # what botocore takes and gives
        """Do the call without it."""
        arguments.pop("Range", None)
        return self.inner.call_s3(method, **arguments)


def test_a_server_that_sends_the_whole_for_a_part(store: S3Store, tmp_path: Path) -> None:
    """A part is cut out of what a server sends that does not know parts."""
    entry = put_bytes(store, KEY, b"0123456789", tmp_path)
    deaf = S3Store(Deaf(store, ""), store.url.split("/")[2], "lake")
    assert deaf.read_range(KEY, 3, 4) == (b"3456", entry)
