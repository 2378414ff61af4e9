"""The sandbox's API over real HTTP: pages, metrics, problems and its own description."""

import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import httpx
import pytest

from mootech.errors import UsageError
from mootech.sandbox.server import create_app, running
from mootech.sandbox.shop import Shop
from mootech.tables import CLICKSTREAM, PRODUCTS, TABLES, TableSpec

TODAY = date(2023, 12, 2)
DAY = date(2023, 3, 1)
RANGE = {"start_date": "2023-03-01", "end_date": "2023-03-01"}
KEY = {"X-API-Key": "sandbox-key"}

SERVE = """
from mootech.sandbox.server import Sandbox, serve
from mootech.sandbox.shop import Shop
try:
    serve(Sandbox(Shop()), port=0, on_ready=lambda url: print(url, flush=True))
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""


SERVE_WITH_LOG = """
import logging
from mootech.sandbox.server import Sandbox, serve
from mootech.sandbox.shop import Shop
logging.basicConfig(level=logging.DEBUG)
serve(Sandbox(Shop()), port=0, on_ready=lambda url: print(url, flush=True), log=True)
"""


@pytest.fixture(scope="module")
def shop() -> Shop:
    """Return the shop behind the server."""
    return Shop()


@pytest.fixture(scope="module")
def client(shop: Shop) -> Iterator[httpx.Client]:
    """Return a client with the right key of a server that thinks it is TODAY."""
    with (
        running(shop, today=lambda: TODAY) as url,
        httpx.Client(base_url=url, headers=KEY, timeout=30, trust_env=False) as client,
    ):
        yield client


def pages(client: httpx.Client, table: str, **query: str | int) -> Iterator[dict[str, Any]]:
    """Yield the pages of a request, one after the other, until the server says that it was the last."""
    cursor: dict[str, str] = {}
    while True:
        page = client.get(table, params={**query, **cursor}).raise_for_status().json()
        yield page
        if page["next_cursor"] is None:
            return
        cursor = {"cursor": page["next_cursor"]}


def problem(response: httpx.Response, status: int) -> dict[str, Any]:
    """Return the problem document of an answer that must be one, with this status."""
    document: dict[str, Any] = response.json()
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    assert document["type"] == "about:blank"
    assert document["status"] == status
    assert document["title"]
    assert document["detail"]
    return document


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("limit", [700, 10_000])
def test_pages_together_are_the_rows(client: httpx.Client, shop: Shop, table: TableSpec, limit: int) -> None:
    """The pages of several days, are the shop's rows; each but the last is full, and each says the total."""
    days = [DAY + timedelta(days=n) for n in range(3)]
    expected = [json.loads(row) for day in days for row in shop.rows(table, day, today=TODAY)]
    got = list(pages(client, table.name, start_date=str(days[0]), end_date=str(days[-1]), limit=limit))
    assert [row for page in got for row in page["data"]] == expected
    assert all(len(page["data"]) == limit for page in got[:-1])
    assert {page["total"] for page in got} == {len(expected)}


def test_page_that_ends_with_a_day_goes_on_with_the_next(client: httpx.Client, shop: Shop) -> None:
    """When the limit is exactly a day's rows, the next page is the next day, and after the last there is none."""
    count = shop.count(PRODUCTS, DAY, today=TODAY)
    got = list(pages(client, "products", start_date="2023-03-01", end_date="2023-03-02", limit=count))
    assert [len(page["data"]) for page in got] == [count, count]


def test_default_limit_is_a_thousand(client: httpx.Client) -> None:
    """Without a limit a page has 1,000 rows."""
    assert len(client.get("clickstream", params=RANGE).json()["data"]) == 1_000


