"""Rows 17, 21 and 22 of docs/faults.md: the installed command and rows that are not as they should be."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import polars as pl
import pytest

from mootech.lake.footers import receipt_in
from mootech.model import Receipt
from tests import forked
from tests.environment import COMMAND
from tests.rows import DAY, hit, order, product, without
from tests.wire import Answer, answer, routed, serving

HUGE = "9" * 5000


@dataclass
class Day:
    """One table's day in a lake, as the command left it."""

    exit_code: int
    said: dict[str, Any]
    lake: Path
    table: str

    @property
    def partition(self) -> Path:
        """Its object in bronze."""
        return self.lake / "raw_data" / self.table / f"utc_date={DAY}" / "data.parquet"

    @property
    def rows(self) -> pl.DataFrame:
        """What is published."""
        return pl.read_parquet(self.partition, hive_partitioning=False)

    @property
    def receipt(self) -> Receipt:
        """What became of the rows."""
        receipt = receipt_in(pl.read_parquet_metadata(self.partition))
        assert receipt is not None
        return receipt

    @property
    def rejects(self) -> pl.DataFrame:
        """What is in quarantine."""
        return pl.read_parquet(self.lake / "quarantine" / self.table / "**" / "*.parquet", hive_partitioning=False)


def paged(rows: Sequence[str], size: int) -> Answer:
    """Return a source that hands out rows, given as JSON text, in pages."""

    def one(request: str) -> Answer:
        place = int(parse_qs(urlsplit(request.split(" ")[1]).query).get("cursor", ["0"])[0])
        more = f'"{place + size}"' if place + size < len(rows) else "null"
        body = f'{{"data":[{",".join(rows[place : place + size])}],"next_cursor":{more},"total":{len(rows)}}}'
        return answer(body.encode())

    return routed(one)


def ingest(table: str, rows: Sequence[object], folder: Path, *more: str, size: int = 10) -> Day:
    """Ingest the day from a source of these rows; a row given as text is JSON already."""
    texts = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    (folder / "mootech.toml").write_text("[source]\nmetrics = false\n")
    with serving([paged(texts, size)]) as wire:
        environment = {
            "PATH": "/usr/bin:/bin",
            "MOOTECH_API_URL": wire.url,
            "MOOTECH_API_KEY": "key",
            "MOOTECH_LAKE": str(folder / "lake"),
            "MOOTECH_STATE_DIR": str(folder / "state"),
        }
        argv = [COMMAND, "ingest", "-t", table, "--start", str(DAY), "--end", str(DAY), "--json", *more]
        done = forked.run(argv, environment, cwd=folder)
        verified = forked.run([COMMAND, "verify"], environment, cwd=folder)
    assert "Traceback" not in done.stderr, done.stderr
    said = json.loads(done.stdout)
    assert said["exit_code"] == done.returncode
    day = Day(done.returncode, said, folder / "lake", table)
    if day.partition.exists():
        assert verified.returncode == 0, verified.stdout
        assert day.receipt.conserved
    return day


@pytest.mark.fault(21)
def test_a_field_that_first_appears_late_is_kept(tmp_path: Path) -> None:
    """However late in the day, whatever its type: it goes into `extra`, and no row is lost."""
    rows = [product(f"p{n:03}") for n in range(40)]
    rows[33]["colour"] = "red"
    rows[38] |= {"colour": {"rgb": [1, 2, 3]}, "weight": 2.5}
    day = ingest("products", rows, tmp_path)
    assert day.exit_code == 0
    extra = dict(zip(day.rows["product_id"], day.rows["extra"], strict=True))
    assert {name: text for name, text in extra.items() if text is not None} == {
        "p033": '{"colour":"red"}',
        "p038": '{"colour":{"rgb":[1,2,3]},"weight":2.5}',
    }
    assert day.receipt.published == 40


STRANGE: dict[str, object] = {
    "hit_time_gmt:wrong_type": hit(901, hit_time_gmt=str(hit()["hit_time_gmt"])),
    "pagename:wrong_type": hit(902, pagename=7),
    "page_url:wrong_type": hit(903, page_url={"n": 1}),
    "visit_start_time_gmt:wrong_type": hit(904, visit_start_time_gmt=2**63),
    "first_hit_time_gmt:wrong_type": json.dumps(hit(905, first_hit_time_gmt=-7)).replace("-7", HUGE),
    "currency:missing": without(hit(906), "currency"),
    "row:not_an_object": 7,
}
"""A number as text, text as a number and as an object, more than 64 bits, 5,000 digits, a lost field, no row at all."""


@pytest.mark.fault(17, 21)
def test_a_row_that_changes_its_type_costs_nothing_but_itself(tmp_path: Path) -> None:
    """It goes to quarantine with its reason and its text; every other row of its page is published."""
    rows: list[object] = [hit(number) for number in range(1, 61)]
    for place, row in enumerate(STRANGE.values()):
        rows.insert(3 + 7 * place, row)
    day = ingest("clickstream", rows, tmp_path)
    assert day.exit_code == 0
    assert (day.receipt.fetched, day.receipt.published, day.receipt.quarantined) == (67, 60, len(STRANGE))
    rejected = dict(zip(day.rejects["raw"], day.rejects["reasons"].to_list(), strict=True))
    for reason, row in STRANGE.items():
        assert reason in rejected[row if isinstance(row, str) else json.dumps(row)]


@pytest.mark.fault(17, 21)
def test_an_undeclared_number_of_5000_digits_is_kept_as_it_is(tmp_path: Path) -> None:
    """No arithmetic is done on what nobody declared."""
    strange = json.dumps(product("p2"))[:-1] + f',"serial":{HUGE}}}'
    day = ingest("products", [product("p1"), strange], tmp_path)
    assert day.exit_code == 0
    assert day.rows["extra"].to_list() == [None, f'{{"serial":{HUGE}}}']


@pytest.mark.fault(22)
def test_a_day_of_nothing_but_bad_rows_replaces_nothing(tmp_path: Path) -> None:
    """Blocked, exit 3: an empty lake stays empty, a good partition stays as it is."""
    bad = [without(order(f"o{n}"), "email") for n in range(5)]
    first = ingest("transactions", bad, tmp_path)
    assert first.exit_code == 3
    assert not first.partition.exists()
    good = ingest("transactions", [order("o1"), order("o2")], tmp_path)
    before = good.partition.read_bytes()
    again = ingest("transactions", bad, tmp_path)
    assert (again.exit_code, again.partition.read_bytes()) == (3, before)
    assert again.said["tables"][0]["days"][0]["status"] == "blocked"


@pytest.mark.fault(22)
def test_an_empty_day_is_an_honest_empty_partition(tmp_path: Path) -> None:
    """A day without rows is held as such, with its columns and its receipt, and does not count as missing."""
    day = ingest("transactions", [], tmp_path)
    assert day.exit_code == 0
    assert (day.rows.height, "order_id" in day.rows.columns) == (0, True)
    assert (day.receipt.fetched, day.receipt.source_total) == (0, 0)


@pytest.mark.fault(22)
def test_an_empty_answer_does_not_empty_a_day(tmp_path: Path) -> None:
    """Where there were rows, none is an error of the source until somebody says otherwise."""
    before = ingest("transactions", [order("o1"), order("o2")], tmp_path).partition.read_bytes()
    day = ingest("transactions", [], tmp_path)
    assert (day.exit_code, day.partition.read_bytes()) == (3, before)
    assert "--allow-shrink" in day.said["error"]["hint"]
    day = ingest("transactions", [], tmp_path, "--allow-shrink")
    assert (day.exit_code, day.rows.height) == (0, 0)
