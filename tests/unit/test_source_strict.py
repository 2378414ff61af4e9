"""What is no page although msgspec would take it: nesting too deep, and more values than rows could have."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mootech.errors import RefusedError
from mootech.qa.decode import RowDecoder
from mootech.source.body import TransientError
from mootech.source.pages import parse_page
from mootech.source.strict import MOST_DEPTH, MOST_ROWS, depth_bound
from mootech.tables import PRODUCTS
from tests.rows import product


def nested(depth: int, kind: str) -> str:
    """Return arrays, objects or both within each other."""
    opening, closing = {"arrays": ("[", "]"), "objects": ('{"a":', "}"), "both": ('[{"a":', "}]")}[kind]
    each = depth // 2 if kind == "both" else depth
    return opening * each + "1" + closing * each


@pytest.mark.parametrize("kind", ["arrays", "objects", "both"])
@pytest.mark.parametrize("place", ["row", "among rows", "envelope", "pretty envelope"])
def test_a_body_deeper_than_64_levels_is_no_page(kind: str, place: str) -> None:
    """64 levels are accepted wherever they are, 66 are not; the envelope counts."""
    shapes = {
        "row": ('{{"data":[{}]}}', 2),
        "among rows": ('{{"data":[{{"a":[1,{{}}]}},[],{},{{"a":"]]}}}}"}}]}}', 2),
        "envelope": ('{{"data":[],"more":{}}}', 1),
        "pretty envelope": ('{{\n  "data": [\n    {{}},\n' + " " * 200 + '    {{}}\n  ],\n  "more": {}\n}}', 1),
    }
    shape, around = shapes[place]
    fits = MOST_DEPTH - around - (MOST_DEPTH - around) % 2
    parse_page(shape.format(nested(fits, kind)).encode(), 1, None)
    with pytest.raises(TransientError, match="too deep"):
        parse_page(shape.format(nested(fits + 2, kind)).encode(), 1, None)


def test_brackets_in_strings_are_no_nesting() -> None:
    """Text may be full of brackets, quotes and backslashes."""
    text = '[{"' * 100 + "\\" + '"' * 3
    body = json.dumps({"data": [{"a": text}, {"b": [text] * 40}], "next_cursor": None}).encode()
    assert parse_page(body, 1, None).rows == 2


def test_brackets_in_strings_hide_no_nesting() -> None:
    """Closing brackets in text close nothing."""
    row = '{"a]}":[' * 40 + "]}" * 40
    with pytest.raises(TransientError, match="too deep"):
        parse_page(f'{{"data":[{row}]}}'.encode(), 1, None)


VALUES = st.recursive(
    st.none() | st.integers() | st.text(st.sampled_from('{}[],: "a\\'), max_size=12),
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(st.sampled_from(["a", "},{", "[{"]), inner, max_size=3),
    max_leaves=40,
)


def depth(value: object) -> int:
    """Return how many arrays and objects lie within each other."""
    if isinstance(value, dict | list):
        return 1 + max(map(depth, value.values() if isinstance(value, dict) else value), default=0)
    return 0


@given(value=VALUES, levels=st.integers(0, 4), separator=st.sampled_from([",", ", ", " , "]), indent=st.booleans())
def test_the_bound_of_a_text_s_depth_is_one(value: object, levels: int, separator: str, indent: bool) -> None:  # noqa: FBT001 - drawn
    """However it is written and whatever its strings hold, valid JSON never nests deeper than the cheap bound says."""
    for _ in range(levels):
        value = [{"a": value}, {}, value]
    text = json.dumps(value, separators=(separator, ":"), indent=2 if indent else None)
    assert depth(value) <= depth_bound(text.encode() or b"0")


def test_the_bound_of_a_page_of_flat_rows_is_small() -> None:
    """So that the usual page, of however many rows, is not looked at row by row."""
    body = json.dumps({"data": [product(str(n)) for n in range(1000)], "next_cursor": None})
    assert depth_bound(body.encode()) < 10
    assert depth_bound(json.dumps(json.loads(body), separators=(",", ":")).encode()) < 10


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b'{"data":[' + b"0," * 3_000_000 + b"0]}", id="dense"),
        pytest.param(b'{"data":[' + b"[1234567890123456]," * MOST_ROWS + b"0]}", id="rows"),
    ],
)
def test_a_page_of_too_many_rows_is_refused(body: bytes) -> None:
    """Millions of tiny rows would take thirty times the body's memory; they are not even decoded."""
    with pytest.raises(RefusedError, match="more than 100,000 rows"):
        parse_page(body, 1, None)


def test_of_a_name_that_stands_twice_the_last_value_counts() -> None:
    """In a row as in the envelope, whichever of the decoder's paths a row takes."""
    row = json.dumps(product())[:-1] + ',"product_name":"Cup"}'
    strange = row[:-1] + ',"new":1,"new":2}'
    page = parse_page(f'{{"total":7,"data":[{row},{strange}],"total":2}}'.encode(), 1, None)
    assert page.total == 2
    decoded = RowDecoder(PRODUCTS).decode(page.data)
    assert decoded.frame["product_name"].to_list() == ["Cup", "Cup"]
    assert decoded.frame["extra"].to_list() == [None, '{"new":2}']


def test_a_number_of_5000_digits_costs_its_row_only() -> None:
    """It is valid JSON, so the page stands; in a declared field the row breaks the contract."""
    digits = "9" * 5000
    huge = json.dumps(product("p2")).replace("17.68", digits)
    page = parse_page(f'{{"data":[{json.dumps(product("p1"))},{huge}]}}'.encode(), 1, None)
    decoded = RowDecoder(PRODUCTS).decode(page.data)
    assert decoded.frame.height == 2
    assert list(decoded.reasons) == [1]
    assert isinstance(page.data[1], msgspec.Raw)
