"""The command line: what is refused and how, which code comes out, and that every failure has one shape."""

import asyncio
import json
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from mootech.cli import main
from mootech.commands.common import Common
from mootech.errors import LockHeldError, StoreError, UsageError
from mootech.model import utc_today
from mootech.outcomes import Outcome, ReportOutcome
from mootech.process.failures import log_to_stderr
from mootech.render import charts
from mootech.render.formats.as_csv import CSV
from mootech.render.output import Target
from tests.unit.test_render_reports import sales

TOMORROW = str(utc_today() + timedelta(days=1))


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A folder without a configuration, an environment without ours, and the loggers as they were."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("MOOTECH_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("MOOTECH_STATE_DIR", str(tmp_path / "state"))
    root, ours = logging.getLogger(), logging.getLogger("mootech")
    before = (root.handlers, root.level, ours.level)
    yield
    root.handlers, root.level = before[0], before[1]
    ours.setLevel(before[2])


def mootech(*args: str, **options: int) -> subprocess.CompletedProcess[str]:
    """Run the command as a process of its own."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options
    return subprocess.run([sys.executable, "-m", "mootech", *args], text=True, check=False, timeout=60, **pipes)  # type: ignore[call-overload,no-any-return] # noqa: S603 - our own command


def failing(monkeypatch: pytest.MonkeyPatch, fail: Callable[[], object]) -> None:
    """Let every command that needs settings run `fail` instead."""
    monkeypatch.setattr(Common, "settings", lambda _self: fail())


BAD = [
    (
        ("ingest", "-t", "user"),
        "there is no table 'user'",
        "The tables are: clickstream, transactions, users, products.",
    ),
    (("silver", "--table", "orders"), "there is no table 'orders'", "The tables are"),
    (("ingest", "--repair", "--lookback", "3"), "--repair and --lookback exclude each other", "finds the days"),
    (("ingest", "--start", "2023-02-30"), "--start '2023-02-30' is not a day", "2023-03-01"),
    (("qa", "--end", "01.03.2023"), "--end '01.03.2023' is not a day", "2023-03-01"),
    (("ingest", "--start", "2023-03-02", "--end", "2023-03-01"), "before it starts", "Swap them: --start 2023-03-01"),
    (("qa", "--start", "2023-03-02", "--end", "2023-03-01"), "before it starts", "Swap them"),
    (("ingest", "--start", TOMORROW), f"--start {TOMORROW} is in the future", "the last one is"),
    (("qa", "--end", TOMORROW), f"--end {TOMORROW} is in the future", "the last one is"),
    (("report", "--output", "no/where.csv"), "there is no folder no", "mkdir -p no"),
    (("report", "--html", "no/where.html"), "there is no folder no", "mkdir -p no"),
    (("report", "--chart", "sales.pdf"), "neither SVG nor PNG", "--chart sales.svg"),
    (("report", "--html", "a.svg", "--chart", "./a.svg"), "name the same file", "Name one for each"),
    (("sandbox", "--today", "tomorrow"), "--today 'tomorrow' is not a day", "2023-03-01"),
    (("status", "--config", "nowhere.toml"), "nowhere.toml cannot be read", "--config"),
    (("status", "--lake", ""), "--lake: string should have at least 1 character", "Where the data lies"),
    (("ingest", "--strat", "2023-03-01"), "No such option: --strat", "mootech ingest --help"),
    (("ingest", "--lookback", "x"), "'--lookback'", "mootech ingest --help"),
    (("ingest", "--lookback", "-1"), "'--lookback'", "mootech ingest --help"),
    (("ingest", "users"), "unexpected extra argument", "mootech ingest --help"),
    (("ingest", "--start"), "'--start' requires an argument", "--help"),
    (("ingst",), "No such command 'ingst'", "mootech --help"),
]


@pytest.mark.parametrize(("args", "message", "hint"), BAD)
def test_bad_input_is_refused_with_a_hint(
    args: tuple[str, ...], message: str, hint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Bad input exits 2 with what is wrong and what to type, on stderr, and nothing has been touched."""
    assert main(args) == 2
    out, err = capsys.readouterr()
    assert out == ""
    first, second = err.splitlines()
    assert first.startswith("error: ")
    assert message in first
    assert hint in second
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("args", "message", "hint"), BAD)
def test_bad_input_is_one_json_object(
    args: tuple[str, ...], message: str, hint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """With --json the same failure is one object on stdout, Typer's refusals included, and stderr is empty."""
    assert main((args[0], "--json", *args[1:])) == 2
    out, err = capsys.readouterr()
    found = json.loads(out)
    assert err == ""
    assert (found["status"], found["exit_code"]) == ("failed", 2)
    assert found["command"] == ("" if args[0] == "ingst" else args[0])
    assert message in found["error"]["message"]
    assert hint in found["error"]["hint"]


def test_json_and_another_format_cannot_share_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    """--json with --format needs a file for the report."""
    assert main(["report", "--json", "--format", "csv"]) == 2
    assert "--output FILE" in json.loads(capsys.readouterr().out)["error"]["hint"]


def test_no_command_is_no_success(capsys: pytest.CaptureFixture[str]) -> None:
    """`mootech` alone prints its help to stderr and exits 2."""
    assert main([]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "Commands:" in err


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    """--version prints the name and the version."""
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("mootech")


def test_options_reach_the_plan(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Tables, range and --dry-run arrive: each named table's days are planned once, and nothing is created."""
    args = [
        "ingest",
        "-t",
        "users",
        "-t",
        "USERS",
        "--start",
        "2023-03-01",
        "--end",
        "2023-03-02",
        "--dry-run",
        "--json",
    ]
    assert main(args) == 0
    (table,) = json.loads(capsys.readouterr().out)["tables"]
    assert table["table"] == "users"
    assert [(day["utc_date"], day["status"]) for day in table["days"]] == [
        ("2023-03-01", "planned"),
        ("2023-03-02", "planned"),
    ]
    assert list(tmp_path.iterdir()) == []


def test_help_is_quick() -> None:
    """`mootech --help` imports none of the libraries that move or check data, and neither pydantic nor Rich."""
    heavy = {"polars", "duckdb", "httpx", "pandera", "s3fs", "pydantic", "rich", "starlette"}
    code = "import sys; from mootech.cli import main; main(['--help']); print(*sys.modules, file=sys.stderr)"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)  # noqa: S603 - ours
    assert "mootech.cli" in shown.stderr.split()
    assert heavy.isdisjoint(shown.stderr.split())


def test_a_failure_of_ours_keeps_its_code(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A MootechError's message, hint and exit code come out as they are."""

    def held() -> None:
        raise LockHeldError("pid 7 holds the lock", hint="Wait for it.")

    failing(monkeypatch, held)
    assert main(["run"]) == 75
    assert capsys.readouterr().err == "error: pid 7 holds the lock\n       Wait for it.\n"
    assert main(["run", "--json"]) == 75
    assert json.loads(capsys.readouterr().out)["error"]["type"] == "LockHeldError"


def test_a_bug_is_called_one(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """An unexpected exception is exit 1 and one line, with the traceback only under -v, and an object under --json."""

    def broken() -> None:
        raise ZeroDivisionError("by\x1b[31m zero")

    failing(monkeypatch, broken)
    assert main(["status"]) == 1
    err = capsys.readouterr().err
    assert err.startswith("error: a bug in mootech: ZeroDivisionError: by[31m zero\n")
    assert "Traceback" not in err
    assert main(["status", "-v"]) == 1
    assert "Traceback" in capsys.readouterr().err
    assert main(["status", "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["exit_code"] == 1
    assert "bug in mootech" in found["error"]["message"]


def test_ctrl_c_says_what_is_safe(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """An interruption is exit 130; a writing command says what stays, a reading one that nothing was changed."""
    failing(monkeypatch, lambda: signal.raise_signal(signal.SIGINT))
    assert main(["ingest"]) == 130
    assert "What was published is whole and stays" in capsys.readouterr().err
    assert main(["status", "--json"]) == 130
    found = json.loads(capsys.readouterr().out)
    assert found["status"] == "interrupted"
    assert "Nothing was changed" in found["error"]["hint"]


def test_sigterm_unwinds_and_is_143(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """SIGTERM unwinds the command, and the old handler comes back."""
    unwound = []

    def work() -> None:
        try:
            signal.raise_signal(signal.SIGTERM)
        finally:
            unwound.append("lock released")

    before = signal.getsignal(signal.SIGTERM)
    failing(monkeypatch, work)
    assert main(["run"]) == 143
    assert unwound == ["lock released"]
    assert "terminated" in capsys.readouterr().err
    assert signal.getsignal(signal.SIGTERM) is before


def test_sigterm_cancels_asynchronous_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """SIGTERM inside an event loop cancels its tasks, so that they clean up, as Ctrl-C does."""
    cancelled = []

    async def work() -> None:
        try:
            signal.raise_signal(signal.SIGTERM)
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(True)
            raise

    failing(monkeypatch, lambda: asyncio.run(work()))
    assert main(["run", "-q"]) == 143
    assert cancelled == [True]


def test_sigterm_works_where_ctrl_c_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    """A background job, whose shell ignores SIGINT for it, still ends on SIGTERM."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        failing(monkeypatch, lambda: signal.raise_signal(signal.SIGTERM))
        assert main(["run", "-q"]) == 143
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_closed_stdout_is_no_failure() -> None:
    """A reader that went away, as `head` does, changes neither the exit code nor stderr."""
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = mootech("ingest", "-t", "user", "--json", stdout=writer)
    finally:
        os.close(writer)
    assert (done.returncode, done.stderr) == (2, "")


def test_a_full_stdout_is_the_stores_failure() -> None:
    """Results that cannot be written are exit 5, with what is safe, not a traceback."""
    with Path("/dev/full").open("wb") as full:
        done = mootech("ingest", "-t", "user", "--json", stdout=full.fileno())
    assert done.returncode == 5
    assert done.stderr.startswith("error: the results could not be written to stdout: No space left")
    assert "Nothing in the lake is lost" in done.stderr
    assert "Traceback" not in done.stderr


def test_logs_are_for_mootech_and_harmless(capsys: pytest.CaptureFixture[str]) -> None:
    """-v shows what mootech does in one clean line each; a library's chatter, which may hold URLs, never shows."""
    log_to_stderr(1)
    logging.getLogger("mootech.lake").info("published\x1b[2J\nforged")
    logging.getLogger("mootech.lake").debug("detail")
    logging.getLogger("httpx").info("GET https://example.com/?key=canary")
    logging.getLogger("botocore").warning("slow")
    first, second = capsys.readouterr().err.splitlines()
    assert first.endswith("Z INFO mootech.lake: published[2J forged")
    assert second.endswith("WARNING botocore: slow")
    log_to_stderr(2)
    logging.getLogger("mootech.lake").debug("detail")
    logging.getLogger("httpx").debug("canary")
    assert [line.split()[1] for line in capsys.readouterr().err.splitlines()] == ["DEBUG"]
    log_to_stderr(0)
    logging.getLogger("mootech.lake").info("quiet")
    assert capsys.readouterr().err == ""


REPORT = ReportOutcome("report", reports=(sales(),))


def test_a_report_is_written_whole(tmp_path: Path) -> None:
    """--output replaces the file at once, in the format of its ending, follows a link, and leaves nothing beside it."""
    real, link = tmp_path / "real.csv", tmp_path / "sales.csv"
    real.write_text("old")
    link.symlink_to(real)
    target = Target.chosen(None, str(link), json=False)
    outcome = target.written(REPORT)
    assert target.form is CSV
    assert outcome.notes == (f"written to {link}",)
    assert target.text(outcome) == b""
    assert link.is_symlink()
    assert real.read_text().startswith("transaction_year,")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["real.csv", "sales.csv"]


def test_a_report_that_cannot_be_written_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A failing disk is exit 5 with what is safe; the old file is intact and nothing is left beside it."""

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    file = tmp_path / "sales.md"
    file.write_text("old")
    monkeypatch.setattr(os, "fsync", full)
    outcome = Target.chosen(None, str(file), json=False).written(REPORT)
    (error,) = outcome.errors
    assert isinstance(error, StoreError)
    assert "No space left" in error.message
    assert "intact" in error.hint
    assert [path.read_text() for path in tmp_path.iterdir()] == ["old"]


def test_a_device_is_written_not_replaced() -> None:
    """--output /dev/null stays a device."""
    assert Target.chosen("csv", "/dev/null", json=True).written(REPORT).exit_code == 0
    assert Path("/dev/null").is_char_device()


def test_stdout_is_the_default_target(tmp_path: Path) -> None:
    """Without a file, or with -, text goes to stdout; a table is left to the screen; a folder is refused."""
    assert Target.chosen(None, None, json=False).text(REPORT) is None
    assert (Target.chosen("CSV", "-", json=False).text(REPORT) or b"").startswith(b"transaction_year,")
    assert Target.chosen("csv", None, json=False).text(Outcome("report")) is None
    with pytest.raises(UsageError, match="is a folder"):
        Target.chosen("csv", str(tmp_path), json=False)


def test_parquet_goes_to_a_file_or_a_pipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Parquet, by its name or the file's ending, is the same bytes in a file and a pipe, and nothing for a terminal."""
    file = tmp_path / "sales.parquet"
    Target.chosen(None, str(file), json=False).written(REPORT)
    assert Target.chosen("parquet", None, json=False).text(REPORT) == file.read_bytes()
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert Target.chosen("parquet", str(file), json=False).file == file
    with pytest.raises(UsageError, match="terminal") as caught:
        Target.chosen("parquet", "-", json=False)
    assert "--output sales.parquet" in caught.value.hint


def test_a_page_and_a_chart_are_written_beside_the_report(tmp_path: Path) -> None:
    """--html, --chart and --output each give a whole file, and stdout still gets the table."""
    names = ("sales.csv", "sales.html", "sales.PNG")
    csv, html, chart = (str(tmp_path / name) for name in names)
    target = Target.chosen(None, csv, json=False, html=html, chart=chart)
    outcome = target.written(REPORT)
    assert outcome.notes == tuple(f"written to {tmp_path / name}" for name in names)
    assert Path(html).read_text("utf-8").startswith("<!DOCTYPE html>")
    assert Path(chart).read_bytes().startswith(b"\x89PNG")
    assert len(list(tmp_path.iterdir())) == 3
    assert Target.chosen(None, None, json=False, html=html).text(REPORT) is None


def test_a_page_does_without_charts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing is installed that draws, a page is written all the same, and a note names the extra."""
    monkeypatch.setattr(charts, "find_spec", lambda _name: None)
    html = tmp_path / "sales.html"
    outcome = Target.chosen(None, None, json=False, html=str(html)).written(REPORT)
    assert 'pip install "mootech[charts]"' in outcome.notes[-1]
    assert "<svg" not in html.read_text("utf-8")
    assert "There are no charts here" in html.read_text("utf-8")
    with pytest.raises(UsageError, match="what draws charts is not installed"):
        Target.chosen(None, None, json=False, chart=str(tmp_path / "sales.svg"))


def test_nothing_to_draw_fails_and_keeps_the_report(tmp_path: Path) -> None:
    """A report without figures is printed and written; that there is no chart of it is exit 2, and no file."""
    chart = tmp_path / "sales.svg"
    empty = replace(REPORT, reports=(replace(sales(), rows=()),))
    outcome = Target.chosen(None, None, json=False, chart=str(chart)).written(empty)
    assert outcome.exit_code == 2
    assert outcome.reports == empty.reports
    assert not chart.exists()


def test_the_sandbox_says_where_it_is_and_what_to_type() -> None:
    """`mootech sandbox` names its URL, the key and the next commands on stderr, and ends on SIGTERM with 143."""
    command = [sys.executable, "-m", "mootech", "sandbox", "--port", "0", "--today", "2023-07-01"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as server:  # noqa: S603 - ours
        assert server.stderr is not None
        lines = [server.stderr.readline() for _ in range(3)]
        server.send_signal(signal.SIGTERM)
        out, err = server.communicate(timeout=30)
    assert "http://127.0.0.1:" in lines[0]
    assert "export MOOTECH_API_URL=http://127.0.0.1:" in lines[1]
    assert "MOOTECH_API_KEY=sandbox-key" in lines[1]
    assert "mootech ingest --start 2023-06-01" in lines[2]
    assert out == ""
    assert "The sandbox has stopped" in err
    assert server.returncode == 143
