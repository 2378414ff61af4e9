"""Rows 1 and 29: staged pages outlive the run that fetched them, and a journal is never believed against its pages."""

import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from mootech.lake.stores.registry import open_store
from mootech.tables import PRODUCTS, USERS
from tests import forked
from tests.faults.invariants import World, check_converged, check_lake, ingest_command
from tests.faults.watched import Watched, watched

PAGES = 5
"""The day these tests are about."""
STAGED = 3
CONCURRENCY = 4
"""Requests under way at once, by default: when all of them wait, everything that was answered is staged."""


@dataclass
class Bench:
    """One day of users, five pages of it, from a source that is watched."""

    world: World
    source: Watched
    folder: Path

    @property
    def lake(self) -> Path:
        """Where the runs publish."""
        return self.folder / "lake"

    @property
    def journals(self) -> list[Path]:
        """What is staged now."""
        return sorted((self.folder / "state").rglob("journal.jsonl"))

    def killed_after(self, pages: int, waiting: int = 1) -> None:
        """Start a run, and kill it when the source has answered so many requests and the next ones wait."""
        self.source.hold(after=pages)
        argv, env = ingest_command(self.world, self.lake, self.folder / "state")
        with forked.started(argv, env) as run:
            self.source.wait_for(waiting)
            run.kill()
        check_lake(open_store(str(self.lake)), self.world)
        self.source.flow()
        self.source.requests.clear()

    def finished(self) -> str:
        """Run to the end, which must leave the oracle; return what it said."""
        argv, env = ingest_command(self.world, self.lake, self.folder / "state")
        done = forked.run(argv, env)
        assert done.returncode == 0, done.stderr
        check_converged(open_store(str(self.lake)), self.world)
        assert not self.journals
        return done.stderr


@pytest.fixture
def whole(world: World, tmp_path: Path) -> Iterator[Bench]:
    """The world, from a source that is watched."""
    with watched(world.url) as source:
        yield Bench(replace(world, url=source.url), source, tmp_path)


@pytest.fixture
def bench(whole: Bench) -> Bench:
    """One day of it."""
    day = whole.world.start
    part = f"users/utc_date={day}/"
    objects = {key: data for key, data in whole.world.objects.items() if part in key}
    whole.world = replace(whole.world, tables=(USERS,), end=day, objects=objects)
    return whole


@pytest.mark.fault(1)
def test_a_killed_run_is_resumed_at_the_page_it_lacks(bench: Bench) -> None:
    """After a kill, only the day's pages that are not on disk are asked for again, and the user hears so."""
    bench.killed_after(STAGED)
    assert f"resumed: {STAGED} of {PAGES} pages were staged" in bench.finished()
    assert len(bench.source.requests) == PAGES - STAGED
    assert all("cursor=" in request for request in bench.source.requests)


@pytest.mark.fault(1)
def test_a_killed_run_over_many_days_fetches_no_staged_page_twice(whole: Bench) -> None:
    """Four tables and a week, killed in the middle: requests and staged pages add up to all pages there are."""
    whole.finished()
    pages = len(whole.source.requests)
    # Among a table's later days: its first request is asked alone, and then no other one waits beside it.
    staged, answered = 0, pages // 4
    while not staged:
        # Where all requests that wait are days' first ones nothing is staged; some pages on something is.
        whole.killed_after(answered, waiting=CONCURRENCY)
        staged = sum(len(journal.read_text().splitlines()) - 1 for journal in whole.journals)
        answered += 1
    told = whole.finished()
    assert "pages were staged" in told
    assert len(whole.source.requests) == pages - staged


@pytest.mark.fault(1)
def test_a_cursor_that_the_source_has_forgotten_starts_the_day_anew(bench: Bench) -> None:
    """When the staged cursor is refused, the day's pages are fetched from the first one on, by the same run."""
    bench.killed_after(STAGED)
    bench.source.forgotten = 1
    assert "resumed" not in bench.finished()
    assert len(bench.source.requests) == 1 + PAGES


def _garbage(journal: Path) -> None:
    journal.write_bytes(b"\x00" * 4096)


def _empty(journal: Path) -> None:
    journal.write_bytes(b"")


def _of_version(number: int) -> Callable[[Path], None]:
    def write(journal: Path) -> None:
        header, *lines = journal.read_text().splitlines()
        journal.write_text("\n".join([json.dumps({**json.loads(header), "journal": number}), *lines, ""]))

    return write


def _of_another_day(journal: Path) -> None:
    journal.write_text(journal.read_text().replace("2024-02-26", "2024-02-27"))


def _flipped_page(journal: Path) -> None:
    page = journal.with_name("page-00002.json")
    page.write_bytes(page.read_bytes().replace(b"@", b"#", 1))


def _torn(journal: Path) -> None:
    journal.write_bytes(journal.read_bytes()[:-30])


@pytest.mark.fault(29)
@pytest.mark.parametrize(
    ("damage", "believed"),
    [
        pytest.param(_garbage, 0, id="garbage"),
        pytest.param(_empty, 0, id="empty"),
        pytest.param(_of_version(1), 0, id="older"),
        pytest.param(_of_version(99), 0, id="newer"),
        pytest.param(_of_another_day, 0, id="another day's"),
        pytest.param(_flipped_page, 1, id="a page changed"),
        pytest.param(_torn, 2, id="torn"),
    ],
)
def test_a_journal_that_does_not_check_out_is_not_believed(
    bench: Bench, damage: Callable[[Path], None], believed: int
) -> None:
    """What is corrupt, or an older or a newer mootech's, is fetched again, and the day comes out as the oracle's."""
    bench.killed_after(STAGED)
    (journal,) = bench.journals
    damage(journal)
    told = bench.finished()
    assert (f"resumed: {believed} of {PAGES}" in told) == bool(believed)
    assert len(bench.source.requests) == PAGES - believed


@pytest.mark.fault(29)
def test_staging_of_a_day_that_nobody_asks_for_any_more_is_removed(bench: Bench) -> None:
    """A later run over other days clears away what a killed one left, once nobody would resume it."""
    bench.killed_after(STAGED)
    (journal,) = bench.journals
    then = time.time() - 7 * 3600
    for path in (*journal.parent.iterdir(), journal.parent):
        os.utime(path, (then, then))
    bench.world = replace(bench.world, tables=(PRODUCTS,))
    argv, env = ingest_command(bench.world, bench.lake, bench.folder / "state")
    done = forked.run(argv, env)
    assert done.returncode == 0, done.stderr
    assert not journal.parent.exists()
