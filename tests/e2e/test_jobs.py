"""The jobs protocol through the installed command: from the order to the lake, by way of a folder and of a real S3."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import date, timedelta
from pathlib import Path
from threading import Event

import polars as pl
import pytest

from mootech.lake.lake import Lake
from mootech.lake.paths import Layer
from mootech.lake.stores.registry import open_store
from mootech.lake.stores.store import Store
from mootech.sandbox.exports import ExportSettings
from mootech.sandbox.faults import Draw, FaultMix
from mootech.sandbox.server import running
from mootech.sandbox.shop import Shop
from mootech.tables import PRODUCTS, TABLES, TableSpec
from tests.e2e.conftest import Mootech, RunningShop
from tests.e2e.test_main_job import rows
from tests.environment import COMMAND

START, END = date(2024, 1, 12), date(2024, 1, 18)
"""A week in which the clickstream gets a column more."""
DAYS = [START + timedelta(days=n) for n in range(7)]
OTHERS = "somebody-elses/part-0.parquet"


@pytest.fixture
def destination(lake_url: str, tmp_path: Path, request: pytest.FixtureRequest) -> str:
    """Where jobs deliver to: a folder for a lake in a folder, a directory of a bucket for one on S3."""
    if "://" in lake_url:
        return f"s3://{request.getfixturevalue('s3_bucket')}/deliveries/mootech"
    return str(tmp_path / "buckets" / "exports")


@pytest.fixture
def jobs(mootech: Mootech, shop: RunningShop, destination: str, tmp_path: Path) -> Iterator[Mootech]:
    """The command, told to order jobs, and a service that takes them."""
    buckets = "s3://" if "://" in destination else str(tmp_path / "buckets")
    (mootech.folder / "mootech.toml").write_text(
        f'[source]\nprotocol = "jobs"\n[jobs]\ndestination = "{destination}"\ndays_per_job = 5\npoll_seconds = 0.2\n'
    )
    with running(shop.shop, today=lambda: shop.clock.today, exports=ExportSettings(buckets, 0.05)) as url:
        mootech.environment["MOOTECH_API_URL"] = url
        yield mootech


def held(lake: str, state: Path) -> dict[tuple[TableSpec, date], pl.DataFrame]:
    """Return the rows of every partition of bronze."""
    opened = Lake.open(lake, state_dir=state)
    return {
        (table, day): opened.read(each.key)
        for table in TABLES
        for day, each in opened.held(Layer.RAW, table.name).items()
    }


def foreign_object(store: Store, work: Path) -> None:
    """Put an object of somebody else's beside the deliveries."""
    file = work / "other"
    file.write_bytes(b"not ours")
    store.put(OTHERS, file, {})


def test_jobs_fill_the_lake_as_pages_do(
    jobs: Mootech, shop: RunningShop, lake_url: str, destination: str, tmp_path: Path
) -> None:
    """Every row is accounted for, the lake holds what the pages would have filled it with, and nothing stays behind."""
    store = open_store(destination)
    foreign_object(store, tmp_path)
    told = {(table, day): counts for table, day, counts in rows(jobs.json("ingest", "--start", START, "--end", END))}
    assert set(told) == {(table, day) for table in TABLES for day in DAYS}
    for (table, day), counts in told.items():
        dirt = shop.shop.dirt(table, day, today=shop.clock.today)
        assert counts["status"] == "published"
        assert counts["fetched"] == shop.shop.count(table, day, today=shop.clock.today)
        assert counts["fetched"] == counts["published"] + counts["quarantined"] + counts["duplicates"]
        assert counts["duplicates"] == dirt.exact_duplicates
        assert counts["quarantined"] == sum(dirt.malformed.values())
    assert [entry.key for entry in store.list("") if not entry.key.startswith("_mootech")] == [OTHERS]
    counted = [each for each in jobs.json("verify", "--source")["findings"] if each["check"] == "source"]
    assert [(each["table"], each["data"]) for each in counted] == [("clickstream", {"partitions": len(DAYS)})]
    assert {day["status"] for *_, day in rows(jobs.json("ingest", "--start", START, "--end", END))} == {"unchanged"}

    jobs.environment |= {"MOOTECH_API_URL": shop.url, "MOOTECH_LAKE": str(tmp_path / "by-pages")}
    (jobs.folder / "mootech.toml").unlink()
    jobs("ingest", "--start", START, "--end", END)
    by_jobs, by_pages = held(lake_url, tmp_path / "look"), held(str(tmp_path / "by-pages"), tmp_path / "look")
    assert by_jobs.keys() == by_pages.keys()
    for key, frame in by_jobs.items():
        assert frame.equals(by_pages[key]), key


class HeldShop(Shop):
    """A shop whose jobs deliver nothing until they may."""

    def __init__(self) -> None:
        """Be the shop of these tests."""
        super().__init__(scale=0.25)
        self.may = Event()

    def frame(self, table: TableSpec, day: date, *, today: date) -> pl.DataFrame:
        """Wait, then deliver."""
        self.may.wait()
        return super().frame(table, day, today=today)


def test_a_killed_run_leaves_its_job_to_the_next(
    jobs: Mootech, shop: RunningShop, destination: str, tmp_path: Path
) -> None:
    """Killed while it waits for its job, a run is followed by one that waits for the same job, and cleans up."""
    buckets = "s3://" if "://" in destination else str(tmp_path / "buckets")
    held_up = HeldShop()
    with (
        running(held_up, today=lambda: shop.clock.today, exports=ExportSettings(buckets, 0.0)) as url,
        ExitStack() as stack,
    ):
        stack.callback(held_up.may.set)
        jobs.environment["MOOTECH_API_URL"] = url
        arguments = ["ingest", "-t", "products", "--start", str(START), "--end", str(START)]
        with subprocess.Popen(  # noqa: S603  # our own command
            [COMMAND, *arguments, "-v"],
            env=jobs.environment,
            cwd=jobs.folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stderr is not None
            assert any("was ordered" in line for line in process.stderr)
            process.kill()
        (ticket,) = (tmp_path / "state").glob("lakes/*/jobs/*.json")
        assert json.loads(ticket.read_text())["job_id"] is not None
        held_up.may.set()
        done = jobs.json(*arguments)
    ((_, _, told),) = rows(done)
    assert told["status"] == "published"
    assert told["fetched"] == shop.shop.count(PRODUCTS, START, today=shop.clock.today)
    assert "taken from the job that an earlier run had ordered" in json.dumps(done)
    assert not ticket.exists()
    assert [entry.key for entry in open_store(destination).list("") if not entry.key.startswith("_mootech")] == []


def test_a_job_that_fails_is_the_days_failure(jobs: Mootech, shop: RunningShop, lake_url: str, tmp_path: Path) -> None:
    """Exit 4 for the days of the failed order, with the service's own words; nothing of them is in the lake."""
    with running(
        shop.shop,
        today=lambda: shop.clock.today,
        exports=ExportSettings(str(tmp_path / "elsewhere"), 0.0),
        faults=Draw(FaultMix.parse("job-failed=1")),
    ) as url:
        jobs.environment["MOOTECH_API_URL"] = url
        told = jobs.json("ingest", "-t", "products", "--start", START, "--end", START, expect=4)
    assert [counts["status"] for *_, counts in rows(told)] == ["failed"]
    assert "FAILED" in told["error"]["message"]
    assert "again" in told["error"]["hint"]
    assert not held(lake_url, tmp_path / "look")
