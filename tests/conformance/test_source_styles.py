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
import gzip
import itertools
import json
import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from mootech.config import PagesSettings, SourceSettings
from mootech.config.dialect import AuthSettings
from mootech.errors import IncompleteError, RefusedError, SourceError
from mootech.layers.bronze.fetching import stage_day
from mootech.layers.bronze.staging import StagedDay
from mootech.model import Job
from mootech.source.auth import KINDS
from mootech.source.dialect import Dialect
from mootech.source.endpoint import Endpoint
from mootech.source.guards import MOST_EMPTY
from mootech.source.http import Api
from mootech.source.pages import rows_of
from mootech.source.styles import STYLES
from mootech.tables import PRODUCTS
from tests.clocks import at_once
from tests.rows import DAY
from tests.shops import KEY, USER, AnyShop
from tests.wire import Answer, Wire, answer, problem, routed, serving, unframed

PAGE_SIZE = 4

WITH_LINES = ("page", "offset", "link", "none")
"""Styles whose next page is not named in the body, which then may be NDJSON."""
COUNTED = ("page", "offset")
"""Styles in which no page names the next one."""
NAMED = ("cursor", "link", "next_url")
"""Styles in which a page names the next one."""
TOTALS = ("cursor", "page", "offset", "link", "none")
"""One style for every way in which a declared total is found and used."""
SIGNED = ("cursor", "link", "next_url")
"""One style whose next page is asked for with a query of ours, and both that are given an address by the shop."""


def dialect_of(style: str, url: str, *, lines: bool = False, **settings: object) -> Dialect:
    """Return the dialect in which a shop is asked; `settings` are those of [source.pages] that differ."""
    bare = lines or style == "link"
    pages = PagesSettings(
        style=cast("Any", style),
        body="ndjson" if lines else "json",
        records=() if bare else ("result", "items"),
        next=("meta", "after" if style == "cursor" else "next"),
        total=() if bare else ("meta", "count"),
        total_header="X-Total-Count" if bare else "",
    )
    return Dialect("products", pages.model_copy(update=settings), url=url)


def stage(
    style: str, wire: Wire, root: Path, *, lines: bool = False, auth: str = "header", **settings: object
) -> tuple[list[Any], str]:
    """Stage the day as a shop of that style is asked; return its rows and the note."""
    dialect = dialect_of(style, wire.url, lines=lines, **settings)
    staged = StagedDay(root, Job(PRODUCTS, DAY), dialect, page_size=PAGE_SIZE)
    name = "api_key" if auth == "query" else "X-Shop-Key"
    signed = AuthSettings(kind=cast("Any", auth), name=name, user=USER)
    endpoint = Endpoint(SourceSettings(url=wire.url, timeout_seconds=60, deadline_seconds=120, auth=signed), KEY)

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


@pytest.mark.parametrize(
    ("style", "lie"),
    # A total that is met is the end where pages are counted: what lies behind whole pages is never asked for.
    [(s, lie) for s in TOTALS for lie in (-PAGE_SIZE, -1, 1, PAGE_SIZE) if lie > -PAGE_SIZE or s not in COUNTED],
)
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


