"""The page of `mootech report --html` in a real browser: phone and desktop, in the light, in the dark, on paper."""

import csv
import io
import json
import re
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from mootech.layers.gold.library import packaged
from mootech.layers.gold.report import Request, report
from mootech.layers.silver.build import Builder
from mootech.outcomes import ReportOutcome
from mootech.render.formats.as_csv import CSV
from mootech.render.formats.as_json import JSON
from mootech.render.formats.as_markdown import MARKDOWN
from mootech.render.formats.as_parquet import PARQUET
from mootech.render.formats.as_table import TABLE
from mootech.render.report_page import report_page
from mootech.tables import CLICKSTREAM
from tests.bronze import workshop
from tests.chromium import Page, tab
from tests.hostile import COVERAGE, FRESHNESS, NAMES, traffic
from tests.rows import DAY, hit
from tests.unit.test_render_reports import sales

WIDTHS = {"phone": 390, "desktop": 1280}
SHOWN = "[...document.querySelectorAll('.chart [role=img]')].filter(each => each.getBoundingClientRect().width > 0)"


def opened(browser: Page, file: Path, width: int, scheme: str, media: str = "screen") -> None:
    """Open the file on a screen that wide, in a colour scheme."""
    browser.call("Emulation.setDeviceMetricsOverride", width=width, height=844, deviceScaleFactor=1, mobile=width < 600)
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.call("Emulation.setEmulatedMedia", media=media, features=features)
    browser.open(file)


