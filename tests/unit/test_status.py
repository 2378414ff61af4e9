"""What `status` says of silver: how many of its objects are stale, in each kind of table."""

from datetime import timedelta
from pathlib import Path

from mootech.config import Settings
from mootech.layers.silver.build import Builder
from mootech.pipeline.status import status
from mootech.tables import CLICKSTREAM, PRODUCTS, TABLES, TRANSACTIONS, USERS
from tests.bronze import Workshop, noon, workshop
from tests.rows import DAY, NOON, hit, order, product

DAYS = [DAY + timedelta(days=n) for n in range(3)]
USER = {"account_id": "a1", "email": "ada@example.com", "first_time_time_stamp": NOON}


def _stale(shop: Workshop, state_dir: Path) -> dict[str, int]:
    outcome = status(Settings(lake=shop.lake.store.url, state_dir=state_dir))
    return {table.table: table.silver_behind for table in outcome.tables}


def _rebuilt(shop: Workshop) -> dict[str, int]:
    results = Builder(shop.lake, shop.engine, DAYS[-1]).build(tuple(TABLES))
    return {name: sum(result.table == name for result in results) for name in TABLES.names}


def test_status_counts_the_silver_objects_that_silver_would_rebuild(tmp_path: Path, state_dir: Path) -> None:
    """A day of events is one stale object; of a snapshot table, however many days it holds, there is only one."""
    with workshop(str(tmp_path / "lake"), state_dir) as shop:
        assert _stale(shop, state_dir) == dict.fromkeys(TABLES.names, 0)
        for day in DAYS:
            shop.publish(CLICKSTREAM, day, [hit(hit_time_gmt=noon(day))])
            shop.publish(TRANSACTIONS, day, [order(transaction_timestamp=noon(day))])
            shop.publish(USERS, day, [USER])
            shop.publish(PRODUCTS, day, [product()])
        shop.lake.save_manifests()
        assert _stale(shop, state_dir) == {"clickstream": 3, "transactions": 3, "users": 1, "products": 1}
        assert _rebuilt(shop) == {"clickstream": 3, "transactions": 3, "users": 1, "products": 1}
        assert _stale(shop, state_dir) == dict.fromkeys(TABLES.names, 0)
        shop.publish(TRANSACTIONS, DAYS[1], [order("o9", transaction_timestamp=noon(DAYS[1]))])
        shop.publish(PRODUCTS, DAYS[1], [product(price=9.0)])
        changed = {"clickstream": 0, "transactions": 1, "users": 0, "products": 1}
        assert _stale(shop, state_dir) == changed
        assert _rebuilt(shop) == changed
