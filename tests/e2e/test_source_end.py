"""The end of a day, proved to the installed command by shops that end it in their own ways, or only seem to."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import polars as pl
import pytest

from tests.e2e.conftest import Mootech
from tests.rows import DAY, order, page_body, product
from tests.wire import Answer, answer, problem, routed, serving, unframed

PAGE = 3
Shop = Callable[[str, dict[str, str]], Answer]
"""Answers a path and a query."""
WORDPRESS = """
[source.pages]
style = "page"
records = "$"
total_header = "X-WP-Total"
limit_parameter = "per_page"
"""
DUMP = """
[source.pages]
style = "none"
body = "ndjson"
[source.tables.transactions.pages]
start_parameter = ""
end_parameter = ""
[source.tables.transactions]
path = "orders-{day}.ndjson"
"""


@contextmanager
def asking(shop: Shop, settings: str, folder: Path) -> Iterator[Mootech]:
    """Serve a shop, and yield the command that is configured for it."""

    def one(head: str) -> Answer:
        target = urlsplit(head.split(" ", 2)[1])
        return shop(target.path.removeprefix("/v1/"), {k: v[0] for k, v in parse_qs(target.query).items()})

    (folder / "mootech.toml").write_text(f"[source]\npage_size = {PAGE}\ndeadline_seconds = 1\n{settings}", "utf-8")
    with serving([routed(one)]) as wire:
        own = {"MOOTECH_API_URL": wire.url, "MOOTECH_API_KEY": "key", "MOOTECH_STATE_DIR": str(folder / "state")}
        yield Mootech({"PATH": "/usr/bin:/bin", **own}, folder)


def ingest(mootech: Mootech, *more: str, days: int = 1, expect: int = 0) -> dict[str, Any]:
    """Ingest transactions of some days; return what was said."""
    last = DAY + timedelta(days=days - 1)
    return mootech.json("ingest", "-t", "transactions", *more, "--start", DAY, "--end", last, expect=expect)


def statuses(said: dict[str, Any]) -> list[str]:
    """Return the statuses of a run's days."""
    return [day["status"] for table in said["tables"] for day in table["days"]]


def held(mootech: Mootech, day: date = DAY) -> list[str]:
    """Return the orders of a day that the lake holds."""
    return pl.read_parquet(mootech.folder / f"mootech-lake/raw_data/transactions/utc_date={day}/data.parquet")[
        "order_id"
    ].to_list()


def orders(day: str, count: int) -> list[dict[str, Any]]:
    """Return the orders of a day."""
    noon = int(datetime.fromisoformat(f"{day}T12:00").replace(tzinfo=UTC).timestamp())
    return [order(f"{day}/{n}", transaction_timestamp=noon + n, utc_date=day) for n in range(count)]


def test_an_error_inside_a_200_is_no_empty_day(tmp_path: Path) -> None:
    """A gateway that is throttled hands out an empty list: the days have failed, in the gateway's words, exit 4."""
    throttled = {"data": [], "next_cursor": None, "errors": [{"message": "Throttled", "extensions": {"code": 1}}]}

    def shop(path: str, _query: dict[str, str]) -> Answer:
        return answer(page_body([product()]) if path == "products" else json.dumps(throttled).encode())

    with asking(shop, "", tmp_path) as mootech:
        said = ingest(mootech, days=3, expect=4)
        assert statuses(said) == ["failed"] * 3
        assert "Throttled" in said["error"]["message"]
        assert not list(tmp_path.rglob("data.parquet"))
        (tmp_path / "mootech.toml").write_text("[source.pages]\nerrors = []\n", "utf-8")
        assert statuses(ingest(mootech)) == ["published"]


