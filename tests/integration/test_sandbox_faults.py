"""The sandbox with faults on a real server: what a client sees of each."""

import gzip
import logging
import subprocess
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date

import httpx
import msgspec
import pytest

from mootech.sandbox.faults import Draw, Fault, FaultMix
from mootech.sandbox.server import API_KEY, running
from mootech.sandbox.shop import Shop
from mootech.tables import CLICKSTREAM
from tests.environment import COMMAND
from tests.rows import DAY

SHOP = Shop(scale=0.05)
TODAY = date(2024, 6, 1)
ROWS = SHOP.count(CLICKSTREAM, DAY, today=TODAY)
LIMIT = 40


@contextmanager
def spoiling(faults: str) -> Iterator[httpx.Client]:
    """Serve the shop with faults; the client asks for a day of hits and decodes nothing by itself."""
    with (
        running(SHOP, today=lambda: TODAY, faults=Draw(FaultMix.parse(faults))) as url,
        httpx.Client(
            base_url=url,
            headers={"X-API-Key": API_KEY, "Accept-Encoding": "gzip"},
            params={"start_date": str(DAY), "end_date": str(DAY), "limit": LIMIT},
            timeout=5,
        ) as client,
    ):
        yield client


def one(faults: str, path: str = "clickstream") -> httpx.Response:
    """Return the first answer."""
    with spoiling(faults) as client:
        return client.get(path)


def walk(faults: str, most: int = 6) -> list[dict[str, object]]:
    """Follow the cursors for some pages."""
    found: list[dict[str, object]] = []
    cursor = ""
    with spoiling(faults) as client:
        while len(found) < most:
            body = client.get("clickstream", params={"cursor": cursor} if cursor else {}).json()
            found.append(body)
            cursor = body["next_cursor"]
            if cursor is None:
                break
    return found


@pytest.mark.parametrize(
    ("fault", "statuses"),
    [
        ("rate-limit", {429}),
        ("server-errors", {500, 502, 503, 504}),
        ("unauthorized", {401}),
        ("forbidden", {403}),
        ("not-found", {404}),
    ],
)
def test_errors_are_problem_documents(fault: str, statuses: set[int]) -> None:
    """They look like those of the API; a rate limit asks for patience in every form there is."""
    wishes: set[str | None] = set()
    seen: set[int] = set()
    with spoiling(f"{fault}=1") as client:
        for _ in range(60):
            answer = client.get("products")
            assert answer.headers["Content-Type"] == "application/problem+json"
            seen.add(answer.status_code)
            wishes.add(answer.headers.get("Retry-After"))
    assert seen == statuses
    if fault == "rate-limit":
        assert wishes >= {"1", "0", "-1", "soon", "1000000000"}
        assert any(wish is not None and wish.endswith("GMT") for wish in wishes)


def test_connections_break_before_and_in_the_middle_of_an_answer() -> None:
    """The client reads a reset, sometimes after half of the body; the server says nothing about it."""
    parts = set()
    with spoiling("resets=1") as client:
        for _ in range(20):
            got = -1
            try:
                with client.stream("GET", "clickstream") as answer:
                    got = 0
                    for chunk in answer.iter_raw():
                        got += len(chunk)
                    raise AssertionError("the answer is whole")
            except httpx.ReadError:
                parts.add(got)
    assert -1 in parts
    assert max(parts) > 0


def test_a_source_that_is_gone_stays_away() -> None:
    """From the first time on no connection is answered any more, whatever is asked."""
    with spoiling("gone=1") as client:
        for path in ("clickstream", "users", "metrics/hits?date=2024-02-29"):
            with pytest.raises(httpx.ReadError):
                client.get(path)


def test_a_dripping_answer_never_ends() -> None:
    """Bytes come one at a time: every read succeeds."""
    with spoiling("drip=1") as client, client.stream("GET", "clickstream") as answer:
        chunks = answer.iter_raw()
        assert b"".join(next(chunks) for _ in range(5)) == b'{"dat'


def test_a_gzip_body_is_cut() -> None:
    """The answer is whole as HTTP goes, but its gzip stream has no end."""
    with spoiling("truncated-gzip=1") as client, client.stream("GET", "clickstream") as answer:
        raw = b"".join(answer.iter_raw())
    assert int(answer.headers["Content-Length"]) == len(raw)
    with pytest.raises(EOFError):
        gzip.decompress(raw)


