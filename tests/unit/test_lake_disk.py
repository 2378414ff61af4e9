"""Files that are replaced: whole or not at all, also after a power cut, and private where they hold rows."""

import os
import stat
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from mootech.lake.disk import replacing, write_atomically
from mootech.lake.locks.holder import this_machine, this_process
from mootech.lake.locks.hostlock import host_lock
from mootech.lake.stores.local import LocalStore
from mootech.lake.stores.store import put_bytes
from mootech.lake.stores.uploads import Upload, Uploads
from mootech.layers.bronze.blocked import BlockedDays
from mootech.layers.bronze.exports.tickets import Ticket, Tickets
from mootech.layers.bronze.profiles import Profiles
from mootech.layers.bronze.staging import StagedDay
from mootech.model import Job
from mootech.outcomes import ReportOutcome
from mootech.render.output import Target
from mootech.source.dialect import Dialect
from mootech.source.pages import parse_page
from mootech.tables import PRODUCTS, USERS
from tests.bronze import REJECTS, workshop
from tests.rows import DAY, page_body, product
from tests.unit.test_render_reports import sales


def _block_a_day(folder: Path) -> Path:
    rejects = pl.DataFrame({"reasons": [["bad"]], "raw": ["{}"]}, schema=REJECTS)
    BlockedDays(folder / "blocked").keep(Job(USERS, DAY), "too bad", fetched=1, rejects=rejects)
    return folder / f"blocked/users/{DAY}.parquet"


def _keep_a_ticket(folder: Path) -> Path:
    Tickets(folder / "tickets").keep(Ticket("https://shop", "s3://jobs", "users", DAY, DAY, 0, ("mootech-users",)))
    return folder / "tickets/mootech-users.json"


def _count_a_profile(folder: Path) -> Path:
    with workshop(str(folder / "lake"), folder / "state") as at_work:
        at_work.publish(PRODUCTS, DAY, [product()])
        profiles = Profiles(at_work.lake)
        assert profiles.of(PRODUCTS, DAY) is not None
        profiles.save()
        return at_work.lake.workspace / "profiles/products.json"


def _stage_a_page(folder: Path) -> Path:
    page = parse_page(page_body([{"n": 1}]), 1, None)
    StagedDay(folder / "stage", Job(PRODUCTS, DAY), Dialect("products", url="https://shop"), page_size=2).add(page)
    return folder / f"stage/products/{DAY}/journal.jsonl"


def _note_an_upload(folder: Path) -> Path:
    Uploads(folder / "uploads", "s3://bucket").note(Upload("key", "id", "digest"))
    return next((folder / "uploads").iterdir())


def _hold_a_lock(folder: Path) -> Path:
    with host_lock(folder / "lock", this_process("test", datetime.now(UTC), this_machine())):
        return folder / "lock.json"


def _write_a_report(folder: Path) -> Path:
    file = folder / "sales.csv"
    assert Target.chosen(None, str(file), json=False).written(ReportOutcome("report", reports=(sales(),))).errors == ()
    return file


def _publish_an_object(folder: Path) -> Path:
    put_bytes(LocalStore(folder / "lake"), "silver/users/data.parquet", b"rows", folder)
    return folder / "lake/silver/users/data.parquet"


WRITERS = (
    _block_a_day,
    _keep_a_ticket,
    _count_a_profile,
    _stage_a_page,
    _note_an_upload,
    _hold_a_lock,
    _write_a_report,
    _publish_an_object,
)


@pytest.mark.parametrize("write", WRITERS)
def test_a_replaced_file_survives_a_power_cut(
    write: Callable[[Path], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its bytes are on disk before it has its name, and its name is before the writer goes on."""
    events: list[tuple[str, str]] = []
    fsync, replace = os.fsync, os.replace

    def watched_fsync(handle: int) -> None:
        fsync(handle)
        events.append(("fsync", str(Path(f"/proc/self/fd/{handle}").readlink())))

    def watched_replace(source: str | Path, target: str | Path) -> None:
        replace(source, target)
        events.append((f"replace {source}", str(target)))

    monkeypatch.setattr(os, "fsync", watched_fsync)
    monkeypatch.setattr(os, "replace", watched_replace)
    file = write(tmp_path)
    (at,) = [at for at, (what, path) in enumerate(events) if what.startswith("replace") and path == str(file)]
    source = events[at][0].removeprefix("replace ")
    assert ("fsync", source) in events[:at]
    assert ("fsync", str(file.parent)) in events[at:]


@pytest.mark.parametrize("private", [True, False])
def test_the_new_file_takes_the_place_of_the_old_one(tmp_path: Path, *, private: bool) -> None:
    """It has the new bytes and the mode that was asked for, whatever the old one had, and nothing lies beside it."""
    file = tmp_path / "file"
    umask = os.umask(0o022)
    try:
        for data in (b"old", b"new"):
            write_atomically(file, data, private=private)
            file.chmod(0o640 if data == b"old" else file.stat().st_mode)
    finally:
        os.umask(umask)
    assert file.read_bytes() == b"new"
    assert stat.S_IMODE(file.stat().st_mode) == (0o600 if private else 0o644)
    assert list(tmp_path.iterdir()) == [file]


def test_a_body_that_fails_changes_nothing(tmp_path: Path) -> None:
    """The old file stands, and nothing is left beside it."""
    file = tmp_path / "file"
    file.write_bytes(b"old")
    with pytest.raises(NotADirectoryError), replacing(file) as new:
        (new / "no folder").write_bytes(b"new")
    assert file.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [file]


def test_a_folder_that_may_not_be_read_can_be_written_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its names cannot be made durable; that is no reason to call a file unwritten that stands there."""
    opened = os.open

    def refusing(path: str | Path, flags: int, mode: int = 0o777) -> int:
        if Path(path) == tmp_path:
            raise PermissionError(13, "Permission denied")
        return opened(path, flags, mode)

    monkeypatch.setattr(os, "open", refusing)
    write_atomically(tmp_path / "file", b"new")
    assert (tmp_path / "file").read_bytes() == b"new"
