"""Staged pages: what a kill leaves is resumed as far as it checks out, and nothing else is believed."""

import hashlib
import json
import os
import shutil
import stat
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mootech.errors import StoreError
from mootech.layers.bronze.staging import StagedDay, remove_stale
from mootech.model import Job
from mootech.source.dialect import Dialect
from mootech.source.pages import parse_page
from mootech.tables import PRODUCTS
from tests.rows import DAY, page_body

SOURCE = "https://shop.example/v1"


def staged(root: Path, *, source: str = SOURCE, page_size: int = 2) -> StagedDay:
    """Return the staging of one day."""
    return StagedDay(root, Job(PRODUCTS, DAY), Dialect("products", url=source), page_size=page_size)


def three_pages(root: Path) -> Path:
    """Stage three of four pages and return the day's folder."""
    day = staged(root)
    day.resume()
    for number, cursor in enumerate([None, "b", "c"], start=1):
        day.add(parse_page(page_body([{"n": number}] * 2, "bcd"[number - 1], 8), number, cursor))
    return root / "products" / DAY.isoformat()


def test_a_killed_run_is_resumed_after_its_last_page(tmp_path: Path) -> None:
    """The next run stands where the staged pages end: number, rows, cursor and total."""
    three_pages(tmp_path)
    day = staged(tmp_path)
    assert day.resume() == 3
    assert (day.position.pages, day.position.rows, day.position.next_cursor, day.position.total) == (3, 6, "d", 8)
    assert [json.loads(path.read_bytes())["data"][0]["n"] for path in day.bodies()] == [1, 2, 3]


def _truncate_page(folder: Path) -> None:
    (folder / "page-00003.json").write_bytes(b"{")


def _flip_page(folder: Path) -> None:
    path = folder / "page-00003.json"
    path.write_bytes(path.read_bytes().replace(b"3", b"4"))


def _lose_page(folder: Path) -> None:
    (folder / "page-00003.json").unlink()


def _tear_line(folder: Path) -> None:
    journal = folder / "journal.jsonl"
    journal.write_bytes(journal.read_bytes()[:-20])


