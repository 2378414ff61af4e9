"""The names of the notebook, from Python, against the sandbox."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from mootech import (
    DataIngest,
    generate_report,
    qa_driver,
    quality_assurance_clickstream,
    schema_check,
)
from mootech.errors import UsageError
from mootech.model import DayStatus, utc_today
from mootech.sandbox.server import API_KEY
from mootech.tables import USERS
from tests.e2e.conftest import RunningShop


@pytest.fixture
def lake(tmp_path: Path, shop: RunningShop, monkeypatch: pytest.MonkeyPatch) -> str:
    """An empty lake; address and key as a user would set them."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MOOTECH_API_KEY", raising=False)
    monkeypatch.setenv("MOOTECH_API_URL", shop.url)
    monkeypatch.setenv("MOOTECH_LAKE", str(tmp_path / "lake"))
    monkeypatch.setenv("MOOTECH_STATE_DIR", str(tmp_path / "state"))
    return str(tmp_path / "lake")


def test_the_notebooks_calls_work(lake: str) -> None:
    """Queue ranges, run the queue, check, and report, with the calls people already have in their notebooks."""
    ingestor = DataIngest(api_key=API_KEY)
    ingestor.get_data_by_range(table="clickstream", start_date=date(2024, 3, 1), end_date=date(2024, 3, 2))
    evening = datetime(2024, 3, 1, 23, tzinfo=UTC)
    for table in ("transactions", "products"):
        ingestor.get_data_by_range(table=table, start_date=evening, end_date=evening)
    assert len(ingestor.queue) == 4
    outcome = ingestor.run_fetch()
    assert [day.status for day in outcome.days] == [DayStatus.PUBLISHED] * 4
    assert not ingestor.queue

    assert qa_driver("clickstream").exit_code == 0
    assert [finding.data["field"] for finding in schema_check("clickstream")] == ["evar7"]
    checked = quality_assurance_clickstream(start_date=date(2024, 3, 1), end_date=date(2024, 3, 1))
    assert checked.columns == ["utc_date", "column", "check", "message", "ok"]
    assert checked["ok"].all()
    assert (Path(lake) / "raw_data/clickstream/utc_date=2024-03-02/data.parquet").exists()


def test_a_report_comes_as_a_frame(lake: str) -> None:
    """generate_report gives a frame with a row per month, and leaves the result in the lake."""
    from mootech.config import load  # noqa: PLC0415  # the same
    from mootech.pipeline.silver import silver  # noqa: PLC0415  # beside its use: silver has no name in the notebook

    ingestor = DataIngest(api_key=API_KEY)
    for table in ("transactions", "products"):
        ingestor.get_data_by_range(table=table, start_date=date(2024, 3, 1), end_date=date(2024, 3, 2))
    ingestor.run_fetch()
    silver(load())
    report = generate_report("tumbler")
    assert report.select("transaction_year", "transaction_month").rows() == [(2024, 3)]
    assert (Path(lake) / "results/sales_report_tumbler/data.parquet").exists()


@pytest.mark.usefixtures("lake")
def test_a_wrong_range_is_refused_when_it_is_queued() -> None:
    """A bad table, a reversed range and a day that is not over never reach the queue."""
    ingestor = DataIngest(api_key=API_KEY)
    with pytest.raises(UsageError, match="'orders'"):
        ingestor.get_data_by_range(table="orders", start_date=date(2024, 3, 1))
    with pytest.raises(UsageError, match="before it starts"):
        ingestor.get_data_by_range(USERS.name, date(2024, 3, 2), date(2024, 3, 1))
    with pytest.raises(UsageError, match="future"):
        ingestor.get_data_by_range("users", date(2024, 3, 2), utc_today() + timedelta(days=1))
    with pytest.raises(UsageError, match="nothing is queued"):
        ingestor.run_fetch()
