"""What follows from what `verify` finds: what is fetched, written again, believed, and typed next."""

from dataclasses import replace
from datetime import date

import pytest

from mootech.lake.paths import Layer
from mootech.model import Finding, Job, Receipt, Reconciled
from mootech.source.metrics import Metrics
from mootech.tables import CLICKSTREAM, USERS
from mootech.verify.findings import Mend, Problem, advice, days_to_mend, finding, to_rewrite, unbelievable
from mootech.verify.shop import Counts, shortfall

DAY = date(2024, 2, 29)
FINE = Finding("users", None, None, "raw_data", "7 partitions hold", ok=True)


def found(layer: Layer, check: str, mend: Mend, table: str = "users", day: date | None = DAY) -> Finding:
    """Return something that verify found."""
    return finding(layer, table, day, Problem(check, "…", mend))


def test_each_broken_day_is_fetched_once() -> None:
    """A day with several findings of bronze and quarantine is one job; silver's and foreign objects are none."""
    findings = [
        FINE,
        found(Layer.RAW, "content_hash", Mend.FETCH),
        found(Layer.QUARANTINE, "deleted", Mend.FETCH),
        found(Layer.RAW, "deleted", Mend.FETCH, "clickstream"),
        found(Layer.SILVER, "unreadable", Mend.REBUILD, "transactions"),
        found(Layer.RAW, "foreign_object", Mend.BY_HAND, "products", None),
    ]
    assert days_to_mend(findings) == [Job(CLICKSTREAM, DAY), Job(USERS, DAY)]


@pytest.mark.parametrize(
    ("layer", "check", "rewritten"),
    [
        (Layer.RAW, "content_hash", True),
        (Layer.RAW, "bytes", True),
        (Layer.RAW, "deleted", False),  # there is nothing to invalidate
        (Layer.QUARANTINE, "bytes", True),  # its rows are right: only disbelief makes publishing write it
        (Layer.QUARANTINE, "unreadable", False),  # publishing sees that by itself
    ],
)
def test_what_looks_right_is_disbelieved(layer: Layer, check: str, *, rewritten: bool) -> None:
    """Whatever publishing would take for unchanged is written again all the same; its partition stands for the day."""
    assert to_rewrite([found(layer, check, Mend.FETCH)]) == ([(Layer.RAW, "users", DAY)] if rewritten else [])


def test_silver_is_rebuilt_object_by_object() -> None:
    """Broken objects of silver are disbelieved, also one without days; a deleted one needs no disbelief."""
    findings = [
        found(Layer.SILVER, "bytes", Mend.REBUILD, "transactions"),
        found(Layer.SILVER, "schema", Mend.REBUILD, "users", None),
        found(Layer.SILVER, "deleted", Mend.REBUILD, "clickstream"),
    ]
    assert to_rewrite(findings) == [(Layer.SILVER, "transactions", DAY), (Layer.SILVER, "users", None)]


@pytest.mark.parametrize(
    ("layer", "check", "lost"),
    [
        (Layer.RAW, "unreadable", True),
        (Layer.RAW, "receipt", True),
        (Layer.RAW, "bytes", False),
        (Layer.QUARANTINE, "deleted", False),
        (Layer.QUARANTINE, "unreadable", False),
    ],
)
def test_only_a_damaged_partition_loses_the_shrink_guard(layer: Layer, check: str, *, lost: bool) -> None:
    """The row count of a day whose partition is whole still protects it."""
    assert set(unbelievable([found(layer, check, Mend.FETCH)])) == ({Job(USERS, DAY)} if lost else set())


def test_the_advice_names_the_commands_in_order() -> None:
    """What to type comes in the order it is typed, for the one table where it is one; nothing wrong needs nothing."""
    assert advice([FINE]) == ""
    damaged = found(Layer.RAW, "unreadable", Mend.FETCH)
    assert advice([FINE, damaged]) == (
        "Run `mootech ingest --repair -t users`, then `mootech silver -t users`; then verify again."
    )
    behind = [found(Layer.RAW, "behind", Mend.UPDATE, day=date(2024, 2, day)) for day in (3, 1)]
    foreign = found(Layer.RAW, "foreign_object", Mend.BY_HAND, "clickstream_old", None)
    assert advice([damaged, foreign, *behind]) == (
        "Run `mootech ingest --repair`, then `mootech silver`; move the foreign objects away; fetch what the shop has "
        "more: `mootech ingest -t users --start 2024-02-01 --end 2024-02-03`; then verify again."
    )
    assert advice([foreign]) == "Move the foreign objects away; then verify again."


RECEIPT = Receipt("clickstream", str(DAY), 1010, 980, 20, 10, 1010, None, "")


@pytest.mark.parametrize(
    ("shop", "visitors", "short"),
    [
        (Counts(None), None, None),
        (Counts(1010, Metrics(1010, 100)), 99, None),
        (Counts(1000), None, None),  # fewer rows by now: what was published stays
        (Counts(1011), None, "1,011 rows, 1,010 when"),
        (Counts(None, Metrics(1010, 0)), None, None),  # 99 % of them are here
        (Counts(None, Metrics(1011, 0)), None, "1,011 hits, 1,000 are"),
        (Counts(None, Metrics(0, 100)), 98, "100 visitors, 98 are"),
        (Counts(None, Metrics(0, 100)), None, None),
    ],
)
def test_a_day_is_behind_when_the_shop_counts_more(shop: Counts, visitors: int | None, short: str | None) -> None:
    """A declared total counts to the row, the shop's metrics to the threshold; what it does not say proves nothing."""
    told = shortfall(RECEIPT, visitors, shop, 0.99)
    assert told is None if short is None else short in (told or "")


def test_a_day_of_several_passes_is_behind_only_what_it_was_united_from() -> None:
    """Its receipt knows the different rows, hits and visitors; what the last pass declared is not all there was."""
    figures = Reconciled(1010, 100, hits=1000, visitors=99, passes=(930, 940), repeated=860)
    receipt = replace(RECEIPT, fetched=1870, duplicates=870, source_total=940, reconciled=figures)
    assert receipt.conserved
    assert shortfall(receipt, None, Counts(1010, Metrics(1010, 100)), 0.99) is None
    assert (
        shortfall(receipt, None, Counts(1010, Metrics(1010, 101)), 0.99) == "the shop counts 101 visitors, 99 are held"
    )
    assert "1,011 rows, 1,010 when" in (shortfall(receipt, None, Counts(1011), 0.99) or "")
