"""The source against a real server that answers badly: what is accepted, what is asked again, what is given up on."""

import asyncio
import gzip
import threading
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from mootech.config import SourceSettings
from mootech.errors import IncompleteError, RefusedError, SourceError
from mootech.source.dialect import Dialect
from mootech.source.endpoint import Endpoint
from mootech.source.guards import Page, TotalChangedError
from mootech.source.http import Api
from mootech.source.pages import pages
from tests.clocks import at_once
from tests.rows import DAY, page_body
from tests.wire import Answer, Wire, answer, cut, drip, problem, routed, serving

KEY = "canary-9f8e7d"


def fetch(wire: Wire, days: int = 1, **limits: float) -> list[Page]:
    """Fetch some days of products at once, each all its pages."""

    async def one(api: Api, number: int) -> list[Page]:
        day = DAY + timedelta(days=number)
        return [page async for page in pages(api, Dialect("products"), day, page_size=2)]

    async def everything() -> list[Page]:
        settings = {"url": wire.url, "timeout_seconds": 5.0, "deadline_seconds": 10.0, "max_body_mb": 1, **limits}
        async with Api(Endpoint(SourceSettings.model_validate(settings), KEY), sleep=at_once) as api:
            fetched = await asyncio.gather(*(one(api, n) for n in range(days)), return_exceptions=True)
        for result in fetched:
            if isinstance(result, BaseException):
                raise result
        return [page for result in fetched if isinstance(result, list) for page in result]

    return asyncio.run(everything())


GOOD = answer(page_body([{"a": 1}], total=1))


def zipped(body: bytes, keep: int | None = None, tail: bytes = b"") -> Answer:
    """Return a gzip answer, whole, cut short, or with something after its end."""
    return answer(gzip.compress(body)[:keep] + tail, Content_Encoding="gzip")


@pytest.mark.parametrize(
    "bad",
    [
        pytest.param(problem(500, "oops"), id="500"),
        pytest.param(problem(502, "oops"), id="502"),
        pytest.param(problem(503, "busy", Retry_After="0"), id="503"),
        pytest.param(problem(429, "slow", Retry_After="-1"), id="429-negative"),
        pytest.param(problem(429, "slow", Retry_After="soon"), id="429-nonsense"),
        pytest.param(
            problem(429, "slow", Retry_After=format_datetime(datetime(2020, 1, 1, tzinfo=UTC), usegmt=True)),
            id="429-date",
        ),
        pytest.param(cut(page_body([{"a": 1}] * 50), 200), id="cut in the body"),
        pytest.param(lambda client, _: client.close(), id="closed at once"),
        pytest.param(zipped(page_body([{"a": 1}], total=1), keep=-8), id="truncated gzip"),
        pytest.param(zipped(page_body([{"a": 1}], total=1), tail=b"more"), id="gzip with more behind it"),
        pytest.param(answer(b"<html>be right back</html>"), id="html"),
        pytest.param(answer(b""), id="empty"),
        pytest.param(answer(b'{"data": [{"a": NaN}]}'), id="NaN"),
        pytest.param(answer(b'{"data": [{"a": "\xff"}]}'), id="bad UTF-8"),
        pytest.param(answer(page_body([]) + b"x"), id="trailing bytes"),
        pytest.param(answer(b'{"data": ' + b"[" * 5000 + b"]" * 5000 + b"}"), id="nesting"),
        pytest.param(answer(b'{"rows": []}'), id="another envelope"),
        pytest.param(answer(b'{"data": [], "errors": [{"message": "Throttled"}]}'), id="errors beside no rows"),
        pytest.param(answer(b'{"data": [{"a": 1}], "total": 1, "error": "timed out"}'), id="an error beside rows"),
        pytest.param(answer(b'{"errors": {"base": ["slow"]}}'), id="errors and no rows"),
        pytest.param(answer(page_body([]), Content_Encoding="br"), id="an encoding not asked for"),
    ],
)
def test_a_bad_answer_is_asked_for_again(bad: Answer) -> None:
    """Whatever is wrong with an answer that may pass, nothing of it is accepted and the next good one is."""
    with serving([bad, bad, GOOD]) as wire:
        assert [(page.rows, page.total) for page in fetch(wire)] == [(1, 1)]
    assert len(wire.requests) == 3


@pytest.mark.parametrize(
    ("status", "hint", "requests"),
    [(401, "MOOTECH_API_KEY", 1), (403, "refused", 1), (404, "MOOTECH_API_URL", 8)],
)
def test_a_refused_key_costs_one_request_however_many_days(status: int, hint: str, requests: int) -> None:
    """After 401 or 403 nothing more is asked; the server's own words are told, and the hint says what to set."""
    with serving([problem(status, "no such thing")]) as wire, pytest.raises(RefusedError, match=str(status)) as caught:
        fetch(wire, days=8)
    assert len(wire.requests) == requests
    assert hint in caught.value.hint
    assert "no such thing" in caught.value.message
    assert KEY not in f"{caught.value.message} {caught.value.hint} {caught.value!r}"


