"""What every way to page and to sign promises, proved against a real HTTP server: all rows once, or none.

What a style decides by itself is proved for each style: where the last page is, how the next one is asked for, what of
a page has to be kept so that a later run goes on behind it. The rest is decided in one place for all of them, and is
proved for each way in which a page comes to that place, not for each style:

- NDJSON changes how a body is cut into rows, and that a total can only stand in a header. It does not change where the
  next page is. So every style that takes it shows days of no page, one page and several.
- A declared total is found in the body or in a header, and only styles that count pages or rows also go by it. So a
  lie is told to one style that names its next page in the body, to one with headers, to both that count, and to the one
  without a next page.
- A key is sent with a query of ours or with an address of the shop's. So each way to sign goes with one style of the
  former and both of the latter. A refusal comes before there is a page, a change of the configuration before a page is
  read: neither knows a style.
"""

import asyncio
import json
import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from mootech.config import PagesSettings, SourceSettings
from mootech.config.dialect import AuthSettings
from mootech.errors import IncompleteError, RefusedError
from mootech.layers.bronze.fetching import stage_day
from mootech.layers.bronze.staging import StagedDay
from mootech.model import Job
from mootech.source.auth import KINDS
from mootech.source.dialect import Dialect
from mootech.source.endpoint import Endpoint
from mootech.source.http import Api
from mootech.source.pages import rows_of
from mootech.source.styles import STYLES
from mootech.tables import PRODUCTS
from tests.clocks import at_once
from tests.rows import DAY
from tests.shops import KEY, USER, AnyShop
from tests.wire import Wire, problem, serving

PAGE_SIZE = 4

WITH_LINES = ("page", "offset", "link", "none")
"""Styles whose next page is not named in the body, which then may be NDJSON."""
TOTALS = ("cursor", "page", "offset", "link", "none")
"""One style for every way in which a declared total is found and used."""
SIGNED = ("cursor", "link", "next_url")
"""One style whose next page is asked for with a query of ours, and both that are given an address by the shop."""


def dialect_of(style: str, url: str, *, lines: bool = False) -> Dialect:
    """Return the dialect in which a shop is asked."""
    bare = lines or style == "link"
    pages = PagesSettings(
        style=cast("Any", style),
        body="ndjson" if lines else "json",
        records=() if bare else ("result", "items"),
        next=("meta", "after" if style == "cursor" else "next"),
        total=() if bare else ("meta", "count"),
        total_header="X-Total-Count" if bare else "",
    )
    return Dialect("products", pages, url=url)


def stage(style: str, wire: Wire, root: Path, *, lines: bool = False, auth: str = "header") -> tuple[list[Any], str]:
    """Stage the day as a shop of that style is asked; return its rows and the note."""
    dialect = dialect_of(style, wire.url, lines=lines)
    staged = StagedDay(root, Job(PRODUCTS, DAY), dialect, page_size=PAGE_SIZE)
    name = "api_key" if auth == "query" else "X-Shop-Key"
    settings = AuthSettings(kind=cast("Any", auth), name=name, user=USER)
    endpoint = Endpoint(SourceSettings(url=wire.url, timeout_seconds=60, deadline_seconds=120, auth=settings), KEY)

    async def everything() -> str:
        async with Api(endpoint, sleep=at_once) as api:
            return await stage_day(api, staged, lambda _rows: None)

    note = asyncio.run(everything())
    return [json.loads(bytes(row)) for path in staged.bodies() for row in rows_of(path.read_bytes(), dialect)], note


def numbered(count: int) -> list[dict[str, int]]:
    """Return so many rows."""
    return [{"n": number} for number in range(count)]


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("declares", [True, False])
@pytest.mark.parametrize("count", [0, 1, PAGE_SIZE - 1, PAGE_SIZE, PAGE_SIZE + 1, 3 * PAGE_SIZE])
def test_every_row_arrives_once(style: str, count: int, declares: bool, tmp_path: Path) -> None:  # noqa: FBT001  # pytest's
    """A day without rows, of one page, of a last page exactly full: all of its rows, in order, read in one pass."""
    with serving([AnyShop(numbered(count), style, declares=declares)()]) as wire:
        assert stage(style, wire, tmp_path) == (numbered(count), "")


@pytest.mark.parametrize("style", WITH_LINES)
@pytest.mark.parametrize("count", [0, PAGE_SIZE, 2 * PAGE_SIZE + 1])
def test_every_line_is_a_row(style: str, count: int, tmp_path: Path) -> None:
    """A day without lines, of one full page, of several: all of its rows, in order, read in one pass."""
    with serving([AnyShop(numbered(count), style, lines=True)()]) as wire:
        assert stage(style, wire, tmp_path, lines=True) == (numbered(count), "")


@pytest.mark.parametrize("style", STYLES)
def test_a_shop_with_smaller_pages_than_asked_for_loses_nothing(style: str, tmp_path: Path) -> None:
    """A page that is short because the shop has no longer ones is not taken for the last."""
    with serving([AnyShop(numbered(7), style, most=2, declares=False)()]) as wire:
        assert stage(style, wire, tmp_path)[0] == numbered(7)


