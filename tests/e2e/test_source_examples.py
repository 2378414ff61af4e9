"""The examples of docs/source.md through the installed command, each against a shop of its style."""

import gzip
import json
import re
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import polars as pl
import pytest

from mootech import config
from mootech.source.setup import dialects_of
from tests.docs.generate import DOCS
from tests.e2e.conftest import Mootech
from tests.rows import DAY, NOON
from tests.wire import Answer, answer, problem, routed, serving

KEY = "canary-77ab"
DOCUMENT = (DOCS / "source.md").read_text("utf-8")
EXAMPLES = dict(re.findall(r"<!-- example: (\w+) -->\n```toml\n(.*?)```", DOCUMENT, re.DOTALL))
PAGE = 2
"""Rows of the shops' pages, fewer than are asked for."""
DAYS = ("--start", str(DAY), "--end", str(DAY))

ORDERS: list[Any] = [
    {
        "orderNumber": f"A-{n}",
        "customer": {"contactEmail": "ada@example.com", "vip": True},
        "kind": "purchase",
        "lines": [{"sku": "p1", "quantity": 2}, {"sku": "p2", "quantity": 1}],
        "unitCount": 3,
        "totals": {"usd": "35.36"},
        "createdAt": NOON * 1000 + n,
    }
    for n in range(2 * PAGE)
]
CUSTOMERS: list[Any] = [
    {"id": 1001 + n, "profile": {"email": f"u{n}@example.com", "signedUpAt": "2023-11-03T09:30:00+01:00"}}
    for n in range(2 * PAGE + 1)
]
PRODUCTS: list[Any] = [{"sku": "p1", "title": {"en": "Tumbler"}, "price": {"amount": "17.68"}}]
HITS: list[Any] = [
    {
        "hitIdHigh": str(n),
        "hitIdLow": "7",
        "visitor": {"high": "12", "low": "2"},
        "times": {"hit": NOON * 1000 + 999, "firstHit": NOON * 1000, "visitStart": NOON * 1000},
        "device": {"os": "Linux", "screen": "large"},
        "page": {"name": "home", "url": "https://shop.example/"},
        "events": "1,2",
        "products": None,
    }
    for n in range(2 * PAGE + 1)
]


def _parts(head: str) -> tuple[str, dict[str, str], str, str]:
    """Return path, query, the Authorization header and the host of a request."""
    target = urlsplit(head.split(" ", 2)[1])
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head.split("\r\n")[1:])}
    query = {name: values[0] for name, values in parse_qs(target.query).items()}
    return target.path, query, headers.get("authorization", ""), headers["host"]


def by_number(head: str) -> Answer:
    """Answer as the first example's shop."""
    path, query, signed, _ = _parts(head)
    if signed != f"Bearer {KEY}" or path != "/v1/orders":
        return problem(404, "no")
    begin = (NOON - 12 * 3600) * 1000
    rows = ORDERS if (query["from"], query["to"]) == (str(begin), str(begin + 24 * 3600 * 1000)) else []
    place = (int(query["page"]) - 1) * PAGE
    return answer(json.dumps({"items": rows[place : place + PAGE], "totalCount": len(rows)}).encode())


def by_address(head: str) -> Answer:
    """Answer as the second example's shop."""
    path, query, _, host = _parts(head)
    tables = {"/v1/customers": CUSTOMERS, "/v1/catalogue/products": PRODUCTS}
    if query.get("api_key") != KEY or path not in tables or query["date"] != str(DAY):
        return problem(404, "no")
    rows, place = tables[path], int(query.get("after", "0"))
    more = place + PAGE < len(rows)
    following = f"http://{host}{path}?date={DAY}&after={place + PAGE}&api_key={KEY}" if more else None
    return answer(json.dumps({"results": rows[place : place + PAGE], "paging": {"nextUrl": following}}).encode())