@pytest.mark.parametrize("style", COUNTED)
@pytest.mark.parametrize("count", [PAGE_SIZE, 2 * PAGE_SIZE, 2 * PAGE_SIZE + 1])
def test_a_declared_total_that_is_met_is_the_end(style: str, count: int, tmp_path: Path) -> None:
    """Behind it nothing is asked for, so a shop that refuses the next page with 400 needs no word about it."""
    with serving([AnyShop(numbered(count), style, beyond=400)()]) as wire:
        assert stage(style, wire, tmp_path) == (numbered(count), "")
    assert len(wire.requests) == -(-count // PAGE_SIZE)


@pytest.mark.parametrize("style", COUNTED)
@pytest.mark.parametrize(("status", "settings"), [(404, {}), (416, {}), (400, {"end_status": (400,)})])
@pytest.mark.parametrize("count", [1, PAGE_SIZE, 2 * PAGE_SIZE + 1])
def test_a_refusal_behind_the_last_page_is_the_end(
    style: str, status: int, settings: dict[str, Any], count: int, tmp_path: Path
) -> None:
    """Without a total: the last page is asked for again and is the same, the status repeats, and every row is there."""
    with serving([AnyShop(numbered(count), style, declares=False, beyond=status)()]) as wire:
        assert stage(style, wire, tmp_path, **settings) == (numbered(count), "")
        *_, last, beyond, again, repeated = ["", *wire.requests]
        assert (last, beyond) == (again, repeated)
        # The run resumes the staged pages, and proves their end anew.
        resumed = -(-count // PAGE_SIZE)
        assert stage(style, wire, tmp_path, **settings)[1] == f"resumed: {resumed} of {resumed} pages were staged"


@pytest.mark.parametrize(
    ("style", "status", "shop", "settings"),
    [
        pytest.param("page", 400, {}, {}, id="400 without end_status"),
        pytest.param("page", 404, {}, {"end_status": ()}, id="end_status is empty"),
        pytest.param("page", 404, {"declares": True, "lie": 1}, {}, id="a total is not met"),
        pytest.param("offset", 416, {"declares": True, "lie": 5}, {}, id="a total is not met by more than a page"),
        pytest.param("cursor", 404, {}, {}, id="a named page"),
        pytest.param("next_url", 404, {}, {}, id="a named address"),
        pytest.param("link", 416, {}, {}, id="a named link"),
    ],
)
def test_a_refusal_elsewhere_is_no_end(
    style: str, status: int, shop: dict[str, Any], settings: dict[str, Any], tmp_path: Path
) -> None:
    """A status that nobody named, a total that is not met, a page that the shop itself named: the day fails."""
    good = AnyShop(
        numbered(PAGE_SIZE + 1 if style in NAMED else 3), style, **{"declares": False, "beyond": status, **shop}
    )
    answers = [good(), problem(status, "no such page")] if style in NAMED else [good()]
    with serving(answers) as wire, pytest.raises(SourceError, match=str(status)):
        stage(style, wire, tmp_path, **settings)


@pytest.mark.parametrize("status", [404, 416])
def test_a_refused_first_page_is_no_end(status: int, tmp_path: Path) -> None:
    """The status ends a day only behind a page with rows."""
    with serving([problem(status, "no such day")]) as wire, pytest.raises(RefusedError, match=str(status)):
        stage("page", wire, tmp_path)
    assert len(wire.requests) == 1


def test_a_refusal_that_does_not_repeat_is_no_end(tmp_path: Path) -> None:
    """A gateway that says 404 for a moment ends no day: the page comes, so the day is read again, and it is whole."""
    good = AnyShop(numbered(2 * PAGE_SIZE + 1), "page", declares=False, beyond=404)()
    with serving([good, problem(404, "for a moment"), good]) as wire:
        rows, note = stage("page", wire, tmp_path)
    assert rows == numbered(2 * PAGE_SIZE + 1)
    assert "read again" in note


def test_a_last_page_that_moved_meanwhile_is_no_end(tmp_path: Path) -> None:
    """A row went while the end was looked for, and one may have been missed: the day is read again."""
    before = AnyShop(numbered(PAGE_SIZE + 2), "page", declares=False, beyond=404)()
    after = AnyShop(numbered(PAGE_SIZE + 1), "page", declares=False, beyond=404)()
    with serving([before, before, before, after]) as wire:
        rows, note = stage("page", wire, tmp_path)
    assert rows == numbered(PAGE_SIZE + 1)
    assert "read again" in note


@pytest.mark.parametrize("style", ["page", "offset"])
@pytest.mark.parametrize("count", [0, 1, PAGE_SIZE, 3 * PAGE_SIZE])
def test_a_shop_that_says_whether_more_follow_is_asked_no_more(style: str, count: int, tmp_path: Path) -> None:
    """The page that says that no other follows is the last, however full it is."""
    with serving([AnyShop(numbered(count), style, declares=False, says_more=True)()]) as wire:
        assert stage(style, wire, tmp_path, more=("meta", "more")) == (numbered(count), "")
    assert len(wire.requests) == max(1, count // PAGE_SIZE)


@pytest.mark.parametrize("style", ["cursor", "next_url", "none"])
def test_more_without_a_next_page_is_incomplete(style: str, tmp_path: Path) -> None:
    """A shop that says that there is more and not where has not handed out the day."""
    body = json.dumps({"meta": {"more": True}, "result": {"items": [{"n": 1}]}}).encode()
    with serving([answer(body)]) as wire, pytest.raises(IncompleteError, match="names no next page"):
        stage(style, wire, tmp_path, more=("meta", "more"))


@pytest.mark.parametrize("style", NAMED)
def test_empty_pages_that_name_a_next_one_are_passed_through(style: str, tmp_path: Path) -> None:
    """Some shops filter behind their pagination: a page without rows is no end as long as it names another one."""
    with serving([AnyShop(numbered(2 * PAGE_SIZE + 1), style, gaps=True)()]) as wire:
        assert stage(style, wire, tmp_path) == (numbered(2 * PAGE_SIZE + 1), "")
    assert len(wire.requests) == 5


def test_empty_pages_without_end_are_bounded(tmp_path: Path) -> None:
    """A shop whose cursors go on for ever and lead to nothing is given up on."""
    numbers = itertools.count(1)

    def one(_head: str) -> Answer:
        return answer(json.dumps({"meta": {"after": next(numbers)}, "result": {"items": []}}).encode())

    with serving([routed(one)]) as wire, pytest.raises(IncompleteError, match="empty like 99 before it"):
        stage("cursor", wire, tmp_path)
    assert len(wire.requests) == 4 * MOST_EMPTY


@pytest.mark.parametrize(("met", "more"), [(True, None), (False, False), (True, False)])
def test_a_named_next_page_is_always_asked_for(met: bool, more: bool | None, tmp_path: Path) -> None:  # noqa: FBT001  # pytest's
    """Neither a total that is met nor the word that nothing follows keeps the reader from a page that is named."""

    def page(rows: list[int], after: str | None) -> Answer:
        meta = {"after": after, "more": more, "count": 2 if met else None}
        return answer(json.dumps({"meta": meta, "result": {"items": [{"n": n} for n in rows]}}).encode())

    with serving([page([0, 1], "c"), page([], None) if met else page([2], None)]) as wire:
        assert stage("cursor", wire, tmp_path, more=("meta", "more"))[0] == numbered(2 if met else 3)
    assert len(wire.requests) == 2


def test_an_empty_page_that_says_it_is_the_last_is(tmp_path: Path) -> None:
    """Shops that hand out a cursor for ever, to come back with later, say in words where the day ends."""
    body = b'{"meta": {"after": "c", "more": false}, "result": {"items": []}}'
    with serving([answer(body)]) as wire:
        assert stage("cursor", wire, tmp_path, more=("meta", "more")) == ([], "")


@pytest.mark.parametrize("style", WITH_LINES)
def test_lines_without_a_provable_end_are_refused(style: str, tmp_path: Path) -> None:
    """No length, no chunks, no gzip, no total: a body cut behind a line looks whole, so nothing of it is taken."""
    shop = AnyShop(numbered(PAGE_SIZE), style, lines=True, declares=False, framed=False)
    with serving([shop()]) as wire, pytest.raises(RefusedError, match="nobody can tell whether it is whole") as caught:
        stage(style, wire, tmp_path, lines=True)
    assert "unframed = true" in caught.value.hint
    assert len(wire.requests) == 1


@pytest.mark.parametrize("style", WITH_LINES)
@pytest.mark.parametrize("proof", ["total", "setting"])
def test_lines_whose_end_is_proved_otherwise_are_taken(style: str, proof: str, tmp_path: Path) -> None:
    """A declared total proves it, page by page; `unframed` takes the shop's word for it."""
    shop = AnyShop(numbered(PAGE_SIZE + 1), style, lines=True, declares=proof == "total", framed=False)
    with serving([shop()]) as wire:
        rows, note = stage(style, wire, tmp_path, lines=True, unframed=proof == "setting")
    assert (rows, note) == (numbered(PAGE_SIZE + 1), "")


@pytest.mark.parametrize("how", ["chunks", "gzip on the way", "a gzip file", "cut gzip file", "cut chunks"])
def test_chunks_and_gzip_trailers_prove_the_end_of_lines(how: str, tmp_path: Path) -> None:
    """A body without a length is whole when its last chunk or its gzip trailer came, and asked for again otherwise."""
    lines = b"".join(json.dumps(row).encode() + b"\n" for row in numbered(3))
    packed = gzip.compress(lines)
    if "chunks" in how:
        last = b"" if how.startswith("cut") else b"0\r\n\r\n"
        sent = unframed(b"%x\r\n%s\r\n" % (len(lines), lines) + last, Transfer_Encoding="chunked")
    elif how == "gzip on the way":
        sent = unframed(packed, Content_Encoding="gzip")
    else:
        sent = unframed(packed[:-8] if how.startswith("cut") else packed)
    with serving([sent, answer(lines)]) as wire:
        assert stage("none", wire, tmp_path, lines=True)[0] == numbered(3)
    assert len(wire.requests) == (2 if how.startswith("cut") else 1)


@pytest.mark.parametrize("last", [b'{"error": "upstream timed out"}', b'{"errors": [{"message": "no more"}]}'])
def test_lines_that_end_in_an_error_are_asked_for_again(last: bytes, tmp_path: Path) -> None:
    """A stream that has begun cannot change its status: its last line says that it failed, and is no row."""
    lines = b"".join(json.dumps(row).encode() + b"\n" for row in numbered(3))
    with serving([answer(lines + last), answer(lines)]) as wire:
        assert stage("none", wire, tmp_path, lines=True)[0] == numbered(3)
    assert len(wire.requests) == 2


@pytest.mark.parametrize("empty", [None, False, 0, "", [], {}])
@pytest.mark.parametrize("name", ["errors", "error"])
def test_no_error_is_none(name: str, empty: object, tmp_path: Path) -> None:
    """Shops that always have the field leave it empty; their pages are pages."""
    body = json.dumps({"result": {"items": [{"n": 0}]}, name: empty}).encode()
    with serving([answer(body)]) as wire:
        assert stage("none", wire, tmp_path)[0] == numbered(1)


@pytest.mark.parametrize(
    ("beside", "settings", "is_error"),
    [
        ({"errors": ["slow"]}, {}, True),
        ({"error": {"code": 7}}, {}, True),
        ({"error": True}, {}, True),
        ({"meta": {"problem": "slow"}}, {}, False),
        ({"meta": {"problem": "slow"}}, {"errors": (("meta", "problem"),)}, True),
        ({"errors": ["slow"]}, {"errors": (("meta", "problem"),)}, False),
        ({"errors": ["slow"]}, {"errors": ()}, False),
    ],
)
def test_errors_stand_where_the_settings_say(
    beside: dict[str, object],
    settings: dict[str, Any],
    is_error: bool,  # noqa: FBT001  # pytest's
    tmp_path: Path,
) -> None:
    """An answer with an error is asked for again; another path can be named, and an empty list looks for none."""
    good = {"result": {"items": [{"n": 0}]}}
    with serving([answer(json.dumps({**good, **beside}).encode()), answer(json.dumps(good).encode())]) as wire:
        assert stage("none", wire, tmp_path, **settings)[0] == numbered(1)
    assert len(wire.requests) == (2 if is_error else 1)
