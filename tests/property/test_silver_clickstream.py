"""Silver's parsing of event and product lists against a plain reading, entry by entry."""

import re
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from mootech.qa.contract import bronze_schema
from mootech.tables import CLICKSTREAM
from tests.bronze import silver_of
from tests.property.effort import COSTLY
from tests.rows import hit

NUMBERS = ["2", "-1", "+3", "2.5", "17.68", "0.00005", "-0.00015", ".5", "5.", "1e3", "1_000", "0x1F", "9" * 20]
PART = st.sampled_from(["", " ", "Drinkware", " P1 ", *NUMBERS, "\t7", "7\n", "n/a", "ö"])
PRODUCT_LISTS = st.lists(st.lists(PART, max_size=7).map(";".join), max_size=4).map(",".join)
EVENT = st.sampled_from(["1", " 20 ", "200=5.00", "20:7", "7\n", "\t7", "", "x", "=", "99999999999"])
EVENT_LISTS = st.lists(EVENT, max_size=4).map(",".join)


def _whole(text: str) -> int | None:
    return int(text) if re.fullmatch(r"[+-]?[0-9]+", text) and abs(int(text)) < 2**63 else None


def _money(text: str) -> Decimal | None:
    if not re.fullmatch(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)", text):
        return None
    value = Decimal(text).quantize(Decimal("0.0001"), ROUND_HALF_UP)
    return value if abs(value) < Decimal(10) ** 14 else None


def _products(text: str) -> list[dict[str, Any]]:
    found = []
    for entry in text.split(","):
        if entry.strip(" "):
            parts = ([part.strip(" ") for part in entry.strip(" ").split(";")] + [""] * 4)[:4]
            found.append(
                {
                    "category": parts[0] or None,
                    "product_id": parts[1] or None,
                    "quantity": _whole(parts[2]),
                    "price": _money(parts[3]),
                }
            )
    return found


def _events(text: str) -> list[int | None]:
    numbers = (re.match(r"([0-9]+) *(=|\Z)", entry.strip(" ")) for entry in text.split(",") if entry.strip(" "))
    return [int(number[1]) if number and int(number[1]) < 2**31 else None for number in numbers]


@COSTLY
@given(cells=st.lists(st.tuples(st.none() | EVENT_LISTS, st.none() | PRODUCT_LISTS), min_size=1, max_size=20))
def test_lists_are_parsed_entry_by_entry(cells: list[tuple[str | None, str | None]]) -> None:
    """What does not parse is NULL alone, whatever stands beside it; no row is lost, and a NULL cell stays NULL."""
    rows = [hit(n, event_list=events, product_list=products) for n, (events, products) in enumerate(cells)]
    bronze = pl.DataFrame(rows, schema_overrides=bronze_schema(CLICKSTREAM)).with_columns(extra=pl.lit(None, pl.String))
    silver = silver_of(CLICKSTREAM, bronze).sort(pl.col("hit_id").str.split("-").list.get(0).cast(pl.Int64))
    assert silver["events"].to_list() == [None if events is None else _events(events) for events, _ in cells]
    assert silver["products"].to_list() == [None if products is None else _products(products) for _, products in cells]
