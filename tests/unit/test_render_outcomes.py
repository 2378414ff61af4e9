"""Outcomes for people: results to stdout, the rest to stderr; and as one JSON object for scripts."""

import io
import json
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from mootech.errors import (
    BrokenPromiseError,
    InterruptError,
    MootechError,
    QualityError,
    SourceError,
    StoreError,
)
from mootech.model import DayResult, DayStatus, Finding
from mootech.outcomes import Outcome, QaOutcome, ReportOutcome, RunOutcome, StatusOutcome, TableStatus
from mootech.render.document import document
from mootech.render.encoding import dumps
from mootech.render.outcomes import show
from mootech.render.progress import Bars, progress_on
from mootech.render.screen import Screen, console_for
from mootech.render.text import clean, day_ranges
from tests.unit.test_render_reports import sales

FIRST = date(2023, 3, 1)
GATE = QualityError("1,204 of 5,000 rows are bad", hint="Type: mootech qa -t clickstream")
PUBLISHED = DayResult("clickstream", FIRST, DayStatus.PUBLISHED, 1000, 990, 7, 3, 1000, note="resumed: 3 of 9 pages")
BLOCKED = DayResult("clickstream", FIRST + timedelta(days=1), DayStatus.BLOCKED, 5000, error=GATE)
INGEST = Outcome("ingest", "run-1", (PUBLISHED, replace(PUBLISHED, table="users", note=""), BLOCKED), notes=("a note",))


def shown(outcome: Outcome, *, quiet: bool = False, text: str | None = None, width: int = 200) -> tuple[str, str]:
    """Return what the outcome prints to stdout and stderr."""
    out, err = io.StringIO(), io.StringIO()
    show(outcome, Screen(console_for(out, width), console_for(err, width), quiet), text=text)
    return out.getvalue(), err.getvalue()


def test_ingest_is_one_line_per_table() -> None:
    """Each table's line says how its days ended and sums its rows; notes are on stderr."""
    out, err = shown(INGEST)
    (clicks,) = [line for line in out.splitlines() if line.startswith("clickstream")]
    assert "1 published, 1 blocked" in clicks
    assert clicks.split()[-4:] == ["6,000", "990", "7", "3"]
    assert "clickstream 2023-03-01: resumed: 3 of 9 pages" in err
    assert "a note" in err


def test_a_stopped_day_says_why_and_what_to_type() -> None:
    """A blocked day's message and hint are on stderr, named by table and day."""
    out, err = shown(INGEST)
    assert "error: clickstream 2023-03-02 blocked: 1,204 of 5,000 rows are bad\n" in err
    assert "Type: mootech qa -t clickstream\n" in err
    assert "1,204" not in out


def test_days_with_the_same_error_are_said_once() -> None:
    """A whole range that failed alike is one error; many different ones are cut short and counted."""
    same = SourceError("the API is down", hint="Later.")
    days = tuple(DayResult("users", FIRST + timedelta(days=n), DayStatus.FAILED, error=same) for n in range(90))
    _, err = shown(Outcome("ingest", days=days))
    assert err.count("the API is down") == 1
    assert "users 2023-03-01 to 2023-05-29 failed" in err
    different = tuple(replace(day, error=SourceError(f"page {n}")) for n, day in enumerate(days))
    _, err = shown(Outcome("ingest", days=different))
    assert err.count("error: ") == 21
    assert "70 more days with errors" in err


def test_quiet_prints_errors_only() -> None:
    """Quiet leaves out results and notes, never an error; a report that was asked for stays."""
    out, err = shown(INGEST, quiet=True)
    assert out == ""
    assert "a note" not in err
    assert "1,204 of 5,000" in err
    assert shown(Outcome("ingest", days=(PUBLISHED,)), quiet=True) == ("", "")
    assert "Sales of Tumbler" in shown(ReportOutcome("report", reports=(sales(),)), quiet=True)[0]


def test_a_dry_run_names_the_days() -> None:
    """Planned days are shown as ranges."""
    days = tuple(DayResult("users", FIRST + timedelta(days=n), DayStatus.PLANNED) for n in (0, 1, 2, 5))
    out, _ = shown(Outcome("ingest", days=days))
    assert "users: would fetch 2023-03-01 to 2023-03-03, 2023-03-06" in out


def test_nothing_to_do_is_said() -> None:
    """An outcome without days and errors says that there was nothing to do."""
    assert shown(Outcome("ingest"))[0] == "nothing to do\n"


def test_lines_of_a_log_do_not_break() -> None:
    """A message longer than any terminal stays on one line, for grep."""
    _, err = shown(Outcome("ingest", errors=(StoreError("x" * 500, hint="y" * 500),)), width=60)
    assert [len(line) for line in err.splitlines()] == [507, 507]


def test_messages_cannot_drive_the_terminal() -> None:
    """Control characters, line breaks and markup in a message are printed as plain text."""
    _, err = shown(Outcome("ingest", errors=(StoreError("a\x1b[2Jb\nerror: forged [red]c"),)))
    assert err == "error: a[2Jb error: forged [red]c\n"