def test_a_404_on_one_day_refuses_no_other_day() -> None:
    """A shop without rows on its first days may answer 404 for them; every later day is asked for and arrives."""
    silent = {str(DAY), str(DAY + timedelta(days=1))}

    def one(head: str) -> Answer:
        return problem(404, "no orders") if any(f"start_date={day}" in head for day in silent) else GOOD

    async def each(wire: Wire) -> list[int | None]:
        async with Api(Endpoint(SourceSettings(url=wire.url), KEY), sleep=at_once) as api:
            found: list[int | None] = []
            for number in range(5):
                try:
                    day = pages(api, Dialect("products"), DAY + timedelta(days=number), page_size=2)
                    found.append(sum([page.rows async for page in day]))
                except RefusedError as exc:
                    assert exc.status == 404  # noqa: PT017  # the other days go on
                    found.append(None)
            return found

    with serving([routed(one)]) as wire:
        assert asyncio.run(each(wire)) == [None, None, 1, 1, 1]


def test_an_error_inside_a_200_is_told() -> None:
    """A shop that answers every request so is given up on, and its own words say why."""
    body = b'{"data": [], "errors": [{"message": "Throttled"}]}'
    with serving([answer(body)]) as wire, pytest.raises(SourceError, match=r"errors beside the rows \(Throttled\)"):
        fetch(wire)


def test_a_redirect_is_not_followed() -> None:
    """The key goes to the configured origin only; another one is never spoken to."""
    with serving([GOOD]) as other:
        redirect = answer(b"", "307 Elsewhere", Location=f"{other.url}/products")
        with serving([redirect]) as wire, pytest.raises(RefusedError) as caught:
            fetch(wire)
    assert other.requests == []
    assert len(wire.requests) == 1
    assert "Redirects are not followed" in caught.value.hint


def test_a_source_that_is_not_there_is_given_up_on_once() -> None:
    """A dead source is tried with all retries once, not once per day of the range."""
    with serving([lambda client, _: client.close()]) as wire, pytest.raises(SourceError, match="failed") as caught:
        fetch(wire, days=20, deadline_seconds=60.0)
    assert len(wire.requests) == 8
    assert "run the same command again" in caught.value.hint


def test_a_dripping_answer_ends_at_the_deadline() -> None:
    """A server that sends a byte now and then does not hold a run for ever."""
    stop = threading.Event()
    try:
        with serving([drip(page_body([{"a": 1}]), stop)]) as wire:
            with pytest.raises(SourceError, match=r"no whole answer within 0\.1 s"):
                fetch(wire, timeout_seconds=0.1, deadline_seconds=0.5)
            stop.set()
    finally:
        stop.set()
    assert wire.requests


@pytest.mark.parametrize(
    "large",
    [
        pytest.param(answer(b" " * (2**20 + 1)), id="on the wire"),
        pytest.param(zipped(b" " * 50_000_000), id="a compression bomb"),
    ],
)
def test_a_body_over_the_limit_is_refused(large: Answer) -> None:
    """A page larger than the limit is not read to its end and not asked for again."""
    with serving([large]) as wire, pytest.raises(RefusedError, match="larger than"):
        fetch(wire)
    assert len(wire.requests) == 1


def test_the_key_travels_in_its_header_only() -> None:
    """Every request carries the key in X-API-Key, never in the URL that logs and proxies keep."""
    with serving([answer(page_body([{"a": 1}], "more", 2)), answer(page_body([{"a": 2}], None, 2))]) as wire:
        fetch(wire)
    assert all(f"x-api-key: {KEY}" in head.lower() for head in wire.heads)
    assert not any(KEY in request for request in wire.requests)
    assert "cursor=more" in wire.requests[1]


@pytest.mark.parametrize(
    ("answers", "error", "words"),
    [
        pytest.param([page_body([1], "c", 9), page_body([1], "c", 9)], IncompleteError, "second time", id="cursor"),
        pytest.param([page_body([], "c")], IncompleteError, "second time", id="empty page"),
        pytest.param([page_body([1, 2], "c", 3), page_body([3, 4], "d", 3)], IncompleteError, "4 rows came", id="more"),
        pytest.param([page_body([1], "c", 3), page_body([2], None, 3)], IncompleteError, "only 2 rows", id="fewer"),
        pytest.param([page_body([1], "c", 3), page_body([2], "d", 4)], TotalChangedError, "declares 4", id="changed"),
    ],
)
def test_a_source_that_lies_about_its_pages_is_caught(answers: list[bytes], error: type[Exception], words: str) -> None:
    """A repeated cursor, an endless day, too many, too few rows or a moving total end the day, with the figures."""
    with serving([answer(body) for body in answers]) as wire, pytest.raises(error, match=words):
        fetch(wire)


def test_a_gzip_page_and_a_last_page_that_is_full_arrive_whole() -> None:
    """Compressed pages are decoded; a last page as full as the others needs no empty one behind it."""
    bodies = [page_body([1, 2], "c", 4), page_body([3, 4], None, 4)]
    with serving([zipped(body) for body in bodies]) as wire:
        fetched = fetch(wire)
    assert [page.body for page in fetched] == bodies
    assert [(page.number, page.cursor, page.next_cursor) for page in fetched] == [(1, None, "c"), (2, "c", None)]
