"""Traffic, funnel and sessions against brute-force oracles, and against what the sandbox made."""

from collections import Counter, defaultdict
from datetime import date, datetime, timedelta
from decimal import Decimal

import msgspec
import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mootech.qa.decode import RowDecoder
from mootech.qa.gate import Fetched, judge
from mootech.sandbox.customers import Customers
from mootech.sandbox.orders import purchases
from mootech.sandbox.shop import Shop
from mootech.sandbox.visits import Hits, hits
from mootech.tables import CLICKSTREAM
from tests.bronze import silver_of
from tests.property import hits_oracle
from tests.property.effort import COSTLY
from tests.property.hits_oracle import STEPS, Hit
from tests.property.views import Views, in_order

# A visit's hits may lie in the next month, at one second, and with ids whose order as text is not that of the numbers.
STARTS = st.sampled_from([datetime(2024, 1, 31, 23, 59, 50), datetime(2024, 2, 1), datetime(2024, 2, 29, 12)])  # noqa: DTZ001  # silver's timestamps are UTC without a zone
PAUSES = st.sampled_from([0, 0, 1, 7, 30]).map(lambda seconds: timedelta(seconds=seconds))
TEXTS = st.sampled_from([None, "", "spring", "o'brien; --", '"sale" 🎈', "Ä", "(none)"])
PAGES = st.sampled_from([*STEPS, *STEPS, "product:o'brien 🥤", "home:de", "products", "Cart", "", None, "help"])
HELD = st.sets(st.integers(0, 90), max_size=3).map(
    lambda gaps: [date(2023, 12, 31) + timedelta(days=n) for n in range(91) if n not in gaps]
)


@st.composite
def some_hits(draw: st.DrawFn) -> list[Hit]:
    """Draw hits of a few visits of two visitors."""
    found = draw(st.lists(st.tuples(st.sampled_from(["1-2", "1-2", "1-2", "9-9"]), STARTS, PAUSES, PAGES), max_size=18))
    ids = draw(st.permutations([f"{n}-7" for n in range(len(found))]))
    return [
        Hit(hit_id, visitor, start, start + pause, draw(TEXTS), draw(TEXTS), page)
        for hit_id, (visitor, start, pause, page) in zip(ids, found, strict=True)
    ]


def _give(views: Views, found: list[Hit]) -> None:
    views.give(CLICKSTREAM, [hit.row for hit in found])


@COSTLY
@given(found=some_hits())
def test_traffic_is_the_oracle_s(views: Views, found: list[Hit]) -> None:
    """Every day, campaign and system has its hits, and its different visits and visitors."""
    _give(views, found)
    frame = views.run("traffic")
    assert frame.rows() == hits_oracle.traffic(found)
    assert in_order("traffic", frame)


@COSTLY
@given(found=some_hits(), held=HELD)
def test_the_funnel_is_the_oracle_s(views: Views, found: list[Hit], held: list[date]) -> None:
    """A step counts the visits among whose hits some, in order, are of the pages up to that step."""
    _give(views, found)
    frame = views.run("funnel", held)
    assert frame.rows() == hits_oracle.funnel(found, held)
    assert in_order("funnel", frame)


@COSTLY
@given(found=some_hits(), pages=st.tuples(*[st.sampled_from([*STEPS, "help", "o'brien $home"])] * len(STEPS)))
def test_the_funnel_s_pages_are_parameters(views: Views, found: list[Hit], pages: tuple[str, ...]) -> None:
    """Any pages make a funnel, one page for several steps included: each step takes a hit of its own."""
    _give(views, found)
    frame = views.run("funnel", [], **dict(zip(STEPS, pages, strict=True)))
    assert frame.rows() == hits_oracle.funnel(found, [], pages)


@COSTLY
@given(found=some_hits(), held=HELD)
def test_sessions_are_the_oracle_s(views: Views, found: list[Hit], held: list[date]) -> None:
    """Lengths, their mean and median, and bounces are what a plain reading of the definition gives."""
    _give(views, found)
    frame = views.run("sessions", held)
    assert frame.rows() == hits_oracle.sessions(found, held)
    assert in_order("sessions", frame)


def _visit(*pages: str, at: int = 0) -> list[Hit]:
    """Return a visit of one hit a second on these pages; `at` tells visits apart."""
    start = datetime(2024, 2, 1) + timedelta(minutes=at)  # noqa: DTZ001  # silver's timestamps are UTC without a zone
    return [
        Hit(f"{at}-{n}", "1-2", start, start + timedelta(seconds=n), "spring" if n == 0 else None, "Linux", page)
        for n, page in enumerate(pages)
    ]


