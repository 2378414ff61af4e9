"""Rows of Parquet files become the JSON rows of pages: no value is lost, rounded or invented."""

import json
import math
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from io import BytesIO
from itertools import pairwise
from random import Random
from typing import Any

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from mootech.layers.bronze.exports.fetcher import consecutive
from mootech.layers.bronze.exports.rows import json_rows, shaped
from mootech.layers.bronze.exports.service import ExportState, parse_status, poll_seconds
from mootech.model import Job
from mootech.qa.contract import delivered_schema
from mootech.qa.decode import RowDecoder
from mootech.source.metrics import older_day
from mootech.source.pages import rows_of
from mootech.tables import CLICKSTREAM, PRODUCTS, TABLES, TableSpec

CONTRACT = delivered_schema(CLICKSTREAM)
U64 = st.integers(0, 2**64 - 1)
TEXT = st.text(max_size=20)
FLOAT = st.floats()


def through_parquet(frame: pl.DataFrame) -> list[dict[str, Any]]:
    """Write, read, convert, and decode what came out as any reader of JSON would."""
    file = BytesIO()
    frame.write_parquet(file)
    file.seek(0)
    return [json.loads(row) for row in json_rows(shaped(pl.read_parquet(file), CONTRACT))]


@given(st.lists(st.tuples(st.none() | U64, st.none() | TEXT, st.none() | st.integers(-(2**63), 2**63 - 1)), max_size=5))
def test_identifiers_texts_and_numbers_come_through(rows: list[tuple[int | None, str | None, int | None]]) -> None:
    """64-bit identifiers become their decimal digits, and nothing else changes; a null is a null."""
    schema = {"hitid_high": pl.UInt64, "pagename": pl.String, "hit_time_gmt": pl.Int64}
    found = through_parquet(pl.DataFrame(rows, schema=schema, orient="row"))
    assert found == [
        {"hitid_high": None if high is None else str(high), "pagename": name, "hit_time_gmt": time}
        for high, name, time in rows
    ]


@given(
    st.lists(
        st.tuples(st.none() | FLOAT, st.none() | st.lists(st.none() | TEXT), st.none() | st.lists(FLOAT)), max_size=5
    )
)
def test_floats_and_lists_come_through(
    rows: list[tuple[float | None, list[str | None] | None, list[float] | None]],
) -> None:
    """Every finite float is the same float; NaN and infinity, which JSON has not, are texts and not nulls."""
    schema = pl.Schema({"price": pl.Float64(), "items": pl.List(pl.String), "undeclared": pl.List(pl.Float64)})
    frame = pl.DataFrame(rows, schema=schema, orient="row")
    expected = [
        {
            "price": _json(price),
            "items": items,
            "undeclared": None if more is None else [_json(each) for each in more],
        }
        for price, items, more in rows
    ]
    assert through_parquet(frame) == expected
    assert through_parquet(frame.drop("undeclared")) == [
        {"price": row["price"], "items": row["items"]} for row in expected
    ]


def _json(value: float | None) -> float | str | None:
    return value if value is None or math.isfinite(value) else str(value)


def test_a_nan_is_rejected_with_its_value_in_sight() -> None:
    """The contract has no NaN: the row is one of a wrong type, not one without a price."""
    frame = pl.DataFrame({"product_id": ["p"], "product_name": ["P"], "price": [math.nan], "utc_date": ["2024-01-01"]})
    (row,) = json_rows(shaped(frame, delivered_schema(PRODUCTS)))
    decoded = RowDecoder(PRODUCTS).decode(rows_of(f'{{"data":[{row}]}}'.encode()))
    assert decoded.reasons == {0: ("price:wrong_type",)}
    assert '"price":"nan"' in row


