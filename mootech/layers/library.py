"""Which reports there are: one SQL file each, in the package and in a folder of the user's own."""

import re
from functools import cache
from importlib import resources
from pathlib import Path

from mootech.definition import Definition, DefinitionError, parse
from mootech.engines.duckdb import SQL_PACKAGE
from mootech.errors import ConfigError

_PREFIX, _SUFFIX = "report_", ".sql"
_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")


@cache
def packaged() -> dict[str, Definition]:
    """Return the reports that come with mootech, by name."""
    files = {each.name: each for each in resources.files(SQL_PACKAGE).iterdir()}
    return {
        name: parse(name, file.read_text("utf-8"), file.name)
        for file_name, file in sorted(files.items())
        if file_name.startswith(_PREFIX) and (name := file_name.removeprefix(_PREFIX).removesuffix(_SUFFIX))
    }


def library(folder: Path | None) -> dict[str, Definition]:
    """Return every report by name: the package's, then those of the user's folder, NAME.sql each.

    Raises:
        ConfigError: there is no such folder, a file's name is none for a report, or is one of the package's.
        DefinitionError: a file does not say of itself what it must; names file and line.

    """
    found = dict(packaged())
    if folder is None:
        return found
    if not folder.is_dir():
        raise ConfigError(f"[report] folder: there is no folder {folder}", hint="Nothing was computed. Make it first.")
    for file in sorted(folder.glob(f"*{_SUFFIX}")):
        name = file.stem
        if not _NAME.fullmatch(name) or name in packaged():
            why = "is the name of a report of mootech's own" if name in packaged() else "names no report"
            hint = "Nothing was computed. Rename it: small letters, digits and _, and a name of its own."
            raise ConfigError(f"{file}: {name!r} {why}", hint=hint)
        try:
            text = file.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as exc:
            raise DefinitionError(f"{file} could not be read: {exc}", hint="Nothing was computed.") from exc
        found[name] = parse(name, text, str(file))
    return found
