"""Quarantine that can be worked with: what lies there is shown, and what a mended rule lets pass goes into its day."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from mootech.config import Settings, SourceSettings
from mootech.lake.lake import Lake
from mootech.lake.paths import Layer, partition_key, quarantine_key
from mootech.lake.stores.registry import open_store
from mootech.layers.bronze.selection import Selection
from mootech.model import Receipt
from mootech.pipeline.ingest import ingest
from mootech.qa import gate
from mootech.tables import CLICKSTREAM
from tests.e2e.conftest import Mootech
from tests.faults.invariants import contents
from tests.property.test_judge_again import without_euros
from tests.rows import DAY, NOON, hit, page_body
from tests.wire import answer, serving

EUROS = [hit(10, currency="EUR"), hit(10, currency="EUR"), hit(11, currency="EUR", colour="red")]
"""What the older rule keeps out: two hits, one of them twice."""
BAD = hit(12, currency="ZZZ")
"""What no rule lets pass."""
GOOD = [hit(number) for number in range(1, 5)]


def ingested(lake: str, state: Path, rows: Sequence[dict[str, Any]], *, older: bool) -> None:
    """Ingest a day of hits, by the rules of today or by an older, stricter contract."""
    with serving([answer(page_body(list(rows), total=len(rows)))]) as wire, pytest.MonkeyPatch.context() as patch:
        if older:
            patch.setattr(gate, "breaches", without_euros)
        source = SourceSettings(url=wire.url, api_key=SecretStr("key"), metrics=False)
        settings = Settings(lake=lake, state_dir=state, source=source)
        outcome = ingest(settings, Selection((CLICKSTREAM,), DAY, DAY))
    assert outcome.exit_code == 0


def receipt_of(lake: str, state: Path) -> Receipt:
    """Return the day's receipt."""
    receipt = Lake.open(lake, state_dir=state).held(Layer.RAW, CLICKSTREAM.name)[DAY].receipt
    assert receipt is not None
    return receipt


def test_replay_moves_exactly_the_repaired_rows_and_twice_changes_nothing(
    mootech: Mootech, lake_url: str, tmp_path: Path
) -> None:
    """The day becomes, byte for byte, what a fresh fetch by the mended rule makes; a second replay writes nothing."""
    rows = [*GOOD, *EUROS, BAD]
    ingested(lake_url, tmp_path / "state", rows, older=True)
    before = receipt_of(lake_url, tmp_path)
    assert (before.fetched, before.published, before.quarantined, before.duplicates) == (8, 4, 4, 0)
    document = mootech.json("qa", "--replay")
    after = receipt_of(lake_url, tmp_path)
    assert (after.fetched, after.published, after.quarantined, after.duplicates) == (8, 6, 1, 1)
    assert after.quarantine not in (None, before.quarantine)
    [day] = document["tables"][0]["days"]
    assert (day["status"], day["published"], day["note"]) == ("published", 6, "3 quarantined rows pass now")
    ingested(f"{lake_url}-fresh", tmp_path / "fresh", rows, older=False)
    assert contents(open_store(lake_url)) == contents(open_store(f"{lake_url}-fresh"))
    stamps = {entry.key: entry.version for entry in open_store(lake_url).list("raw_data/")}
    [again] = mootech.json("qa", "--replay", "-t", "clickstream")["tables"][0]["days"]
    assert again["status"] == "unchanged"
    assert {entry.key: entry.version for entry in open_store(lake_url).list("raw_data/")} == stamps
    mootech("verify")
    [wrong] = [finding for finding in mootech.json("qa", expect=3)["findings"] if not finding["ok"]]
    assert wrong["check"] == "quarantined_share"  # one row of eight stays behind


def test_a_day_whose_rejects_all_pass_has_no_quarantine_object_left(
    mootech: Mootech, lake_url: str, tmp_path: Path
) -> None:
    """Its receipt names none, the old one is deleted, and a further replay finds nothing to do."""
    ingested(lake_url, tmp_path / "state", [*GOOD, *EUROS], older=True)
    mootech("qa", "--replay", "--start", DAY, "--end", DAY)
    assert receipt_of(lake_url, tmp_path).quarantine is None
    assert open_store(lake_url).list("quarantine/") == []
    assert mootech.json("qa", "--replay")["tables"] == []
    assert "Nothing is quarantined" in mootech("qa", "--quarantine").stderr


