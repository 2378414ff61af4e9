"""The gate against a plain Python reading of the same rules, for any mix of good, bad, repeated and clashing rows."""

import json
import random
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mootech.config import QaSettings
from mootech.layers.bronze.spill import judge_on_disk
from mootech.qa.decode import RowDecoder
from mootech.qa.gate import Fetched, Judged, blocks, judge
from mootech.tables import CLICKSTREAM, TRANSACTIONS, USERS, TableSpec
from tests.property.effort import COSTLY
from tests.rows import DAY, NOON, hit, order, raws, without

MIDNIGHT = NOON - 12 * 3600


@st.composite
def hits(draw: st.DrawFn) -> dict[str, Any]:
    """Draw a hit that may be bad, of another day, or share its key with others."""
    row = hit(
        draw(st.integers(1, 4)),
        hit_time_gmt=draw(st.sampled_from([MIDNIGHT - 1, MIDNIGHT, NOON, MIDNIGHT + 86_399, MIDNIGHT + 86_400])),
        currency=draw(st.sampled_from(["USD", "EUR", "ZZZ"])),
        utc_date=draw(st.sampled_from([DAY.isoformat()] * 4 + ["2024-03-01"])),
    )
    if draw(st.integers(0, 9)) == 0:
        row = without(row, "os")
    if draw(st.integers(0, 9)) == 0:
        row["colour"] = draw(st.sampled_from(["red", "blue"]))
    return row


def account(account_id: str, name: str) -> dict[str, Any]:
    """Return a row of a snapshot of users."""
    email = f"{name}@example.com" if name != "z" else "nobody"
    return {"account_id": account_id, "email": email, "first_time_time_stamp": NOON, "utc_date": DAY.isoformat()}


def judged(table: TableSpec, rows: list[Any]) -> Judged:
    """Decode and judge rows of one day."""
    decoded = RowDecoder(table).decode(raws(*rows))
    (result,) = judge(table, [Fetched(DAY, decoded.frame, decoded.reasons)])
    return result


def is_bad(row: dict[str, Any]) -> bool:
    """Say by hand whether a hit breaks the contract or is of another day."""
    in_day = MIDNIGHT <= row["hit_time_gmt"] < MIDNIGHT + 86_400
    return row["currency"] == "ZZZ" or row["utc_date"] != DAY.isoformat() or "os" not in row or not in_day


@COSTLY
@given(st.lists(hits(), max_size=30))
def test_every_row_is_good_rejected_or_a_duplicate(rows: list[dict[str, Any]]) -> None:
    """Fetched = good + rejected + duplicates, and each part is what the rules say."""
    result = judged(CLICKSTREAM, rows)
    assert len(rows) == result.good.height + result.rejected.height + result.duplicates

    distinct: dict[str, set[str]] = defaultdict(set)
    candidates = [row for row in rows if not is_bad(row)]
    for row in candidates:
        distinct[row["hitid_high"]].add(json.dumps(row, sort_keys=True))
    assert result.duplicates == len(candidates) - sum(map(len, distinct.values()))
    assert result.good.height == len(distinct)
    conflicts = result.rejected.filter(result.rejected["reasons"].list.contains("key_conflict"))
    assert conflicts.height == sum(len(texts) - 1 for texts in distinct.values())
    for kept in result.good.iter_rows(named=True):
        rivals = [json.loads(text)["hit_time_gmt"] for text in distinct[kept["hitid_high"]]]
        assert kept["hit_time_gmt"] == max(rivals)


@COSTLY
@given(st.lists(hits(), max_size=20), st.randoms(use_true_random=False))
def test_the_order_of_arrival_does_not_matter(rows: list[dict[str, Any]], rng: random.Random) -> None:
    """Pages in any order give the same bronze rows, so a refetch gives the same bytes."""
    shuffled = list(rows)
    rng.shuffle(shuffled)
    first, second = judged(CLICKSTREAM, rows), judged(CLICKSTREAM, shuffled)
    assert first.good.equals(second.good)
    assert first.duplicates == second.duplicates
    assert sorted(map(str, first.rejected["reasons"].to_list())) == sorted(
        map(str, second.rejected["reasons"].to_list())
    )


@COSTLY
@given(st.lists(hits(), max_size=20))
def test_bronze_is_sorted_by_event_time_then_key(rows: list[dict[str, Any]]) -> None:
    """Rows are stored in the order that range scans and compression want."""
    good = judged(CLICKSTREAM, rows).good
    keys = good.select("hit_time_gmt", "hitid_high", "hitid_low").rows()
    assert keys == sorted(keys)


@given(st.integers(0, 5000), st.integers(0, 5000), st.floats(0, 1), st.integers(0, 50))
def test_a_day_is_blocked_by_the_limits_or_by_its_majority(fetched: int, bad: int, share: float, number: int) -> None:
    """A day is blocked beyond both limits, when most rows are bad, or when none is good; an empty day never."""
    bad = min(bad, fetched)
    good = fetched - bad
    expected = (bad > number and bad > share * fetched) or (bad > 1 and bad > good) or (bad > 0 and good == 0)
    limits = QaSettings(max_bad_share=share, max_bad_rows=number)
    assert blocks(limits, fetched=fetched, bad=bad) is expected


