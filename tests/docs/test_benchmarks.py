"""docs/benchmarks.md is what benchmarks/results/latest.json gives, and it hides neither a miss nor a gap."""

from benchmarks.chart import drawn
from benchmarks.figures import Limit, Line, Measure, Results, Side
from benchmarks.page import CHART, PAGE, page
from benchmarks.table import cells

OURS = Side("mootech ingest", (4.0, 2.0, 3.0), (200.0, 310.0, 300.0), 300)
PEER = Side("dlt", (60.0, 66.0, 63.0), (900.0, 1000.0, 950.0), 300)


def test_page_is_current() -> None:
    """docs/benchmarks.md and its chart are what the kept figures give; `make docs` writes them."""
    found = Results.load()
    assert PAGE.read_text("utf-8") == page(found)
    assert CHART.read_text("utf-8") == drawn(found.growth)


def test_kept_figures_are_whole() -> None:
    """A table line without a side says why it has none, and what is kept survives being read and written."""
    found = Results.load()
    assert all(line.missing for line in found.lines if line.ours is None)
    assert all(side.seconds and side.peak_mb for line in found.lines for side in (line.ours, line.other) if side)


def test_line_shows_both_sides_their_ratio_and_its_budget() -> None:
    """A line has the medians of both sides and says which limits hold and which do not."""
    limits = (Limit(Measure.SPEED, 20), Limit(Measure.PEAK, 350), Limit(Measure.MEMORY, 0.1))
    title, ours, peer, _, budget = cells(Line("ingest", "an ingest", OURS, PEER, limits))
    assert (title, ours) == ("an ingest", "3.00 s, 100 rows/s, 300 MB")
    assert peer == "dlt: 63.00 s, 5 rows/s, 950 MB"
    assert budget == "at least 20 times as fast: kept; at most 350 MB: kept; at most 0.1 times the memory: missed"
    assert cells(Line("ingest", "an ingest", OURS, PEER, limits[:1]))[3] == "21.0 times as fast"


def test_a_trial_is_not_judged() -> None:
    """Figures of a fraction of the full size keep and miss no budget."""
    limits = (Limit(Measure.SPEED, 20), Limit(Measure.PEAK, 350))
    assert cells(Line("ingest", "an ingest", OURS, PEER, limits), judged=False)[4] == (
        "at least 20 times as fast; at most 350 MB"
    )


def test_what_was_not_measured_is_named() -> None:
    """A line whose other side is not on the machine says so in that side's place and claims no budget."""
    line = Line("report", "a report", OURS, limits=(Limit(Measure.SPEED, 12),), missing="there is no java")
    assert cells(line)[2:] == ("not measured: there is no java", "", "at least 12 times as fast: not measured")
    assert cells(Line("report", "a report", None, missing="it failed"))[1] == "not measured: it failed"
