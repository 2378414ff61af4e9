"""A key that differs by the kind of row: gate, spill, `qa` and `verify` against a plain Python reading of it."""

import json
import tempfile
from collections import defaultdict
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mootech.errors import ConfigError
from mootech.layers.bronze.spill import judge_on_disk
from mootech.qa.decode import RowDecoder
from mootech.qa.gate import Fetched, judge
from mootech.qa.keys import key_of
from mootech.qa.rules import duplicates
from mootech.tables import CLICKSTREAM, TRANSACTIONS, TableSpec
from mootech.tables.spec import OtherKey, read
from mootech.verify.objects import bronze_partition
from tests.bronze import workshop
from tests.rows import DAY, NOON, order, raws

PACKAGED = (Path(__file__).parents[2] / "mootech/tables/transactions.toml").read_text("utf-8")
RETURNS = """
[[other_keys]]
column = "transaction_type"
value = "return"
key = ["order_id", "transaction_timestamp"]
"""
"""As a spec says it: a return is known by its order and its second."""
CONTENT = OtherKey("transaction_type", "return", tuple(TRANSACTIONS.columns))
SPECS = (read(PACKAGED + RETURNS, "mine.toml"), msgspec.structs.replace(TRANSACTIONS, other_keys=(CONTENT,)))


def oracle_key(table: TableSpec, row: dict[str, Any]) -> str:
    """Return a row's key as text, by hand."""
    (other,) = table.other_keys
    kind = row[other.column] == other.value
    return json.dumps([kind, *(row[name] for name in (other.key if kind else table.key))])


@st.composite
def orders(draw: st.DrawFn) -> dict[str, Any]:
    """Draw a purchase or a return that may share its key with others."""
    return order(
        draw(st.sampled_from("ab")),
        transaction_type=draw(st.sampled_from(["purchase", "return"])),
        transaction_timestamp=draw(st.sampled_from([NOON, NOON + 1])),
        total_purchase_usd=draw(st.sampled_from([1.0, 2.0])),
        items=draw(st.sampled_from([["p1", "p1"], ["p1", "p2"]])),
    )


@settings(deadline=None)  # the first validation of a process takes longer than all the others
@given(st.sampled_from(SPECS), st.lists(orders(), max_size=24), st.integers(1, 9), st.randoms(use_true_random=False))
def test_one_row_per_key_of_its_kind_is_kept(table: TableSpec, rows: list[Any], portion_rows: int, rng: Random) -> None:
    """Identical rows are dropped, the latest of each key is kept, the others are rejected: in memory and on disk."""
    distinct: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        distinct[oracle_key(table, row)].add(json.dumps(row, sort_keys=True))
    decoder = RowDecoder(table)
    decoded = decoder.decode(raws(*rows))
    (found,) = judge(table, [Fetched(DAY, decoded.frame, decoded.reasons)])

    kept = found.good.with_columns(utc_date=pl.lit(DAY.isoformat())).to_dicts()
    assert sorted(oracle_key(table, row) for row in kept) == sorted(distinct)
    for row in kept:
        rivals = [json.loads(text)["transaction_timestamp"] for text in distinct[oracle_key(table, row)]]
        assert row["transaction_timestamp"] == max(rivals)
    assert found.duplicates == len(rows) - sum(map(len, distinct.values()))
    assert found.rejected["reasons"].to_list() == [["key_conflict"]] * (sum(map(len, distinct.values())) - len(kept))

    pieces = [decoder.decode(raws(*rows[at : at + portion_rows])) for at in range(0, max(len(rows), 1), portion_rows)]
    with tempfile.TemporaryDirectory() as folder:
        on_disk = judge_on_disk(
            table,
            [Fetched(DAY, piece.frame, piece.reasons) for piece in pieces],
            Path(folder),
            portion_rows=portion_rows,
        )
        assert pl.concat([found.good.clear(), *on_disk.good.iter_slices(2)]).equals(found.good)
    assert on_disk.rejected.equals(found.rejected)
    assert on_disk.duplicates == found.duplicates

    shuffled = rng.sample(rows, len(rows))
    again = decoder.decode(raws(*shuffled))
    assert judge(table, [Fetched(DAY, again.frame, again.reasons)])[0].good.equals(found.good)


@given(st.sampled_from((*SPECS, TRANSACTIONS)), st.lists(orders(), min_size=1, max_size=24))
def test_qa_and_verify_count_the_keys_that_the_gate_keeps(table: TableSpec, rows: list[dict[str, Any]]) -> None:
    """`qa` finds as many repeated keys as there are, by hand, and `verify` asks for the same expression."""
    keys = {oracle_key(table, row) for row in rows} if table.other_keys else {row["order_id"] for row in rows}
    frame = RowDecoder(table).decode(raws(*rows)).frame
    assert frame.select(key_of(table).n_unique()).item() == len(keys)
    repeated = [finding.data["rows"] for finding in duplicates(table, frame)]
    assert repeated == ([len(rows) - len(keys)] if len(rows) > len(keys) else [])


def test_verify_takes_the_key_of_the_kind(tmp_path: Path) -> None:
    """Two returns of one order are two rows where the spec says so, and a repeated key where it does not."""
    back = [order(transaction_type="return", transaction_timestamp=NOON + n) for n in range(2)]
    with workshop(str(tmp_path / "lake"), tmp_path / "state") as work:
        work.publish(SPECS[0], DAY, back)
        assert bronze_partition(work.lake, SPECS[0], DAY)[1] == []
        assert [problem.check for problem in bronze_partition(work.lake, TRANSACTIONS, DAY)[1]] == ["duplicates"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ('"order_id", "transaction_timestamp"', "at least one column"),
        ('"transaction_type"\nvalue', "is no column"),
        ('column = "transaction_type"', "holds texts"),
    ],
)
def test_other_keys_that_make_no_sense_are_refused(change: str, said: str) -> None:
    """An empty key, a column that is not there, and a kind that is told by no text are named with the file."""
    new = {
        '"order_id", "transaction_timestamp"': "",
        '"transaction_type"\nvalue': '"kind"\nvalue',
        'column = "transaction_type"': 'column = "items"',
    }[change]
    with pytest.raises(ConfigError, match=f"mine.toml: .*{said}"):
        read(PACKAGED + RETURNS.replace(change, new), "mine.toml")


def test_a_table_of_visits_has_one_key() -> None:
    """The shop counts hits by one key, so a spec with other keys cannot be held against its counts."""
    text = (Path(__file__).parents[2] / f"mootech/tables/{CLICKSTREAM}.toml").read_text("utf-8")
    other = '\n[[other_keys]]\ncolumn = "os"\nvalue = "Linux"\nkey = ["hitid_low"]\n'
    with pytest.raises(ConfigError, match="by one key"):
        read(text + other, "mine.toml")
