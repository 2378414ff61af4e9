"""Rows of the shop for tests: good ones by default, anything else by keyword."""

import json
from datetime import UTC, date, datetime
from typing import Any

import msgspec

DAY = date(2024, 2, 29)
"""A leap day, so that every test proves it works on one."""

NOON = int(datetime(2024, 2, 29, 12, tzinfo=UTC).timestamp())


def hit(number: int = 1, **changes: object) -> dict[str, Any]:
    """Return a good hit; `number` makes its key."""
    row: dict[str, Any] = {
        "hitid_high": str(number),
        "hitid_low": "7",
        "visid_high": "18446744073709551615",
        "visid_low": "2",
        "hit_time_gmt": NOON,
        "cust_hit_time_gmt": NOON,
        "first_hit_time_gmt": NOON - 60,
        "visit_start_time_gmt": NOON - 60,
        "campaign": None,
        "currency": "USD",
        "os": "Linux",
        "pagename": "home",
        "page_url": "https://shop.example/",
        "event_list": "1,2",
        "product_list": None,
        "cust_visid": None,
        **{f"evar{n}": None for n in range(1, 7)},
        "utc_date": DAY.isoformat(),
    }
    return {**row, **changes}


def order(order_id: str = "o1", **changes: object) -> dict[str, Any]:
    """Return a good purchase of two units."""
    row: dict[str, Any] = {
        "order_id": order_id,
        "email": "ada@example.com",
        "transaction_type": "purchase",
        "items": ["p1", "p1"],
        "total_item_quantity": 2,
        "total_purchase_usd": 35.36,
        "transaction_timestamp": NOON,
        "utc_date": DAY.isoformat(),
    }
    return {**row, **changes}


def user(account_id: str = "u1", **changes: object) -> dict[str, Any]:
    """Return a good customer of a snapshot."""
    row: dict[str, Any] = {
        "account_id": account_id,
        "email": "ada@example.com",
        "first_time_time_stamp": NOON,
        "utc_date": DAY.isoformat(),
    }
    return {**row, **changes}


def product(product_id: str = "p1", **changes: object) -> dict[str, Any]:
    """Return a good line of the products' snapshot."""
    row = {"product_id": product_id, "product_name": "Tumbler", "price": 17.68, "utc_date": DAY.isoformat()}
    return {**row, **changes}


def without(row: dict[str, Any], *names: str) -> dict[str, Any]:
    """Return the row without some of its keys."""
    return {name: value for name, value in row.items() if name not in names}


def raws(*rows: object) -> list[msgspec.Raw]:
    """Return rows as the JSON text a page holds."""
    return [msgspec.Raw(json.dumps(row).encode()) for row in rows]


def page_body(rows: list[Any], next_cursor: str | None = None, total: int | None = None) -> bytes:
    """Return a page of the source API."""
    return json.dumps({"data": rows, "next_cursor": next_cursor, "total": total}).encode()
