"""Silver's validity ranges against a brute-force oracle that walks from snapshot to snapshot."""

from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mootech.engines.duckdb import DuckDB
from mootech.lake.stores.registry import open_store
from mootech.lake.stores.store import Entry
from mootech.layers.silver.days import recipe_of
from mootech.qa.contract import bronze_schema
from mootech.tables import PRODUCTS, USERS, TableSpec
from tests.property.effort import COSTLY

FIRST = date(2023, 12, 29)
Snapshots = Mapping[date, Mapping[str, tuple[Any, ...]]]
"""Per held day and key: the attributes."""

# Days that are missing are not held; an empty snapshot is held and says that everything is gone.
PRODUCT_SNAPSHOTS = st.dictionaries(
    st.integers(0, 9).map(lambda n: FIRST + timedelta(days=n)),
    st.dictionaries(
        st.sampled_from(["P1", "P2"]), st.tuples(st.sampled_from(["Tumbler", "Mug"]), st.sampled_from([17.68, 0.1]))
    ),
    min_size=1,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Hold the snapshots of all examples, one after the other."""
    return tmp_path_factory.mktemp("lake")


@pytest.fixture(scope="module")
def engine(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DuckDB]:
    """One engine for all examples: starting DuckDB is what would take the time."""
    with DuckDB.opened(open_store(str(folder)), state_dir=tmp_path_factory.mktemp("state")) as opened:
        yield opened


def _ranges(engine: DuckDB, folder: Path, table: TableSpec, snapshots: Snapshots) -> list[tuple[Any, ...]]:
    keys = []
    for day, rows in snapshots.items():
        key = f"{table}/utc_date={day}/data.parquet"
        (folder / key).parent.mkdir(parents=True, exist_ok=True)
        values = [(name, *attributes, None) for name, attributes in rows.items()]
        pl.DataFrame(values, schema=bronze_schema(table), orient="row").write_parquet(folder / key)
        keys.append(key)
    engine.view("snapshots", [Entry(key, 0, "") for key in keys], partitioned=True)
    return engine.query(recipe_of(table), {"held_days": sorted(snapshots)}).rows()


def _oracle(snapshots: Snapshots) -> list[tuple[Any, ...]]:
    """Walk from one held day to the next, and close, open or extend."""
    closed: list[tuple[Any, ...]] = []
    opened: dict[str, tuple[tuple[Any, ...], date]] = {}
    for day in sorted(snapshots):
        for key, (attributes, since) in list(opened.items()):
            if snapshots[day].get(key) != attributes:
                closed.append((key, *attributes, since, day))
                del opened[key]
        for key, attributes in snapshots[day].items():
            opened.setdefault(key, (attributes, day))
    closed += [(key, *attributes, since, None) for key, (attributes, since) in opened.items()]
    return sorted(closed, key=lambda row: (row[0], row[-2]))


@COSTLY
@given(snapshots=PRODUCT_SNAPSHOTS)
def test_ranges_are_what_walking_through_the_snapshots_gives(
    engine: DuckDB, folder: Path, snapshots: Snapshots
) -> None:
    """A gap extends, an absence closes, a change closes and opens, a return opens; all sorted by key and day."""
    expected = [(key, name, Decimal(str(price)), *validity) for key, name, price, *validity in _oracle(snapshots)]
    assert _ranges(engine, folder, PRODUCTS, snapshots) == expected


def test_users_have_their_first_time_as_a_timestamp(engine: DuckDB, folder: Path) -> None:
    """Unix seconds become a UTC timestamp, and a new email closes one range and opens the next."""
    seconds = 1_677_672_000
    snapshots = {
        FIRST: {"A1": ("ann@shop.example", seconds)},
        FIRST + timedelta(days=5): {"A1": ("ann@new.example", seconds)},
    }
    first_time = datetime(2023, 3, 1, 12)  # noqa: DTZ001  # silver's timestamps are UTC without a zone
    assert _ranges(engine, folder, USERS, snapshots) == [
        ("A1", "ann@shop.example", first_time, FIRST, FIRST + timedelta(days=5)),
        ("A1", "ann@new.example", first_time, FIRST + timedelta(days=5), None),
    ]