def test_yesterday_is_without_its_late_rows(client: httpx.Client, shop: Shop) -> None:
    """Yesterday's total leaves out what arrives a day late; the cursor of then is still good when it has arrived."""
    day = TODAY - timedelta(days=1)
    query = {"start_date": str(day), "end_date": str(day), "limit": "1500"}
    first = client.get("clickstream", params=query).json()
    with running(shop, today=lambda: TODAY + timedelta(days=1)) as url:
        rest = httpx.get(
            f"{url}/clickstream", params={**query, "limit": 10_000, "cursor": first["next_cursor"]}, headers=KEY
        ).json()
    late = shop.dirt(CLICKSTREAM, day, today=TODAY).late_missing
    assert late > 0
    assert rest["total"] == first["total"] + late
    assert len(first["data"]) + len(rest["data"]) == rest["total"]


def test_metrics_are_the_shops_counts(client: httpx.Client, shop: Shop) -> None:
    """The metrics answer a bare integer: the shop's own count."""
    assert client.get("metrics/hits", params={"date": "2023-03-01"}).json() == shop.hits(DAY, today=TODAY)
    assert client.get("metrics/visitors", params={"date": "2023-03-01"}).json() == shop.visitors(DAY, today=TODAY)


def test_pages_are_compressed_for_who_accepts_it(client: httpx.Client) -> None:
    """A page is gzip for a client that accepts it and plain for one that does not, with the same content."""
    answers = {
        coding: client.get("users", params=RANGE, headers={"Accept-Encoding": coding})
        for coding in ("gzip", "br, gzip;q=0.5", "*", "identity", "gzip;q=0", "br")
    }
    encodings = {coding: answer.headers.get("content-encoding") for coding, answer in answers.items()}
    assert encodings == {
        "gzip": "gzip",
        "br, gzip;q=0.5": "gzip",
        "*": "gzip",
        "identity": None,
        "gzip;q=0": None,
        "br": None,
    }
    assert len({answer.text for answer in answers.values()}) == 1
    assert all(answer.headers["vary"] == "Accept-Encoding" for answer in answers.values())


@pytest.mark.parametrize("headers", [{}, {"X-API-Key": ""}, {"X-API-Key": "wrong"}, {"X-API-Key": "schlüssel"}])
@pytest.mark.parametrize("path", ["users", "metrics/hits", "nonsense"])
def test_wrong_key_is_401(client: httpx.Client, path: str, headers: dict[str, str]) -> None:
    """Without the right key every path below /v1 is a 401 that does not repeat the key."""
    raw = httpx.Headers({name.encode(): value.encode() for name, value in headers.items()})
    answer = httpx.get(f"{client.base_url}{path}", params=RANGE, headers=raw, trust_env=False)
    assert "X-API-Key" in problem(answer, 401)["detail"]
    assert not any(key and key in answer.text for key in headers.values())
    assert answer.headers["www-authenticate"]


def test_key_can_be_another() -> None:
    """A server that is told its key takes that one and not the default."""
    with running(Shop(scale=0.02, api_key="other"), today=lambda: TODAY) as url:
        assert httpx.get(f"{url}/products", params=RANGE, headers={"X-API-Key": "other"}).status_code == 200
        problem(httpx.get(f"{url}/products", params=RANGE, headers=KEY), 401)


@pytest.mark.parametrize("path", ["orders", "Users", "users/", "users/1", "metrics", "metrics/returns", "", "../docs"])
def test_unknown_path_is_404(client: httpx.Client, path: str) -> None:
    """An unknown table, metric or path is a 404."""
    problem(client.get(path, params=RANGE), 404)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("path", ["users", "metrics/hits", "/openapi.json"])
def test_other_methods_are_405(client: httpx.Client, method: str, path: str) -> None:
    """What is not a GET is a 405 that names the methods there are."""
    url = client.base_url.copy_with(path=path) if path.startswith("/") else path
    answer = client.request(method, url)
    problem(answer, 405)
    assert "GET" in answer.headers["allow"]


