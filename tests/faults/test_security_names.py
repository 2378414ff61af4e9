"""Names and texts from outside: a shop's product, a table, a day or a key of the lake cannot be anything but itself."""

import csv
import io
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from mootech.errors import StoreError, UsageError
from mootech.lake.paths import Layer, object_key, quarantine_key, table_prefix
from mootech.lake.stores.registry import open_store
from mootech.model import Finding, parse_day
from mootech.outcomes import DayQuality, DayState, QaOutcome
from mootech.render import formats
from mootech.render.page import qa_page
from mootech.tables import TABLES
from tests.faults.command import Command, command_for
from tests.wire import Answer, answer, problem, serving

DAY = date(2024, 2, 29)
NAMES = {
    "p-sql": "'; DROP TABLE products; --",
    "p-formula": '=HYPERLINK("http://evil.example","x")',
    "p-at": "@SUM(1)",
    "p-escape": "\x1b[31mred\x1b]0;title\x07",
    "p-path": "../../escape",
    "p-encoded": "%2e%2e%2fescape",
    "p-html": "<script>alert(1)</script>",
    "p-bidi": "good\u202egpj.exe",
    "../p-id": "an id that climbs",
}

ALLOWLIST = pytest.mark.security("table names from an allowlist, days parsed and re-rendered")
PATHS = pytest.mark.security("../, %2F, NUL and symlinks refused")
BOUND = pytest.mark.security("SQL values bound")
CELLS = pytest.mark.security("CSV cells that begin like formulas prefixed")
HTML = pytest.mark.security("HTML escaped")
CONTROL = pytest.mark.security("control characters stripped from logs")

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]")


@dataclass
class Sold:
    """A lake of two days in which each hostile product was sold once, and the command to ask about it."""

    command: Command
    lake: Path


def hostile_shop() -> Answer:
    """Return what answers for products with hostile names, and for one purchase of each of them a day."""

    def send(client: object, request: str) -> None:
        address = urlsplit(request.split()[1])
        day = parse_qs(address.query)["start_date"][0]
        noon = _noon(day)
        if address.path.endswith("products"):
            rows = [
                {"product_id": key, "product_name": name, "price": 2.5, "utc_date": day} for key, name in NAMES.items()
            ]
        else:
            rows = [
                {
                    "order_id": f"o-{day}-{number}",
                    "email": "a@example.com",
                    "transaction_type": "purchase",
                    "items": [key],
                    "total_item_quantity": 1,
                    "total_purchase_usd": 2.5,
                    "transaction_timestamp": noon,
                    "utc_date": day,
                }
                for number, key in enumerate(NAMES)
            ]
        body = json.dumps({"data": rows, "next_cursor": None, "total": len(rows)}).encode()
        answer(body)(client, request)  # type: ignore[arg-type]  # an Answer's socket

    return send


def _noon(day: str) -> int:
    return (date.fromisoformat(day) - date(1970, 1, 1)) // timedelta(seconds=1) + 43_200


@pytest.fixture(scope="module")
def sold(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sold]:
    """The hostile shop's lake, silver included."""
    folder = tmp_path_factory.mktemp("hostile")
    with serving([hostile_shop()]) as wire:
        command = command_for(folder, folder / "lake", wire.url, "key")
        days = ("--start", DAY, "--end", DAY + timedelta(days=1))
        command("ingest", "-t", "products", "-t", "transactions", *days, "-vv")
        command("silver", "-vv")
        yield Sold(command, folder / "lake")


@BOUND
@pytest.mark.parametrize("product", NAMES)
def test_a_name_is_a_value_whatever_it_says(sold: Sold, product: str) -> None:
    """Each product is found by its hostile name, in one report of its own, with what was sold of it."""
    done = json.loads(sold.command("report", "--product", NAMES[product], "--json").stdout)
    assert [(row["product_id"], row["product_name"], row["total_items_sold"]) for row in done["rows"]] == [
        (product, NAMES[product], 1),
        (product, NAMES[product], 1),
    ]


