"""Row 31: a source that leaves rows out of its pages and of the total it declares, so that everything seems to fit."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from mootech.lake.lake import Lake
from mootech.lake.paths import Layer
from mootech.lake.stores.registry import open_store
from mootech.model import Receipt
from mootech.sandbox.faults import Draw, FaultMix
from mootech.sandbox.server import API_KEY, running
from mootech.tables import CLICKSTREAM
from tests import forked
from tests.environment import COMMAND
from tests.faults.command import Command, command_for
from tests.faults.invariants import World, check_lake
from tests.faults.sources import narrow
from tests.faults.watched import watched
from tests.rows import DAY, hit, page_body
from tests.wire import Answer, answer, problem, routed, serving

ONE_DAY = ("-t", "clickstream", "--start", str(DAY), "--end", str(DAY))


@dataclass
class Bench:
    """One day of hits, the command, and its lake."""

    world: World
    mootech: Command
    lake: Path

    def configure(self, more: str = "", page_size: int = 40) -> None:
        """Write the mootech.toml of the runs to come; pages are small, so that the day has several."""
        (self.mootech.folder / "mootech.toml").write_text(f"[source]\npage_size = {page_size}\n{more}")

    def ingest(self, url: str, *, expect: int = 0) -> dict[str, Any]:
        """Ingest the day from a source; return what `--json` said of it."""
        done = self.mootech("ingest", *ONE_DAY, "--json", expect=expect, MOOTECH_API_URL=url)
        [table] = json.loads(done.stdout)["tables"]
        [day] = table["days"]
        assert isinstance(day, dict)
        return day

    def receipt(self, lake: Path | None = None) -> Receipt:
        """Return the day's receipt, from this lake or another."""
        held = Lake.open(str(lake or self.lake), state_dir=self.lake.parent / "reader").held(Layer.RAW, "clickstream")
        receipt = held[DAY].receipt
        assert receipt is not None
        return receipt

    @property
    def versions(self) -> dict[str, str]:
        """Every data object with its version: equal ones mean that nothing was written."""
        entries = open_store(str(self.lake)).list("")
        return {entry.key: entry.version for entry in entries if not entry.key.startswith("_mootech/")}


@pytest.fixture
def bench(world: World, tmp_path: Path) -> Bench:
    """A day of the small world."""
    lake = tmp_path / "lake"
    made = Bench(narrow(world, CLICKSTREAM), command_for(tmp_path, lake, world.url, API_KEY), lake)
    made.configure()
    return made


@contextmanager
def leaking(bench: Bench, faults: str, seed: int = 0) -> Iterator[str]:
    """Serve the world's shop, some of whose hits are left out."""
    with running(bench.world.shop, faults=Draw(FaultMix.parse(faults), seed)) as url:
        yield url


@pytest.mark.fault(31)
def test_rows_dropped_at_random_are_all_there_after_a_second_pass(bench: Bench, tmp_path: Path) -> None:
    """8 % missing at first and other ones then: the union is the truth, and the receipt says how it came about.

    A clean fetch of the same rows writes nothing, and both `verify` and the shop's own counts agree.
    """
    truth = replace(bench, lake=tmp_path / "truth")
    truth.mootech("ingest", *ONE_DAY, MOOTECH_LAKE=str(truth.lake))
    clean = truth.receipt()
    with leaking(bench, "dropped-rows=0.08", seed=3) as url:
        day = bench.ingest(url)
    receipt = bench.receipt()
    figures = receipt.reconciled
    assert figures is not None
    assert clean.reconciled is not None
    assert len(figures.passes) == 2
    assert all(rows < 0.97 * clean.fetched for rows in figures.passes)
    assert sum(figures.passes) == receipt.fetched == clean.fetched + figures.repeated
    assert (figures.hits, figures.source_hits) == (clean.reconciled.hits, clean.reconciled.source_hits)
    assert (receipt.content_hash, receipt.quarantine) == (clean.content_hash, clean.quarantine)
    assert receipt.of_one_pass == clean
    assert "fetched 2 times and united" in day["note"]
    assert day["reconciled"]["passes"] == list(figures.passes)
    before = bench.versions
    assert bench.ingest(bench.world.url)["status"] == "unchanged"
    assert bench.versions == before
    assert bench.receipt() == receipt
    bench.mootech("verify", "--source")
    told = json.loads(bench.mootech("qa", "--json").stdout)["findings"]
    [metrics] = [finding for finding in told if finding["check"] == "metrics"]
    assert metrics["ok"]
    assert metrics["data"]["days_fetched_again"] == 1


