"""What an engine is handed to run: one SQL statement, and the macros that it may call. No engine knows a folder.

A recipe is known by its fingerprint: the hash of its SQL without comments and white space, so that prose never makes
what was made by it stale. Its version, a number in the header (`-- Version  2`), says which of two recipes is newer.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import cached_property
from importlib import resources

_VERSION = re.compile(r"^-- Version +([0-9]+)\b", re.MULTILINE)
_TOKEN = re.compile(
    r"""
    (?P<nothing> --[^\n]* | /\*.*?\*/ | \s+ )
    | '(?:[^']|'')*' | "(?:[^"]|"")*"    # a text, or a quoted name: white space counts in them
    | [\w$.]+ | .
    """,
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True)
class Macro:
    """A table macro that several statements share."""

    sql: str
    """One CREATE MACRO … AS TABLE statement."""
    reads: AbstractSet[str]
    """The views that it reads; it can be defined once they are there."""


@dataclass(frozen=True)
class Recipe:
    """One statement."""

    file: str
    """The name of its file, for messages."""
    sql: str
    macros: tuple[Macro, ...] = ()
    """What it may call."""

    @cached_property
    def fingerprint(self) -> str:
        """The hash of the statement and its macros, comments and white space left out."""
        return fingerprint([self.sql, *(macro.sql for macro in self.macros)])

    @cached_property
    def version(self) -> int:
        """The number that its header gives it; 1 without one."""
        match = _VERSION.search(self.sql)
        return int(match[1]) if match else 1


def read_recipe(package: str, file: str, macros: tuple[Macro, ...] = ()) -> Recipe:
    """Return the recipe in a .sql file of a package."""
    return Recipe(file, read_sql(package, file), macros)


def read_sql(package: str, file: str) -> str:
    """Return the text of a .sql file of a package."""
    return resources.files(package).joinpath(file).read_text("utf-8")


def fingerprint(statements: Iterable[str]) -> str:
    """Return one sha256, in hex, of statements; comments, and white space outside of texts and names, do not count."""
    digest = hashlib.sha256()
    for statement in statements:
        for token in _tokens(statement):
            digest.update(token.encode() + b"\n")
        digest.update(b";\n")
    return digest.hexdigest()


def _tokens(sql: str) -> Iterator[str]:
    return (match[0] for match in _TOKEN.finditer(sql) if match["nothing"] is None)