def by_link(head: str) -> Answer:
    """Answer as the third example's shop, packed as a file and once more on the way."""
    path, query, signed, _ = _parts(head)
    if signed != f"Basic {b64encode(f'reporting:{KEY}'.encode()).decode()}" or path != f"/v1/export/{DAY}/hits.ndjson":
        return problem(404, "no")
    place = int(query.get("from", "0"))
    link = {"Link": f'<hits.ndjson?from={place + PAGE}>; rel="next"'} if place + PAGE < len(HITS) else {}
    text = "".join(f"{json.dumps(row)}\n" for row in HITS[place : place + PAGE])
    packed = gzip.compress(gzip.compress(text.encode()))
    return answer(packed, Content_Encoding="gzip", X_Total_Count=str(len(HITS)), **link)


SHOPS: dict[str, Callable[[str], Answer]] = {"page": by_number, "next_url": by_address, "link": by_link}


@contextmanager
def configured(example: str, folder: Path) -> Iterator[Mootech]:
    """Run the shop of an example, and yield the command with the example's mootech.toml."""
    folder = folder / "cwd"
    folder.mkdir()
    (folder / "mootech.toml").write_text(EXAMPLES[example], "utf-8")
    with serving([routed(SHOPS[example])]) as wire:
        own = {"MOOTECH_API_URL": wire.url, "MOOTECH_API_KEY": KEY, "MOOTECH_STATE_DIR": str(folder.parent / "state")}
        yield Mootech({"PATH": "/usr/bin:/bin", **own}, folder)


def bronze(mootech: Mootech, table: str) -> pl.DataFrame:
    """Return the day's partition."""
    return pl.read_parquet(mootech.folder / f"mootech-lake/raw_data/{table}/utc_date={DAY}/data.parquet")


def test_every_style_has_an_example() -> None:
    """The document shows each style, and the test of each example has a shop of its style."""
    assert EXAMPLES.keys() == SHOPS.keys()
    styles = set(re.findall(r'^style = "(\w+)"', DOCUMENT, re.MULTILINE))
    assert styles == {"cursor", "page", "offset", "link", "next_url", "none"}


@pytest.mark.parametrize("number", range(DOCUMENT.count("```toml")))
def test_every_configuration_is_one_that_mootech_takes(number: int, tmp_path: Path) -> None:
    """Each block of the document is read without an error, and its tables can be asked for."""
    file = tmp_path / "mootech.toml"
    file.write_text(re.findall(r"```toml\n(.*?)```", DOCUMENT, re.DOTALL)[number], "utf-8")
    assert len(dialects_of(config.load(config=file, environ={"HOME": str(tmp_path)}).source)) == 4


def test_orders_by_page_number(tmp_path: Path) -> None:
    """camelCase, milliseconds, nested fields and quantities become the contract's columns; the rest stays in extra."""
    with configured("page", tmp_path) as mootech:
        (table,) = mootech.json("ingest", *DAYS, "-vv")["tables"]
        assert {**table["days"][0], "status": ""} == {
            "utc_date": str(DAY),
            "status": "",
            "fetched": len(ORDERS),
            "published": len(ORDERS),
            "quarantined": 0,
            "duplicates": 0,
            "source_total": len(ORDERS),
        }
        rows = bronze(mootech, "transactions")
        mootech("verify")
        mootech("verify", "--source")
    assert rows["order_id"].to_list() == ["A-0", "A-1", "A-2", "A-3"]
    assert rows["email"].unique().to_list() == ["ada@example.com"]
    assert rows["items"].to_list() == [["p1", "p1", "p2"]] * len(ORDERS)
    assert rows["total_purchase_usd"].unique().to_list() == [35.36]
    assert rows["transaction_timestamp"].unique().to_list() == [NOON]
    assert rows["extra"].unique().to_list() == ['{"customer":{"vip":true}}']


