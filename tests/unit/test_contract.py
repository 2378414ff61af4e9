"""The rules of the data contract, one bad value each."""

from typing import Any

import pytest

from mootech.qa.contract import breaches, bronze_schema, delivered_schema
from mootech.qa.decode import RowDecoder
from mootech.tables import CLICKSTREAM, PRODUCTS, TABLES, TRANSACTIONS, TableSpec
from tests.rows import hit, order, product, raws


def reasons(table: TableSpec, row: dict[str, Any]) -> set[str]:
    """Return what the contract says against a row that decodes."""
    decoded = RowDecoder(table).decode(raws(row))
    assert decoded.reasons == {}
    return set(breaches(table, decoded.frame.select(delivered_schema(table).names()))["reason"])


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"hitid_high": "18446744073709551616"}, "hitid_high:unsigned_64_bit"),
        ({"hitid_low": "0x1f"}, "hitid_low:unsigned_64_bit"),
        ({"visid_high": ""}, "visid_high:unsigned_64_bit"),
        ({"visid_low": "-1"}, "visid_low:unsigned_64_bit"),
        ({"hit_time_gmt": -1}, "hit_time_gmt:out_of_range"),
        ({"hit_time_gmt": 1709208000000}, "hit_time_gmt:out_of_range"),
        ({"currency": "ZZZ"}, "currency:unknown_value"),
        ({"currency": None}, "currency:null"),
        ({"os": "  "}, "os:malformed"),
        ({"event_list": "1,,2"}, "event_list:malformed"),
        ({"utc_date": None}, "utc_date:null"),
    ],
)
def test_a_hit_breaks_one_rule(changed: dict[str, Any], reason: str) -> None:
    """Each bad value of a hit is told by the rule it breaks, and by no other."""
    assert reasons(CLICKSTREAM, hit(**changed)) == {reason}


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"total_item_quantity": 3}, "row:quantity_disagrees"),
        ({"items": ["p1", None]}, "items:items_without_id"),
        ({"items": ["p1", ""]}, "items:items_without_id"),
        ({"transaction_type": "refund"}, "transaction_type:unknown_value"),
        ({"email": "ada"}, "email:malformed"),
        ({"total_purchase_usd": -0.01}, "total_purchase_usd:out_of_range"),
        ({"order_id": ""}, "order_id:malformed"),
    ],
)
def test_a_transaction_breaks_one_rule(changed: dict[str, Any], reason: str) -> None:
    """Each bad value of a transaction is told by the rule it breaks, and by no other."""
    assert reasons(TRANSACTIONS, order(**changed)) == {reason}


@pytest.mark.parametrize(
    "row",
    [
        hit(hitid_high="0", hitid_low="18446744073709551615"),
        hit(event_list=None),
        hit(event_list=""),
        hit(event_list="1,200=3.50,12"),
        hit(evar3="=cmd()|' /C calc'!A0"),
    ],
)
def test_a_hit_at_the_edge_of_a_rule_is_good(row: dict[str, Any]) -> None:
    """The largest and smallest identifiers, empty event lists and odd texts pass."""
    assert reasons(CLICKSTREAM, row) == set()


def test_a_free_product_is_good_and_a_negative_price_is_not() -> None:
    """A price may be zero, never below."""
    assert reasons(PRODUCTS, product(price=0)) == set()
    assert reasons(PRODUCTS, product(price=-1)) == {"price:out_of_range"}


def test_bronze_leaves_the_day_to_the_path_and_adds_extra() -> None:
    """Bronze has the delivered columns without utc_date, and `extra` at the end."""
    for table in TABLES:
        assert bronze_schema(table).names() == [*delivered_schema(table).names()[:-1], "extra"]