@pytest.mark.parametrize("style", TOTALS)
@pytest.mark.parametrize("lie", [-PAGE_SIZE, -1, 1, PAGE_SIZE])
def test_a_total_that_lies_is_not_believed(style: str, lie: int, tmp_path: Path) -> None:
    """More rows than declared, or fewer: the day is incomplete wherever the total stands, and the figures are told."""
    told = rf"[0-9] rows came .*{2 * PAGE_SIZE + lie}.* declared"
    with (
        serving([AnyShop(numbered(2 * PAGE_SIZE), style, lie=lie)()]) as wire,
        pytest.raises(IncompleteError, match=told),
    ):
        stage(style, wire, tmp_path)


@pytest.mark.parametrize("style", SIGNED)
@pytest.mark.parametrize("auth", KINDS)
def test_the_key_is_sent_one_way_and_found_nowhere(
    style: str, auth: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Every request is signed as configured, next addresses included; no log of any library, no file has the key."""
    shop = AnyShop(numbered(9), style, auth=auth)
    with caplog.at_level(logging.DEBUG), serving([shop()]) as wire:
        assert stage(style, wire, tmp_path, auth=auth)[0] == numbered(9)
    assert shop.asked
    left = "".join(path.read_text() for path in tmp_path.rglob("*") if path.is_file())
    for spelled in (KEY, "canary-5a3c"):
        assert spelled not in caplog.text
        assert spelled not in left
        assert auth == "query" or not any(spelled in request for request in wire.requests)


@pytest.mark.parametrize("auth", KINDS)
def test_a_refused_key_is_not_repeated(auth: str, tmp_path: Path) -> None:
    """A shop that answers 401 with the very header and address it was sent brings nothing of the key to light."""
    other = AnyShop([], "cursor", auth="bearer" if auth == "header" else "header")
    with serving([other()]) as wire, pytest.raises(RefusedError, match="401") as caught:
        stage("cursor", wire, tmp_path, auth=auth)
    assert "canary" not in f"{caught.value.message} {caught.value.hint}"
    assert len(wire.requests) == 1


@pytest.mark.parametrize(
    ("style", "lines"), [*((style, False) for style in STYLES if style != "none"), ("offset", True)]
)
def test_a_killed_run_goes_on_behind_its_last_page(style: str, lines: bool, tmp_path: Path) -> None:  # noqa: FBT001  # pytest's
    """What was staged is read again from disk alone, cursors, links and totals included, and not fetched again."""
    shop = AnyShop(numbered(3 * PAGE_SIZE), style, lines)
    good = shop()
    with serving([good, good, problem(403, "not now"), good]) as wire:
        with pytest.raises(RefusedError):
            stage(style, wire, tmp_path, lines=lines)
        rows, note = stage(style, wire, tmp_path, lines=lines)
    assert rows == shop.rows
    assert note.startswith("resumed: 2 of ")


def test_a_run_killed_behind_its_only_page_fetches_nothing(tmp_path: Path) -> None:
    """Where one page is all there is, a staged one is the day."""
    with serving([AnyShop(numbered(1), "none")()]) as wire:
        stage("none", wire, tmp_path)
        assert stage("none", wire, tmp_path) == (numbered(1), "resumed: 1 of 1 pages were staged")
    assert len(wire.requests) == 1


def _changed(dialect: Dialect, **settings: object) -> Dialect:
    return replace(dialect, pages=dialect.pages.model_copy(update=settings))


def _other_records(dialect: Dialect) -> Dialect:
    return _changed(dialect, records=("items",))


def _other_dates(dialect: Dialect) -> Dialect:
    return _changed(dialect, date_format="seconds")


@pytest.mark.parametrize("change", [_other_records, _other_dates])
def test_pages_of_another_configuration_are_not_resumed(change: Callable[[Dialect], Dialect], tmp_path: Path) -> None:
    """Whatever decides how pages are asked for or read starts the day anew when it changes."""
    with serving([AnyShop(numbered(1), "page")()]) as wire:
        stage("page", wire, tmp_path)
        dialect = change(dialect_of("page", wire.url))
        again = StagedDay(tmp_path, Job(PRODUCTS, DAY), dialect, page_size=PAGE_SIZE)
        assert again.resume() == 0


@pytest.mark.parametrize("style", ["link", "next_url"])
@pytest.mark.parametrize("elsewhere", ["http://127.0.0.1:9", "http://user:pw@{host}", "https://{host}"])
def test_a_next_address_elsewhere_is_refused(style: str, elsewhere: str, tmp_path: Path) -> None:
    """Another port, another scheme, a user in the address: nothing is asked there, and the day is not published."""
    shop = AnyShop(numbered(9), style, elsewhere=elsewhere)
    with serving([shop()]) as wire, pytest.raises(RefusedError, match="elsewhere") as caught:
        stage(style, wire, tmp_path)
    assert "Nothing was sent there" in caught.value.hint
    assert len(wire.requests) == 1
