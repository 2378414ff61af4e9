"""What a contributor adds to mootech: a table from one spec and one SQL file, and an edited recipe.

Each test works on a copy of the package, in which it changes just the files that it names, and runs the command there.
"""

import json
import shutil
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

import mootech as package
from mootech.lake.stores.registry import open_store
from tests.e2e.conftest import Mootech
from tests.environment import environment
from tests.wire import answer, problem, routed, serving

FIRST, LAST = date(2024, 2, 28), date(2024, 3, 1)
SPEC = """\
name = "reviews"
kind = "events"
key = ["review_id"]
event_time = "written_at"

[columns]
review_id = { type = "text", format = "filled" }
product_id = { type = "text", format = "filled", category = true }
stars = { type = "integer", least = 1, most = 5 }
words = { type = "text", nullable = true, meaning = "what the customer wrote" }
written_at = { type = "seconds" }

[silver]
key = ["review_id"]
time = "written"
"""
RECIPE = """\
-- Silver reviews: bronze with a timestamp.
SELECT utc_date, review_id, product_id, stars, words, make_timestamp(written_at * 1000000) AS written
FROM bronze
"""
REPORT = """\
-- Stars: what customers think of each product.
-- Grain       product
-- Inputs      reviews: silver
-- Columns     product_id  VARCHAR
--             reviews     BIGINT
--             stars       DECIMAL(38,1)  mean
-- Key         product_id
SELECT product_id, count(*) AS reviews, CAST(avg(stars) AS DECIMAL(38, 1)) AS stars FROM reviews GROUP BY product_id
"""


def review(number: int, day: date, **changes: object) -> dict[str, object]:
    """Return a good review."""
    noon = int(datetime(day.year, day.month, day.day, 12, tzinfo=UTC).timestamp())
    row: dict[str, object] = {
        "review_id": f"r{number}",
        "product_id": f"p{number % 2}",
        "stars": 1 + number % 5,
        "words": None,
        "written_at": noon + number,
        "utc_date": day.isoformat(),
    }
    return {**row, **changes}


def page(request: str) -> bytes:
    """Return the page of reviews that a request asks for: five good ones, one twice, and one with six stars."""
    query = parse_qs(urlsplit(request.split()[1]).query)
    day = date.fromisoformat(query["start_date"][0])
    start = 10 * (day - FIRST).days
    rows = [*(review(start + n, day) for n in range(5)), review(start, day), review(start + 9, day, stars=6)]
    return json.dumps({"data": rows, "next_cursor": None, "total": len(rows)}).encode()


@pytest.fixture
def url() -> Iterator[str]:
    """The address of a real HTTP server that has a path /reviews."""
    known = routed(lambda head: answer(page(head)) if "/v1/reviews?" in head else problem(404, "no such table"))
    with serving([known]) as wire:
        yield wire.url


@pytest.fixture
def copy(tmp_path: Path, url: str) -> Mootech:
    """The command of a copy of the package, with an empty lake, pointed at the server."""
    shutil.copytree(Path(package.__file__).parent, tmp_path / "copy" / "mootech")
    folder = tmp_path / "cwd"
    folder.mkdir()
    shell = tmp_path / "copy" / "run"
    shell.write_text(f'#!/bin/sh\nexec {sys.executable} -m mootech "$@"\n')
    shell.chmod(0o700)
    known = environment(str(tmp_path / "lake"), tmp_path / "state", url, "key")
    return Mootech({**known, "PYTHONPATH": str(tmp_path / "copy")}, folder, command=str(shell))


