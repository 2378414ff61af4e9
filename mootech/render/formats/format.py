"""What a format is, and what the formats of rows and columns share."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby

from mootech.outcomes import ReportResult
from mootech.render.text import clean

Reports = Sequence[ReportResult]


@dataclass(frozen=True)
class Format:
    """A form that reports are written in."""

    name: str
    """What `--format` calls it, in lower case."""
    encode: Callable[[Reports], bytes]
    """Return the reports as the content of a file; text is UTF-8 and ends with a line break."""
    endings: tuple[str, ...] = ()
    """File names' endings that mean it, in lower case."""
    is_text: bool = True
    """False where a terminal cannot show it."""


def by_columns(reports: Reports) -> Iterator[tuple[tuple[str, ...], list[tuple[object, ...]]]]:
    """Yield columns and rows; neighbouring reports of the same columns share them."""
    for columns, group in groupby(reports, key=lambda report: report.columns):
        yield columns, [row for report in group for row in report.rows]


def plain(value: object) -> str:
    """Return a cell's value as text without separators; NULL is empty."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return format(value, "f") if isinstance(value, Decimal) else clean(value)
