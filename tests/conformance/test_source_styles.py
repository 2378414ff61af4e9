"""What every way to page and to sign promises, proved against a real HTTP server: all rows once, or none."""

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
from tests.rows import DAY
from tests.shops import KEY, USER, AnyShop
from tests.wire import Wire, problem, serving

PAGE_SIZE = 4

WAYS = [
    *((style, False) for style in STYLES),
    *((style.name, True) for style in STYLES.values() if not style.beside_rows),
]
"""Every style with JSON bodies, and with NDJSON where that can be."""


@pytest.fixture(params=WAYS, ids=[f"{style}-{'ndjson' if lines else 'json'}" for style, lines in WAYS])
def shop(request: pytest.FixtureRequest) -> AnyShop:
    """A shop of one style, without rows yet."""
    style, lines = request.param
    return AnyShop([], style, lines)


async def hurry(seconds: float) -> None:
    """Wait a thousandth as long between attempts."""
    await asyncio.sleep(seconds / 1000)


def dialect_of(shop: AnyShop, url: str) -> Dialect:
    """Return the dialect in which a shop is asked."""
    bare = shop.lines or shop.style == "link"
    pages = PagesSettings(
        style=cast("Any", shop.style),
        body="ndjson" if shop.lines else "json",
        records=() if bare else ("result", "items"),
        next=("meta", "after" if shop.style == "cursor" else "next"),
        total=() if bare else ("meta", "count"),
        total_header="X-Total-Count" if bare else "",
    )
    return Dialect("products", pages, url=url)


def stage(shop: AnyShop, wire: Wire, root: Path, page_size: int = PAGE_SIZE) -> tuple[list[Any], str]:
    """Stage the day; return its rows and the note."""
    dialect = dialect_of(shop, wire.url)
    staged = StagedDay(root, Job(PRODUCTS, DAY), dialect, page_size=page_size)
    name = "api_key" if shop.auth == "query" else "X-Shop-Key"
    auth = AuthSettings(kind=cast("Any", shop.auth), name=name, user=USER)
    endpoint = Endpoint(SourceSettings(url=wire.url, timeout_seconds=5, deadline_seconds=10, auth=auth), KEY)

    async def everything() -> str:
        async with Api(endpoint, sleep=hurry) as api:
            return await stage_day(api, staged, lambda _rows: None)

    note = asyncio.run(everything())
    return [json.loads(bytes(row)) for path in staged.bodies() for row in rows_of(path.read_bytes(), dialect)], note


def numbered(count: int) -> list[dict[str, int]]:
    """Return so many rows."""
    return [{"n": number} for number in range(count)]


@pytest.mark.parametrize("declares", [True, False])
@pytest.mark.parametrize("count", [0, 1, PAGE_SIZE - 1, PAGE_SIZE, PAGE_SIZE + 1, 3 * PAGE_SIZE])
def test_every_row_arrives_once(shop: AnyShop, count: int, declares: bool, tmp_path: Path) -> None:  # noqa: FBT001  # pytest's
    """A day without rows, of one page, of a last page exactly full: all of its rows, in order, read in one pass."""
    shop = replace(shop, rows=numbered(count), declares=declares)
    with serving([shop()]) as wire:
        assert stage(shop, wire, tmp_path) == (numbered(count), "")


def test_a_shop_with_smaller_pages_than_asked_for_loses_nothing(shop: AnyShop, tmp_path: Path) -> None:
    """A page that is short because the shop has no longer ones is not taken for the last."""
    shop = replace(shop, rows=numbered(7), most=2, declares=False)
    with serving([shop()]) as wire:
        assert stage(shop, wire, tmp_path)[0] == numbered(7)


@pytest.mark.parametrize("lie", [-PAGE_SIZE, -1, 1, PAGE_SIZE])
def test_a_total_that_lies_is_not_believed(shop: AnyShop, lie: int, tmp_path: Path) -> None:
    """More rows than declared, or fewer: the day is incomplete in every style, and the figures are told."""
    shop = replace(shop, rows=numbered(2 * PAGE_SIZE), lie=lie)
    told = rf"[0-9] rows came .*{2 * PAGE_SIZE + lie}.* declared"
    with serving([shop()]) as wire, pytest.raises(IncompleteError, match=told):
        stage(shop, wire, tmp_path)


