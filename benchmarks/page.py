"""docs/benchmarks.md and the chart in it, made from benchmarks/results/latest.json. `python -m benchmarks.page`."""

from pathlib import Path

from benchmarks.chart import drawn
from benchmarks.figures import Results
from benchmarks.table import HEADERS, cells, facts

DOCS = Path(__file__).parents[1] / "docs"
PAGE, CHART = DOCS / "benchmarks.md", DOCS / "growth.svg"
_MADE = "<!-- Made from benchmarks/results/latest.json by `python -m benchmarks.page`; a test compares it. -->"
_INTRO = """\
`make bench` measures each line in one run: both sides on the same machine, with the same data and the same server,
taking turns. Every measured thing is a process of its own, and its time is that of the whole process except where a
session is called warm. What counts is the ratio; the budgets are those of [design.md](design.md#budgets)."""
_HOW = """\
## How it is measured

- **Memory** is the most at any moment: the kernel's record for the largest process (ru_maxrss) or, for a side of
  several, the largest sum over all of them, ten samples a second, in which a page that they share counts once (Pss).
- **The API** is one process on loopback that sends pages made beforehand from the page cache, so that the clients are
  measured and not the server. A million hits are 200 pages of 5,000 rows with 23 columns, about 570 MB of JSON.
- **dlt** is its rest_api source with the filesystem destination and Parquet. Tuned, each day is a resource, resources
  are extracted in parallel, and one process a core normalises small files.
- **Spark** runs the notebook's transformation: items exploded, the product filtered, each return joined with its
  customer's purchases up to its date and taken from the latest, grouped by month, compared by `lag`. It has as many
  shuffle partitions as cores instead of 200, and 4 GB of heap. Warm is the second and later run in a session; ours is
  then the second and later report in one Python process.
- **The floors** are as little as can be for the same rows: a loop of httpx and Polars without journal, fsync or checks;
  one `COPY ... PARTITION_BY` of DuckDB without receipts.
- **S3** is a SeaweedFS server on loopback. The 30 ms are added to each request by a proxy before it.
- **Safety** is an ingest beside one without fsync and hashing. Its parts are seconds of all threads added up, so that
  shares may overlap; the journal cannot be left out.

Part of it: `python -m benchmarks --only ingest --runs 1 --scale 0.02`. Such a run is only printed."""


def page(found: Results) -> str:
    """Return docs/benchmarks.md."""
    machine = ", ".join(f"{name} {text}" for name, text in found.machine.items())
    versions = ", ".join(f"{name} {text}" for name, text in found.versions.items())
    trial = f"**A trial at {found.scale:g} of the full size, which the budgets are not about**"
    size = "At full size" if found.judged else trial
    parts = [
        _MADE,
        "# Benchmarks",
        _INTRO,
        f"{size}, {found.date}; runs a side, of which medians: {found.runs}.",
        f"- Machine: {machine}\n- Versions: {versions}",
        "\n".join(
            _row(row)
            for row in (HEADERS, ("---",) * len(HEADERS), *(cells(line, judged=found.judged) for line in found.lines))
        ),
        "\n".join(f"- {each}" for each in facts(found.lines)),
        f"## Growth\n\n![Time and peak memory over rows]({CHART.name})" if found.growth else "",
        _HOW,
    ]
    return "\n\n".join(filter(None, parts)) + "\n"


def main() -> None:
    """Write the page and its chart."""
    found = Results.load()
    PAGE.write_text(page(found), "utf-8")
    if found.growth:
        CHART.write_text(drawn(found.growth), "utf-8")


def _row(texts: tuple[str, ...]) -> str:
    return f"| {' | '.join(texts)} |"


if __name__ == "__main__":
    main()