@given(st.text())
def test_cleaned_text_is_one_harmless_line(text: str) -> None:
    """Whatever comes in, one printable line comes out, and printable text is left alone."""
    assert len(clean(text).splitlines()) <= 1
    assert "\x1b" not in clean(text)
    assert clean(clean(text)) == clean(text)
    assert not text.isprintable() or clean(text) == text


@given(st.lists(st.integers(0, 20), min_size=1))
def test_day_ranges_name_exactly_the_days(offsets: list[int]) -> None:
    """Ranges in order, without touching each other, cover exactly the days."""
    days = {FIRST + timedelta(days=n) for n in offsets}
    covered = set()
    text = day_ranges(days).partition(" and ")[0]
    for part in text.split(", "):
        first, _, last = part.partition(" to ")
        day = date.fromisoformat(first)
        while day <= date.fromisoformat(last or first):
            covered.add(day)
            day += timedelta(days=1)
    assert covered <= days
    hidden = day_ranges(days).partition(" and ")[2]
    assert len(days) - len(covered) == (int(hidden.split()[0]) if hidden else 0)


QA = QaOutcome(
    "qa",
    findings=(
        Finding("users", FIRST, "email", "nulls", "3 of 90 are NULL", data={"nulls": 3}),
        Finding("users", None, None, "duplicates", "none", ok=True),
    ),
    errors=(QualityError("qa has 1 finding", hint="Look."),),
)


def test_findings_are_a_table() -> None:
    """Each finding is a line with table, day, column and check, and what to act on is counted."""
    out, err = shown(QA)
    assert any(line.split()[:6] == ["BAD", "users", "2023-03-01", "email", "nulls", "3"] for line in out.splitlines())
    assert any(line.split() == ["ok", "users", "-", "-", "duplicates", "none"] for line in out.splitlines())
    assert "2 checks, 1 to act on" in out
    assert "qa has 1 finding" in err


def test_run_shows_its_steps_briefly() -> None:
    """Under `run` good figures are left out, several reports are a line each, and a step's errors are printed once."""
    several = ReportOutcome("report", reports=(sales(), sales("Mug")))
    run = RunOutcome("run", days=INGEST.days, steps=(INGEST, QA, Outcome("silver"), several), errors=(StoreError("s"),))
    out, err = shown(run)
    assert [line for line in out.splitlines() if line in {"ingest", "qa", "silver", "report"}] == [
        "ingest",
        "qa",
        "silver",
        "report",
    ]
    assert "duplicates  none" not in out
    assert "Sales of Mug: results/x/data.parquet (new)" in out
    assert "21,216.00" not in out
    assert err.count("1,204 of 5,000") == err.count("qa has 1 finding") == err.count("error: s\n") == 1
    alone = RunOutcome("demo", steps=(ReportOutcome("report", reports=(sales(),), notes=("look",)),))
    assert "21,216.00" in shown(alone)[0]
    assert "look" in shown(alone)[1]


def test_text_of_its_own_replaces_the_table() -> None:
    """A command's own text goes to stdout as it is; errors are still printed."""
    outcome = ReportOutcome("report", reports=(sales(),), errors=(StoreError("half"),))
    out, err = shown(outcome, text="a,b\n1,2\n")
    assert out == "a,b\n1,2\n"
    assert "half" in err


STATUS = StatusOutcome(
    "status",
    lake="/data/lake",
    tables=(
        TableStatus(
            "clickstream", 5, FIRST, date(2023, 3, 7), (date(2023, 3, 4),), 12345, 6, (date(2023, 3, 4),), 2, 1
        ),
        TableStatus("users", 0, None, None, (), 0, 0, (), 0, None),
    ),
    last_run={"run_id": "r", "command": "run", "exit_code": 3, "finished": "2023-03-08T05:31:00+00:00", "days": {}},
    lock_holder="pid 12 on db1",
)


def test_status_says_what_is_held_and_what_is_not() -> None:
    """Status shows days, rows, freshness, gaps, blocked days, silver, the last run and the lock."""
    out, _ = shown(STATUS, width=80)
    assert max(len(line) for line in out.splitlines()) <= 80
    (line,) = [line for line in out.splitlines() if line.startswith("clickstream ")]
    assert line.split() == ["clickstream", "5", "2023-03-01", "2023-03-07", "12,345", "6", "1", "day"]
    assert "clickstream: 1 day missing: 2023-03-04" in out
    assert "clickstream: 1 day blocked: 2023-03-04" in out
    assert "clickstream: 2 silver objects stale: run `mootech silver`" in out
    assert any(line.split()[-1:] == ["empty"] for line in out.splitlines())
    assert "last run: command run, finished 2023-03-08T05:31:00+00:00, exit code 3" in out
    assert "lock: pid 12 on db1" in out


