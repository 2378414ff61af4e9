"""What a stranger types first."""

import json
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

DAYS = 120
"""What the demo fetches unless it is told otherwise."""


@pytest.fixture
def lake_url(tmp_path: Path) -> str:
    """A lake on the disk."""
    return str(tmp_path / "lake")


@pytest.mark.timeout(900)
def test_the_readme_shows_what_the_demo_prints_and_every_row_is_accounted_for(tmp_path: Path) -> None:
    """On the day that the README was written on, the demo prints what stands there, to the letter.

    All layers are there, every row of every day adds up to what the shop made, and the same demo again writes nothing.
    """
    readme = (Path(__file__).parents[2] / "README.md").read_text("utf-8")
    shown = readme.partition("<!-- demo output: begin -->\n```text\n")[2].partition("```\n<!-- demo output: end -->")[0]
    (last,) = re.findall(r"^Data to (\S+), up to date", shown, re.MULTILINE)
    today = date.fromisoformat(last) + timedelta(days=1)
    done = _demo(tmp_path, today)
    assert done.stdout + done.stderr == shown
    lake = tmp_path / "mootech-lake"
    assert {path.name for path in lake.iterdir()} == {"raw_data", "silver", "quarantine", "results", "_mootech"}

    shop = Shop()
    checked = 0
    for table in TABLES:
        for folder in sorted((lake / "raw_data" / table.name).iterdir()):
            day = date.fromisoformat(folder.name.removeprefix("utc_date="))
            receipt = _receipt(folder / "data.parquet")
            dirt = shop.dirt(table, day, today=today)
            assert (
                receipt.fetched == receipt.published + receipt.quarantined + receipt.duplicates == receipt.source_total
            )
            assert receipt.duplicates == dirt.exact_duplicates
            assert receipt.quarantined == sum(dirt.malformed.values())
            checked += 1
    assert checked == len(TABLES) * DAYS

    again = json.loads(_demo(tmp_path, today, "--json").stdout)
    assert {day["status"] for table in again["tables"] for day in table["days"]} <= {"unchanged"}


def test_a_short_demo_says_what_to_type_next(mootech: Mootech, lake_url: str) -> None:
    """From nothing, on any day: the tumbler's last month, and the next command."""
    mootech.from_the_start = True
    before = utc_today()
    shown = mootech("demo", "--days", 2, "--lake", lake_url)
    if utc_today() != before:
        pytest.fail("midnight passed; the shop's day is not the test's any more")
    assert "Tumbler" in shown.stdout
    assert f"{before - timedelta(days=1):%Y-%m}" in shown.stdout
    assert "mootech status" in shown.stdout + shown.stderr


def _demo(folder: Path, today: date, *options: str) -> "subprocess.CompletedProcess[str]":
    script = folder / "demo_on_a_day.py"
    script.write_text(_DEMO_ON_A_DAY, "utf-8")
    return subprocess.run(  # noqa: S603  # our own command
        [Path(COMMAND).with_name("python"), script, str(today), *options],
        env=environment(folder / "unused", folder / "state", "http://127.0.0.1:9", "unused"),
        cwd=folder,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


_DEMO_ON_A_DAY = """
import sys
from datetime import date
from mootech import model

today = date.fromisoformat(sys.argv[1])
model.utc_today = lambda: today  # before any other module takes it from there

from mootech.cli import main

sys.exit(main(["demo", *sys.argv[2:]]))
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
