"""What a stranger types first."""

import re
import subprocess
from datetime import date, timedelta
from pathlib import Path

import pytest

from mootech.lake.footers import RECEIPT, receipt_in
from mootech.model import Receipt, utc_today
from mootech.sandbox.shop import Shop
from mootech.tables import TABLES
from tests.e2e.conftest import Mootech
from tests.environment import COMMAND, environment

DAYS = 40


@pytest.fixture
def lake_url(tmp_path: Path) -> str:
    """A lake on the disk."""
    return str(tmp_path / "lake")


def test_the_demo_shows_the_tumbler_and_accounts_for_every_row(mootech: Mootech, lake_url: str) -> None:
    """One command from nothing: all layers, the tumbler's months, what to type next; every row of every day adds up."""
    mootech.from_the_start = True
    before = utc_today()
    shown = mootech("demo", "--days", DAYS, "--lake", lake_url)
    if utc_today() != before:
        pytest.fail("midnight passed; the shop's day is not the test's any more")
    assert "Tumbler" in shown.stdout
    assert f"{before - timedelta(days=31):%Y-%m}" in shown.stdout
    assert "mootech status" in shown.stdout + shown.stderr
    assert {path.name for path in Path(lake_url).iterdir()} == {
        "raw_data",
        "silver",
        "quarantine",
        "results",
        "_mootech",
    }

    shop = Shop()
    checked = 0
    for table in TABLES:
        for folder in sorted(Path(lake_url, "raw_data", table.name).iterdir()):
            day = date.fromisoformat(folder.name.removeprefix("utc_date="))
            receipt = _receipt(folder / "data.parquet")
            dirt = shop.dirt(table, day, today=before)
            assert (
                receipt.fetched == receipt.published + receipt.quarantined + receipt.duplicates == receipt.source_total
            )
            assert receipt.duplicates == dirt.exact_duplicates
            assert receipt.quarantined == sum(dirt.malformed.values())
            checked += 1
    assert checked == len(TABLES) * DAYS

    again = mootech.json("demo", "--days", DAYS, "--lake", lake_url)
    assert {day["status"] for table in again["tables"] for day in table["days"]} <= {"unchanged"}


@pytest.mark.timeout(900)
def test_the_readme_shows_what_the_demo_prints(tmp_path: Path) -> None:
    """On the day that the README was written on, the demo prints what stands there, to the letter."""
    readme = (Path(__file__).parents[2] / "README.md").read_text("utf-8")
    shown = readme.partition("<!-- demo output: begin -->\n```text\n")[2].partition("```\n<!-- demo output: end -->")[0]
    (last,) = re.findall(r"^Data to (\S+), up to date", shown, re.MULTILINE)
    script = tmp_path / "demo_on_a_day.py"
    script.write_text(_DEMO_ON_A_DAY, "utf-8")
    done = subprocess.run(  # noqa: S603  # our own command
        [Path(COMMAND).with_name("python"), script, f"{date.fromisoformat(last) + timedelta(days=1)}"],
        env=environment(tmp_path / "unused", tmp_path / "state", "http://127.0.0.1:9", "unused"),
        cwd=tmp_path,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.stdout + done.stderr == shown


_DEMO_ON_A_DAY = """
import sys
from datetime import date
from mootech import model

today = date.fromisoformat(sys.argv[1])
model.utc_today = lambda: today  # before any other module takes it from there

from mootech.cli import main

sys.exit(main(["demo"]))
"""


def test_the_demo_does_not_touch_another_shops_lake(mootech: Mootech, lake_url: str) -> None:
    """In a lake that somebody else filled, the demo changes nothing and says how to give it one of its own."""
    mootech("ingest", "-t", "products", "--start", "2024-03-01", "--end", "2024-03-01")
    error = mootech.json("demo", "--lake", lake_url, expect=2)["error"]
    assert "another shop" in error["message"]
    assert "--lake" in error["hint"]


def _receipt(partition: Path) -> Receipt:
    """Return what stands in the partition's footer, read without mootech's own reader."""
    import pyarrow.parquet  # noqa: PLC0415  # slow to import, and used here only

    metadata = pyarrow.parquet.read_metadata(partition).metadata
    assert metadata is not None
    receipt = receipt_in({RECEIPT: metadata[b"mootech.receipt"].decode()})
    assert receipt is not None
    return receipt