@pytest.mark.parametrize(
    ("parameter", "change"),
    [
        ("start_date", {"start_date": None}),
        ("end_date", {"end_date": None}),
        ("start_date", {"start_date": "2023-02-30"}),
        ("start_date", {"start_date": "20230301"}),
        ("start_date", {"start_date": "01-03-2023"}),
        ("start_date", {"start_date": ""}),
        ("start_date", {"start_date": "1989-12-31"}),
        ("end_date", {"end_date": "2023-02-28"}),
        ("end_date", {"end_date": str(TODAY)}),
        ("end_date", {"start_date": "2021-01-01"}),
        ("limit", {"limit": "0"}),
        ("limit", {"limit": "10001"}),
        ("limit", {"limit": "-5"}),
        ("limit", {"limit": "ten"}),
        ("limit", {"limit": "²"}),
        ("limit", {"limit": "9" * 5_000}),
        ("cursor", {"cursor": ""}),
        ("cursor", {"cursor": "nonsense"}),
        ("cursor", {"cursor": "ünsinn"}),
        ("cursor", {"cursor": "dXNlcnM6MjAyMy0wMy0wMTox!!"}),
    ],
)
def test_bad_parameter_is_422(client: httpx.Client, parameter: str, change: dict[str, str | None]) -> None:
    """A parameter that is missing or cannot be used is a 422 that names it."""
    query = {name: value for name, value in {**RANGE, **change}.items() if value is not None}
    document = problem(client.get("users", params=query), 422)
    assert document["parameter"] == parameter
    assert document["detail"].startswith(parameter)


def test_day_that_is_not_over_is_422(client: httpx.Client) -> None:
    """Today and the future are refused with the reason, by the metrics too."""
    for path, query in (
        ("users", {"start_date": str(TODAY), "end_date": str(TODAY)}),
        ("metrics/hits", {"date": "2050-01-01"}),
    ):
        assert "not over" in problem(client.get(path, params=query), 422)["detail"]


def test_cursor_is_good_for_its_own_request_only(client: httpx.Client) -> None:
    """A cursor of another table, or of a day outside the range, is refused."""
    cursor = client.get("users", params={**RANGE, "limit": 1}).json()["next_cursor"]
    other_range = {"start_date": "2023-03-02", "end_date": "2023-03-02"}
    assert client.get("users", params={**RANGE, "cursor": cursor}).status_code == 200
    assert problem(client.get("products", params={**RANGE, "cursor": cursor}), 422)["parameter"] == "cursor"
    assert problem(client.get("users", params={**other_range, "cursor": cursor}), 422)["parameter"] == "cursor"


def test_bug_is_a_problem_document_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """An error that nobody expected is a 500 without its text, and the server goes on."""
    broken = Shop()

    def fail(*_: object, **__: object) -> int:
        raise RuntimeError("inner details")

    monkeypatch.setattr(broken, "hits", fail)
    with running(broken, today=lambda: TODAY) as url:
        answer = httpx.get(f"{url}/metrics/hits", params={"date": "2023-03-01"}, headers=KEY)
        assert "inner details" not in answer.text
        problem(answer, 500)
        assert httpx.get(f"{url}/products", params=RANGE, headers=KEY).status_code == 200


def test_description_is_there_without_a_key(client: httpx.Client) -> None:
    """/openapi.json is an OpenAPI 3.1 document, for everybody, and describes exactly the routes there are."""
    answer = httpx.get(f"{client.base_url.copy_with(path='/openapi.json')}")
    document = answer.json()
    assert answer.status_code == 200
    assert document["openapi"].startswith("3.1")
    routes = {route.path for route in create_app(Shop(), today=lambda: TODAY).routes}  # type: ignore[attr-defined]  # all are Route
    shapes = [re.sub(r"\{\w+\}", r"[^/]+", path) for path in routes]
    assert all(
        path in routes or sum(bool(re.fullmatch(shape, path)) for shape in shapes) == 1 for path in document["paths"]
    )
    assert {path.split("/")[-1] for path in document["paths"]} == {
        *TABLES.names,
        *("hits", "visitors", "fetch_data", "job_status", "openapi.json"),
    }
    assert {path.replace("/dev/", "/v1/") for path in routes if path.startswith("/dev/")} == {
        path for path in routes if path.startswith("/v1/")
    }


