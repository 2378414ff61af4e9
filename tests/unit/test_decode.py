"""Rows that do not decode stay, with their reasons, and cost no other row."""

import json

import msgspec
import pytest

from mootech.qa.contract import EXTRA, delivered_schema
from mootech.qa.decode import RowDecoder
from mootech.tables import CLICKSTREAM, PRODUCTS, TRANSACTIONS, TableSpec
from tests.rows import hit, order, product, raws, without


@pytest.mark.parametrize(("table", "row"), [(CLICKSTREAM, hit()), (TRANSACTIONS, order()), (PRODUCTS, product())])
def test_good_rows_decode_to_the_contract_and_an_empty_extra(table: TableSpec, row: dict[str, object]) -> None:
    """A good row comes out value by value, in the contract's types, with nothing undeclared."""
    decoded = RowDecoder(table).decode(raws(row, row))
    assert dict(decoded.frame.schema) == {**delivered_schema(table), EXTRA: decoded.frame.schema[EXTRA]}
    assert decoded.frame.rows(named=True) == [{**row, EXTRA: None}] * 2
    assert decoded.reasons == {}


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"hit_time_gmt": "1700000000"}, "hit_time_gmt:wrong_type"),
        ({"hit_time_gmt": 1700000000.0}, "hit_time_gmt:wrong_type"),
        ({"hit_time_gmt": True}, "hit_time_gmt:wrong_type"),
        ({"hit_time_gmt": 2**63}, "hit_time_gmt:wrong_type"),
        ({"hit_time_gmt": {"seconds": 1}}, "hit_time_gmt:wrong_type"),
        ({"currency": 840}, "currency:wrong_type"),
    ],
)
def test_a_wrong_type_becomes_null_with_its_reason(changed: dict[str, object], reason: str) -> None:
    """No value is bent into the column's type: it is NULL in the frame and named in the reasons."""
    decoded = RowDecoder(CLICKSTREAM).decode(raws(hit(1), hit(2, **changed), hit(3)))
    assert decoded.reasons == {1: (reason,)}
    assert decoded.frame["hitid_high"].to_list() == ["1", "2", "3"]
    assert decoded.frame[next(iter(changed))][1] is None


def test_every_reason_of_a_row_is_kept() -> None:
    """A row with two missing keys and a wrong type is told all three."""
    row = without(hit(currency=1), "os", "pagename")
    reasons = RowDecoder(CLICKSTREAM).decode(raws(row)).reasons
    assert set(reasons[0]) == {"currency:wrong_type", "os:missing", "pagename:missing"}


@pytest.mark.parametrize("text", [b"null", b"3", b'"row"', b"[1]"])
def test_a_value_that_is_no_object_is_one_bad_row(text: bytes) -> None:
    """Whatever stands where a row should, the rows beside it survive."""
    decoded = RowDecoder(PRODUCTS).decode([*raws(product("a")), msgspec.Raw(text), *raws(product("b"))])
    assert decoded.reasons == {1: ("row:not_an_object",)}
    assert decoded.frame["product_id"].to_list() == ["a", None, "b"]


def test_an_integer_of_five_thousand_digits_costs_one_row() -> None:
    """A number no type can hold rejects its row, not the page."""
    text = b'{"product_id":"x","product_name":"n","price":' + b"9" * 5000 + b',"utc_date":"2024-02-29"}'
    decoded = RowDecoder(PRODUCTS).decode([msgspec.Raw(text), *raws(product())])
    assert decoded.reasons == {0: ("price:wrong_type",)}


def test_undeclared_fields_go_into_extra_as_sorted_compact_json() -> None:
    """Fields nobody declared are kept, whatever their names and values, from the first row that has them."""
    decoder = RowDecoder(PRODUCTS)
    rows = raws(product(), {**product(zeta=[1, 2]), "a b": {"x": None}}, product(zeta=3), product())
    for _ in range(2):
        assert decoder.decode(rows).frame[EXTRA].to_list() == [
            None,
            '{"a b":{"x":null},"zeta":[1,2]}',
            '{"zeta":3}',
            None,
        ]


@pytest.mark.parametrize("name", ['a"b', "a\\b", "a\nb", "\x00", "<b>", ""])
def test_a_field_of_any_name_is_kept(name: str) -> None:
    """No name that JSON can say stops the decoder, and what stood under it is kept, row after row."""
    decoder = RowDecoder(PRODUCTS)
    for _ in range(2):
        decoded = decoder.decode(raws(product(), {**product(), name: 1}))
        assert decoded.reasons == {}
        assert [None if extra is None else json.loads(extra) for extra in decoded.frame[EXTRA]] == [None, {name: 1}]


def test_more_undeclared_fields_than_are_learned_are_still_kept() -> None:
    """A source that invents a field per row loses none of them."""
    rows = [product(str(n), **{f"field{n}": n}) for n in range(200)]
    decoded = RowDecoder(PRODUCTS).decode(raws(*rows))
    assert decoded.frame[EXTRA].to_list() == [f'{{"field{n}":{n}}}' for n in range(200)]
    assert decoded.reasons == {}


def test_no_rows_make_an_empty_frame_of_the_same_columns() -> None:
    """An empty page has the columns of a full one."""
    decoder = RowDecoder(TRANSACTIONS)
    assert decoder.decode([]).frame.schema == decoder.decode(raws(order())).frame.schema
