"""The main job through the installed command, on a real shop, in a directory and on a real S3 server."""

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from mootech.lake.paths import Layer, partition_key
from mootech.lake.stores.registry import open_store
from mootech.lake.stores.store import Store
from mootech.model import utc_today
from mootech.tables import CLICKSTREAM, TABLES, TRANSACTIONS, USERS, TableSpec
from tests.e2e.conftest import Mootech, RunningShop

START, END = date(2024, 2, 26), date(2024, 3, 6)
"""Ten days over a leap day and a month's end."""


def days() -> list[date]:
    """Return the days that the tests ingest."""
    return [START + timedelta(days=n) for n in range((END - START).days + 1)]


def rows(document: dict[str, Any]) -> Iterator[tuple[TableSpec, date, dict[str, Any]]]:
    """Yield what the JSON of a command says of each table and day."""
    for table in document["tables"]:
        for day in table["days"]:
            yield TABLES.named(table["table"]), date.fromisoformat(day["utc_date"]), day


def contents(store: Store) -> dict[str, bytes]:
    """Return every object of the lake but mootech's own notes."""
    return {entry.key: store.read(entry.key) for entry in store.list("") if not entry.key.startswith("_mootech/")}


@pytest.fixture
def configured(mootech: Mootech) -> Mootech:
    """The command with a mootech.toml that says where the data begin."""
    (mootech.folder / "mootech.toml").write_text(
        f'[ingest]\nstart = "{utc_today() - timedelta(days=4)}"\n[report]\nproducts = ["Tumbler"]\n'
    )
    return mootech


def test_ingest_qa_silver_report_verify(mootech: Mootech, shop: RunningShop, lake_url: str) -> None:
    """Page to report, step by step: every row is accounted for, and the dirt found is the dirt that was planted."""
    mootech.from_the_start = True
    ingested = mootech.json("ingest", "--start", START, "--end", END)
    told = {(table, day): counts for table, day, counts in rows(ingested)}
    assert set(told) == {(table, day) for table in TABLES for day in days()}
    for (table, day), counts in told.items():
        dirt = shop.shop.dirt(table, day, today=shop.clock.today)
        assert counts["status"] == "published"
        assert counts["fetched"] == counts["published"] + counts["quarantined"] + counts["duplicates"]
        assert counts["fetched"] == counts["source_total"]
        assert counts["duplicates"] == dirt.exact_duplicates
        assert counts["quarantined"] == sum(dirt.malformed.values())
    hits = [told[CLICKSTREAM, day]["published"] for day in days()]
    assert hits == [shop.shop.hits(day, today=shop.clock.today) for day in days()]

    checked = mootech.json("qa")
    assert all(finding["ok"] for finding in checked["findings"])
    assert {finding["check"] for finding in checked["findings"]} >= {"nulls", "categories", "time_range"}
    assert any("evar7" in finding["message"] for finding in checked["findings"])

    silver = mootech.json("silver")
    assert {day["status"] for *_, day in rows(silver)} == {"published"}
    report = mootech.json("report", "--product", "tumbler")
    assert [(row["transaction_year"], row["transaction_month"]) for row in report["rows"]] == [(2024, 2), (2024, 3)]
    assert report["rows"][0]["total_items_sold"] > 0
    assert all(row["is_partial"] for row in report["rows"])

    assert mootech.json("verify")["error"] is None
    tops = {key.split("/")[0] for key in contents(open_store(lake_url))}
    assert tops == {"raw_data", "silver", "quarantine", "results"}


def test_a_second_run_publishes_nothing_and_a_lost_partition_comes_back(configured: Mootech, lake_url: str) -> None:
    """Run twice, and no byte of the data changes; lose a partition, and the next run restores the same bytes."""
    configured.from_the_start = True
    first = configured.json("run")
    assert {day["status"] for *_, day in rows(first)} == {"published"}
    store = open_store(lake_url)
    before = contents(store)
    again = configured.json("run")
    assert {day["status"] for *_, day in rows(again)} <= {"unchanged"}
    assert contents(store) == before

    lost = utc_today() - timedelta(days=4)
    store.delete(partition_key(Layer.RAW, TRANSACTIONS.name, lost))
    configured("verify", expect=6)  # the manifest remembers it
    mended = configured.json("run")
    assert [(table, day) for table, day, counts in rows(mended) if counts["status"] == "published"] == [
        (TRANSACTIONS, lost)
    ]
    assert contents(store) == before


def test_a_late_row_arrives_through_the_lookback(configured: Mootech, shop: RunningShop) -> None:
    """Rows that the shop hands out a day late are taken in by a later run, and the day's silver follows."""
    shop.clock.today = END + timedelta(days=1)
    late = shop.shop.dirt(CLICKSTREAM, END, today=shop.clock.today).late_missing
    assert late > 0
    configured.json("ingest", "--start", START, "--end", END, "-t", "clickstream")
    shop.clock.today = END + timedelta(days=2)
    second = configured.json("ingest", "--end", END, "-t", "clickstream")
    told = {day: counts for _, day, counts in rows(second)}
    assert set(told) == {END - timedelta(days=1), END}
    assert told[END - timedelta(days=1)]["status"] == "unchanged"
    assert told[END]["status"] == "published"
    assert told[END]["published"] == shop.shop.hits(END, today=shop.clock.today)


def test_a_dry_run_says_what_it_would_do_and_writes_nothing(mootech: Mootech, lake_url: str, tmp_path: Path) -> None:
    """--dry-run lists the days and leaves neither a lake nor a state folder behind."""
    planned = mootech.json("ingest", "--start", START, "--end", END, "-t", "users", "--dry-run")
    assert [(table, day, counts["status"]) for table, day, counts in rows(planned)] == [
        (USERS, day, "planned") for day in days()
    ]
    assert open_store(lake_url).list("") == []
    assert not (tmp_path / "state").exists()


def test_a_day_of_dirt_is_blocked_and_the_good_partition_stays(
    mootech: Mootech, shop: RunningShop, lake_url: str
) -> None:
    """The documented bad day exits 3 beside good days that are published; qa shows why; nothing of it is visible."""
    bad = date(2023, 11, 24)
    document = mootech.json(
        "ingest", "-t", "clickstream", "--start", bad - timedelta(days=1), "--end", bad + timedelta(days=1), expect=3
    )
    assert [counts["status"] for *_, counts in rows(document)] == ["published", "blocked", "published"]
    assert "mootech qa -t clickstream --start 2023-11-24" in document["error"]["hint"]
    store = open_store(lake_url)
    assert not store.list(f"raw_data/clickstream/utc_date={bad}/")
    checked = mootech.json("qa", "-t", "clickstream", expect=3)
    blocked = [finding for finding in checked["findings"] if finding["check"] == "blocked"]
    assert blocked[0]["utc_date"] == "2023-11-24"
    planted = shop.shop.dirt(CLICKSTREAM, bad, today=shop.clock.today)
    assert blocked[0]["data"]["rejected"] == sum(planted.malformed.values())
