"""Clickstream pages as a shop's API hands them out: 23 columns, about 570 bytes of JSON a hit, all hits distinct.

A day is made page by page, so that a day of five million hits takes no more memory than one of a thousand.
"""

import io
from datetime import UTC, date, datetime
from itertools import pairwise

import numpy as np
import polars as pl

from benchmarks.data.shelf import PAGE_ROWS, Shelf
from mootech.tables import CLICKSTREAM

_SEED = 2023
_DAY_SECONDS = 86_400
_HITS_A_VISITOR = 12
# Odd factors turn a counter into different 64-bit numbers that look like a shop's.
_SCATTER = (np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F))

_CAMPAIGNS = pl.Series([None, None, "newsletter-spring", "brand-search", "retargeting"], dtype=pl.String)
_CURRENCIES = pl.Series(["USD", "USD", "USD", "EUR", "GBP", "CAD"])
_SYSTEMS = pl.Series(["Windows 11", "macOS 14", "Android 14", "iOS 17"])
_PAGES = pl.Series(["home", "product", "cart", "checkout", "order complete"])
_EVENTS = pl.Series([None, "2", "12", "11", "1,200"], dtype=pl.String)
_CHANNELS = pl.Series(["direct", "email", "search", "display", "affiliate"])
_TERMS = pl.Series([None, None, "insulated tumbler", None, "mug"], dtype=pl.String)
_DEVICES = pl.Series(["desktop", "desktop", "mobile", "tablet"])
_PRODUCT = 1
"""Which of the pages is one of a product; the others have no product list."""
_PRODUCTS = 40


def stock(shelf: Shelf, day: date, rows: int) -> None:
    """Put a day of so many hits on the shelf, unless it is there."""
    if shelf.has(CLICKSTREAM.name, day):
        return
    seen = np.zeros(_visitors(rows), dtype=bool)
    edges = [*range(0, rows, PAGE_ROWS), rows]
    for number, (begin, end) in enumerate(pairwise(edges)):
        frame, visitor = page(day, begin, end, rows)
        seen[visitor] = True
        body = io.BytesIO()
        frame.write_json(body)
        shelf.put_page(CLICKSTREAM.name, day, number, body.getvalue())
    shelf.close_day(CLICKSTREAM.name, day, pages=len(edges) - 1, rows=rows, visitors=int(seen.sum()))


def page(day: date, begin: int, end: int, of_day: int) -> tuple[pl.DataFrame, np.ndarray]:
    """Return the hits from `begin` to before `end` of the day's `of_day`, in order of time, and whose each is."""
    rows = end - begin
    draw = np.random.default_rng([_SEED, day.toordinal(), begin])
    midnight = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())
    index = np.arange(begin, end)
    visitor = draw.integers(0, _visitors(of_day), rows)
    seconds = midnight + index * _DAY_SECONDS // of_day
    visit = np.maximum(seconds - draw.integers(0, 1800, rows), midnight)
    kind, product = draw.integers(0, 5, rows), pl.Series(draw.integers(0, _PRODUCTS, rows)).cast(pl.String)
    system, campaign = draw.integers(0, 4, rows), draw.integers(0, 5, rows)
    hit = (index.astype(np.uint64) + np.uint64(day.toordinal()) * np.uint64(2**32)) * _SCATTER[0]
    whose = visitor.astype(np.uint64) + np.uint64(1)
    frame = pl.DataFrame(
        {
            "hitid_high": _digits(hit),
            "hitid_low": _digits(draw.integers(0, 2**63, rows).astype(np.uint64)),
            "visid_high": _digits(whose * _SCATTER[0]),
            "visid_low": _digits(whose * _SCATTER[1]),
            "hit_time_gmt": seconds,
            "cust_hit_time_gmt": seconds,
            "first_hit_time_gmt": visit,
            "visit_start_time_gmt": visit,
            "campaign": _CAMPAIGNS.gather(campaign),
            "currency": _CURRENCIES.gather(draw.integers(0, 6, rows)),
            "os": _SYSTEMS.gather(system),
            "pagename": _PAGES.gather(kind),
            "page_url": _text("https://shop.example/p/", _PAGES.gather(kind).str.replace(" ", "-"), "/", product),
            "event_list": _EVENTS.gather(kind),
            "product_list": pl.select(
                pl.when(pl.Series(kind == _PRODUCT)).then(_text("drinkware;p", product, ";1;17.68"))
            ).to_series(),
            "cust_visid": _text("c", pl.Series(visitor).cast(pl.String)),
            "evar1": _text("o", pl.Series(index).cast(pl.String)),
            "evar2": _text("p", product),
            "evar3": _CHANNELS.gather(campaign),
            "evar4": _TERMS.gather(campaign),
            "evar5": pl.Series(["new", "returning"]).gather(visitor % 2),
            "evar6": _DEVICES.gather(system),
            "utc_date": pl.repeat(day.isoformat(), rows, eager=True),
        }
    )
    return frame, visitor


def _visitors(rows: int) -> int:
    return max(1, rows // _HITS_A_VISITOR)


def _digits(numbers: np.ndarray) -> pl.Series:
    return pl.Series(numbers).cast(pl.String)


def _text(*parts: str | pl.Series) -> pl.Series:
    literal = [pl.lit(part) for part in parts]
    return pl.select(pl.concat_str(*literal)).to_series()