@pytest.mark.parametrize("auth", KINDS)
def test_the_key_is_sent_one_way_and_found_nowhere(
    shop: AnyShop, auth: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Every request is signed as configured, next addresses included; no log of any library, no file has the key."""
    shop = replace(shop, rows=numbered(9), auth=auth)
    with caplog.at_level(logging.DEBUG), serving([shop()]) as wire:
        assert stage(shop, wire, tmp_path)[0] == numbered(9)
    assert shop.asked
    left = "".join(path.read_text() for path in tmp_path.rglob("*") if path.is_file())
    for spelled in (KEY, "canary-5a3c"):
        assert spelled not in caplog.text
        assert spelled not in left
        assert auth == "query" or not any(spelled in request for request in wire.requests)


@pytest.mark.parametrize("auth", KINDS)
def test_a_refused_key_is_not_repeated(shop: AnyShop, auth: str, tmp_path: Path) -> None:
    """A shop that answers 401 with the very header and address it was sent brings nothing of the key to light."""
    shop = replace(shop, auth=auth)
    other = replace(shop, auth="bearer" if auth == "header" else "header")
    with serving([other()]) as wire, pytest.raises(RefusedError, match="401") as caught:
        stage(shop, wire, tmp_path)
    assert "canary" not in f"{caught.value.message} {caught.value.hint}"
    assert len(wire.requests) == 1


def test_a_killed_run_goes_on_behind_its_last_page(shop: AnyShop, tmp_path: Path) -> None:
    """What was staged is read again from disk alone, cursors, links and totals included, and not fetched again."""
    if shop.style == "none":
        shop = replace(shop, rows=numbered(1))
        with serving([shop()]) as wire:
            stage(shop, wire, tmp_path)
            assert stage(shop, wire, tmp_path)[1] == "resumed: 1 of 1 pages were staged"
        return
    shop = replace(shop, rows=numbered(3 * PAGE_SIZE))
    good = shop()
    with serving([good, good, problem(403, "not now"), good]) as wire:
        with pytest.raises(RefusedError):
            stage(shop, wire, tmp_path)
        rows, note = stage(shop, wire, tmp_path)
    assert rows == shop.rows
    assert note.startswith("resumed: 2 of ")


def _changed(dialect: Dialect, **settings: object) -> Dialect:
    return replace(dialect, pages=dialect.pages.model_copy(update=settings))


def _other_records(dialect: Dialect) -> Dialect:
    return _changed(dialect, records=("items",))


def _other_dates(dialect: Dialect) -> Dialect:
    return _changed(dialect, date_format="seconds")


@pytest.mark.parametrize("change", [_other_records, _other_dates])
def test_pages_of_another_configuration_are_not_resumed(
    shop: AnyShop, change: Callable[[Dialect], Dialect], tmp_path: Path
) -> None:
    """Whatever decides how pages are asked for or read starts the day anew when it changes."""
    shop = replace(shop, rows=numbered(1))
    with serving([shop()]) as wire:
        stage(shop, wire, tmp_path)
        dialect = change(dialect_of(shop, wire.url))
        again = StagedDay(tmp_path, Job(PRODUCTS, DAY), dialect, page_size=PAGE_SIZE)
        assert again.resume() == 0


@pytest.mark.parametrize("style", ["link", "next_url"])
@pytest.mark.parametrize("elsewhere", ["http://127.0.0.1:9", "http://user:pw@{host}", "https://{host}"])
def test_a_next_address_elsewhere_is_refused(style: str, elsewhere: str, tmp_path: Path) -> None:
    """Another port, another scheme, a user in the address: nothing is asked there, and the day is not published."""
    shop = AnyShop(numbered(9), style, elsewhere=elsewhere)
    with serving([shop()]) as wire, pytest.raises(RefusedError, match="elsewhere") as caught:
        stage(shop, wire, tmp_path)
    assert "Nothing was sent there" in caught.value.hint
    assert len(wire.requests) == 1