def test_json_has_the_same_keys_for_everything() -> None:
    """Success and failure alike are one object with the keys a script relies on."""
    found = json.loads(dumps(document(INGEST)))
    assert {"command", "status", "exit_code", "run_id", "tables", "error", "errors", "notes"} == found.keys()
    assert (found["command"], found["status"], found["exit_code"], found["run_id"]) == ("ingest", "failed", 3, "run-1")
    clicks = found["tables"][0]
    assert clicks["table"] == "clickstream"
    assert clicks["days"][0] == {
        "utc_date": "2023-03-01",
        "status": "published",
        "fetched": 1000,
        "published": 990,
        "quarantined": 7,
        "duplicates": 3,
        "source_total": 1000,
        "note": "resumed: 3 of 9 pages",
    }
    assert clicks["days"][1]["status"] == "blocked"
    assert clicks["days"][1]["published"] is None
    assert found["error"] == {
        "type": "QualityError",
        "message": f"clickstream 2023-03-02: {GATE.message}",
        "hint": GATE.hint,
    }
    assert json.loads(dumps(document(Outcome("silver"))))["error"] is None


def test_json_names_the_error_that_decided() -> None:
    """Of several errors, `error` is one with the exit code, `errors` has all of them."""
    found = document(Outcome("ingest", days=(BLOCKED,), errors=(SourceError("api"), StoreError("disk"))))
    assert (found["exit_code"], found["error"]["message"]) == (5, "disk")
    assert [error["message"] for error in found["errors"]] == ["api", "disk", f"clickstream 2023-03-02: {GATE.message}"]


@pytest.mark.parametrize(
    ("errors", "status"), [((), "ok"), ((BrokenPromiseError("x"),), "failed"), ((InterruptError("x"),), "interrupted")]
)
def test_json_status_follows_the_exit_code(errors: tuple[MootechError, ...], status: str) -> None:
    """`status` is ok, failed or interrupted."""
    assert document(Outcome("verify", errors=errors))["status"] == status


def test_json_extras_of_each_command() -> None:
    """Findings, reports with rows, the lake's state and the steps each have their keys."""
    qa = json.loads(dumps(document(QA)))
    assert qa["findings"][0]["data"] == {"nulls": 3}
    assert qa["findings"][0]["utc_date"] == "2023-03-01"
    report = json.loads(dumps(document(ReportOutcome("report", reports=(sales(), sales("Mug"))))), parse_float=Decimal)
    assert [row["product_name"] for row in report["rows"]] == ["Tumbler"] * 3 + ["Mug"] * 3
    assert report["rows"][0]["total_sale"] == Decimal("21216.00")
    assert report["reports"][0]["object_key"] == "results/x/data.parquet"
    status = json.loads(dumps(document(STATUS)))
    assert (status["lake"], status["lock_holder"], status["last_run"]["exit_code"]) == (
        "/data/lake",
        "pid 12 on db1",
        3,
    )
    assert (status["tables"][0]["held"], status["tables"][0]["gaps"]) == (5, ["2023-03-04"])
    assert status["tables"][0]["days"] == []
    run = document(RunOutcome("run", steps=(INGEST, QA)))
    assert [step["command"] for step in run["steps"]] == ["ingest", "qa"]
    assert run["exit_code"] == 3


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(JSON_VALUES)
def test_json_is_what_python_reads_back(value: object) -> None:
    """Any plain value survives, as one line of ASCII."""
    text = dumps(value)
    assert json.loads(text) == value
    assert text.isascii()
    assert "\n" not in text


@given(st.decimals(allow_nan=True, allow_infinity=True, places=None))
def test_json_decimals_are_exact_numbers(value: Decimal) -> None:
    """A decimal is a number with its digits; what is no number is null."""
    read = json.loads(dumps(value), parse_float=Decimal, parse_int=Decimal)
    assert read == value if value.is_finite() else read is None


def test_bars_only_on_a_terminal() -> None:
    """A terminal gets bars; a log, a quiet terminal and one that shows a log get none."""
    out, log = console_for(io.StringIO()), console_for(io.StringIO())
    terminal = Console(file=io.StringIO(), force_terminal=True)
    with progress_on(Screen(out, terminal)) as progress:
        assert isinstance(progress, Bars)
    for screen in (Screen(out, log), Screen(out, terminal, quiet=True)):
        with progress_on(screen) as progress:
            assert progress is None
    with progress_on(Screen(out, terminal), wanted=False) as progress:
        assert progress is None


def test_bars_count_days_and_rows() -> None:
    """A table's bar moves by its days and shows its rows; the next layer's work on a finished table starts anew."""
    bars = Bars(console_for(io.StringIO()))
    bars.planned("users", 2)
    bars.rows("users", 700)
    bars.rows("users", 300)
    bars.done(replace(PUBLISHED, table="users"))
    bars.done(replace(PUBLISHED, table="nobody"))
    (task,) = bars.bars.tasks
    assert (task.completed, task.total, task.fields["rows"]) == (1, 2, 1000)
    bars.done(replace(PUBLISHED, table="users"))
    bars.planned("users", 0)
    bars.planned("users", 5)
    (task,) = bars.bars.tasks
    assert (task.completed, task.total, task.fields["rows"]) == (0, 5, 0)
    bars.planned("users", 5)
    assert bars.bars.tasks[0].total == 10
