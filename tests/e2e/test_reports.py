"""Reports through the installed command: what changed since, a person's own, and which there are."""

import io
import json
import subprocess
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from mootech.lake.stores.registry import open_store
from mootech.tables import PRODUCTS, TRANSACTIONS
from tests.bronze import noon, workshop
from tests.e2e.conftest import Mootech
from tests.environment import COMMAND
from tests.rows import order, product

JANUARY, FEBRUARY, MARCH = date(2024, 1, 10), date(2024, 2, 10), date(2024, 3, 10)
MINE = """\
-- Mine: orders of each day.
-- Grain       UTC day
-- Inputs      transactions: silver
-- Columns     day     DATE    UTC day
--             orders  BIGINT
-- Key         day
-- Chart       bar day orders
SELECT utc_date AS day, count(*) AS orders FROM transactions GROUP BY utc_date
"""


@pytest.fixture
def lake_url(tmp_path: Path) -> str:
    """An empty lake on the disk."""
    return str(tmp_path / "lake")


@pytest.fixture
def sold(mootech: Mootech, lake_url: str, tmp_path: Path) -> Mootech:
    """The command on a lake where two tumblers were sold in January and one, to somebody else, in February."""
    _publish(lake_url, tmp_path, JANUARY, items=["p1", "p1"])
    _publish(lake_url, tmp_path, FEBRUARY, order_id="o2", items=["p1"], email="bob@shop.example")
    with workshop(lake_url, tmp_path / "elsewhere") as opened:
        opened.publish(PRODUCTS, JANUARY, [product(utc_date=JANUARY.isoformat())])
    mootech("silver")
    return mootech


def _publish(lake_url: str, tmp_path: Path, day: date, **changed: Any) -> None:  # noqa: ANN401 - columns of any type
    with workshop(lake_url, tmp_path / "elsewhere") as opened:
        row = order(transaction_timestamp=noon(day), utc_date=day.isoformat(), **changed)
        opened.publish(TRANSACTIONS, day, [row])


def test_a_late_return_shows_what_it_changed(sold: Mootech, lake_url: str, tmp_path: Path) -> None:
    """A return in March takes a unit off January: --changes says January -1, with the amount, and no more."""
    tumbler = ("report", "sales", "--product", "tumbler")
    first = sold.json(*tumbler)
    unchanged = sold.json(*tumbler, "--changes")
    assert (unchanged["rows"], unchanged["notes"]) == ([], ["no reported figure has changed"])
    _publish(lake_url, tmp_path, MARCH, order_id="o3", items=["p1"], transaction_type="return")
    sold("silver")
    told = sold.json(*tumbler, "--changes")
    assert [(row["month"], row["figure"], row["before"], row["now"], row["change"]) for row in told["rows"]] == [
        ("2024-01-01", "total_items_sold", 2, 1, -1),
        ("2024-01-01", "total_sale", 35.36, 17.68, -17.68),
        ("2024-01-01", "units_returned", 0, 1, 1),
    ]
    assert told["reports"][0]["changed"]
    # Asked again, it is the same, because the report has not changed since.
    assert sold.json(*tumbler, "--changes")["rows"] == told["rows"]
    assert open_store(lake_url).head("_mootech/reports/sales_report_tumbler/data.parquet") is not None
    now = sold.json(*tumbler)
    assert [row["units_returned"] for row in now["rows"]] == [1, 0]
    assert [row["units_returned"] for row in first["rows"]] == [0, 0]
    assert "-17.68" in sold(*tumbler, "--changes").stdout
    sold("verify")


def test_a_report_says_how_fresh_and_how_complete_it_is(sold: Mootech) -> None:
    """Its JSON names the last day held, how much of that month is held, and what each input was made from."""
    [report] = sold.json("report", "--product", "tumbler")["reports"]
    assert (report["standing"]["last"], report["standing"]["held"], report["standing"]["of"]) == ("2024-02-10", 1, 29)
    transactions, products = report["inputs"]
    assert (transactions["table"], transactions["days"], transactions["missing"]) == ("transactions", 2, 30)
    assert (products["table"], products["fetched"], products["quarantined"]) == ("products", 1, 0)


def test_a_person_s_own_report_in_a_folder(sold: Mootech, lake_url: str) -> None:
    """NAME.sql in the folder that mootech.toml names is listed, computed, kept, and made by `run`'s list of reports."""
    folder = sold.folder / "reports"
    folder.mkdir()
    (folder / "mine.sql").write_text(MINE)
    (sold.folder / "mootech.toml").write_text('[report]\nfolder = "reports"\n')
    listed = sold("report", "--list").stdout
    assert "Mine: orders of each day." in listed
    assert "sales" in listed
    assert [row["orders"] for row in sold.json("report", "mine")["rows"]] == [1, 1]
    assert open_store(lake_url).head("results/mine/data.parquet") is not None
    (folder / "mine.sql").write_text(MINE.replace("count(*)", "count(*"))
    error = sold.json("report", "mine", expect=2)["error"]
    assert "reports/mine.sql, line 8: " in error["message"]
    (folder / "mine.sql").write_text(MINE.replace("FROM transactions", "FROM read_csv('/etc/passwd')"))
    assert "something else than the lake" in sold.json("report", "mine", expect=2)["error"]["message"]


def test_every_report_is_listed_with_its_parameters(mootech: Mootech) -> None:
    """--list needs no lake; its JSON has grain, inputs, columns with units, and parameters."""
    document = mootech.json("report", "--list")
    sales = next(report for report in document["reports"] if report["name"] == "sales")
    assert sales["inputs"].keys() == {"transactions", "products"}
    assert {"name": "total_sale", "type": "DECIMAL(18,2)"}.items() <= sales["columns"][3].items()
    assert "SELECT" not in json.dumps(document)


def test_a_parameter_or_product_that_is_none_is_refused(mootech: Mootech) -> None:
    """A report, a parameter or a value that there is not: exit 2, named, with what there is."""
    assert "sales" in mootech.json("report", "sale", expect=2)["error"]["hint"]
    assert "no parameter 'month'" in mootech.json("report", "--set", "month=1", expect=2)["error"]["message"]
    assert "exclude" in mootech.json("report", "funnel", "--set", "home=x", "--changes", expect=2)["error"]["message"]
    assert "NAME=VALUE" in mootech.json("report", "--set", "month", expect=2)["error"]["message"]


def test_parquet_goes_through_a_pipe(sold: Mootech) -> None:
    """`--format parquet` into a pipe is the file's bytes and nothing else, with the report's own types."""
    command = [COMMAND, "report", "--product", "tumbler", "--format", "parquet"]
    done = subprocess.run(command, env=sold.environment, cwd=sold.folder, capture_output=True, check=True)  # noqa: S603  # ours
    frame = pl.read_parquet(io.BytesIO(done.stdout))
    assert frame["total_sale"].to_list() == [Decimal("35.36"), Decimal("17.68")]
    assert frame.schema["total_sale"] == pl.Decimal(18, 2)
