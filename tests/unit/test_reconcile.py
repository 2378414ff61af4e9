"""A day held against the shop's metrics: when it is fetched again, what is said of it, what its receipt keeps."""

import json
from dataclasses import replace
from datetime import date

import pytest

from mootech.config import QaSettings
from mootech.lake.footers import RECEIPT as FOOTER_KEY
from mootech.lake.footers import receipt_in
from mootech.layers.bronze.completeness import asks_again, compared, complaint, note
from mootech.model import Job, Receipt, Reconciled
from mootech.tables import CLICKSTREAM

QA = QaSettings()
DAY = date(2024, 2, 29)
JOB = Job(CLICKSTREAM, DAY)
WHOLE = Reconciled(source_hits=1000, source_visitors=100, hits=1000, visitors=100, passes=(1010,))
SHORT = replace(WHOLE, hits=920, visitors=97, passes=(925, 930, 925), repeated=1845)
RECEIPT = Receipt("clickstream", str(DAY), 1010, 1000, 0, 10, 1010, None, "hash")


@pytest.mark.parametrize(
    ("day", "short"),
    [
        (WHOLE, False),
        (replace(WHOLE, hits=990, visitors=99), False),
        (replace(WHOLE, hits=989), True),
        (replace(WHOLE, visitors=98), True),
        (replace(WHOLE, hits=1100, visitors=150), False),  # the shop counts good rows, the quarantine is with ours
        (Reconciled(0, 0, 0, 0, (0,)), False),
        (Reconciled(1, 1, 0, 0, (0,)), True),
    ],
)
def test_a_day_is_short_below_the_share(day: Reconciled, short: bool) -> None:  # noqa: FBT001  # an expectation
    """Hits and visitors count each for itself; the share itself is enough, and nothing is enough for nothing."""
    assert day.below(0.99) is short
    assert asks_again(QA, day) is short
    assert (complaint(QA, JOB, day, "safe") is not None) is short


def test_a_day_is_fetched_three_times_at_most() -> None:
    """After the third pass its union is all there is."""
    assert [asks_again(QA, replace(SHORT, passes=(900,) * n)) for n in (1, 2, 3)] == [True, True, False]
    assert not asks_again(QA, None)


def test_the_complaint_gives_the_figures_and_says_what_to_type() -> None:
    """Counts, shares and passes; what is safe; the command for later, and the keys for a shop that counts wrongly."""
    error = complaint(QA, JOB, SHORT, "nothing of it was published")
    assert error is not None
    assert error.exit_code == 3
    assert error.message == (
        "920 of the shop's 1,000 hits (92.0%) and 97 of its 100 visitors (97.0%) arrived in 3 passes, below 99.0%; "
        "nothing of it was published"
    )
    assert "mootech ingest -t clickstream --start 2024-02-29 --end 2024-02-29" in error.hint
    assert "min_source_share" in error.hint
    assert "metrics = false" in error.hint
    flagged = complaint(QaSettings(min_source_share=0.95, publish_short_days=True), JOB, SHORT)
    assert flagged is not None
    assert "below 95.0%; it was published all the same" in flagged.message


def test_a_note_says_how_passes_were_united() -> None:
    """Only of a day that took more than one."""
    assert note(WHOLE) == ""
    assert note(SHORT) == "fetched 3 times and united: 925 + 930 + 925 rows, 1,845 of them more than once"


def test_qa_sums_the_figures_and_names_each_short_day() -> None:
    """Days without figures are left out; without any there is nothing to say."""
    days = {
        DAY: replace(RECEIPT, reconciled=WHOLE),
        date(2024, 3, 1): replace(RECEIPT, fetched=2780, published=925, duplicates=1855, reconciled=SHORT),
        date(2024, 3, 2): RECEIPT,
        date(2024, 3, 3): None,
    }
    total, short = compared("clickstream", days, 0.99)
    assert total.ok
    assert total.data == {
        "days": 2,
        "source_hits": 2000,
        "source_visitors": 200,
        "hits": 1920,
        "visitors": 197,
        "days_fetched_again": 1,
    }
    assert (short.ok, short.utc_date, short.data["passes"]) == (False, date(2024, 3, 1), (925, 930, 925))
    assert "920 of the shop's 1,000 hits (92.0%)" in short.message
    assert list(compared("users", {DAY: RECEIPT}, 0.99)) == []


def test_a_receipt_without_figures_reads_as_it_always_did() -> None:
    """Partitions of tables without metrics keep their bytes; a receipt with figures survives its JSON."""
    assert "reconciled" not in json.loads(RECEIPT.to_json())
    for receipt in (RECEIPT, replace(RECEIPT, reconciled=WHOLE)):
        assert receipt_in({FOOTER_KEY: receipt.to_json()}) == receipt


def test_the_passes_of_a_receipt_must_add_up_to_what_was_fetched() -> None:
    """`verify` holds the one against the other."""
    assert replace(RECEIPT, reconciled=WHOLE).conserved
    assert not replace(RECEIPT, reconciled=replace(WHOLE, passes=(1000,))).conserved


def test_a_day_that_the_shop_had_nothing_on_is_all_there() -> None:
    """Nothing of nothing is no share to divide by."""
    assert Reconciled(0, 0, 0, 0, (0,)).share == 1
    assert Reconciled(100, 10, 99, 5, (99,)).share == 0.5
    assert Reconciled(100, 0, 120, 1, (120,)).share == 1
