"""Which reports there are: one SQL file each, in the package and in a folder of the user's own."""

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path

from mootech.definition import Definition, DefinitionError
from mootech.errors import ConfigError, UsageError
from mootech.layers.gold import reports
from mootech.layers.gold.header import parse

_SUFFIX = ".sql"
_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")


@dataclass(frozen=True)
class Library:
    """Every report by name, and the error of each file that is no valid report."""

    definitions: Mapping[str, Definition]
    broken: Mapping[str, UsageError]
    """By the name that the report would have. A wrong file does not keep other reports from being computed."""

    def named(self, name: str) -> Definition:
        """Return the report of that name.

        Raises:
            UsageError: there is no such report (the hint lists all), or its file is wrong (the message has the line).

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
            # The name of a packaged report goes on meaning that report.
            broken[str(file) if file.stem in found else file.stem] = exc
    for name in [name for name in found if name not in packaged()]:
        if clash := _clash(found[name], found.values()):
            broken[name] = _renamed(found[name].file, name, f"would lie among the objects of {clash}")
    return Library({name: each for name, each in found.items() if name not in broken}, broken)


def _clash(definition: Definition, others: Iterable[Definition]) -> str | None:
    """Return the report, one object per product, whose objects' names this one's would be among."""
    start = definition.objects_start
    split = (each for each in others if each.per_product and each.name != definition.name)
    return next((each.name for each in split if start.startswith(each.objects_start)), None)


def _renamed(file: object, name: str, why: str) -> ConfigError:
    hint = "Nothing was computed. Rename it: small letters, digits and _, and a name of its own."
    return ConfigError(f"{file}: {name!r} {why}", hint=hint)


def _read(file: Path) -> Definition:
    name = file.stem
    if not _NAME.fullmatch(name):
        raise _renamed(file, name, "names no report")
    if name in packaged():
        raise _renamed(file, name, "is taken by a report of mootech's own")
    try:
        # utf-8-sig: editors on Windows put a byte order mark in front.
        text = file.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as exc:
        raise DefinitionError(f"{file} could not be read: {exc}", hint="Nothing was computed.") from exc
    return parse(name, text, str(file))