def test_steps_count_only_in_their_order(views: Views) -> None:
    """A cart before the product does not count, nor a purchase without a checkout; the campaign is the first hit's."""
    found = [
        *_visit("home", "cart", "product", "purchase"),
        *_visit("product", "home", at=1),
        *_visit("home", "product:mug", "home", "cart", "help", "checkout", "purchase", at=2),
        *_visit("cart", at=3),
        *_visit("home", "products", "Product", "cart", at=4),
        *_visit("home", "product", "checkout", "cart", at=5),
        *_visit("home", "product", "cart", "purchase", "checkout", at=6),
    ]
    _give(views, found)
    assert views.run("funnel")["visits"].to_list() == [6, 4, 3, 2, 1]
    assert views.run("funnel")["campaign"].unique().to_list() == ["spring"]


def test_a_funnel_that_nobody_entered_has_its_steps(views: Views) -> None:
    """All five steps are there with zeros, and shares of nothing are NULL."""
    _give(views, _visit("product", "cart"))
    rows = views.run("funnel").select("step", "visits", "conversion_pct", "dropout_pct").rows()
    assert rows == [(step, 0, None, None) for step in range(1, 6)]


def test_shares_and_means_are_rounded_half_away_from_zero(views: Views) -> None:
    """Where one of 800 visits goes on, for 4 hits in 4 seconds, 0.125 % are 0.13, 1.005 hits 1.01 and 0.005 s 0.01."""
    going_on = _visit("home", "help", "help", "help", "product", at=799)
    _give(views, [hit for n in range(799) for hit in _visit("home", at=n)] + going_on)
    shares = views.run("funnel").select("conversion_pct", "dropout_pct").row(1)
    assert shares == (Decimal("0.13"), Decimal("99.88"))
    sessions = views.run("sessions").row(0, named=True)
    assert (sessions["hits_per_visit"], sessions["average_seconds"]) == (Decimal("1.01"), Decimal("0.01"))
    assert (sessions["bounces"], sessions["bounce_rate_pct"]) == (799, Decimal("99.88"))


# The shop: what it says it made, by way of its JSON, the gate and silver.
SEED, SCALE = 2023, 0.2
DAYS = [date(2024, 2, 28) + timedelta(days=n) for n in range(4)]
TODAY = date(2101, 1, 1)
SHOP = Shop(seed=SEED, scale=SCALE)


@pytest.fixture(scope="module")
def shop_views(views: Views) -> Views:
    """Silver of four days of the shop's clickstream, dirt and all, across a month's end."""
    days = {}
    for day in DAYS:
        raws = [msgspec.Raw(row) for row in SHOP.rows(CLICKSTREAM, day, today=TODAY)]
        decoded = RowDecoder(CLICKSTREAM).decode(raws)
        (judged,) = judge(CLICKSTREAM, [Fetched(day, decoded.frame, decoded.reasons)])
        days[day] = silver_of(CLICKSTREAM, judged.good, day).with_columns(last_modified=pl.lit(day))
    views.give_days(CLICKSTREAM, days)
    return views


def _made(day: date) -> Hits:
    """Return the shop's visits as it generates them, before they become rows."""
    customers = Customers(SEED, SCALE)
    return hits(SEED, SCALE, day, purchases(SEED, SCALE, day, customers).orders, customers)


CAMPAIGNS = ("(none)", "newsletter", "brand-search", "retargeting", "social-spring", "affiliate-blog")
SYSTEMS = ("Windows", "macOS", "Android", "iOS", "Linux", "ChromeOS")
"""As the shop names them, by their codes."""


def test_traffic_is_what_the_shop_made(shop_views: Views) -> None:
    """The hits, visits and visitors of each day, campaign and system are those that the shop generated."""
    expected = []
    for day in DAYS:
        made, of_row = _made(day), defaultdict(list)
        for visit in made.visit:
            of_row[CAMPAIGNS[made.visits.campaign[visit]], SYSTEMS[made.visits.system[visit]]].append(int(visit))
        for (campaign, system), of_hits in sorted(of_row.items()):
            visits = {*of_hits}
            visitors = {int(made.visits.visid_low[visit]) for visit in visits}
            starts = {(int(made.visits.visid_low[visit]), int(made.visits.start[visit])) for visit in visits}
            expected.append((day, campaign, system, len(of_hits), len(starts), len(visitors)))
        assert len(made) == SHOP.hits(day, today=TODAY)
        assert len(np.unique(made.visits.visid_low)) == SHOP.visitors(day, today=TODAY)
    assert shop_views.run("traffic").rows() == expected


def test_the_funnel_is_what_the_shop_made(shop_views: Views) -> None:
    """In each month, of each campaign as many visits reach each step as the shop let go that far."""
    furthest: dict[tuple[date, str], Counter[int]] = defaultdict(Counter)
    for day in DAYS:
        made = _made(day)
        for visit, campaign in enumerate(made.visits.campaign):
            last = int(made.page[made.visit == visit].max())
            furthest[day.replace(day=1), CAMPAIGNS[campaign]][last] += 1
    expected = [
        (*of_row, step + 1, sum(count for page, count in counts.items() if page >= step))
        for of_row, counts in sorted(furthest.items())
        for step in range(len(STEPS))
    ]
    frame = shop_views.run("funnel", DAYS)
    assert frame.select("month", "campaign", "step", "visits").rows() == expected
    assert frame["is_partial"].all()