def test_other_types_of_the_same_values_are_understood() -> None:
    """Text that is not marked as text, decimals and days of their own type mean what the contract says."""
    frame = pl.DataFrame(
        {
            "visid_low": pl.Series([Decimal(2**64 - 1)], dtype=pl.Decimal(20, 0)),
            "hit_time_gmt": pl.Series([Decimal(1_700_000_000)], dtype=pl.Decimal(20, 0)),
            "os": pl.Series([b"caf\xc3\xa9"]),
            "pagename": pl.Series([b"\xff\x00"]),
            "utc_date": [date(2024, 2, 29)],
            "more": [{"at": datetime(2024, 2, 29, 1, tzinfo=UTC), "bytes": b"\x01", "big": 2**64 - 1}],
        },
        schema_overrides={
            "more": pl.Struct({"at": pl.Datetime(time_zone="UTC"), "bytes": pl.Binary, "big": pl.UInt64})
        },
    )
    assert through_parquet(frame) == [
        {
            "visid_low": "18446744073709551615",
            "hit_time_gmt": 1_700_000_000,
            "os": "café",
            "pagename": "ff00",
            "utc_date": "2024-02-29",
            "more": {"at": "2024-02-29T01:00:00+00:00", "bytes": "01", "big": 2**64 - 1},
        }
    ]


@given(
    st.lists(st.tuples(st.sampled_from(tuple(TABLES)), st.integers(0, 12)), unique=True, max_size=30), st.integers(1, 5)
)
def test_ranges_hold_every_day_once(wanted: list[tuple[TableSpec, int]], most: int) -> None:
    """Ranges are days of one table without a gap, none longer than allowed, and together exactly what is wanted."""
    first = date(2024, 2, 25)
    queue = [Job(table, first + timedelta(days=n)) for table, n in sorted(wanted)]
    ranges = consecutive(queue, most)
    assert [job for each in ranges for job in each] == queue
    for each in ranges:
        assert 1 <= len(each) <= most
        assert [job.day - each[0].day for job in each] == [timedelta(days=n) for n in range(len(each))]
        assert len({job.table for job in each}) == 1
    for one, other in pairwise(ranges):
        assert len(one) == most or other[0] != Job(one[-1].table, one[-1].day + timedelta(days=1))


@given(st.integers(1, 10_000), st.floats(0.01, 3600), st.integers())
def test_looks_at_a_job_are_bounded_from_both_sides(polls: int, longest: float, seed: int) -> None:
    """There is always a wait, and never a longer one than configured."""
    assert 0 < poll_seconds(min(polls, 900), longest, Random(seed)) <= longest


def test_days_are_written_as_the_service_reads_them() -> None:
    """Month, day, year, each with all of its digits."""
    assert older_day(date(2023, 3, 1)) == "03-01-2023"
    assert older_day(date(990, 12, 31)) == "12-31-0990"


def test_words_for_a_jobs_state() -> None:
    """Only COMPLETE is complete; a failure has several names; no status is a job that is not there."""
    states = {
        '"COMPLETE"': ExportState.COMPLETE,
        '" complete "': ExportState.COMPLETE,
        '"FAILED"': ExportState.FAILED,
        '"Cancelled"': ExportState.FAILED,
        '"RUNNING"': ExportState.UNDER_WAY,
        '"INCOMPLETE"': ExportState.UNDER_WAY,
        '""': ExportState.VANISHED,
        "null": ExportState.VANISHED,
    }
    for word, state in states.items():
        assert parse_status(f'{{"execution_status": {word}}}'.encode()).state is state
    status = parse_status(b'{"execution_status": "COMPLETE", "rows": "many", "error": {}}')
    assert (status.state, status.rows) == (ExportState.COMPLETE, None)
    for error in ('"error": "disk full"', '"errors": [{"message": "disk full"}]'):
        status = parse_status(f'{{"execution_status": "COMPLETE", "rows": 1, {error}}}'.encode())
        assert (status.state, status.message) == (ExportState.FAILED, "COMPLETE: disk full")
    assert parse_status(b'{"execution_status": "COMPLETE", "rows": 0}').rows == 0
