"""Where a report's text or a page goes and in which format: stdout, or a file that is written whole or not at all."""

import os
import stat
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self, TypeVar

from mootech.errors import StoreError, UsageError
from mootech.model import Outcome, QaOutcome, ReportOutcome
from mootech.render import Format, clean, formatted, qa_page

Result = TypeVar("Result", bound=Outcome)


@dataclass(frozen=True)
class Target:
    """What `--format` and `--output` ask for."""

    form: Format
    file: Path | None

    @classmethod
    def chosen(cls, form: str | None, output: str | None, *, json: bool) -> Self:
        """Check the options before anything is computed.

        Raises:
            UsageError: an unknown format, a file that cannot be, or two things that both want stdout.

        """
        file = None if output in {None, "-"} else Path(output or "")
        if form is None:
            chosen = Format.of_file(output) if output and file else Format.TABLE
        else:
            chosen = Format.named(form)
            if json and file is None:
                raise UsageError(
                    f"--json and --format {chosen} both want stdout",
                    hint="Leave one out, or send the report to a file with --output FILE.",
                )
        if file is not None:
            _check_file("--output", file, "sales.csv")
        return cls(chosen, file)

    def text(self, outcome: Outcome) -> str | None:
        """Return what belongs on stdout; None leaves a table to the screen, which knows its width and colours."""
        if not isinstance(outcome, ReportOutcome) or not outcome.reports:
            return None
        if self.file is not None:
            return ""
        return None if self.form is Format.TABLE else formatted(outcome.reports, self.form)

    def written(self, outcome: ReportOutcome) -> ReportOutcome:
        """Write the file, if one was asked for and there is a report; a failure becomes one of the outcome's errors."""
        if self.file is None or not outcome.reports:
            return outcome
        hint = "What was there before is intact, and the report lies in the lake. Name another --output."
        return _written(outcome, self.file, formatted(outcome.reports, self.form), hint)


@dataclass(frozen=True)
class Page:
    """What `--html` asks for."""

    file: Path

    @classmethod
    def chosen(cls, html: str) -> Self:
        """Check the option before anything is read; UsageError for a file that cannot be."""
        file = Path(html)
        _check_file("--html", file, "qa.html")
        return cls(file)

    def written(self, outcome: QaOutcome) -> QaOutcome:
        """Write the page about the outcome's history; a failure becomes one of the outcome's errors."""
        hint = "What was there before is intact. Name another --html."
        return _written(outcome, self.file, qa_page(outcome), hint)


def _check_file(option: str, file: Path, example: str) -> None:
    if not file.name or file.is_dir():
        raise UsageError(f"{option} {clean(file)} is a folder", hint=f"Name a file in it: {file / example}")
    if not file.parent.is_dir():
        raise UsageError(
            f"{option} {clean(file)}: there is no folder {clean(file.parent)}",
            hint=f"Make it first: mkdir -p {clean(file.parent)}",
        )


def _written(outcome: Result, file: Path, text: str, hint: str) -> Result:
    """Write the file and note it; a failure becomes one of the outcome's errors."""
    try:
        _write(file, text)
    except OSError as exc:
        error = StoreError(f"{clean(file)} could not be written: {exc.strerror or exc}", hint=hint)
        return replace(outcome, errors=(*outcome.errors, error))
    return replace(outcome, notes=(*outcome.notes, f"written to {clean(file)}"))


def _write(file: Path, text: str) -> None:
    data = text.encode("utf-8")
    target = file.resolve()  # a link keeps pointing where it did
    if target.exists() and not stat.S_ISREG(target.stat().st_mode):
        target.write_bytes(data)  # a device or a pipe cannot be replaced
        return
    beside = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        with beside.open("xb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        beside.replace(target)
    finally:
        beside.unlink(missing_ok=True)
