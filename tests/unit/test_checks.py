"""The checks on partitions: figures of the whole range first, then what is wrong, in the order of the lists."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import polars as pl
import pytest

from mootech.model import Finding
from mootech.qa import checks
from mootech.qa.checks import check_partitions
from mootech.qa.contract import bronze_schema
from mootech.qa.rules import RULES
from mootech.tables import TRANSACTIONS, TableSpec
from tests.rows import DAY, order

NEXT = DAY + timedelta(days=1)


def partition(*rows: dict[str, Any]) -> pl.DataFrame:
    """Return rows as they stand in bronze."""
    schema = bronze_schema(TRANSACTIONS)
    return pl.DataFrame([{name: row.get(name) for name in schema} for row in rows], schema=schema)


def names(found: list[Finding]) -> list[tuple[date | None, str, str | None]]:
    """Return day, check and column of each finding."""
    return [(each.utc_date, each.check, each.column) for each in found]


def test_figures_come_first_and_what_is_wrong_follows_by_rule() -> None:
    """A repeated key, a broken rule and an event of another day are told apart, each with its day and its column."""
    twice, bad = order(), order(order_id="other", email="nobody")
    found = check_partitions(TRANSACTIONS, [(DAY, partition(twice, twice, bad), None), (NEXT, partition(twice), None)])
    wrong = [each for each in found if each.utc_date is not None]
    assert found[-len(wrong) :] == wrong
    assert [each.check for each in found[: -len(wrong)]] == [
        "rows",
        *["nulls"] * len(bronze_schema(TRANSACTIONS)),
        "categories",
        "time_range",
    ]
    assert names(wrong) == [
        (DAY, "duplicates", "order_id"),
        (DAY, "contract", "email"),
        (NEXT, "wrong_day", "transaction_timestamp"),
    ]
    assert not any(each.ok for each in wrong)


def test_a_partition_of_other_columns_is_counted_and_not_looked_into() -> None:
    """Its drift is named column by column; the figures of the others are as without it."""
    drifted = partition(order()).with_columns(price=pl.lit(1))
    found = check_partitions(TRANSACTIONS, [(DAY, drifted, None), (NEXT, partition(), None)])
    assert [(each.utc_date, each.message) for each in found if not each.ok] == [(DAY, "column price is not declared")]
    assert found[0].data["rows"] == 1
    assert found[0].data["days"] == 2


def test_a_rule_in_the_list_is_asked_about_every_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    """A new rule is one function and one line: its findings stand behind those of the rules before it."""

    def cheap(table: TableSpec, rows: pl.DataFrame) -> Iterator[Finding]:
        for day in sorted(set(rows["utc_date"])):
            yield Finding(table.name, date.fromisoformat(day), "total_purchase_usd", "cheap", "it is")

    monkeypatch.setattr(checks, "RULES", (*RULES, cheap))
    monkeypatch.setattr(checks, "_BATCH_ROWS", 1)
    twice = order()
    found = check_partitions(TRANSACTIONS, [(DAY, partition(twice, twice), None), (NEXT, partition(twice), None)])
    assert [(day, check) for day, check, _ in names(found) if day is not None] == [
        (DAY, "duplicates"),
        (DAY, "cheap"),
        (NEXT, "wrong_day"),
        (NEXT, "cheap"),
    ]
