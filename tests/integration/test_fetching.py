"""Staging a day from a source that does not hold still: what is read again, what is believed, what is kept."""

import asyncio
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from mootech.config import SourceSettings
from mootech.errors import IncompleteError, RefusedError, SourceError
from mootech.layers.bronze.fetching import stage_day
from mootech.layers.bronze.staging import StagedDay
from mootech.model import Job
from mootech.source.dialect import Dialect
from mootech.source.endpoint import Endpoint
from mootech.source.http import Api
from mootech.source.pages import rows_of
from mootech.tables import PRODUCTS
from tests.clocks import at_once
from tests.rows import DAY, page_body
from tests.wire import Answer, Wire, answer, problem, routed, serving

PAGE_SIZE = 3


def stage(wire: Wire, root: Path) -> tuple[list[int], str]:
    """Stage the day; return its rows, which are numbers here, and the note."""
    staged = StagedDay(root, Job(PRODUCTS, DAY), Dialect("products", url=wire.url), page_size=PAGE_SIZE)
    settings = SourceSettings(url=wire.url, timeout_seconds=60, deadline_seconds=120)

    async def everything() -> str:
        async with Api(Endpoint(settings, "key"), sleep=at_once) as api:
            return await stage_day(api, staged, lambda _rows: None)

    note = asyncio.run(everything())
    return [json.loads(bytes(row)) for path in staged.bodies() for row in rows_of(path.read_bytes())], note


def asked(request: str) -> tuple[int, int]:
    """Return the place and the number of rows that a request asks for."""
    query = parse_qs(urlsplit(request.split(" ")[1]).query)
    return int(query.get("cursor", ["0"])[0]), int(query["limit"][0])


def source(rows: Callable[[int, int], Sequence[int]], count: int, *, total: bool = True) -> Answer:
    """Return a source of `count` rows whose page at some place, of some size, is what `rows` says."""

    def one(request: str) -> Answer:
        place, size = asked(request)
        end = place + size
        more = str(end) if end < count else None
        return answer(page_body(list(rows(place, size)), more, count if total else None))

    return routed(one)


def test_rows_that_the_source_repeats_are_believed(tmp_path: Path) -> None:
    """The same row on both sides of a seam is read again with other seams, and kept both times."""
    day = [1, 2, 3, 3, 4, 5, 6]
    with serving([source(lambda at, size: day[at : at + size], len(day))]) as wire:
        rows, note = stage(wire, tmp_path)
    assert rows == day
    assert "read again" in note
    assert [asked(head)[1] for head in wire.requests] == [3, 3, 3, 2, 2, 2, 2]


def test_a_source_of_many_repeats_is_believed_when_two_passes_agree(tmp_path: Path) -> None:
    """Where every seam lies between repeats, two passes with different seams have the same rows in a row."""
    day = [1] * 5 + [2] * 6
    with serving([source(lambda at, size: day[at : at + size], len(day), total=False)]) as wire:
        assert stage(wire, tmp_path)[0] == day
    assert {asked(head)[1] for head in wire.requests} == {3, 2}


def test_a_source_that_loses_a_row_at_its_seams_is_not_believed(tmp_path: Path) -> None:
    """Every page after the first begins a row too early and every total fits: no two passes agree, exit 4."""
    day = list(range(12))

    def slipping(at: int, size: int) -> list[int]:
        return day[at : at + size] if at == 0 else day[at - 1 : min(at + size, len(day)) - 1]

    with (
        serving([source(slipping, len(day))]) as wire,
        pytest.raises(IncompleteError, match="rows moved between the pages") as caught,
    ):
        stage(wire, tmp_path)
    assert "run the same command later" in caught.value.hint


def test_a_row_put_in_while_the_day_is_read_is_not_lost(tmp_path: Path) -> None:
    """The declared total changes with it, and the day is read again from its first page."""
    day = list(range(1, 8))

    def one(request: str) -> Answer:
        place, size = asked(request)
        if place and 0 not in day:
            day.insert(0, 0)
        more = str(place + size) if place + size < len(day) else None
        return answer(page_body(day[place : place + size], more, len(day)))

    with serving([routed(one)]) as wire:
        assert stage(wire, tmp_path)[0] == list(range(8))


def test_a_total_that_never_holds_still_is_given_up_on(tmp_path: Path) -> None:
    """Reading again is bounded; the error says what to do."""
    answers = [answer(page_body([n], "c" if n % 2 else None, n)) for n in range(1, 100)]
    with serving(answers) as wire, pytest.raises(IncompleteError, match="declared total changed") as caught:
        stage(wire, tmp_path)
    assert len(wire.requests) == 8
    assert "run the same command later" in caught.value.hint


def test_a_day_that_is_short_once_is_whole_the_next_time(tmp_path: Path) -> None:
    """What does not fit together is read again within the same run."""
    with serving([answer(page_body([1], None, 2)), answer(page_body([1, 2], None, 2))]) as wire:
        assert stage(wire, tmp_path) == ([1, 2], "read again, because its pages did not fit together")


@pytest.mark.parametrize("status", [400, 410, 422])
def test_a_cursor_that_the_source_has_forgotten_restarts_the_day(tmp_path: Path, status: int) -> None:
    """The pages after it cannot be had any more, so the day begins with its first page."""
    first, last = page_body([1], "c", 2), page_body([2], None, 2)
    with serving([answer(first), problem(status, "what cursor?"), answer(first), answer(last)]) as wire:
        assert stage(wire, tmp_path)[0] == [1, 2]


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_refusal_keeps_what_is_staged(tmp_path: Path, status: int) -> None:
    """A key that has run out in the middle of a day costs nothing: the next run goes on behind the staged pages."""
    first, last = page_body([1], "c", 2), page_body([2], None, 2)
    with serving([answer(first), problem(status, "no"), problem(status, "no"), answer(last)]) as wire:
        for _ in range(2):
            with pytest.raises(RefusedError, match=str(status)):
                stage(wire, tmp_path)
        assert stage(wire, tmp_path) == ([1, 2], "resumed: 1 of 2 pages were staged")


def test_a_pass_with_other_seams_is_not_resumed(tmp_path: Path) -> None:
    """Its cursors belong to another page size than the configured one, so the next run begins anew."""
    day = [1, 2, 3, 3, 4, 5, 6]
    good = source(lambda at, size: day[at : at + size], len(day))
    with serving([good] * 4 + [problem(403, "no")] + [good]) as wire:
        with pytest.raises(SourceError):
            stage(wire, tmp_path)
        assert stage(wire, tmp_path)[0] == day
    assert [asked(head) for head in wire.requests[4:6]] == [(2, 2), (0, 3)]