@pytest.mark.parametrize("table", TABLES)
def test_description_is_true(client: httpx.Client, table: TableSpec) -> None:
    """What the description says of a page and of a row is what the server answers: fields, order and types."""
    document = httpx.get(f"{client.base_url.copy_with(path='/openapi.json')}").json()
    response = document["paths"][f"/v1/{table}"]["get"]["responses"]["200"]
    page = response["content"]["application/json"]["schema"]
    answer = client.get(table.name, params=RANGE).json()
    assert list(answer) == list(page["properties"]) == page["required"]
    row = document["components"]["schemas"][page["properties"]["data"]["items"]["$ref"].rsplit("/", 1)[1]]
    declared = {
        name: {"array"} if "items" in schema else set(_kinds(schema)) for name, schema in row["properties"].items()
    }
    seen: dict[str, set[str]] = {name: set() for name in declared}
    whole = [each for each in answer["data"] if list(each) == row["required"]]
    assert len(whole) >= 0.98 * len(answer["data"])
    for each in whole:
        for name, value in each.items():
            seen[name].add(_kind(value))
    # The planted rows of a wrong type are few; the kinds that a column has in its first rows are the declared ones.
    first = {name: {_kind(each[name]) for each in whole[:50]} for name in declared}
    assert all(kinds <= declared[name] for name, kinds in first.items())
    assert all(seen[name] >= declared[name] - {"null"} for name in declared)


def _kinds(schema: dict[str, Any]) -> list[str]:
    """Return the JSON types a schema allows."""
    kinds = schema.get("type", "string")
    return kinds if isinstance(kinds, list) else [kinds]


def _kind(value: object) -> str:
    """Return the JSON type of a value."""
    names = {str: "string", int: "integer", float: "number", list: "array", dict: "object", type(None): "null"}
    return names[type(value)]


def test_taken_port_is_a_usage_error(shop: Shop) -> None:
    """A port that another server holds, and one that is none, are errors whose hint says what to type."""
    with running(shop) as url:
        for port in (httpx.URL(url).port or 0, 70_000):
            with pytest.raises(UsageError, match=str(port)) as caught, running(shop, port=port):
                pass
            assert "--port" in caught.value.hint


def test_server_is_gone_after_its_context(shop: Shop) -> None:
    """When the context ends nothing listens any more, though a client has kept its connection open."""
    with httpx.Client(headers=KEY) as client:
        with running(shop, today=lambda: TODAY) as url:
            assert client.get(f"{url}/products", params=RANGE).status_code == 200
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"{url}/products")


@pytest.mark.parametrize(
    ("kill", "last_words", "code"),
    [(signal.SIGINT, ["interrupted"], 0), (signal.SIGTERM, [], -signal.SIGTERM)],
)
def test_serve_stops_at_a_signal(kill: signal.Signals, last_words: list[str], code: int) -> None:
    """`serve` says its URL when it answers, stops at SIGINT and SIGTERM, and prints nothing of its own."""
    with subprocess.Popen(  # noqa: S603  # our own interpreter, our own script
        [sys.executable, "-W", "error", "-c", SERVE], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        assert url.startswith("http://127.0.0.1:")
        assert httpx.get(f"{url}/products", params=RANGE, headers=KEY).status_code == 200
        process.send_signal(kill)
        output, errors = process.communicate(timeout=30)
    assert process.returncode == code
    assert output.splitlines() == last_words
    assert errors == ""


def test_log_names_requests_but_never_the_key() -> None:
    """With its log on, the server logs the path of each request through `logging`, and no header."""
    with subprocess.Popen(  # noqa: S603  # our own interpreter, our own script
        [sys.executable, "-c", SERVE_WITH_LOG], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        httpx.get(f"{url}/products", params=RANGE, headers=KEY)
        process.terminate()
        _, log = process.communicate(timeout=30)
    assert "GET /v1/products" in log
    assert "sandbox-key" not in log