@BOUND
def test_an_unknown_name_is_said_and_nothing_else(sold: Sold) -> None:
    """SQL in a name that is none finds nothing, and the tables are still there after it."""
    done = sold.command("report", "--product", "' OR 1=1; DROP TABLE transactions; --", expect=2)
    assert "there is no product" in done.stderr
    assert len(json.loads(sold.command("report", "--json").stdout)["reports"]) == len(NAMES)


@PATHS
def test_results_stay_in_their_folder(sold: Sold) -> None:
    """No name and no id leads an object out of results/, and each product has one of its own."""
    sold.command("report")
    keys = [entry.key for entry in open_store(str(sold.lake)).list("")]
    reports = [key for key in keys if key.startswith("results/")]
    assert len(reports) == len(NAMES)
    assert all(re.fullmatch(r"results/sales_report_[A-Za-z0-9_.-]+/data\.parquet", key) for key in reports)
    assert not [path for path in sold.lake.parent.iterdir() if "escape" in path.name]
    assert {key.split("/")[0] for key in keys} == {"raw_data", "silver", "results", "_mootech"}


@CELLS
def test_no_cell_of_a_csv_is_a_formula(sold: Sold) -> None:
    """Text that a spreadsheet would run begins with an apostrophe; numbers below zero stay numbers."""
    text = sold.command("report", "--format", "csv").stdout
    rows = list(csv.DictReader(io.StringIO(text)))
    names = {row["product_name"] for row in rows}
    assert {f"'{NAMES['p-formula']}", f"'{NAMES['p-at']}"} <= names
    texts = [row[name] for row in rows for name in ("product_id", "product_name")]
    assert not [cell for cell in texts if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]


@HTML
def test_markup_reaches_no_page(sold: Sold) -> None:
    """The page of `qa` has it as text only; no report is HTML, and what Markdown would pass on is escaped."""
    evil = "\"><script>alert(1)</script><img src=x onerror='alert(2)'>\x1b[31m\u202e"
    day = DayQuality(evil, DAY, DayState.BLOCKED, remarks=(evil,))
    page = qa_page(
        QaOutcome("qa", findings=(Finding(evil, None, None, evil, evil, ok=True, warning=True),), history=(day,))
    )
    assert page.count("&lt;script&gt;alert(1)") >= 3
    assert not re.search(r"<script|<img|\x1b|\u202e|\"\"", page)
    assert "default-src 'none'; style-src 'sha256-" in page
    assert "html" not in formats.NAMES
    text = sold.command("report", "--format", "markdown").stdout
    assert "<script>" not in text
    assert r"\<script\>" in text


@CONTROL
@pytest.mark.parametrize("form", [(), ("--format", "csv"), ("--format", "markdown"), ("--format", "json"), ("--json",)])
def test_no_name_drives_the_terminal(sold: Sold, form: tuple[str, ...]) -> None:
    """Escape sequences and characters that reorder a line come through in no format, on no stream."""
    done = sold.command("report", "-vv", *form)
    assert not _CONTROL.search(done.stdout)
    assert not _CONTROL.search(done.stderr)
    missing = sold.command("report", "--product", "\x1b[2Jnone", "-vv", *form, expect=2)
    assert not _CONTROL.search(missing.stdout + missing.stderr)


@CONTROL
def test_no_word_of_the_source_drives_the_terminal(tmp_path: Path) -> None:
    """A problem document, a reason phrase, a cursor or a body with escape sequences: logs and errors are clean."""
    (tmp_path / "cwd").mkdir()
    (tmp_path / "cwd/mootech.toml").write_text("[source]\ndeadline_seconds = 1\n")
    evil = "\x1b]0;owned\x07\x1b[2J\u202e\nforged: line"
    cursor = json.dumps({"data": [], "next_cursor": evil, "total": 1}).encode()
    for each in (
        problem(400, evil),
        problem(503, evil),
        answer(b"", "400 \x1b[31mred"),
        answer(cursor),
        answer(evil.encode()),
        answer(b"{}", Content_Encoding="\x1b[31m"),
    ):
        with serving([each]) as wire:
            command = command_for(tmp_path, tmp_path / "lake", wire.url, "key")
            done = command("ingest", "-t", "users", "--start", DAY, "--end", DAY, "-vv", expect=4)
        assert not _CONTROL.search(done.stdout + done.stderr)
        assert not re.search(r"^forged", done.stdout + done.stderr, re.MULTILINE)


