"""A shop of twelve orders a day: its bad rows are told, and a day that is mostly bad is blocked."""

from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from mootech.model import utc_today
from tests.bronze import noon
from tests.e2e.conftest import Mootech
from tests.rows import order, page_body, product
from tests.wire import Answer, answer, routed, serving

ORDERS = 12
YESTERDAY = utc_today() - timedelta(days=1)
DAYS = [YESTERDAY - timedelta(days=n) for n in range(4, -1, -1)]
CONFIGURATION = '[ingest]\ntables = ["transactions", "products"]\nstart = "{start}"\n[qa]\nanomalies = "off"\n{more}'


@pytest.fixture
def lake_url(tmp_path: Path) -> str:
    """An empty lake on the disk."""
    return str(tmp_path / "lake")


def small_shop(bad: Mapping[date, int], paid: Mapping[date, float] | None = None) -> Answer:
    """Return what answers with twelve orders a day, so many of them without a time; `paid` is what each order cost."""

    def choose(request: str) -> Answer:
        target = urlsplit(request.split()[1])
        day = date.fromisoformat(parse_qs(target.query)["start_date"][0])
        if target.path.endswith("products"):
            return answer(page_body([product(utc_date=str(day))], total=1))
        rows: list[dict[str, Any]] = []
        for number in range(ORDERS):
            time = None if number < bad.get(day, 0) else noon(day) + number
            usd = (paid or {}).get(day, 35.36)
            rows.append(order(f"{day}-{number}", transaction_timestamp=time, utc_date=str(day), total_purchase_usd=usd))
        return answer(page_body(rows, total=ORDERS))

    return routed(choose)


def configured(mootech: Mootech, more: str = "") -> None:
    """Write the command's mootech.toml."""
    (mootech.folder / "mootech.toml").write_text(CONFIGURATION.format(start=DAYS[0], more=more))


