"""Days too large for memory go through the gate by way of the disk, and come out as if they had not."""

from collections.abc import Mapping
from datetime import date, timedelta
from functools import partial
from pathlib import Path

import pytest
from pydantic import SecretStr

from mootech.config import IngestSettings, Settings, SourceSettings
from mootech.lake.lake import Lake
from mootech.lake.stores.registry import open_store
from mootech.layers.bronze.publishing import Rules
from mootech.layers.bronze.selection import Selection
from mootech.model import DayStatus
from mootech.pipeline import ingest as ingesting
from mootech.sandbox.faults import Draw, FaultMix
from mootech.sandbox.server import API_KEY, running
from mootech.sandbox.shop import Shop
from mootech.tables import PRODUCTS, TABLES

FIRST = date(2024, 2, 28)
LAST = FIRST + timedelta(days=2)
DATA = ("raw_data/", "quarantine/")


def ingested(folder: Path, url: str, *, lake: str | None = None) -> tuple[Mapping[str, bytes], Path]:
    """Ingest three days of every table; return the bytes of what was published, and the lake's workspace."""
    settings = Settings(
        lake=lake or str(folder / "lake"),
        state_dir=folder / "state",
        source=SourceSettings(url=url, api_key=SecretStr(API_KEY), page_size=100),
        ingest=IngestSettings(tables=tuple(TABLES)),
    )
    outcome = ingesting.ingest(settings, Selection(start=FIRST, end=LAST))
    assert {day.status for day in outcome.days} == {DayStatus.PUBLISHED}
    store = open_store(settings.lake)
    found = {entry.key: store.read(entry.key) for entry in store.list("") if entry.key.startswith(DATA)}
    return found, Lake.open(settings.lake, state_dir=settings.state_dir).workspace


def little_memory(monkeypatch: pytest.MonkeyPatch, rows: int) -> None:
    """Let the gate have so many rows in memory."""
    monkeypatch.setattr(ingesting, "Rules", partial(Rules, rows_in_memory=rows))


@pytest.mark.parametrize("rows", [30, 250])
def test_large_days_are_published_with_the_bytes_of_small_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lake_url: str, rows: int
) -> None:
    """Bad rows, repeats and clashes included, whichever portion they fall into; the disk is left as it was found."""
    with running(Shop(scale=0.2)) as url:
        wanted, _ = ingested(tmp_path / "memory", url)
        little_memory(monkeypatch, rows)
        found, workspace = ingested(tmp_path / "disk", url, lake=lake_url)
    assert len(wanted) > 12
    assert found == wanted
    assert not (workspace / "gate").exists()


def test_a_large_day_is_united_from_several_passes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its hits and visitors are counted across all portions, as those of a day in memory are."""
    with running(Shop(scale=0.2), faults=Draw(FaultMix.parse("dropped-rows"), 3)) as url:
        wanted, _ = ingested(tmp_path / "memory", url)
    little_memory(monkeypatch, 100)
    with running(Shop(scale=0.2), faults=Draw(FaultMix.parse("dropped-rows"), 3)) as url:
        found, _ = ingested(tmp_path / "disk", url)
    assert found == wanted


def test_what_a_killed_run_left_on_the_disk_is_removed(tmp_path: Path) -> None:
    """The next ingest does so, whether it has a large day or not."""
    with running(Shop(scale=0.05)) as url:
        _, workspace = ingested(tmp_path, url)
        left = workspace / "gate" / "run-00000.arrow"
        left.parent.mkdir()
        left.write_bytes(b"rows")
        settings = Settings(
            lake=str(tmp_path / "lake"),
            state_dir=tmp_path / "state",
            source=SourceSettings(url=url, api_key=SecretStr(API_KEY)),
        )
        ingesting.ingest(settings, Selection(tables=(PRODUCTS,), start=FIRST, end=FIRST))
    assert not left.parent.exists()
