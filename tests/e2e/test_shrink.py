"""A refetch that would lose rows, end to end."""

import socket
from datetime import timedelta
from pathlib import Path

import pytest

from mootech.lake.paths import Layer, partition_key
from mootech.lake.stores.registry import open_store
from mootech.tables import PRODUCTS
from tests.e2e.conftest import Mootech
from tests.rows import DAY, page_body, product
from tests.wire import answer, serving


@pytest.fixture
def lake_url(tmp_path: Path) -> str:
    """An empty lake on the disk."""
    return str(tmp_path / "lake")


def test_a_refetch_that_shrinks_a_day_exits_3_until_it_is_allowed(mootech: Mootech, lake_url: str) -> None:
    """The guard keeps the larger version, says by how much it would shrink, and yields to --allow-shrink."""
    many = [product(str(number)) for number in range(40)]
    day = ("ingest", "-t", "products", "--start", DAY, "--end", DAY)
    key = partition_key(Layer.RAW, PRODUCTS.name, DAY)
    store = open_store(lake_url)
    with serving([answer(page_body(many, total=40)), answer(page_body(many[:30], total=30))]) as wire:
        mootech.environment["MOOTECH_API_URL"] = wire.url
        mootech.json(*day)
        before = store.read(key)
        error = mootech.json(*day, expect=3)["error"]
        assert "from 40 to 30 rows" in error["message"]
        assert "--allow-shrink" in error["hint"]
        assert store.read(key) == before
        allowed = mootech.json(*day, "--allow-shrink")
    assert allowed["tables"][0]["days"][0]["published"] == 30
    assert store.read(key) != before


def test_a_day_short_of_its_declared_total_is_not_published(mootech: Mootech, lake_url: str) -> None:
    """A source that hands out fewer rows than it declares fails the day with exit 4; the good day beside it lands."""
    short = answer(page_body([product()], total=2))
    next_day = DAY + timedelta(days=1)
    whole = answer(page_body([product(utc_date=next_day.isoformat())], total=1))

    def by_day(client: socket.socket, request: str) -> None:
        (short if f"start_date={DAY}" in request else whole)(client, request)

    with serving([by_day]) as wire:
        mootech.environment["MOOTECH_API_URL"] = wire.url
        document = mootech.json("ingest", "-t", "products", "--start", DAY, "--end", next_day, expect=4)
    assert [day["status"] for day in document["tables"][0]["days"]] == ["incomplete", "published"]
    assert "only 1 rows came of 2 declared" in document["error"]["message"]
    assert [entry.key for entry in open_store(lake_url).list("raw_data/")] == [
        partition_key(Layer.RAW, PRODUCTS.name, next_day)
    ]


def test_an_empty_day_is_an_honest_empty_partition(mootech: Mootech) -> None:
    """A day on which the shop had nothing is held, with no rows, and verifies."""
    with serving([answer(page_body([], total=0))]) as wire:
        mootech.environment["MOOTECH_API_URL"] = wire.url
        document = mootech.json("ingest", "-t", "products", "--start", DAY, "--end", DAY)
    counts = document["tables"][0]["days"][0]
    assert (counts["status"], counts["fetched"], counts["published"]) == ("published", 0, 0)
    mootech("verify")
    mootech.from_the_start = True
    (status,) = [table for table in mootech.json("status")["tables"] if table["table"] == "products"]
    assert status["gaps"] == []
