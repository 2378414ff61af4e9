"""Which reports there are: one SQL file each, in the package and in a folder of the user's own."""

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path

from mootech.definition import Definition, DefinitionError, parse
from mootech.errors import ConfigError, UsageError
from mootech.layers.gold import reports

_SUFFIX = ".sql"
_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_TAKEN = "sales_report_"
"""How the objects of the sales report begin, one for each product."""


@dataclass(frozen=True)
class Library:
    """Every report by name, and what is wrong with the files that are none."""

    definitions: Mapping[str, Definition]
    broken: Mapping[str, UsageError]
    """By the name that the report would have: a file that is wrong keeps no other report from being made."""

    def named(self, name: str) -> Definition:
        """Return the report of that name.

        Raises:
            UsageError: there is none, the hint lists those there are; or its file is wrong, with the line.

        """
        if name in self.broken:
            raise self.broken[name]
        if name not in self.definitions:
            near = difflib.get_close_matches(name, self.definitions, n=1)
            meant = f"Did you mean {near[0]}? " if near else ""
            hint = f"{meant}The reports are: {', '.join(self.definitions)}."
            raise UsageError(f"there is no report {name!r}", hint=hint)
        return self.definitions[name]


@cache
def packaged() -> dict[str, Definition]:
    """Return the reports that come with mootech, by name."""
    files = {each.name: each for each in resources.files(reports).iterdir() if each.name.endswith(_SUFFIX)}
    return {
        name: parse(name, file.read_text("utf-8"), file_name)
        for file_name, file in sorted(files.items())
        if (name := file_name.removesuffix(_SUFFIX))
    }


def library(folder: Path | None) -> Library:
    """Return the package's reports and those of the user's folder, NAME.sql each.

    Raises:
        ConfigError: there is no such folder.

    """
    found = dict(packaged())
    broken: dict[str, UsageError] = {}
    if folder is not None and not folder.is_dir():
        raise ConfigError(f"[report] folder: there is no folder {folder}", hint="Nothing was computed. Make it first.")
    for file in sorted(folder.glob(f"*{_SUFFIX}")) if folder else ():
        try:
            found[file.stem] = _read(file)
        except UsageError as exc:
            # A name of the package's still means the package's report.
            broken[str(file) if file.stem in found else file.stem] = exc
    return Library(found, broken)


def _read(file: Path) -> Definition:
    name = file.stem
    if not _NAME.fullmatch(name) or name in packaged() or name.startswith(_TAKEN):
        why = "names no report" if not _NAME.fullmatch(name) else "is taken by a report of mootech's own"
        hint = "Nothing was computed. Rename it: small letters, digits and _, and a name of its own."
        raise ConfigError(f"{file}: {name!r} {why}", hint=hint)
    try:
        # utf-8-sig: editors on Windows put a byte order mark in front.
        text = file.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as exc:
        raise DefinitionError(f"{file} could not be read: {exc}", hint="Nothing was computed.") from exc
    return parse(name, text, str(file))
