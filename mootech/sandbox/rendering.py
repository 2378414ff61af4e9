"""A day's rows as columns, in the names and types of the data contract."""

from datetime import date, timedelta
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from mootech.sandbox.calendar import EXTRA_COLUMN_FROM, day_start
from mootech.sandbox.catalogue import CATALOGUE, offer
from mootech.sandbox.customers import Customers
from mootech.sandbox.draws import Ints
from mootech.sandbox.orders import LINES, MOST_UNITS, Orders
from mootech.sandbox.visits import HOME, PRODUCT, PURCHASE, Codes, Hits

Positions = npt.NDArray[np.integer]

_SITE: Final = "https://shop.example"
_PAGE_NAMES: Final = pl.Series(["home", "product", "cart", "checkout", "purchase"])
_PAGE_PATHS: Final = pl.Series(["/", "/products/", "/cart", "/checkout", "/order/complete"])
# Adobe's events: 1 purchase, 2 product view, 11 checkout, 12 cart addition; 200 is the shop's own "reviews read".
_EVENTS: Final = pl.Series([None, "2", "12", "11", "1", "2,200"], dtype=pl.String)
_REVIEWS_READ: Final = 5

_CAMPAIGN_NAMES: Final = pl.Series(
    [None, "newsletter", "brand-search", "retargeting", "social-spring", "affiliate-blog"], dtype=pl.String
)
_CHANNELS: Final = pl.Series(["direct", "email", "search", "display", "social", "affiliate"])
_SEARCHES: Final = pl.Series([None, None, "mootech tumbler", None, None, None], dtype=pl.String)
_CURRENCY_CODES: Final = pl.Series(["USD", "EUR", "GBP", "CAD", "JPY"])
_SYSTEM_NAMES: Final = pl.Series(["Windows", "macOS", "Android", "iOS", "Linux", "ChromeOS"])
_DEVICES: Final = pl.Series(["desktop", "desktop", "mobile", "mobile", "desktop", "desktop"])

_PRODUCT_IDS: Final = pl.Series([product.product_id for product in CATALOGUE])
_PRODUCT_SLUGS: Final = pl.Series([product.slug for product in CATALOGUE])
_PRODUCT_VIEWS: Final = pl.Series([f"{product.category};{product.product_id}" for product in CATALOGUE])


def clickstream(day: date, hits: Hits, which: Positions, customers: Customers) -> pl.DataFrame:
    """Return these hits of a day as rows of the clickstream."""
    visits, visit = hits.visits, hits.visit[which]
    seconds, page, looked_at = hits.seconds[which], hits.page[which], hits.product[which]
    low = hits.hitid_low[which]
    on_product = pl.Series(page == PRODUCT)
    bought = pl.Series(page == PURCHASE)
    looked_at = np.maximum(looked_at, 0)
    read_reviews = (page == PRODUCT) & (low % np.uint64(7) == 0)
    # A client's clock is up to three seconds slow, but never shows the day before.
    client = np.maximum(seconds - (low >> np.uint64(8)).astype(np.int64) % 4, day_start(day))
    frame = pl.DataFrame(
        {
            "hitid_high": pl.Series(hits.hitid_high[which]).cast(pl.String),
            "hitid_low": pl.Series(low).cast(pl.String),
            "visid_high": pl.Series(visits.visid_high[visit]).cast(pl.String),
            "visid_low": pl.Series(visits.visid_low[visit]).cast(pl.String),
            "hit_time_gmt": seconds,
            "cust_hit_time_gmt": client,
            "first_hit_time_gmt": visits.first_hit[visit],
            "visit_start_time_gmt": visits.start[visit],
            "campaign": _CAMPAIGN_NAMES.gather(visits.campaign[visit]),
            "currency": _CURRENCY_CODES.gather(visits.currency[visit]),
            "os": _SYSTEM_NAMES.gather(visits.system[visit]),
            "pagename": _PAGE_NAMES.gather(page),
            "page_url": _PAGE_PATHS.gather(page),
            "event_list": _EVENTS.gather(np.where(read_reviews, _REVIEWS_READ, page)),
            "product_list": _product_lists(day, visits.product[visit], visits.quantity[visit]),
            "cust_visid": customers.account_ids(visits.customer[visit]),
            # The visits that end in a purchase come first, so a visit's position is its order's number.
            "evar1": order_ids(day, np.zeros(len(visit), dtype=np.int64), visit.astype(np.int64)),
            "evar2": _PRODUCT_IDS.gather(looked_at),
            "evar3": _CHANNELS.gather(visits.campaign[visit]),
            "evar4": _SEARCHES.gather(visits.campaign[visit]),
            "evar5": pl.Series(["returning", "new"]).gather(visits.newcomer[visit].astype(np.uint32)),
            "evar6": _DEVICES.gather(visits.system[visit]),
            "utc_date": pl.repeat(day.isoformat(), len(visit), eager=True),
        }
    ).with_columns(
        pl.concat_str(
            pl.lit(_SITE),
            pl.col("page_url"),
            pl.when(on_product).then(_PRODUCT_SLUGS.gather(looked_at)).otherwise(pl.lit("")),
        ).alias("page_url"),
        pl.when(pl.Series(page == HOME))
        .then(None)
        .when(on_product)
        .then(_PRODUCT_VIEWS.gather(looked_at))
        .otherwise(pl.col("product_list"))
        .alias("product_list"),
        pl.when(bought).then(pl.col("evar1")).alias("evar1"),
        pl.when(on_product).then(pl.col("evar2")).alias("evar2"),
    )
    if day < EXTRA_COLUMN_FROM:
        return frame
    arms = pl.Series(["A", "B"]).gather((visits.visid_low[visit] % np.uint64(2)).astype(np.uint32))
    return frame.with_columns(arms.alias("evar7"))


