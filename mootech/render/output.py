"""Where reports and pages are written, and in which format: stdout, or a file, whole or not at all."""

import stat
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self, TypeVar

from mootech.errors import MootechError, StoreError, UsageError
from mootech.lake.disk import write_atomically
from mootech.outcomes import Outcome, QaOutcome, ReportOutcome
from mootech.render import formats
from mootech.render.charts import have_charts, need_charts, picture
from mootech.render.formats.as_table import TABLE
from mootech.render.formats.format import Format
from mootech.render.page import qa_page
from mootech.render.report_page import report_page, versions
from mootech.render.text import clean

Result = TypeVar("Result", bound=Outcome)


@dataclass(frozen=True)
class ReportPage:
    """The page that a report's `--html` asks for."""

    file: Path

    def written(self, outcome: ReportOutcome) -> ReportOutcome:
        """Write the page about the reports; a failure becomes one of the outcome's errors."""
        done = _written(outcome, self.file, report_page(outcome, versions()).encode(), _kept("--html"))
        if have_charts() or not any(report.definition.chart for report in outcome.reports):
            return done
        return replace(done, notes=(*done.notes, 'the page has no charts; for them: pip install "mootech[charts]"'))


@dataclass(frozen=True)
class Picture:
    """The picture that `--chart` asks for."""

    file: Path
    form: str
    """svg or png."""

    @classmethod
    def chosen(cls, file: Path) -> Self:
        """Check before anything is computed; UsageError for another ending, or where nothing can draw."""
        form = file.suffix.removeprefix(".").lower()
        if form not in {"svg", "png"}:
            hint = f"Name it .svg or .png: --chart {clean(file.with_suffix('.svg'))}"
            raise UsageError(f"--chart {clean(file)} is neither SVG nor PNG", hint=hint)
        need_charts()
        return cls(file, form)

    def written(self, outcome: ReportOutcome) -> ReportOutcome:
        """Write the charts; a failure, or nothing to draw, becomes one of the outcome's errors."""
        try:
            drawn = picture(outcome.reports, self.form)
        except MootechError as exc:
            return replace(outcome, errors=(*outcome.errors, exc))
        return _written(outcome, self.file, drawn, _kept("--chart"))


@dataclass(frozen=True)
class Target:
    """What `--format`, `--output`, `--html` and `--chart` ask for."""

    form: Format
    file: Path | None
    besides: tuple[ReportPage | Picture, ...] = ()
    """Files to write besides."""

    @classmethod
    def chosen(
        cls, form: str | None, output: str | None, *, json: bool, html: str | None = None, chart: str | None = None
    ) -> Self:
        """Check the options before anything is computed.

        Raises:
            UsageError: the format is unknown, a file cannot be written there, two outputs claim stdout or the same
                file, or what draws charts is not installed.

        """
        file = None if output in {None, "-"} else Path(output or "")
        if form is None:
            chosen = formats.of_file(output) if output and file else TABLE
        else:
            chosen = formats.named(form)
            if json and file is None:
                raise UsageError(
                    f"--json and --format {chosen.name} both want stdout",
                    hint="Leave one out, or send the report to a file with --output FILE.",
                )
        if not chosen.is_text and file is None and sys.stdout.isatty():
            hint = f"Send it to a file with --output sales.{chosen.endings[0]}, or into a pipe."
            raise UsageError(f"{chosen.name.capitalize()} is nothing for a terminal to show", hint=hint)
        asked = {"--output": file, "--html": _path(html), "--chart": _path(chart)}
        files = {option: path for option, path in asked.items() if path is not None}
        for option, path in files.items():
            _check_file(option, path, _EXAMPLES[option])
        if len({path.resolve() for path in files.values()}) < len(files):
            raise UsageError(f"{' and '.join(files)} name the same file", hint="Name one for each.")
        page = [ReportPage(files["--html"])] if "--html" in files else []
        drawn = [Picture.chosen(files["--chart"])] if "--chart" in files else []
        return cls(chosen, file, (*page, *drawn))

    def text(self, outcome: Outcome) -> bytes | None:
        """Return what belongs on stdout; None leaves a table to the screen, which knows its width and colours."""
        if not isinstance(outcome, ReportOutcome) or not outcome.reports:
            return None
        if self.file is not None:
            return b""
        return None if self.form is TABLE else self.form.encode(outcome.reports)

    def written(self, outcome: ReportOutcome) -> ReportOutcome:
        """Write the files asked for, if there is a report; a failure becomes one of the outcome's errors."""
        if not outcome.reports:
            return outcome
        done = outcome
        if self.file is not None:
            done = _written(done, self.file, self.form.encode(outcome.reports), _kept("--output"))
        for each in self.besides:
            done = each.written(done)
        return done


_EXAMPLES = {"--output": "sales.csv", "--html": "sales.html", "--chart": "sales.svg"}


def _path(name: str | None) -> Path | None:
    return None if name is None else Path(name)


def _kept(option: str) -> str:
    return f"What was there before is intact, and the report lies in the lake. Name another {option}."


@dataclass(frozen=True)
class QaPage:
    """The page that the `--html` of qa asks for."""

    file: Path

    @classmethod
    def chosen(cls, html: str) -> Self:
        """Check the option before anything is read; UsageError where no file can be written there."""
        file = Path(html)
        _check_file("--html", file, "qa.html")
        return cls(file)

    def written(self, outcome: QaOutcome) -> QaOutcome:
        """Write the page about the outcome's history; a failure becomes one of the outcome's errors."""
        hint = "What was there before is intact. Name another --html."
        return _written(outcome, self.file, qa_page(outcome).encode(), hint)


def _check_file(option: str, file: Path, example: str) -> None:
    if not file.name or file.is_dir():
        raise UsageError(f"{option} {clean(file)} is a folder", hint=f"Name a file in it: {file / example}")
    if not file.parent.is_dir():
        raise UsageError(
            f"{option} {clean(file)}: there is no folder {clean(file.parent)}",
            hint=f"Make it first: mkdir -p {clean(file.parent)}",
        )


def _written(outcome: Result, file: Path, data: bytes, hint: str) -> Result:
    """Write the file and note it; a failure becomes one of the outcome's errors."""
    try:
        _write(file, data)
    except OSError as exc:
        error = StoreError(f"{clean(file)} could not be written: {exc.strerror or exc}", hint=hint)
        return replace(outcome, errors=(*outcome.errors, error))
    return replace(outcome, notes=(*outcome.notes, f"written to {clean(file)}"))


def _write(file: Path, data: bytes) -> None:
    target = file.resolve()  # a link keeps pointing where it did
    if target.exists() and not stat.S_ISREG(target.stat().st_mode):
        target.write_bytes(data)  # a device or a pipe is written to, not replaced
        return
    write_atomically(target, data)