def test_lines_that_are_cut_where_nobody_sees_it_are_refused(tmp_path: Path) -> None:
    """Four of ten orders come and the connection ends behind a line: exit 4, and the hint names the way out."""
    rows = [json.dumps(row).encode() + b"\n" for row in orders(str(DAY), 10)]

    def shop(_path: str, _query: dict[str, str]) -> Answer:
        return unframed(b"".join(rows[:4]))

    with asking(shop, DUMP, tmp_path) as mootech:
        said = ingest(mootech, expect=4)
        assert "nobody can tell whether it is whole" in said["error"]["message"]
        assert "unframed = true" in said["error"]["hint"]
        assert not list(tmp_path.rglob("data.parquet"))
    with asking(shop, DUMP.replace("body", "unframed = true\nbody"), tmp_path) as mootech:
        ingest(mootech)
        assert len(held(mootech)) == 4
    with asking(lambda _path, _query: answer(b"".join(rows)), DUMP, tmp_path) as mootech:
        ingest(mootech)
        assert len(held(mootech)) == 10


@pytest.mark.parametrize("declares", [True, False])
@pytest.mark.parametrize("count", [0, PAGE - 1, PAGE, 2 * PAGE, 2 * PAGE + 1])
def test_a_shop_that_refuses_the_page_behind_the_last_is_read_whole(count: int, declares: bool, tmp_path: Path) -> None:  # noqa: FBT001  # pytest's
    """As WordPress answers: 400 behind the last page, which the total makes unnecessary or `end_status` explains."""
    asked: list[int] = []

    def shop(_path: str, query: dict[str, str]) -> Answer:
        number = int(query["page"])
        asked.append(number)
        first, rows = (number - 1) * PAGE, orders(query["start_date"], count)
        if number > 1 and first >= count:
            return problem(400, "the page number is larger than the number of pages")
        head = {"X_WP_Total": str(count)} if declares else {}
        return answer(json.dumps(rows[first : first + PAGE]).encode(), **head)

    settings = WORDPRESS if declares else f"{WORDPRESS}end_status = [400]\n"
    with asking(shop, settings, tmp_path) as mootech:
        assert statuses(ingest(mootech)) == ["published"]
        assert len(held(mootech)) == count
        last = max(1, -(-count // PAGE))
        seen = list(range(1, last + 1))
        assert asked == (seen if declares or count == 0 else [*seen, last + 1, last, last + 1])
        mootech("verify")


def test_an_empty_page_in_the_middle_is_passed_through(tmp_path: Path) -> None:
    """A shop that filters behind its pagination names a next page on an empty one; the rows behind it are held."""
    rows = orders(str(DAY), 4)
    pages = {"": page_body(rows[:2], "a"), "a": page_body([], "b"), "b": page_body(rows[2:])}
    with asking(lambda _path, query: answer(pages[query.get("cursor", "")]), "", tmp_path) as mootech:
        ingest(mootech)
        assert held(mootech) == [row["order_id"] for row in rows]


def test_a_404_for_one_day_leaves_every_other_day_alone(tmp_path: Path) -> None:
    """The day without orders has failed, exit 4; the days behind it are published, whatever the order of requests."""
    silent = {str(DAY + timedelta(days=n)) for n in (0, 2)}

    def shop(_path: str, query: dict[str, str]) -> Answer:
        day = query["start_date"]
        return problem(404, "no orders on this day") if day in silent else answer(page_body(orders(day, 2)))

    with asking(shop, "concurrency = 1", tmp_path) as mootech:
        said = ingest(mootech, days=6, expect=4)
        assert statuses(said) == ["failed", "published", "failed", "published", "published", "published"]
        assert "no orders on this day" in said["error"]["message"]


@pytest.mark.parametrize("counts_the_page", [True, False])
def test_a_total_that_counts_the_page_is_doubted_before_it_costs_rows(counts_the_page: bool, tmp_path: Path) -> None:  # noqa: FBT001  # pytest's
    """A total that is met ends the day, so `source check` says when it is just what was asked for."""

    def shop(_path: str, query: dict[str, str]) -> Answer:
        rows = orders(query["start_date"], 8)[: int(query["per_page"])]
        return answer(json.dumps(rows).encode(), X_WP_Total=str(len(rows) if counts_the_page else 8))

    with asking(shop, WORDPRESS, tmp_path) as mootech:
        (check,) = mootech.json("source", "check", "-t", "transactions", "--day", DAY)["checks"]
        assert check["total_in_doubt"] is counts_the_page
        shown = mootech("source", "check", "-t", "transactions", "--day", DAY).stdout
        assert ('write total = "$"' in shown) is counts_the_page