def transactions(day: date, orders: Orders, which: Positions, customers: Customers) -> pl.DataFrame:
    """Return these purchases and returns of a day as rows of transactions."""
    some = orders.take(which.astype(np.int64))
    emails = customers.emails(some.customer)
    bought = pl.Series(some.days == 0)
    ids = order_ids(day, some.days, some.number)
    return pl.DataFrame(
        {
            "order_id": ids,
            "email": emails,
            "transaction_type": pl.select(
                pl.when(bought).then(pl.lit("purchase")).otherwise(pl.lit("return"))
            ).to_series(),
            "items": _items(some),
            "total_item_quantity": some.quantity.sum(axis=1),
            "total_purchase_usd": some.cents / 100,
            "transaction_timestamp": some.seconds,
            "utc_date": pl.repeat(day.isoformat(), len(some), eager=True),
        }
    ).with_columns(
        pl.when(bought)
        .then(pl.col("order_id"))
        .otherwise(pl.concat_str(pl.lit("R"), pl.col("order_id")))
        .alias("order_id"),
        pl.when(pl.Series(some.shouted))
        .then(pl.col("email").str.to_uppercase())
        .otherwise(pl.col("email"))
        .alias("email"),
    )


def users(day: date, which: Positions, customers: Customers, earliest: int) -> pl.DataFrame:
    """Return these customers as rows of a day's snapshot of users; no time stamp is before `earliest`."""
    numbers = which.astype(np.int64)
    return pl.DataFrame(
        {
            "account_id": customers.account_ids(numbers),
            "email": customers.emails(numbers),
            "first_time_time_stamp": np.maximum(customers.registered(numbers), earliest),
            "utc_date": pl.repeat(day.isoformat(), len(numbers), eager=True),
        }
    )


def products(day: date, which: Positions) -> pl.DataFrame:
    """Return these of the products on sale as rows of a day's snapshot of products."""
    sold = offer(day)
    index = sold.products[which]
    return pl.DataFrame(
        {
            "product_id": _PRODUCT_IDS.gather(index),
            "product_name": pl.Series([CATALOGUE[each].product_name for each in index]),
            "price": sold.cents[index] / 100,
            "utc_date": pl.repeat(day.isoformat(), len(index), eager=True),
        }
    )


def order_ids(day: date, days: Ints, number: Ints) -> pl.Series:
    """Return the ids of purchases: `days` before `day`, at position `number` among the purchases of that day."""
    back = int(days.max(initial=0))
    dates = pl.Series([f"{day - timedelta(days=ago):%Y%m%d}-" for ago in range(back + 1)])
    frame = pl.DataFrame({"date": dates.gather(days), "number": number})
    return frame.select(pl.concat_str("date", pl.col("number").cast(pl.String).str.zfill(6))).to_series()


def _lines(codes: Ints, texts: list[str]) -> pl.Series:
    """Return the texts of each order's lines, joined by commas; `codes` has shape (orders, LINES), text 0 is empty."""
    first, more = pl.Series(texts), pl.Series(["", *("," + text for text in texts[1:])])
    return pl.select(
        pl.concat_str(first.gather(codes[:, 0]), *(more.gather(codes[:, line]) for line in range(1, LINES)))
    ).to_series()


def _product_lists(day: date, product: Codes, quantity: Codes) -> pl.Series:
    """Return what is in the carts in Adobe's syntax: category;product;quantity;price of all these units."""
    sold = offer(day)
    texts = [
        f"{CATALOGUE[index].category};{CATALOGUE[index].product_id};{units};{units * sold.cents[index] / 100:.2f}"
        for index in sold.products
        for units in range(1, MOST_UNITS + 1)
    ]
    place = np.zeros(len(CATALOGUE), dtype=np.int64)
    place[sold.products] = np.arange(len(sold.products))
    return _lines(np.where(quantity > 0, place[product] * MOST_UNITS + quantity, 0), ["", *texts])


_UNITS: Final = ["", *(",".join([each.product_id] * n) for each in CATALOGUE for n in range(1, MOST_UNITS + 1))]


def _items(orders: Orders) -> pl.Series:
    """Return the product_id of every unit of each order, as lists."""
    codes = np.where(orders.quantity > 0, orders.product * MOST_UNITS + orders.quantity, 0)
    return _lines(codes, _UNITS).str.split(",")
