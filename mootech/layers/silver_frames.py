"""Silver's event tables as pure functions: one day of bronze in, the same rows out with real types."""

from datetime import date

import polars as pl

MONEY = pl.Decimal(18, 4)


def transactions(bronze: pl.DataFrame, *, last_modified: date) -> pl.DataFrame:
    """Return the silver rows of one day of transactions, in the order of bronze.

    Columns: order_id, email, transaction_type, items (list, one product_id per unit), total_item_quantity (units),
    total_purchase_usd (Decimal(18, 4), USD), timestamp (Datetime, UTC, without zone), last_modified (Date).
    """
    return bronze.select(
        "order_id",
        "email",
        "transaction_type",
        "items",
        "total_item_quantity",
        pl.col("total_purchase_usd").cast(MONEY),
        _time("transaction_timestamp").alias("timestamp"),
        pl.lit(last_modified).alias("last_modified"),
    )


def clickstream(bronze: pl.DataFrame, *, last_modified: date) -> pl.DataFrame:
    """Return the silver rows of one day of hits, in the order of bronze. Columns: docs/silver.md.

    A part of event_list or product_list that does not parse is NULL; it never costs the row.
    """
    visitor = _joined("visid_high", "visid_low")
    return bronze.select(
        _joined("hitid_high", "hitid_low").alias("hit_id"),
        visitor.alias("visitor_id"),
        _joined(visitor, pl.col("visit_start_time_gmt").cast(pl.String)).alias("visit_id"),
        *(
            _time(f"{name}_gmt").alias(name)
            for name in ("hit_time", "cust_hit_time", "first_hit_time", "visit_start_time")
        ),
        "campaign",
        "currency",
        "os",
        "pagename",
        "page_url",
        _events("event_list").alias("events"),
        _products("product_list").alias("products"),
        "cust_visid",
        *(f"evar{n}" for n in range(1, 7)),
        "extra",
        pl.lit(last_modified).alias("last_modified"),
    )


def _time(column: str) -> pl.Expr:
    """Unix seconds as a timestamp: microseconds, UTC, without zone."""
    return pl.from_epoch(column, time_unit="s").cast(pl.Datetime("us"))


def _joined(first: str | pl.Expr, second: str | pl.Expr) -> pl.Expr:
    return pl.concat_str(first, second, separator="-")


def _entries() -> pl.Expr:
    """Return the filled entries of a list of texts, for list.eval."""
    entry = pl.element().str.strip_chars()
    return entry.filter(entry != "")


def _events(column: str) -> pl.Expr:
    """Event numbers of `1,2,200=5.00`; what an event is worth after the equals sign is not kept."""
    number = _entries().str.extract(r"^([0-9]+)\s*(?:=|$)").cast(pl.Int32, strict=False)
    return pl.col(column).str.split(",").list.eval(number)


def _products(column: str) -> pl.Expr:
    """Structs of `category;product;quantity;price`, comma-separated; what follows the price is not kept."""
    fields = _entries().str.split(";")

    def part(position: int) -> pl.Expr:
        text = fields.list.get(position, null_on_oob=True).str.strip_chars()
        return pl.when(text != "").then(text)

    product = pl.struct(
        part(0).alias("category"),
        part(1).alias("product_id"),
        part(2).cast(pl.Int64, strict=False).alias("quantity"),
        part(3).cast(MONEY, strict=False).alias("price"),
    )
    return pl.col(column).str.split(",").list.eval(product)
