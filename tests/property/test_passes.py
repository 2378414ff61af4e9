"""Passes over one day, united: every row as often as the pass that has it most often."""

import json
import tempfile
from collections import Counter
from functools import reduce
from operator import or_
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from mootech.lake.footers import RECEIPT, receipt_in
from mootech.layers.bronze.gate import different_hits
from mootech.layers.bronze.passes import united
from mootech.model import Receipt, Reconciled
from mootech.tables import CLICKSTREAM
from tests.property.effort import COSTLY
from tests.property.test_gate import hits, judged
from tests.rows import page_body

ROWS = st.integers(0, 5)
PASSES = st.lists(st.lists(st.lists(ROWS, max_size=4), min_size=1, max_size=3), min_size=1, max_size=3)
"""Passes of pages of rows, which are numbers here: few different ones, so that many repeat."""


def written(folder: Path, passes: list[list[list[int]]]) -> list[list[Path]]:
    """Write each page to a file of its own."""
    files = []
    for number, pages in enumerate(passes):
        files.append([folder / f"{number}-{page}.json" for page in range(len(pages))])
        for file, rows in zip(files[-1], pages, strict=True):
            file.write_bytes(page_body(rows))
    return files


@given(PASSES)
def test_the_union_has_each_row_as_often_as_the_richest_pass(passes: list[list[list[int]]]) -> None:
    """Nothing that any pass had is missing, nothing is there more often, and what is left out is counted exactly."""
    with tempfile.TemporaryDirectory() as folder:
        union = united(written(Path(folder), passes))
        rows = [json.loads(bytes(row)) for page in union.pages for row in page.rows()]
    each = [Counter(row for page in one for row in page) for one in passes]
    assert Counter(rows) == reduce(or_, each)
    assert union.repeated == sum(one.total() for one in each) - len(rows)
    assert union.passes == (() if len(passes) == 1 else tuple(one.total() for one in each))


@given(PASSES)
def test_a_pass_that_brings_nothing_new_changes_nothing(passes: list[list[list[int]]]) -> None:
    """However a day is repeated, the rows that count, and their order, stay what the passes before had."""
    with tempfile.TemporaryDirectory() as folder:
        before, after = (
            [bytes(row) for page in united(files).pages for row in page.rows()]
            for files in (written(Path(folder), passes), written(Path(folder), [*passes, passes[0][::-1]]))
        )
    assert after == before


@COSTLY
@given(st.lists(hits(), max_size=30))
def test_hits_are_counted_once_each_whatever_became_of_them(rows: list[dict[str, Any]]) -> None:
    """Published and quarantined together: as many as there are different keys among all rows."""
    keys = {(row["hitid_high"], row["hitid_low"]) for row in rows}
    assert different_hits(judged(CLICKSTREAM, rows)) == len(keys)


@given(st.lists(st.integers(0, 50), min_size=1, max_size=3), st.integers(0, 50), st.integers(0, 9), st.booleans())
def test_a_receipt_of_several_passes_is_comparable_with_one_of_one(
    more: list[int],
    rows: int,
    quarantined: int,
    declared: bool,  # noqa: FBT001  # drawn
) -> None:
    """Taken for one pass it adds up as before and counts every row once; the figures and the content stay."""
    # Every pass has some rows of the union, the union has `rows` of them.
    passes = tuple(min(each, rows) for each in (rows, *more))
    repeated = sum(passes) - rows
    quarantined = min(quarantined, rows)
    figures = Reconciled(100, 10, 100, 10, passes, repeated)
    receipt = Receipt(
        "clickstream",
        "2024-02-29",
        fetched=sum(passes),
        published=rows - quarantined,
        quarantined=quarantined,
        duplicates=repeated,
        source_total=passes[-1] if declared else None,
        quarantine="0123456789abcdef.parquet" if quarantined else None,
        content_hash="hash",
        reconciled=figures,
    )
    once = receipt.of_one_pass
    assert receipt.conserved
    assert once.conserved
    assert once == Receipt(
        **{
            **vars(receipt),
            "fetched": rows,
            "duplicates": 0,
            "source_total": (rows if repeated else passes[-1]) if declared else None,
            "reconciled": Reconciled(100, 10, 100, 10, (rows,) if repeated else passes, 0),
        }
    )
    assert receipt_in({RECEIPT: receipt.to_json()}) == receipt