def shares(document: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the findings about quarantined rows."""
    return [each for each in document["findings"] if each["check"] == "quarantined_share"]


def test_a_mostly_bad_day_of_a_small_shop_is_blocked(mootech: Mootech) -> None:
    """Seven bad orders of twelve block their day with exit 3; six do not, but qa acts on them."""
    configured(mootech)
    with serving([small_shop({DAYS[0]: 6, DAYS[1]: 7})]) as wire:
        mootech.environment["MOOTECH_API_URL"] = wire.url
        document = mootech.json("ingest", "-t", "transactions", expect=3)
    statuses = [day["status"] for day in document["tables"][0]["days"]]
    assert statuses == ["published", "blocked", "published", "published", "published"]
    assert "7 of 12 rows are bad; nothing of it was published" in document["error"]["message"]
    [found] = shares(mootech.json("qa", "-t", "transactions", expect=3))
    assert (found["data"]["quarantined"], found["data"]["fetched"], found["ok"]) == (6, 48, False)


def test_a_few_bad_rows_a_day_end_run_and_qa_with_3(mootech: Mootech) -> None:
    """Above 1 % of four weeks, run and qa exit 3 night after night; status shows it; a limit of one's own is kept."""
    configured(mootech)
    with serving([small_shop({DAYS[1]: 1, DAYS[3]: 2})]) as wire:
        mootech.environment["MOOTECH_API_URL"] = wire.url
        first = mootech.json("run", expect=3)
        again = mootech("run", "-q", expect=3)
        assert {day["status"] for table in first["tables"] for day in table["days"]} == {"published"}
        assert first["error"]["message"] == (
            f"transactions: 3 of 60 rows quarantined in 28 days (5.00%), above 1.00%; most on {DAYS[3]} (2)"
        )
        assert "mootech qa -t transactions --quarantine" in first["error"]["hint"]
        assert first["error"]["message"] in again.stderr
        configured(mootech, "max_quarantined_share = 0.05")
        mootech("run")
    [found] = shares(mootech.json("qa"))
    assert (found["ok"], found["warning"]) == (True, True)
    configured(mootech)
    assert "checks that do not hold" not in mootech("qa", expect=3).stderr
    assert shares(mootech.json("qa", "--end", DAYS[0])) == []
    assert f"transactions: of the 28 days to {YESTERDAY}, 3 of 60 rows quarantined (5.00 %)" in mootech("status").stdout
    [lately] = [
        each["quarantined_lately"] for each in mootech.json("status")["tables"] if each["table"] == "transactions"
    ]
    assert (lately["quarantined"], lately["fetched"], lately["share"]) == (3, 60, 0.05)
    assert [(day["utc_date"], day["rows"]) for day in lately["days"]] == [(str(DAYS[1]), 1), (str(DAYS[3]), 2)]


def test_a_shop_without_a_bad_row_hears_nothing_of_it(mootech: Mootech) -> None:
    """A clean shop's run ends with 0, without a finding and without a line in status."""
    configured(mootech)
    with serving([small_shop({})]) as wire:
        mootech.environment["MOOTECH_API_URL"] = wire.url
        mootech("run")
    assert shares(mootech.json("qa")) == []
    assert "quarantined" not in mootech("status").stdout
    assert "quarantine" not in mootech("report").stdout


def test_acknowledging_a_day_ends_its_alarm_until_other_rows_are_bad(mootech: Mootech) -> None:
    """A run exits 0 again, the rows are still shown, and a day with other bad rows is an alarm once more."""
    configured(mootech)
    paid: dict[date, float] = {}
    with serving([small_shop({DAYS[1]: 1, DAYS[3]: 2}, paid)]) as wire:
        mootech.environment["MOOTECH_API_URL"] = wire.url
        mootech("run", expect=3)
        [left] = shares(mootech.json("qa", "--acknowledge", DAYS[1]))
        assert (left["ok"], left["data"]["acknowledged"]) == (False, 1)
        mootech("run", expect=3)
        told = mootech("qa", "-t", "transactions", "--acknowledge", DAYS[3])
        assert f"transactions {DAYS[3]}: 2 rows acknowledged" in told.stderr
        mootech("run")
        [shown] = shares(mootech.json("qa"))
        assert (shown["ok"], shown["warning"], shown["data"]["quarantined"]) == (True, False, 3)
        assert "3 of 60 rows quarantined (5.00 %), 3 of them acknowledged" in mootech("status").stdout
        said = "In quarantine, and not counted: 3 of 60 rows of transactions."
        page = mootech.folder / "sales.html"
        assert said in mootech("report", "--html", page).stdout
        assert said in page.read_text("utf-8")
        [report] = mootech.json("report")["reports"]
        assert report["quarantined"] == 3
        assert sum(month["rows"] for each in report["inputs"] for month in each["months"]) == 3
        mootech("verify")
        paid[DAYS[3]] = 12.5
        document = mootech.json("run", expect=3)
    assert "3 of 60 rows quarantined in 28 days (5.00%)" in document["error"]["message"]
    assert "1 of them acknowledged, the others above 1.00%" in document["error"]["message"]


def test_what_cannot_be_acknowledged_is_refused_with_a_hint(mootech: Mootech) -> None:
    """A day without a row in quarantine, a range, and a day that is none change nothing."""
    configured(mootech)
    with serving([small_shop({DAYS[1]: 1})]) as wire:
        mootech.environment["MOOTECH_API_URL"] = wire.url
        mootech("ingest")
    assert f"no row of {DAYS[0]} is in quarantine" in mootech("qa", "--acknowledge", DAYS[0], expect=2).stderr
    assert "no row of" in mootech("qa", "-t", "products", "--acknowledge", DAYS[1], expect=2).stderr
    mootech("qa", "--acknowledge", DAYS[1], "--end", DAYS[1], expect=2)
    mootech("qa", "--acknowledge", DAYS[1], "--html", "qa.html", expect=2)
    assert "is not a day of the calendar" in mootech("qa", "--acknowledge", "monday", expect=2).stderr
    [still] = shares(mootech.json("qa", expect=3))
    assert still["data"]["acknowledged"] == 0