@pytest.mark.parametrize("damage", [_truncate_page, _flip_page, _lose_page, _tear_line])
def test_a_damaged_page_is_fetched_again_and_those_before_it_are_not(
    tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    """What was torn by a kill or changed since is dropped, and staging goes on behind what holds."""
    damage(three_pages(tmp_path))
    day = staged(tmp_path)
    assert day.resume() == 2
    day.add(parse_page(page_body([{"n": 3}] * 2, "d", 8), 3, "c"))
    assert staged(tmp_path).resume() == 3


def _garbage(journal: Path) -> None:
    journal.write_bytes(b"\xff\x00 not a journal\n")


def _version(journal: Path, version: int) -> None:
    header, *lines = journal.read_text().splitlines()
    journal.write_text("\n".join([json.dumps({**json.loads(header), "journal": version}), *lines]) + "\n")


def _newer(journal: Path) -> None:
    _version(journal, 5)


def _older(journal: Path) -> None:
    _version(journal, 3)


def _deep(journal: Path) -> None:
    journal.write_text("[" * 100_000 + "\n")


def _array(journal: Path) -> None:
    journal.write_text("[]\n")


def _old(journal: Path) -> None:
    header, *lines = journal.read_text().splitlines()
    journal.write_text("\n".join([json.dumps({**json.loads(header), "started": 0}), *lines]) + "\n")


@pytest.mark.parametrize("damage", [_garbage, _newer, _older, _array, _deep, _old])
def test_a_journal_that_cannot_be_trusted_is_thrown_away(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    """A corrupt, foreign, newer, older or stale journal starts the day anew and leaves no page behind."""
    folder = three_pages(tmp_path)
    damage(folder / "journal.jsonl")
    assert staged(tmp_path).resume() == 0
    assert not folder.exists()


def _other_rows(line: dict[str, Any]) -> dict[str, Any]:
    return {**line, "rows": 1_000_000}


def _other_number(line: dict[str, Any]) -> dict[str, Any]:
    return {**line, "page": "2"}


def _other_hash(line: dict[str, Any]) -> dict[str, Any]:
    return {**line, "sha256": "0" * 64}


@pytest.mark.parametrize("change", [_other_rows, _other_number, _other_hash])
def test_a_line_that_is_no_line_of_this_version_ends_what_is_believed(
    tmp_path: Path, change: Callable[[dict[str, Any]], dict[str, Any]]
) -> None:
    """A key too many, a wrong type or another hash: the page of that line is fetched again, and those behind it."""
    journal = three_pages(tmp_path) / "journal.jsonl"
    header, first, second, third = journal.read_text().splitlines()
    journal.write_text("\n".join([header, first, json.dumps(change(json.loads(second))), third]) + "\n")
    assert staged(tmp_path).resume() == 1


def test_whole_pages_that_do_not_belong_together_are_thrown_away(tmp_path: Path) -> None:
    """Pages that pass their hashes still pass the guards of pagination again: a changed total starts the day anew."""
    folder = three_pages(tmp_path)
    body = page_body([{"n": 3}] * 2, "d", 9)
    (folder / "page-00003.json").write_bytes(body)
    journal = folder / "journal.jsonl"
    kept = journal.read_text().splitlines()[:-1]
    line = json.dumps({"page": 3, "sha256": hashlib.sha256(body).hexdigest()})
    journal.write_text("\n".join([*kept, line]) + "\n")
    assert staged(tmp_path).resume() == 0
    assert not folder.exists()


def _age(folder: Path, seconds: float) -> None:
    then = time.time() - seconds
    for path in (*folder.iterdir(), folder):
        os.utime(path, (then, then))


def test_staging_that_nobody_would_resume_is_removed(tmp_path: Path) -> None:
    """A day that is not wanted any more does not lie about for ever; what may yet be resumed stays."""
    stale = three_pages(tmp_path)
    fresh = tmp_path / "users" / DAY.isoformat()
    shutil.copytree(stale, fresh)
    _age(stale, 7 * 3600)
    _age(fresh, 5 * 3600)
    (tmp_path / "users" / "no day").write_text("not mine")
    remove_stale(tmp_path)
    remove_stale(tmp_path / "not there")
    assert not stale.exists()
    assert len(list(fresh.iterdir())) == 4


@pytest.mark.parametrize("other", [{"source": "https://other.example/v1"}, {"page_size": 3}])
def test_pages_of_another_source_or_page_size_are_not_resumed(tmp_path: Path, other: dict[str, str]) -> None:
    """Cursors belong to the shop and the page size that handed them out."""
    three_pages(tmp_path)
    assert staged(tmp_path, **other).resume() == 0  # type: ignore[arg-type]  # one of the two keywords


def test_staged_pages_are_private(tmp_path: Path) -> None:
    """Rows hold customers' addresses: the folders are 0700, the files 0600."""
    folder = three_pages(tmp_path / "stage")
    assert {stat.S_IMODE(path.stat().st_mode) for path in (folder, *folder.parents[:2])} == {0o700}
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}


def test_a_state_folder_that_cannot_be_written_is_a_clear_error(tmp_path: Path) -> None:
    """A file where the folder should be stops the day with a hint about MOOTECH_STATE_DIR."""
    (tmp_path / "products").write_text("in the way")
    day = staged(tmp_path)
    assert day.resume() == 0
    with pytest.raises(StoreError, match="staging page 1") as caught:
        day.add(parse_page(page_body([]), 1, None))
    assert "MOOTECH_STATE_DIR" in caught.value.hint


def test_clearing_leaves_nothing(tmp_path: Path) -> None:
    """A published day keeps no pages on local disk."""
    folder = three_pages(tmp_path)
    day = staged(tmp_path)
    day.resume()
    day.clear()
    assert not folder.exists()
    assert day.bodies() == []
