"""Reports as Markdown tables."""

import re
from datetime import date

from mootech.render.formats.format import Format, Reports, by_columns, plain

_ACTIVE = re.compile(r"([\\`*_\[\]<>|])")


def _encode(reports: Reports) -> bytes:
    return "\n".join(_table(columns, rows) for columns, rows in by_columns(reports)).encode()


def _table(columns: tuple[str, ...], rows: list[tuple[object, ...]]) -> str:
    """Return a table: text to the left, figures to the right."""
    is_text = [any(isinstance(row[n], str | date) for row in rows) for n in range(len(columns))]
    cells = [columns, tuple("---" if left else "---:" for left in is_text)]
    cells += [tuple(_ACTIVE.sub(r"\\\1", plain(value)) for value in row) for row in rows]
    return "".join(f"| {' | '.join(row)} |\n" for row in cells)


MARKDOWN = Format("markdown", _encode, ("md", "markdown"))