@given(st.integers(0, 400), st.integers(0, 400), st.integers(0, 400))
def test_one_more_bad_row_never_opens_the_gate(good: int, bad: int, spoiled: int) -> None:
    """A day that is blocked stays blocked when good rows of it turn bad."""
    spoiled = min(spoiled, good)
    if blocks(QaSettings(), fetched=good + bad, bad=bad):
        assert blocks(QaSettings(), fetched=good + bad, bad=bad + spoiled)


@given(st.integers(1, 400))
def test_a_single_bad_row_among_good_ones_blocks_no_day(good: int) -> None:
    """However small a shop is, one bad row beside good ones does not keep them out."""
    assert not blocks(QaSettings(), fetched=good + 1, bad=1)


@pytest.mark.parametrize(
    ("fetched", "bad", "blocked"),
    [
        (0, 0, False),
        (1, 1, True),
        (2, 1, False),
        (3, 2, True),
        (4, 2, False),
        (12, 6, False),
        (12, 7, True),
        (11, 10, True),
        (11, 11, True),
        (12, 11, True),
        (20, 10, False),
        (21, 11, True),
        (1000, 10, False),
        (1000, 11, True),
        (1099, 11, True),
        (1100, 11, False),
    ],
)
def test_where_the_gate_closes(fetched: int, bad: int, *, blocked: bool) -> None:
    """Most rows bad from two on, or more than ten bad rows that are more than one percent of the day."""
    assert blocks(QaSettings(), fetched=fetched, bad=bad) is blocked


def test_reasons_are_complete_sorted_and_without_echoes() -> None:
    """A row that is bad in three ways is told the three, and a missing key is not told again as NULL."""
    row = without(order(email="nobody", utc_date="2024-03-01"), "items")
    assert judged(TRANSACTIONS, [row, order()]).rejected.rows() == [
        (0, ["email:malformed", "items:missing", "wrong_day"])
    ]


def test_a_clash_of_keys_without_event_time_keeps_one_and_rejects_the_others() -> None:
    """In a snapshot, where no row is later than another, the canonical order decides, whichever came first."""
    one = {"account_id": "a", "email": "a@x", "first_time_time_stamp": NOON, "utc_date": DAY.isoformat()}
    two = {**one, "email": "b@x"}
    for rows in ([one, two, two], [two, two, one]):
        result = judged(USERS, rows)
        assert result.good["email"].to_list() == ["b@x"]
        assert result.rejected["reasons"].to_list() == [["key_conflict"]]
        assert result.duplicates == 1


def test_a_row_that_is_no_object_is_told_only_that() -> None:
    """The NULLs that stand in for a row that could not be read are no reasons of their own."""
    assert judged(USERS, [3]).rejected["reasons"].to_list() == [["row:not_an_object"]]


@COSTLY
@given(st.lists(st.lists(hits(), max_size=8), min_size=1, max_size=4))
def test_days_judged_together_are_judged_as_alone(days: list[list[dict[str, Any]]]) -> None:
    """Validating several days at once changes nothing about any of them."""
    decoder = RowDecoder(CLICKSTREAM)
    decoded = [decoder.decode(raws(*rows)) for rows in days]
    together = judge(CLICKSTREAM, [Fetched(DAY, each.frame, each.reasons) for each in decoded])
    for rows, result in zip(days, together, strict=True):
        alone = judged(CLICKSTREAM, rows)
        assert result.good.equals(alone.good)
        assert result.rejected.equals(alone.rejected)
        assert result.duplicates == alone.duplicates


@COSTLY
@given(st.lists(hits(), max_size=30), st.integers(1, 9))
def test_a_day_judged_on_disk_is_judged_as_in_memory(rows: list[dict[str, Any]], portion_rows: int) -> None:
    """However its rows are cut into portions, and whichever of them share a key: the same rows, reasons and order."""
    _same_on_disk(CLICKSTREAM, rows, portion_rows)


@COSTLY
@given(st.lists(st.builds(account, st.sampled_from("abc"), st.sampled_from("xyz")), max_size=20), st.integers(1, 9))
def test_a_snapshot_judged_on_disk_is_judged_as_in_memory(rows: list[dict[str, Any]], portion_rows: int) -> None:
    """Where rows are sorted by a text, and none is later than another."""
    _same_on_disk(USERS, rows, portion_rows)


def _same_on_disk(table: TableSpec, rows: list[dict[str, Any]], portion_rows: int) -> None:
    wanted = judged(table, rows)
    decoder = RowDecoder(table)
    pieces = [rows[start : start + portion_rows] for start in range(0, len(rows), portion_rows)] or [[]]
    portions = [Fetched(DAY, each.frame, each.reasons) for each in (decoder.decode(raws(*piece)) for piece in pieces)]
    with tempfile.TemporaryDirectory() as folder:
        found = judge_on_disk(table, portions, Path(folder), portion_rows=portion_rows)
        assert pl.concat([wanted.good.clear(), *found.good.iter_slices(2)]).equals(wanted.good)
        assert (found.good.height, found.good.schema) == (wanted.good.height, wanted.good.schema)
    assert found.rejected.equals(wanted.rejected)
    assert found.duplicates == wanted.duplicates
    assert found.bad_keys.sort(table.key).equals(wanted.bad_keys.sort(table.key))
