"""Judging rejected rows again, once a rule is mended: the same as if the day had been judged by that rule at once."""

from typing import Any

import msgspec
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mootech.layers.bronze.replay import as_json
from mootech.qa import gate
from mootech.qa.contract import EXTRA, breaches, delivered_schema
from mootech.qa.decode import RowDecoder
from mootech.qa.gate import Fetched, judge_again
from mootech.tables import CLICKSTREAM, TableSpec
from tests.property.effort import COSTLY
from tests.property.test_gate import hits, judged
from tests.rows import DAY, raws

COLUMNS = [*delivered_schema(CLICKSTREAM).names(), EXTRA]


def without_euros(table: TableSpec, rows: pl.DataFrame) -> pl.DataFrame:
    """Return the breaches of a contract that has one rule more: no hit is in euros."""
    euros = rows.with_row_index("row").filter(pl.col("currency") == "EUR").select("row", reason=pl.lit("currency:rule"))
    return pl.concat([breaches(table, rows), euros])


def with_day(good: pl.DataFrame) -> pl.DataFrame:
    """Return good rows as they were judged: with the day that bronze leaves to the path."""
    return good.with_columns(utc_date=pl.lit(DAY.isoformat())).select(COLUMNS)


@COSTLY
@given(st.lists(hits(), max_size=30))
def test_a_mended_rule_gives_the_day_that_it_would_have_given_at_once(rows: list[dict[str, Any]]) -> None:
    """Good rows, the number of rejected ones and of duplicates: all as if nobody had ever judged otherwise."""
    with pytest.MonkeyPatch.context() as older:
        older.setattr(gate, "breaches", without_euros)
        before = judged(CLICKSTREAM, rows)
    rejected = [rows[position] for position in before.rejected["position"]]
    decoded = RowDecoder(CLICKSTREAM).decode(raws(*rejected))
    fetched = Fetched(DAY, decoded.frame, decoded.reasons)
    again = judge_again(CLICKSTREAM, fetched, with_day(before.good))
    at_once = judged(CLICKSTREAM, rows)
    assert again.good.equals(at_once.good)
    assert before.duplicates + again.duplicates == at_once.duplicates
    assert again.rejected.height == at_once.rejected.height
    assert sorted(map(list, again.rejected["reasons"])) == sorted(map(list, at_once.rejected["reasons"]))


@COSTLY
@given(st.lists(hits(), min_size=1, max_size=5))
def test_a_published_row_is_written_as_json_that_decodes_to_it(rows: list[dict[str, Any]]) -> None:
    """Nothing of it changes on its way back into quarantine, undeclared fields included."""
    good = with_day(judged(CLICKSTREAM, rows).good)
    texts = [msgspec.Raw(as_json(row).encode()) for row in good.iter_rows(named=True)]
    decoded = RowDecoder(CLICKSTREAM).decode(texts)
    assert decoded.reasons == {}
    assert decoded.frame.equals(good)