@pytest.mark.fault(31)
def test_rows_withheld_for_good_keep_the_day_out_of_the_lake(bench: Bench) -> None:
    """Three passes bring nothing: exit 3, the message gives the figures, `qa` shows them, nothing stays staged.

    Once the shop is mended the same command publishes the day, and a short refetch leaves that alone.
    """
    with leaking(bench, "withheld-rows=0.08") as url, watched(url) as source:
        day = bench.ingest(source.url, expect=3)
        first = [request for request in source.requests if "/clickstream" in request and "cursor" not in request]
    assert len(first) == 3
    assert day["status"] == "blocked"
    figures = day["reconciled"]
    assert figures["hits"] < 0.97 * figures["source_hits"]
    assert len(figures["passes"]) == 3
    message = day["error"]["message"]
    assert f"{figures['hits']:,} of the shop's {figures['source_hits']:,} hits" in message
    assert "in 3 passes, below 99.0%; nothing of it was published" in message
    assert bench.versions == {}
    assert message in bench.mootech("qa", "--json", expect=3).stdout
    assert not list((bench.lake.parent / "state").rglob("page-*.json"))
    assert bench.ingest(bench.world.url)["status"] == "published"
    check_lake(open_store(str(bench.lake)), bench.world)
    before = bench.versions
    with leaking(bench, "withheld-rows=0.08") as url:
        assert "the version published before is intact" in bench.ingest(url, expect=3)["error"]["message"]
    assert bench.versions == before


@pytest.mark.fault(31)
def test_a_short_day_is_published_and_flagged_when_the_settings_say_so(bench: Bench) -> None:
    """It lands. The run and `qa` exit 3 all the same, until the settings ask for less."""
    bench.configure("[qa]\npublish_short_days = true\n")
    with leaking(bench, "withheld-rows=0.08") as url:
        day = bench.ingest(url, expect=3)
    assert day["status"] == "published"
    assert "it was published all the same" in day["error"]["message"]
    told = json.loads(bench.mootech("qa", "--json", expect=3).stdout)["findings"]
    assert [finding["utc_date"] for finding in told if not finding["ok"]] == [str(DAY)]
    bench.configure("[qa]\nmin_source_share = 0.5\n")
    bench.mootech("qa")
    with leaking(bench, "withheld-rows=0.08") as url:
        assert bench.ingest(url)["status"] == "unchanged"


@pytest.mark.fault(1, 31)
def test_a_run_killed_in_its_second_pass_goes_on_there(bench: Bench, tmp_path: Path) -> None:
    """After a kill -9 no staged page of either pass is fetched again, and the union is that of a quiet run."""
    quiet = replace(bench, lake=tmp_path / "quiet")
    bench.configure(page_size=10)
    with leaking(bench, "dropped-rows=0.08", seed=3) as url:
        quiet.mootech("ingest", *ONE_DAY, MOOTECH_LAKE=str(quiet.lake), MOOTECH_API_URL=url)
    with leaking(bench, "dropped-rows=0.08", seed=3) as url, watched(url) as source:
        figures = quiet.receipt().reconciled
        assert figures is not None
        pages = -(-figures.passes[0] // 10)
        # All of the first pass, the two metrics, and the first two pages of the second pass.
        source.hold(after=pages + 4)
        argv = [COMMAND, "ingest", *ONE_DAY]
        env = {**bench.mootech.environment, "MOOTECH_API_URL": source.url}
        with forked.started(argv, env, cwd=bench.mootech.folder) as run:
            source.wait_for(1)
            run.kill()
        assert bench.versions == {}
        before = [request for request in source.requests if "/clickstream" in request]
        source.flow()
        source.requests.clear()
        bench.ingest(source.url)
        after = [request for request in source.requests if "/clickstream" in request]
    assert len(before) == pages + 3
    assert not set(before[:-1]) & set(after)
    assert bench.receipt() == quiet.receipt()


def hits(metrics: Answer) -> Answer:
    """Return a source of two hits on one page, whose metrics answer as given."""
    page = answer(page_body([hit(1), hit(2, visid_low="3")], total=2))
    return routed(lambda request: metrics if "/metrics/" in request else page)


@pytest.mark.fault(31)
def test_a_shop_without_metrics_is_told_how_to_switch_them_off(bench: Bench) -> None:
    """404 fails the day with the key to set; the pages stay staged and are published once it is set."""
    with serving([hits(problem(404, "no such path"))]) as wire:
        day = bench.ingest(wire.url, expect=4)
        assert day["status"] == "failed"
        assert "no metrics to hold its clickstream against" in day["error"]["message"]
        assert "`metrics = false` under [source]" in day["error"]["hint"]
        asked = len(wire.requests)
        bench.configure("metrics = false\n")
        day = bench.ingest(wire.url)
        assert len(wire.requests) == asked
    assert day["published"] == 2
    assert "reconciled" not in day
    assert bench.receipt().reconciled is None


@pytest.mark.fault(31)
@pytest.mark.parametrize("body", [b"null", b"-1", b'"2"', b"2.5", b"\xff", b"{}"])
def test_a_count_that_is_none_is_not_believed(bench: Bench, body: bytes) -> None:
    """What is no whole number from 0 on is asked for again, and then the day fails and is not published."""
    bench.configure("deadline_seconds = 2\n")
    with serving([hits(answer(body))]) as wire:
        day = bench.ingest(wire.url, expect=4)
    assert "/metrics/hits failed" in day["error"]["message"]
    assert bench.versions == {}
