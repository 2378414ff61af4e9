"""The sales report as a notebook makes it, on Spark in local mode, as often as asked for in one session.

Items are exploded, the product is filtered, each return is joined with its customer's purchases up to its date and
taken from the latest of them, months are summed, and each is compared with the one before. What the notebook's join
cannot do stays that way: two returns may be taken from one purchase, and a return without a purchase is lost. Spark is
set up for one machine: as many shuffle partitions as cores instead of 200, 4 GB of heap.
"""

import json
import os
import sys
import time

from pyspark.sql import Column, DataFrame, SparkSession, Window
from pyspark.sql import functions as F  # noqa: N812  # the name that all of Spark's documentation gives it


def main() -> None:
    """Make the report and print what each time took, and the units and months of the last."""
    asked = json.loads(sys.argv[1])
    spark = _session(asked["scratch"])
    seconds, rows = [], []
    for _ in range(asked["runs"]):
        began = time.perf_counter()
        rows = report(spark, asked["lake"], asked["product"]).collect()
        seconds.append(time.perf_counter() - began)
    spark.stop()
    print(json.dumps({"seconds": seconds, "months": len(rows), "units": sum(row["total_items_sold"] for row in rows)}))


def report(spark: SparkSession, lake: str, product: str) -> DataFrame:
    """Return the report of one product, month over month."""
    wanted = spark.read.parquet(f"{lake}/silver/products/data.parquet").filter(
        F.lower("product_name") == product.lower()
    )
    units = (
        spark.read.parquet(f"{lake}/silver/transactions")
        .withColumn("product_id", F.explode("items"))
        .join(F.broadcast(wanted.select("product_id").distinct()), "product_id")
        .groupBy("product_id", "order_id", F.lower(F.trim("email")).alias("email"), "transaction_type", "timestamp")
        .agg(F.count(F.lit(1)).alias("quantity"))
    )
    purchases = units.filter(F.col("transaction_type") == "purchase")
    returns = units.filter(F.col("transaction_type") == "return")
    net = purchases.join(_returned(purchases, returns), ["product_id", "email", "order_id"], "left").withColumn(
        "net", F.col("quantity") - F.coalesce("returned", F.lit(0))
    )
    priced = net.join(F.broadcast(wanted.select("product_id", "price", "valid_from", "valid_to")), "product_id").filter(
        _in_force()
    )
    months = priced.groupBy(
        F.year("timestamp").alias("transaction_year"), F.month("timestamp").alias("transaction_month")
    ).agg(F.sum("net").alias("total_items_sold"), F.sum(F.col("net") * F.col("price")).alias("total_sale"))
    before = F.lag("total_sale").over(Window.orderBy("transaction_year", "transaction_month"))
    middle = (F.col("total_sale") + before) / 2
    return months.withColumn("percentage_difference", F.round((F.col("total_sale") - before) / middle * 100)).orderBy(
        "transaction_year", "transaction_month"
    )


def _returned(purchases: DataFrame, returns: DataFrame) -> DataFrame:
    """Return how many units came back of each purchase: a return belongs to the latest one before it."""
    bought = purchases.select("product_id", "email", "order_id", F.col("timestamp").alias("bought"))
    brought = returns.select(
        "product_id",
        "email",
        F.col("order_id").alias("return_id"),
        F.col("timestamp").alias("brought"),
        F.col("quantity").alias("returned"),
    )
    latest = Window.partitionBy("return_id").orderBy(F.col("bought").desc())
    return (
        brought.join(bought, ["product_id", "email"])
        .filter(F.col("bought") <= F.col("brought"))
        .withColumn("place", F.row_number().over(latest))
        .filter(F.col("place") == 1)
        .groupBy("product_id", "email", "order_id")
        .agg(F.sum("returned").alias("returned"))
    )


def _in_force() -> Column:
    day = F.to_date("timestamp")
    return (F.col("valid_from") <= day) & (F.col("valid_to").isNull() | (F.col("valid_to") > day))


def _session(scratch: str) -> SparkSession:
    cores = len(os.sched_getaffinity(0))
    return (
        SparkSession.builder.master(f"local[{cores}]")
        .config("spark.driver.memory", "4g")
        .config("spark.sql.shuffle.partitions", str(cores))
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.ui.enabled", "false")
        .config("spark.local.dir", scratch)
        .config("spark.sql.warehouse.dir", f"{scratch}/warehouse")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.driver.host", "127.0.0.1")
        .getOrCreate()
    )


if __name__ == "__main__":
    main()
