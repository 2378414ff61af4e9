"""Reports in the format asked for: a table to look at, CSV, JSON, Markdown or Parquet to go on with."""

import csv
import io
import re
from datetime import date
from decimal import Decimal
from enum import StrEnum
from itertools import groupby

from mootech.errors import UsageError
from mootech.outcomes import ReportResult
from mootech.render.document import dumps, rows_of
from mootech.render.parquet import parquet
from mootech.render.reports import print_reports
from mootech.render.screen import console_for
from mootech.render.text import clean

_FILE_WIDTH = 100
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")
_MARKDOWN_ACTIVE = re.compile(r"([\\`*_\[\]<>|])")


class Format(StrEnum):
    """How a report is written."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"
    MARKDOWN = "markdown"
    PARQUET = "parquet"

    @classmethod
    def named(cls, name: str) -> "Format":
        """Return the format of that name.

        Raises:
            UsageError: there is none; the hint lists those there are.

        """
        try:
            return cls(name.strip().lower())
        except ValueError as exc:
            raise UsageError(f"there is no format {clean(name)!r}", hint=f"The formats are: {', '.join(cls)}.") from exc

    @classmethod
    def of_file(cls, name: str) -> "Format":
        """Return the format a file's ending names, a table for any other."""
        endings = {"md": cls.MARKDOWN} | {each.value: each for each in cls if each is not cls.TABLE}
        return endings.get(name.lower().rpartition(".")[2], cls.TABLE)


def encoded(reports: tuple[ReportResult, ...], form: Format) -> bytes:
    """Return the reports as a file of any format holds them."""
    return parquet(reports) if form is Format.PARQUET else formatted(reports, form).encode()


def formatted(reports: tuple[ReportResult, ...], form: Format) -> str:
    """Return the reports as text that ends with a line break; reports of the same columns share one header.

    Of any format that is text: Parquet is none.
    """
    if form is Format.TABLE:
        stream = io.StringIO()
        print_reports(reports, console_for(stream, _FILE_WIDTH), ascii_only=False)
        return stream.getvalue()
    if form is Format.JSON:
        return dumps([row for report in reports for row in rows_of(report)]) + "\n"
    parts = []
    for columns, group in groupby(reports, key=lambda report: report.columns):
        rows = [row for report in group for row in report.rows]
        parts.append(_csv(columns, rows) if form is Format.CSV else _markdown(columns, rows))
    return "\n".join(parts)


def _csv(columns: tuple[str, ...], rows: list[tuple[object, ...]]) -> str:
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_inert(value) for value in row] for row in rows)
    return stream.getvalue()


def _inert(value: object) -> str:
    """Return a cell's text. A spreadsheet runs text that begins like a formula, so an apostrophe stops it."""
    text = _plain(value)
    # What is cleaned away may have hidden how it begins, and what stands there now may have hidden a line break.
    risky = isinstance(value, str) and (value.startswith(_FORMULA_STARTS) or text.lstrip().startswith(_FORMULA_STARTS))
    return f"'{text}" if risky else text


def _markdown(columns: tuple[str, ...], rows: list[tuple[object, ...]]) -> str:
    text = [any(isinstance(row[n], str | date) for row in rows) for n in range(len(columns))]
    cells = [columns, tuple("---" if left else "---:" for left in text)]
    cells += [tuple(_MARKDOWN_ACTIVE.sub(r"\\\1", _plain(value)) for value in row) for row in rows]
    return "".join(f"| {' | '.join(row)} |\n" for row in cells)


def _plain(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return format(value, "f") if isinstance(value, Decimal) else clean(value)
