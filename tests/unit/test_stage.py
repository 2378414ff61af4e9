"""Staged pages: what a kill leaves is resumed as far as it checks out, and nothing else is believed."""

import json
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from mootech.errors import StoreError
from mootech.layers.stage import StagedDay
from mootech.model import Table
from mootech.source.pages import parse_page
from tests.rows import DAY, page_body

SOURCE = "https://shop.example/v1"


def staged(root: Path, *, source: str = SOURCE, page_size: int = 2) -> StagedDay:
    """Return the staging of one day."""
    return StagedDay(root, Table.PRODUCTS, DAY, source=source, page_size=page_size)


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
    assert (day.progress.pages, day.progress.rows, day.progress.next_cursor, day.progress.total) == (3, 6, "d", 8)
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


def _newer(journal: Path) -> None:
    journal.write_text(journal.read_text().replace('"journal": 1', '"journal": 2'))


def _array(journal: Path) -> None:
    journal.write_text("[]\n")


def _old(journal: Path) -> None:
    header, *lines = journal.read_text().splitlines()
    journal.write_text("\n".join([json.dumps({**json.loads(header), "started": 0}), *lines]) + "\n")


@pytest.mark.parametrize("damage", [_garbage, _newer, _array, _old])
def test_a_journal_that_cannot_be_trusted_is_thrown_away(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    """A corrupt, foreign, newer or stale journal starts the day anew and leaves no page behind."""
    folder = three_pages(tmp_path)
    damage(folder / "journal.jsonl")
    assert staged(tmp_path).resume() == 0
    assert not folder.exists()


@pytest.mark.parametrize("other", [{"source": "https://other.example/v1"}, {"page_size": 3}])
def test_pages_of_another_source_or_page_size_are_not_resumed(tmp_path: Path, other: dict[str, str]) -> None:
    """Cursors belong to the shop and the page size that handed them out."""
    three_pages(tmp_path)
    assert staged(tmp_path, **other).resume() == 0  # type: ignore[arg-type]  # one of the two keywords


def test_staged_pages_are_private(tmp_path: Path) -> None:
    """Rows hold customers' addresses: the folder is 0700, the files 0600."""
    folder = three_pages(tmp_path)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}


def test_a_state_folder_that_cannot_be_written_is_a_clear_error(tmp_path: Path) -> None:
    """A file where the folder should be stops the day with a hint about MOOTECH_STATE_DIR."""
    (tmp_path / "products").write_text("in the way")
    day = staged(tmp_path)
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
