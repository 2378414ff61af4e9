"""From the shop's fields to the contract's columns: nothing is lost, and what does not convert is left for the gate."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mootech.config import FieldSettings
from mootech.source.mapping import ABSENT, FieldMapping
from tests.rows import DAY, NOON, raws

NAMES = st.sampled_from(["a", "b", "c", "email", "order_id"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**30), 10**30) | st.text("abü ", max_size=5),
    lambda inner: st.dictionaries(NAMES, inner, max_size=3) | st.lists(inner, max_size=3),
    max_leaves=8,
)
PATHS = st.lists(NAMES, min_size=1, max_size=3).map(tuple)


def field(*path: str, **settings: object) -> FieldSettings:
    """Return where a column comes from."""
    return FieldSettings.model_validate({"from": path, **settings})


def mapped(row: object, event_time: str | None = None, /, **columns: FieldSettings) -> Any:  # noqa: ANN401  # any JSON
    """Return a row after the mapping."""
    (result,) = FieldMapping(columns, event_time).rows(raws(row), DAY)
    return json.loads(bytes(result))


def leaves(value: object) -> list[str]:
    """Return every value in a value that holds no other, as text."""
    if isinstance(value, dict):
        return sorted(leaf for each in value.values() for leaf in leaves(each))
    if isinstance(value, list):
        return sorted(leaf for each in value for leaf in leaves(each))
    return [json.dumps(value)]


@given(st.dictionaries(NAMES, VALUES, max_size=5), PATHS, PATHS)
def test_no_value_is_lost(row: dict[str, Any], first: tuple[str, ...], second: tuple[str, ...]) -> None:
    """Whatever is renamed from wherever, every value of the row is still in it."""
    result = mapped({**row, "utc_date": "x"}, email=field(*first), order_id=field(*second))
    after = leaves(result)
    for leaf in set(leaves(row)):
        assert leaf in after


@given(VALUES)
def test_a_row_that_is_no_object_is_left_for_the_gate(row: object) -> None:
    """It comes back as it is."""
    if not isinstance(row, dict):
        assert mapped(row, email=field("a")) == row


@given(VALUES, st.sampled_from(["text", "integer", "number"]))
def test_a_value_that_does_not_cast_stays(value: object, cast: str) -> None:
    """It is of the type that was asked for, or what the shop sent."""
    result = mapped({"a": value}, email=field("a", cast=cast))["email"]
    wanted: dict[str, tuple[type, ...]] = {"text": (str,), "integer": (int,), "number": (int, float)}
    assert isinstance(result, wanted[cast]) or result == value


@pytest.mark.parametrize(
    ("clock", "value", "expected"),
    [
        ("seconds", NOON, NOON),
        ("seconds", str(NOON), NOON),
        ("seconds", NOON + 0.75, NOON),
        ("milliseconds", NOON * 1000 + 999, NOON),
        ("iso", "2024-02-29T12:00:00Z", NOON),
        ("iso", "2024-02-29T13:00:00.5+01:00", NOON),
        ("iso", "2024-02-29 12:00:00", NOON),
        ("iso", NOON, NOON),
        ("iso", "yesterday", "yesterday"),
        ("seconds", "soon", "soon"),
        ("seconds", True, True),
        ("milliseconds", None, None),
    ],
)
def test_moments_become_seconds(clock: str, value: object, expected: object) -> None:
    """Each way to write a moment gives its Unix seconds; what is none stays as it is."""
    assert mapped({"at": value}, order_id=field("at", time=clock))["order_id"] == expected


def test_the_day_is_the_events_or_the_one_asked_for() -> None:
    """utc_date is the row's own, else that of its event time, else, for a snapshot, the day asked for."""
    at = {"transaction_timestamp": field("at", time="milliseconds")}
    event = "transaction_timestamp"
    yesterday = (NOON - 86_400) * 1000
    assert mapped({"at": yesterday}, event, **at)["utc_date"] == "2024-02-28"
    assert mapped({"at": yesterday, "utc_date": "x"}, event, **at)["utc_date"] == "x"
    assert "utc_date" not in mapped({"at": "?"}, event, **at)
    assert mapped({"at": yesterday}, None, **at)["utc_date"] == "2024-02-29"
    assert mapped({"at": yesterday}, utc_date=field("at", time="milliseconds"))["utc_date"] == "2024-02-28"


def test_lists_and_constants() -> None:
    """A path through a list gives a list, as often as it says; a list that does not fit is left as it is."""
    items = field("lines", "sku", times=("lines", "n"))
    row = {"lines": [{"sku": "p1", "n": 2, "note": "gift"}, {"sku": "p2", "n": 0}]}
    assert mapped(row, items=items)["items"] == ["p1", "p1"]
    assert mapped(row, items=items)["lines"] == [{"note": "gift"}, {}]
    assert mapped({"lines": [{"sku": "p1", "n": 10**9}]}, items=items)["items"] == ["p1"]
    assert "items" not in mapped({"lines": [{"sku": "p1"}, {"n": 1}]}, items=items)
    assert mapped({}, currency=field(constant="USD"), campaign=ABSENT) == {
        "currency": "USD",
        "campaign": None,
        "utc_date": str(DAY),
    }


def test_a_field_in_the_way_of_a_column_is_kept_beside_it() -> None:
    """The column has the value it was configured to have, the field of that name another name."""
    result = mapped({"email": "old", "source.email": 1, "contact": "new"}, email=field("contact"))
    assert {name: value for name, value in result.items() if name != "utc_date"} == {
        "email": "new",
        "source.email": 1,
        "source.source.email": "old",
    }


def test_numbers_keep_their_digits() -> None:
    """A number that is only renamed is the very text that came."""
    row = msgspec.Raw(b'{"a":1.10,"b":[1e2]}')
    (result,) = FieldMapping({"price": field("a")}, None).rows([row], DAY)
    assert b'"price":1.10' in bytes(result)
    assert b'"b":[1e2]' in bytes(result)
