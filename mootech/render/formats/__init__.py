"""The formats that a report is written in: each is a module of this folder and an entry of FORMATS.

The help text of `--format` is made from them, so importing them must not take Rich or Polars along.
"""

from mootech.errors import UsageError
from mootech.render.formats.as_csv import CSV
from mootech.render.formats.as_json import JSON
from mootech.render.formats.as_markdown import MARKDOWN
from mootech.render.formats.as_parquet import PARQUET
from mootech.render.formats.as_table import TABLE
from mootech.render.formats.format import Format
from mootech.render.text import clean

FORMATS: tuple[Format, ...] = (TABLE, CSV, JSON, MARKDOWN, PARQUET)
"""In the order of the help. The first one is for people, and the default."""

NAMES = tuple(each.name for each in FORMATS)


def named(name: str) -> Format:
    """Return the format of that name.

    Raises:
        UsageError: there is none; the hint lists all of them.

    """
    found = {each.name: each for each in FORMATS}.get(name.strip().lower())
    if found is None:
        raise UsageError(f"there is no format {clean(name)!r}", hint=f"The formats are: {', '.join(NAMES)}.")
    return found


def of_file(name: str) -> Format:
    """Return the format that a file's ending names; a table for any other ending."""
    ending = name.lower().rpartition(".")[2]
    return next((each for each in FORMATS if ending in each.endings), TABLE)