def test_snapshots_by_next_address(tmp_path: Path) -> None:
    """The key in the query is found in no file and no log, though the shop repeats it in every next address."""
    with configured("next_url", tmp_path) as mootech:
        done = mootech("ingest", *DAYS, "-vv")
        users, products = bronze(mootech, "users"), bronze(mootech, "products")
    assert users["account_id"].to_list() == [str(row["id"]) for row in CUSTOMERS]
    assert users["first_time_time_stamp"].unique().to_list() == [1_699_000_200]
    assert users["extra"].null_count() == len(CUSTOMERS)
    assert products.rows() == [("p1", "Tumbler", 17.68, None)]
    assert KEY not in done.stdout + done.stderr
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and KEY.encode() in path.read_bytes()]


def test_clicks_by_link_header(tmp_path: Path) -> None:
    """NDJSON in gzip, a path with the day in it, constants and columns that the shop has not."""
    with configured("link", tmp_path) as mootech:
        (table,) = mootech.json("ingest", *DAYS)["tables"]
        rows = bronze(mootech, "clickstream")
    assert table["days"][0]["published"] == table["days"][0]["source_total"] == len(HITS)
    assert rows["hit_time_gmt"].unique().to_list() == [NOON]
    assert rows["currency"].unique().to_list() == ["USD"]
    assert rows["evar6"].null_count() == len(HITS)
    assert rows["extra"].unique().to_list() == ['{"device":{"screen":"large"}}']


def test_a_wrong_configuration_costs_no_request(tmp_path: Path) -> None:
    """A column that the contract has not is named, with the one that was meant, before anything is asked for."""
    with configured("page", tmp_path) as mootech:
        file = mootech.folder / "mootech.toml"
        file.write_text(file.read_text("utf-8").replace("order_id =", "orderid ="), "utf-8")
        document = mootech.json("ingest", *DAYS, expect=2)
        assert document["error"]["message"] == "[source.tables.transactions.fields] orderid is no column"
        assert "Did you mean order_id?" in document["error"]["hint"]
        assert not (mootech.folder / "mootech-lake").exists()


def test_the_source_is_looked_at_before_it_is_fetched(tmp_path: Path) -> None:
    """One request per table: status, columns, next page and total, as a table and as JSON; no lake is made."""
    with configured("page", tmp_path) as mootech:
        mootech.from_the_start = True
        (check,) = mootech.json("source", "check", "--day", DAY)["checks"]
        shown = mootech("source", "check", "--day", DAY).stdout
        empty = mootech("source", "check", "--day", "2024-02-28").stdout
        assert not (mootech.folder / "mootech-lake").exists()
    found = {name: check[name] for name in ("table", "status", "rows", "missing", "extra", "next_page", "total")}
    assert found == {
        "table": "transactions",
        "status": 200,
        "rows": PAGE,
        "missing": [],
        "extra": ["customer"],
        "next_page": True,
        "total": len(ORDERS),
    }
    assert len(check["mapped"]) == 8
    assert re.search(r"transactions +200 +2 +8 +- +found +4$", shown, re.MULTILINE)
    assert "kept in extra: customer" in shown
    assert "no rows that day" in empty


def test_what_is_missing_is_named_before_it_costs_a_day(tmp_path: Path) -> None:
    """A table none of whose rows would pass ends with 3, a table that is not there with 4; both are told."""
    with configured("next_url", tmp_path) as mootech:
        file = mootech.folder / "mootech.toml"
        file.write_text(file.read_text("utf-8").replace('email = "profile.email"\n', ""), "utf-8")
        document = mootech.json("source", "check", "--day", DAY, expect=3)
        assert [check["missing"] for check in document["checks"]] == [["email"], []]
        assert "users: the gate would reject every row (email:missing)" in document["error"]["message"]
        document = mootech.json("source", "check", "-t", "clickstream", "-t", "products", "--day", DAY, expect=4)
        assert [check["status"] for check in document["checks"]] == [None, 200]
        assert "404" in document["error"]["message"]
        mootech("source", "check", "--day", "soon", expect=2)
        assert mootech.json("source", "check", "--no-such", expect=2)["command"] == "source check"