def test_a_table_is_one_spec_and_one_sql_file(copy: Mootech, tmp_path: Path) -> None:
    """A fifth event table goes the whole way, with no other file changed.

    It is fetched from a real HTTP server, gated, published, made silver, read by a report of a person's own, verified,
    and shown by status.
    """
    (tmp_path / "copy/mootech/tables/reviews.toml").write_text(SPEC)
    (tmp_path / "copy/mootech/layers/silver/reviews.sql").write_text(RECIPE)
    (copy.folder / "reports").mkdir()
    (copy.folder / "reports" / "stars.sql").write_text(REPORT)
    (copy.folder / "mootech.toml").write_text('[ingest]\ntables = ["reviews"]\n[report]\nfolder = "reports"\n')
    assert "reviews" in copy("ingest", "--help").stdout
    fetched = copy.json("ingest", "--start", FIRST, "--end", LAST)
    [table] = fetched["tables"]
    counts = [
        (day["status"], day["fetched"], day["published"], day["quarantined"], day["duplicates"])
        for day in table["days"]
    ]
    assert (table["table"], counts) == ("reviews", [("published", 7, 5, 1, 1)] * 3)
    [rejected] = copy.json("qa", "-t", "reviews", "--quarantine")["findings"]
    assert (rejected["column"], rejected["data"]["rule"], rejected["data"]["rows"]) == ("stars", "out_of_range", 3)
    assert copy.json("silver", "-t", "reviews")["tables"][0]["table"] == "reviews"
    rows = copy.json("report", "stars")["rows"]
    assert [(row["product_id"], row["reviews"]) for row in rows] == [("p0", 9), ("p1", 6)]
    assert not [each for each in copy.json("verify")["findings"] if not each["ok"]]
    [status] = [each for each in copy.json("status")["tables"] if each["table"] == "reviews"]
    assert (status["held"], status["silver_behind"]) == (3, 0)
    assert [key for key in keys(tmp_path) if key.startswith("silver/reviews/")] == [
        f"silver/reviews/utc_date={FIRST + timedelta(days=n)}/data.parquet" for n in range(3)
    ]


def keys(tmp_path: Path) -> list[str]:
    """Return the keys of the lake's objects."""
    return [entry.key for entry in open_store(str(tmp_path / "lake")).list("")]


def test_an_edited_recipe_is_built_again(copy: Mootech, tmp_path: Path) -> None:
    """Status says that silver is behind, verify calls it no broken promise, silver rebuilds it, and verify is clean."""
    (tmp_path / "copy/mootech/tables/reviews.toml").write_text(SPEC)
    recipe = tmp_path / "copy/mootech/layers/silver/reviews.sql"
    recipe.write_text(RECIPE)
    copy("ingest", "-t", "reviews", "--start", FIRST, "--end", LAST)
    copy("silver", "-t", "reviews")
    recipe.write_text(f"-- Only prose.\n{RECIPE}")
    assert behind(copy) == 0
    recipe.write_text(RECIPE.replace("stars,", "2 * stars AS stars,"))
    assert behind(copy) == 3
    [told] = [each for each in copy.json("verify")["findings"] if each["check"] == "recipe"]
    assert "3 objects were made by an older recipe: run `mootech silver`" in told["message"]
    assert [day["status"] for day in copy.json("silver")["tables"][0]["days"]] == ["published"] * 3
    assert behind(copy) == 0
    assert {each["check"] for each in copy.json("verify")["findings"]} == {"raw_data", "silver"}


def behind(copy: Mootech) -> int:
    """Return how many days of reviews' silver are behind, as status says."""
    [status] = [each for each in copy.json("status")["tables"] if each["table"] == "reviews"]
    return int(status["silver_behind"])


def test_a_spec_that_does_not_fit_names_its_file(copy: Mootech, tmp_path: Path) -> None:
    """A key that is no column ends every command, and the error names the file and the word."""
    (tmp_path / "copy/mootech/tables/reviews.toml").write_text(SPEC.replace('["review_id"]', '["id"]'))
    (tmp_path / "copy/run").write_text(
        f"#!/bin/sh\nexec {sys.executable} -c 'import mootech.tables' 2>&1 | grep ConfigError\n"
    )
    assert "reviews.toml: key names 'id', which is no column" in copy().stdout