def lightness(colour: str) -> float:
    """Return how light a colour is, 0 to 255."""
    numbers = [float(each) for each in re.findall(r"[\d.]+", colour)[:3]]
    return sum(numbers) / 3


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Pages with hostile names: many lines, bars that lie on each other, and several products."""
    folder = tmp_path_factory.mktemp("pages")
    reports = {
        "line": (traffic(days=60),),
        "stacked": (traffic("stacked", days=10, names=NAMES[:6]),),
        "heat": (traffic("heat", days=5, names=NAMES[:6]),),
        "sales": tuple(sales(name, title=f"Sales of {name}") for name in NAMES[:3]),
    }
    for name, found in reports.items():
        outcome = ReportOutcome("report", "run-1", reports=found, lake="s3://shop/lake")
        (folder / f"{name}.html").write_text(report_page(outcome, {"mootech": "0.1.0"}), "utf-8")
    return {name: folder / f"{name}.html" for name in reports}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("screen", WIDTHS)
def test_a_page_is_right_on_every_screen(pages: dict[str, Path], screen: str, scheme: str) -> None:
    """The page loads nothing, says nothing to the console, fits the screen, and its texts stand out from the paper."""
    width = WIDTHS[screen]
    with tab() as browser:
        opened(browser, pages["line"], width, scheme)
        assert browser.requests == [pages["line"].as_uri()]
        assert browser.complaints == []
        assert browser.value("document.documentElement.scrollWidth") <= width
        assert browser.value(f"{SHOWN}.length") == 1
        assert browser.value(f"{SHOWN}[0].className") == ("narrow" if screen == "phone" else "wide")
        box = browser.value(f"{SHOWN}[0].querySelector('svg').getBoundingClientRect().toJSON()")
        assert 0.7 * min(width, 990) < box["width"] <= width
        assert box["height"] > 200
        paper = lightness(browser.value("getComputedStyle(document.body).backgroundColor"))
        inks = [
            lightness(browser.value(f"getComputedStyle({what}).{prop}"))
            for what, prop in (
                ("document.querySelector('h1')", "color"),
                (f"{SHOWN}[0].querySelector('text')", "fill"),
                ("document.querySelector('td')", "color"),
            )
        ]
        assert (paper > 200) is (scheme == "light")
        assert all(abs(paper - ink) > 150 for ink in inks)


@pytest.mark.parametrize(
    ("name", "marks", "count"),
    [("line", "line", 8), ("stacked", "rect", 60), ("heat", "rect", 30), ("sales", "rect", 9)],
)
def test_every_mark_is_drawn(pages: dict[str, Path], name: str, marks: str, count: int) -> None:
    """Each figure is a mark that can be seen, in the light as in the dark, in colours that tell the series apart."""
    drawn = f"{SHOWN}.flatMap(each => [...each.querySelectorAll('.mark-{marks}.role-mark path')])"
    prop = "stroke" if marks == "line" else "fill"
    colours = []
    for scheme in ("light", "dark"):
        with tab() as browser:
            opened(browser, pages[name], 1280, scheme)
            assert browser.complaints == []
            assert browser.value(f"{drawn}.length") == count
            sizes = browser.value(f"{drawn}.map(each => [each.getBoundingClientRect().width, each.getAttribute('d')])")
            assert all(size > 0 for size, _ in sizes)
            colours.append(browser.value(f"[...new Set({drawn}.map(each => getComputedStyle(each).{prop}))]"))
    assert len(colours[0]) == len(colours[1]) == {"line": 8, "stacked": 6}.get(name, 1)
    assert not set(colours[0]) & set(colours[1])


@pytest.mark.parametrize("name", ["line", "stacked", "heat", "sales"])
def test_names_do_nothing(pages: dict[str, Path], name: str) -> None:
    """Hostile names are words on the page and in the chart: no script, no picture, no dialogue, no link."""
    with tab() as browser:
        opened(browser, pages[name], 1280, "light")
        injected = "script, img, iframe, object, embed, form, a, [onerror], [onload]"
        assert browser.value(f"document.querySelectorAll('{injected}').length") == 0
        assert browser.value("document.body.innerText").count(NAMES[0]) >= 3
        assert NAMES[0] in browser.value(f"{SHOWN}[0].parentElement.textContent")
        assert browser.requests == [pages[name].as_uri()]
        assert browser.complaints == []
        assert not [event for event in browser.events if event["method"] == "Page.javascriptDialogOpening"]


def test_wide_tables_scroll_by_themselves(pages: dict[str, Path]) -> None:
    """On a phone a table of fourteen columns scrolls in its own box, and the page does not."""
    with tab() as browser:
        opened(browser, pages["sales"], 390, "light")
        assert browser.value("document.documentElement.scrollWidth") <= 390
        box = "document.querySelector('.scroll')"
        assert browser.value(f"{box}.scrollWidth") > browser.value(f"{box}.clientWidth") > 300
        figures = browser.value("getComputedStyle(document.querySelector('td.r')).textAlign")
        assert figures == "right"


def test_on_paper_it_is_light_and_whole(pages: dict[str, Path]) -> None:
    """Printed from a dark screen the page is dark on white, and no table or chart goes over the edge of A4."""
    with tab() as browser:
        opened(browser, pages["sales"], 702, "dark", "print")
        assert browser.value("document.documentElement.scrollWidth") <= 702
        assert browser.value(f"{SHOWN}[0].className") == "wide"
        assert lightness(browser.value("getComputedStyle(document.body).color")) < 80
        assert lightness(browser.value(f"getComputedStyle({SHOWN}[0].querySelector('text')).fill")) < 80
        assert browser.value("getComputedStyle(document.querySelector('tr')).breakInside") == "avoid"


def test_a_chart_is_told_to_who_cannot_see_it(pages: dict[str, Path]) -> None:
    """Every chart says in words what it shows, and the badge what it means, not by its colour alone."""
    with tab() as browser:
        opened(browser, pages["line"], 1280, "light")
        label = browser.value(f"{SHOWN}[0].getAttribute('aria-label')")
        assert label.startswith(f"Line chart: hits over day, by campaign. Traffic of {NAMES[0]}. From 2023-01-01 to ")
        assert browser.value("document.querySelector('.badge').innerText").startswith("! Look closer: 250 of 10,000")
        assert COVERAGE[0].missing == 1
        assert str(FRESHNESS.last) in browser.value("document.querySelector('.freshness').innerText")


def test_hostile_names_travel_from_the_lake_into_every_export(tmp_path: Path, state_dir: Path) -> None:
    """Campaigns delivered so are exact in JSON and Parquet, inert in CSV and Markdown, words on page and screen."""
    today = date(2024, 3, 2)
    hits = [hit(number, campaign=name) for number, name in enumerate(NAMES, start=1)]
    with workshop(str(tmp_path / "lake"), state_dir) as shop:
        shop.publish(CLICKSTREAM, DAY, hits)
        Builder(shop.lake, shop.engine, today).build([CLICKSTREAM])
        found = report(shop.lake, shop.engine, Request(packaged()["traffic"]), today)
    named = {row["campaign"] for row in json.loads(JSON.encode(found).decode())}
    assert named == {*pl.read_parquet(io.BytesIO(PARQUET.encode(found)))["campaign"]} == {*NAMES}
    cells = [row["campaign"] for row in csv.DictReader(io.StringIO(CSV.encode(found).decode()))]
    assert not [cell for cell in cells if cell.startswith(tuple("=+-@"))]
    assert "<script>" not in MARKDOWN.encode(found).decode()
    for form in (TABLE, CSV, MARKDOWN):
        assert not {"\u202e", "\x1b"} & {*form.encode(found).decode()}
    file = tmp_path / "traffic.html"
    outcome = ReportOutcome("report", "run-1", reports=found, lake=shop.lake.store.url)
    file.write_text(report_page(outcome, {"mootech": "0.1.0"}), "utf-8")
    with tab() as browser:
        opened(browser, file, 1280, "light")
        assert browser.complaints == []
        assert browser.requests == [file.as_uri()]
        assert NAMES[0] in browser.value("document.body.innerText")
        assert not [event for event in browser.events if event["method"] == "Page.javascriptDialogOpening"]