def test_a_row_that_passes_now_and_is_newer_takes_the_key(mootech: Mootech, lake_url: str, tmp_path: Path) -> None:
    """The row published before goes to quarantine as `key_conflict`, whole; nothing is lost, and it stays so."""
    newer = hit(1, currency="EUR", hit_time_gmt=NOON + 1, evar1="newer")
    older = hit(2, currency="EUR", hit_time_gmt=NOON - 1, evar1="older")
    ingested(lake_url, tmp_path / "state", [hit(1, colour="red"), hit(2), newer, older], older=True)
    mootech("qa", "--replay")
    receipt = receipt_of(lake_url, tmp_path)
    assert (receipt.fetched, receipt.published, receipt.quarantined, receipt.duplicates) == (4, 2, 2, 0)
    lake = Lake.open(lake_url, state_dir=tmp_path)
    published = lake.read(partition_key(Layer.RAW, CLICKSTREAM.name, DAY))
    assert dict(published.select("hitid_high", "evar1").rows()) == {"1": "newer", "2": None}
    assert receipt.quarantine is not None
    rejects = lake.read(quarantine_key(CLICKSTREAM.name, DAY, receipt.quarantine))
    assert rejects["reasons"].to_list() == [["key_conflict"]] * 2
    texts = [json.loads(raw) for raw in rejects["raw"]]
    assert sorted(texts, key=lambda row: str(row["hitid_high"])) == [hit(1, colour="red"), older]
    assert mootech.json("qa", "--replay")["tables"][0]["days"][0]["status"] == "unchanged"
    mootech("verify")


def test_quarantine_is_listed_by_reason_with_counts_and_examples(
    mootech: Mootech, lake_url: str, tmp_path: Path
) -> None:
    """As a table and as JSON, the most frequent reason first; looking changes nothing and exits 0."""
    ingested(lake_url, tmp_path / "state", [*GOOD, *EUROS, BAD], older=True)
    first, second = mootech.json("qa", "--quarantine")["findings"]
    assert (first["check"], first["column"], first["data"]["reason"]) == ("quarantine", "currency", "currency:rule")
    assert (first["data"]["rows"], first["data"]["days"]) == (3, 1)
    assert [json.loads(example["raw"]) for example in first["data"]["examples"]] == EUROS
    assert (second["data"]["reason"], second["data"]["rows"]) == ("currency:unknown_value", 1)
    assert second["data"]["examples"] == [{"utc_date": str(DAY), "raw": json.dumps(BAD)}]
    told = mootech("qa", "--quarantine")
    assert "currency:unknown_value: 1 rows on 1 days" in " ".join(told.stdout.split())
    assert mootech.json("qa", "--quarantine", "-t", "users", expect=2)["error"]["type"] == "EmptyLakeError"
    assert mootech.json("qa", "--quarantine", "--replay", expect=2)["error"]["type"] == "UsageError"


def test_a_damaged_day_is_not_replayed(mootech: Mootech, lake_url: str, tmp_path: Path) -> None:
    """A replay would lend its rows a receipt that fits; it stops at what `verify` names, with exit 6."""
    ingested(lake_url, tmp_path / "state", [*GOOD, *EUROS], older=True)
    receipt = receipt_of(lake_url, tmp_path)
    assert receipt.quarantine is not None
    store = open_store(lake_url)
    store.delete(quarantine_key(CLICKSTREAM.name, DAY, receipt.quarantine))
    before = contents(store)
    [day] = mootech.json("qa", "--replay", expect=6)["tables"][0]["days"]
    assert day["status"] == "failed"
    assert "clickstream 2024-02-29 is damaged" in day["error"]["message"]
    assert "mootech ingest --repair" in day["error"]["hint"]
    assert contents(store) == before
