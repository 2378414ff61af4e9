"""Whether a page is the last: every row of any shop, or an error; and no request behind an end that is proved."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st

from mootech.config import PagesSettings
from mootech.errors import RefusedError, SourceError
from mootech.source.dialect import Dialect
from mootech.source.guards import START, PagePosition
from mootech.source.http import Answer, Api, Ask
from mootech.source.pages import pages
from tests.rows import DAY, raws

HOME = "http://shop.example/v1"
COUNTED = ("page", "offset")
STATUSES = (400, 404, 410, 416, 422)


@dataclass
class Shop:
    """A day of a shop in memory: what it answers, and what it was asked."""

    style: str
    rows: int
    most: int
    """Rows of its pages, at most."""
    total: str
    """Where it declares one: `each` page, the `first`, or `none`."""
    says_more: bool
    beyond: int
    """The status behind the last page; 200 is a page without rows."""
    end_status: tuple[int, ...]
    outage: tuple[int, int, int] = (0, 0, 0)
    """The first request that is refused, how many are in a row, and the status."""
    asked: list[int] = field(default_factory=list)
    """The place that each request asked for."""

    @property
    def dialect(self) -> Dialect:
        """How it is asked."""
        settings = PagesSettings(
            style=cast("Any", self.style), records=("rows",), next=("next",), more=("more",), end_status=()
        )
        return Dialect("orders", settings.model_copy(update={"end_status": self.end_status}), url=HOME)

    async def ask(self, ask: Ask, parse: Callable[[Answer], Any]) -> Any:  # noqa: ANN401  # as of an Api
        """Answer a request, or refuse it as an Api does."""
        size = min(int(ask.params.get("limit", "9")), self.most)
        named = ask.url.rpartition("=")[2] if ask.url else ask.params.get("cursor") or ask.params.get("offset") or "0"
        place = (int(ask.params["page"]) - 1) * size if self.style == "page" else int(named)
        self.asked.append(place)
        first, count, status = self.outage
        if first <= len(self.asked) - 1 < first + count:
            raise RefusedError("an outage", status=status)
        if place and place >= self.rows and self.beyond != 200:
            raise RefusedError("there is no such page", status=self.beyond)
        return parse(self._page(place, size))

    def _page(self, place: int, size: int) -> Answer:
        held = list(range(self.rows))[place : place + size]
        follows = place + size < self.rows
        body: dict[str, Any] = {"rows": [{"n": n} for n in held]}
        if self.total == "each" or (self.total == "first" and place == 0):
            body["total"] = self.rows
        if self.says_more:
            body["more"] = follows
        head = {}
        following = f"{HOME}/orders?from={place + size}"
        if follows and self.style == "cursor":
            body["next"] = str(place + size)
        elif follows and self.style == "next_url":
            body["next"] = following
        elif follows and self.style == "link":
            head["link"] = f'<{following}>; rel="next"'
        return Answer(json.dumps(body).encode(), head)

    def read(self) -> list[int]:
        """Return the rows of the day as the reader finds them."""

        async def everything() -> list[int]:
            found = pages(cast("Api", self), self.dialect, DAY, page_size=9)
            return [json.loads(bytes(row))["n"] for page in [each async for each in found] for row in page.data]

        return asyncio.run(everything())


SHOPS = st.builds(
    Shop,
    style=st.sampled_from(["cursor", "page", "offset", "link", "next_url"]),
    rows=st.integers(0, 13),
    most=st.integers(1, 5),
    total=st.sampled_from(["each", "first", "none"]),
    says_more=st.booleans(),
    beyond=st.sampled_from([200, *STATUSES]),
    end_status=st.sets(st.sampled_from(STATUSES)).map(tuple),
)
SILENT = st.builds(
    Shop,
    style=st.sampled_from(COUNTED),
    rows=st.integers(1, 13),
    most=st.integers(1, 3),
    total=st.just("none"),
    says_more=st.just(value=False),
    beyond=st.sampled_from([200, *STATUSES]),
    end_status=st.just(STATUSES),
)
"""Shops that say nothing of their end, and whose every refusal may be one."""


@given(SHOPS)
def test_an_honest_day_is_read_whole(shop: Shop) -> None:
    """Every row in order, or the refusal of a shop whose end nothing proves; never a request behind a proved end."""
    last = max(0, (shop.rows - 1) // shop.most)
    proved = shop.style not in COUNTED or shop.total != "none" or shop.says_more
    refused = not proved and shop.rows > 0 and shop.beyond != 200
    try:
        assert shop.read() == list(range(shop.rows))
        assert not refused or shop.beyond in shop.end_status
    except RefusedError:
        assert refused
        assert shop.beyond not in shop.end_status
    places = [page * shop.most for page in range(last + 1)]
    beyond = [] if proved or shop.rows == 0 else [places[-1] + shop.most]
    if shop.style == "offset" and beyond:
        beyond = [shop.rows]
    confirmed = [places[-1], *beyond] if refused and shop.beyond in shop.end_status else []
    assert shop.asked == [*places, *beyond, *confirmed]


@given(st.one_of(SHOPS, SILENT), st.integers(0, 8), st.integers(1, 6), st.sampled_from(STATUSES))
def test_no_outage_ends_a_day(shop: Shop, first: int, count: int, status: int) -> None:
    """However many requests in a row are refused, with whatever status: the whole day, or an error."""
    shop.outage = (first, count, status)
    try:
        assert shop.read() == list(range(shop.rows))
    except SourceError:
        assert first < len(shop.asked) or shop.beyond != 200


@given(
    SHOPS.filter(lambda shop: shop.total != "none" or shop.says_more or shop.style not in COUNTED), st.integers(0, 8)
)
def test_a_shop_that_breaks_for_good_never_ends_a_day_that_goes_on(shop: Shop, first: int) -> None:
    """Where a total, a word or a named page says that there is more, no refusal is the end, however often it comes."""
    shop.outage = (first, 1000, 404)
    shop.end_status = STATUSES
    try:
        assert shop.read() == list(range(shop.rows))
    except RefusedError:
        assert len(shop.asked) == first + 1


@given(
    st.sampled_from([None, *STATUSES, 401, 403, 500]),
    st.sets(st.sampled_from(STATUSES)),
    st.lists(st.integers(), max_size=3),
    st.integers(0, 2),
    st.tuples(st.sampled_from([None, 0, 3, 9]), st.sampled_from([None, True, False])),
)
def test_which_refusal_may_be_the_end(
    status: int | None, ends: set[int], rows: list[int], empty: int, said: tuple[int | None, bool | None]
) -> None:
    """Only a configured status, behind a page with rows, where nothing says how many there are or that more follow."""
    total, more = said
    position = PagePosition(pages=1, rows=3, next_cursor="2", total=total, more=more, empty=empty, before=raws(*rows))
    expected = status in ends and len(rows) > 0 and empty == 0 and total is None and more is not True
    assert position.may_end_with(status, ends) is expected
    assert not START.may_end_with(status, ends)
    assert (position.ended().next_cursor, position.ended().before, position.ended().rows) == (None, (), 3)
