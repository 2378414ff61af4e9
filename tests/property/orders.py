"""Orders and products for tests of reports: few of everything, so that everything meets everything."""

from datetime import date, datetime, timedelta
from decimal import Decimal

from hypothesis import strategies as st

from tests.property.sales_oracle import Order, Range

FIRST = date(2022, 11, 20)
"""The first day of an order."""
SOLD = ("P1", "P2", "P3'🥤")
"""Products that snapshots know; there are orders of one more."""

# A long year's end with gaps.
_DAYS = st.sampled_from([FIRST + timedelta(days=n) for n in (0, 1, 10, 11, 41, 42, 43, 75, 200, 440)])
_CLOCKS = st.sampled_from([timedelta(0), timedelta(hours=12), timedelta(hours=23, minutes=59, seconds=59)])
_EMAILS = st.sampled_from(["ann@shop.example", " Ann@Shop.example", "ANN@SHOP.EXAMPLE  ", "o'bob+🥤@shop.example"])
_ITEMS = st.lists(st.sampled_from([*SOLD, "P4"]), max_size=4).map(tuple)
_NAMES = st.sampled_from(["Tumbler", 'Bob\'s "Mug" 🥤'])
_PRICES = st.sampled_from(["17.68", "19.99", "0.0050", "0.0049", "1.2345", "100", "0"]).map(Decimal)


@st.composite
def orders(draw: st.DrawFn) -> list[Order]:
    """Draw purchases and returns in any order."""
    found = draw(
        st.lists(
            st.tuples(_EMAILS, st.sampled_from(["purchase", "purchase", "return"]), _ITEMS, _DAYS, _CLOCKS), max_size=24
        )
    )
    names = draw(st.permutations([f"T{n}" for n in range(len(found))]))
    return [
        Order(name, email, kind, items, datetime.combine(day, datetime.min.time()) + clock)
        for name, (email, kind, items, day, clock) in zip(names, found, strict=True)
    ]


@st.composite
def ranges(draw: st.DrawFn) -> list[Range]:
    """Draw validity ranges of three products: price changes, new names, delisted and listed again."""
    found: list[Range] = []
    for product in SOLD:
        starts = sorted(draw(st.lists(_DAYS, min_size=1, max_size=3, unique=True)))
        for n, start in enumerate(starts):
            following = starts[n + 1] if n + 1 < len(starts) else None
            delisted = start + timedelta(days=1) if draw(st.booleans()) else following
            found.append(
                Range(product, draw(st.sampled_from(["Tumbler", 'Bob\'s "Mug" 🥤'])), draw(_PRICES), start, delisted)
            )
    return found
