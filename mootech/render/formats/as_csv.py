"""Reports as CSV, harmless to open in a spreadsheet."""

import csv
import io

from mootech.render.formats.format import Format, Reports, by_columns, plain

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")


def _encode(reports: Reports) -> bytes:
    return "\n".join(_csv(columns, rows) for columns, rows in by_columns(reports)).encode()


def _csv(columns: tuple[str, ...], rows: list[tuple[object, ...]]) -> str:
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_inert(value) for value in row] for row in rows)
    return stream.getvalue()


def _inert(value: object) -> str:
    """Return a cell's text. A spreadsheet runs text that begins like a formula, so an apostrophe stops it."""
    text = plain(value)
    # Characters that are cleaned away may have hidden how the text begins, or a line break.
    risky = isinstance(value, str) and (value.startswith(_FORMULA_STARTS) or text.lstrip().startswith(_FORMULA_STARTS))
    return f"'{text}" if risky else text


CSV = Format("csv", _encode, ("csv",))