@ALLOWLIST
@pytest.mark.parametrize(
    "name", ["user", "../users", "users/..", "users%2F..", "users;", "", "*", "raw_data", "users\x00"]
)
def test_a_table_is_one_of_four(name: str, tmp_path: Path) -> None:
    """A table's name is one of the four; nothing else names one, and nothing is made for it."""
    with pytest.raises(UsageError, match="there is no table"):
        TABLES.named(name)
    command = command_for(tmp_path, tmp_path / "lake", "http://127.0.0.1:9/v1", "key")
    if "\x00" not in name:  # which no argument can hold
        command("ingest", "-t", name, "--start", DAY, expect=2)
    assert not (tmp_path / "lake").exists()


@ALLOWLIST
@pytest.mark.parametrize(
    "text", ["2024-02-30", "2024-02-29/../x", "2024-02-29%2F", " 2024-02-29", "20240229", "24-2-29", "-1"]
)
def test_a_day_is_a_day_or_refused(text: str) -> None:
    """What is no ISO day is refused."""
    with pytest.raises(UsageError, match="is not a day of the calendar"):
        parse_day(text)


@ALLOWLIST
def test_a_day_is_written_again_before_it_is_used(tmp_path: Path) -> None:
    """What reaches an address or a path is the day, in its one form, and not the text that named it."""
    assert parse_day("2024-2-9") == date(2024, 2, 9)
    with serving([answer(b'{"data": [], "next_cursor": null, "total": 0}')]) as wire:
        command = command_for(tmp_path, tmp_path / "lake", wire.url, "key")
        command("ingest", "-t", "users", "--start", "2024-2-9", "--end", "2024-02-9")
    assert "start_date=2024-02-09&end_date=2024-02-09" in wire.requests[0]
    assert [path.name for path in (tmp_path / "lake/raw_data/users").iterdir()] == ["utc_date=2024-02-09"]


@PATHS
@pytest.mark.parametrize("name", ["..", "../x", "a/b", "a\x00b", "", ".hidden", "a%2Fb", "a\nb", "a\\b"])
def test_no_name_leaves_its_folder(name: str) -> None:
    """A name that is not one plain path segment names no object of the lake."""
    makers: tuple[Callable[[], str], ...] = (
        lambda: table_prefix(Layer.RAW, name),
        lambda: object_key(Layer.RESULTS, name),
        lambda: quarantine_key("users", DAY, name),
    )
    for make in makers:
        with pytest.raises(StoreError, match="cannot name an object"):
            make()


@PATHS
@pytest.mark.parametrize("key", ["../x", "a/../../x", "/etc/passwd", "a//b", "a/./b", "a\x00b", "a\\b", "a/..", ""])
def test_no_key_leaves_the_lake(key: str, tmp_path: Path) -> None:
    """A store refuses every key that could mean something outside the lake, whatever is asked of it."""
    (tmp_path / "x").write_text("outside")
    store = open_store(str(tmp_path / "lake"))
    file = tmp_path / "file"
    questions: tuple[Callable[[], object], ...] = (
        lambda: store.read(key),
        lambda: store.read_range(key, 0, 1),
        lambda: store.head(key),
        lambda: store.delete(key),
        lambda: store.create(key, b""),
        lambda: store.put(key, file, {}),
        lambda: store.uri(key),
    )
    for ask in questions:
        file.write_bytes(b"")
        with pytest.raises(StoreError, match="is not a key of a lake"):
            ask()
    assert (tmp_path / "x").read_text() == "outside"