@pytest.mark.parametrize("fault", ["bomb", "oversized"])
def test_a_body_has_no_end(fault: str) -> None:
    """The client may read as much as it likes; a bomb is small on the wire."""
    inflate = zlib.decompressobj(wbits=31)
    wire = size = 0
    with spoiling(f"{fault}=1") as client, client.stream("GET", "clickstream") as answer:
        for chunk in answer.iter_raw():
            wire += len(chunk)
            size += len(inflate.decompress(chunk)) if fault == "bomb" else len(chunk)
            if size > 50_000_000:
                break
    assert wire < 1_000_000 or fault == "oversized"


def test_an_error_stands_inside_a_200() -> None:
    """Strict JSON, no rows, no next page, and beside them the words of what failed."""
    answer = one("error-inside=1")
    assert (answer.status_code, answer.json()["data"], answer.json()["next_cursor"]) == (200, [], None)
    assert answer.json()["errors"][0]["message"] == "the upstream timed out"


@pytest.mark.parametrize("fault", ["html", "empty", "nan", "bad-utf8", "trailing"])
def test_a_good_answer_holds_no_strict_json(fault: str) -> None:
    """200, but not a body of the API."""
    answer = one(f"{fault}=1")
    assert answer.status_code == 200
    with pytest.raises((msgspec.DecodeError, UnicodeDecodeError)):
        msgspec.json.decode(answer.content.decode())


def test_a_page_may_nest_deep() -> None:
    """Valid JSON with a hundred arrays within each other in front of the rows."""
    first = one("deep=1").json()["data"][0]
    for _ in range(99):
        (first,) = first
    assert first == []


def test_pages_lie_about_their_order() -> None:
    """A cursor comes back, a page comes back, the last page is none, and rows or the total are wrong."""
    repeated = walk("repeated-cursor=1")
    assert repeated[1]["next_cursor"] == repeated[0]["next_cursor"]
    pages = walk("repeated-page=1")
    assert pages[0]["data"] == pages[1]["data"]
    endless = walk("endless=1", most=9)
    assert len({str(page["next_cursor"]) for page in endless}) == 9
    assert endless[-1]["data"] == endless[-2]["data"]
    assert len(one("short=1").json()["data"]) == LIMIT - 1
    assert one("moving-total=1").json()["total"] == ROWS + 1


def test_shifted_rows_keep_their_number_and_lose_one() -> None:
    """Every count fits, one row comes twice and another one not at all."""
    with spoiling("shifting-rows=1") as client:
        first = client.get("clickstream").json()
        seen = set()
        for _ in range(20):
            second = client.get("clickstream", params={"cursor": first["next_cursor"]}).json()
            assert len(second["data"]) == LIMIT
            seen.add(first["data"][-1] == second["data"][0])
    assert seen == {True, False}


def test_answers_that_are_not_spoiled_are_the_same_as_without_faults() -> None:
    """A mix of faults that cannot come changes nothing: pages, metrics and errors."""
    with running(SHOP, today=lambda: TODAY) as url:
        good = httpx.get(
            f"{url}/clickstream",
            params={"start_date": str(DAY), "end_date": str(DAY), "limit": LIMIT},
            headers={"X-API-Key": API_KEY},
        )
    with spoiling("resets=0") as client:
        assert client.get("clickstream").json() == good.json()
        assert client.get("metrics/hits", params={"date": str(DAY)}).json() == SHOP.hits(DAY, today=TODAY)
        assert client.get("nothing").status_code == 404
        assert client.get("clickstream", params={"cursor": "?"}).status_code == 422
        assert client.get("clickstream", headers={"X-API-Key": "wrong"}).status_code == 401


def test_broken_connections_make_no_noise(caplog: pytest.LogCaptureFixture) -> None:
    """Of answers that were cut on purpose the server says nothing, not even when it is told to say everything."""
    for fault in (Fault.RESETS, Fault.GONE, Fault.BOMB, Fault.DRIP):
        with spoiling(f"{fault}=1") as client, caplog.at_level(logging.DEBUG, "uvicorn.error"):
            try:
                with client.stream("GET", "clickstream") as answer:
                    next(answer.iter_raw())
            except httpx.ReadError:
                pass
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_an_unknown_fault_is_a_usage_error_of_the_command() -> None:
    """`mootech sandbox --faults tidy` ends with exit 2 and the names there are, before it listens."""
    argv = [COMMAND, "sandbox", "--port", "0", "--faults", "tidy"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)  # noqa: S603  # our own command
    assert done.returncode == 2
    assert "there is no fault 'tidy'" in done.stderr
    assert "shifting-rows" in " ".join(done.stderr.split())
