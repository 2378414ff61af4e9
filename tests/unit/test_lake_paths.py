"""Keys of the lake, from layers, tables and days, and back; addresses of lakes."""

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mootech.errors import StoreError, UsageError
from mootech.lake.paths import Layer, belongs, object_key, partition_day, partition_key, quarantine_key, run_key
from mootech.lake.stores.registry import open_store
from mootech.lake.stores.store import check_key
from mootech.tables import TABLES, TRANSACTIONS, USERS, TableSpec

DAY = date(2023, 3, 1)


def test_the_keys_are_those_of_the_design() -> None:
    """Each kind of object stands where other tools and people expect it."""
    assert partition_key(Layer.RAW, "clickstream", DAY) == "raw_data/clickstream/utc_date=2023-03-01/data.parquet"
    assert partition_key(Layer.SILVER, USERS.name, DAY) == "silver/users/utc_date=2023-03-01/data.parquet"
    assert object_key(Layer.SILVER, "users") == "silver/users/data.parquet"
    assert object_key(Layer.RESULTS, "sales_report_tumbler") == "results/sales_report_tumbler/data.parquet"
    assert quarantine_key("users", DAY, "ab.parquet") == "quarantine/users/utc_date=2023-03-01/ab.parquet"


@given(st.sampled_from([Layer.RAW, Layer.SILVER]), st.sampled_from(list(TABLES)), st.dates(date(1000, 1, 1)))
def test_a_partition_key_gives_its_day_back(layer: Layer, table: TableSpec, day: date) -> None:
    """Every day's key names that day, of that table and layer only, and is a valid key."""
    key = check_key(partition_key(layer, table.name, day))
    assert partition_day(layer, table.name, key) == day
    assert all(partition_day(layer, other.name, key) is None for other in TABLES if other is not table)


@pytest.mark.parametrize(
    "key",
    [
        "raw_data/users/utc_date=2023-02-30/data.parquet",
        "raw_data/users/utc_date=2023-3-1/data.parquet",
        "raw_data/users/utc_date=2023-03-01/data.parquet.tmp",
        "raw_data/users/utc_date=2023-03-01/part-0.parquet",
        "raw_data/users/utc_date=2023-03-01/deeper/data.parquet",
        "raw_data/users/data.parquet",
        "raw_data/users/.hidden",
    ],
)
def test_other_keys_are_foreign(key: str) -> None:
    """What only resembles a partition is none, and does not belong there."""
    assert partition_day(Layer.RAW, "users", key) is None
    assert not belongs(Layer.RAW, USERS, key)


def test_silver_of_snapshots_is_one_object() -> None:
    """Below silver/users only the one object belongs; below silver/transactions only partitions do."""
    assert belongs(Layer.SILVER, USERS, "silver/users/data.parquet")
    assert not belongs(Layer.SILVER, USERS, partition_key(Layer.SILVER, "users", DAY))
    assert belongs(Layer.SILVER, TRANSACTIONS, partition_key(Layer.SILVER, "transactions", DAY))
    assert not belongs(Layer.SILVER, TRANSACTIONS, "silver/transactions/data.parquet")


def test_quarantine_objects_are_named_by_a_hash() -> None:
    """A name of sixteen hex digits belongs to quarantine, another does not."""
    assert belongs(Layer.QUARANTINE, USERS, quarantine_key("users", DAY, "0123456789abcdef.parquet"))
    assert not belongs(Layer.QUARANTINE, USERS, quarantine_key("users", DAY, "data.parquet"))


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "../up", "a b", "a%2Fb", ".hidden", "a\x00", "*", "a?", "{a}"])
def test_a_name_is_one_plain_segment(name: str) -> None:
    """A name that a path, a glob or a URL reads as something else is refused."""
    with pytest.raises(StoreError):
        object_key(Layer.RESULTS, name)
    with pytest.raises(StoreError):
        run_key(name)


def test_a_directory_is_a_lake_by_path_or_file_url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative path, an absolute one and a file:// URL lead to the same directory."""
    monkeypatch.chdir(tmp_path)
    wanted = str(tmp_path / "my lake")
    assert [open_store(url).url for url in ("my lake", wanted, f"file://{tmp_path}/my%20lake")] == [wanted] * 3


@pytest.mark.parametrize(
    "url",
    [
        "",
        " ",
        "gs://bucket/lake",
        "http://user:canary@host/lake",
        "s3://",
        "s3://key:canary@bucket/lake",
        "file://host/x",
    ],
)
def test_other_addresses_are_refused_without_being_repeated(url: str) -> None:
    """An address that is no directory and no bucket is a usage error; a password in it is not shown."""
    with pytest.raises(UsageError) as caught:
        open_store(url)
    assert caught.value.hint
    assert "canary" not in caught.value.message + caught.value.hint
