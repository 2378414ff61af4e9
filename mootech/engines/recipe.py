"""What an engine runs: one SQL statement, and the macros that it may call. Engines do not read these files themselves.

A recipe's fingerprint is the hash of its SQL without comments and white space, so that a changed comment makes no
object stale. Its version, a number in the header (`-- Version  2`), says which of two recipes is newer.
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
    | '(?:[^']|'')*' | "(?:[^"]|"")*"    # a string or a quoted name, in which white space counts
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
    """The views that it reads. It can be defined once they exist."""


@dataclass(frozen=True)
class Recipe:
    """One SQL statement."""

    file: str
    """The name of its file, for messages."""
    sql: str
    macros: tuple[Macro, ...] = ()
    """The macros that it may call."""

    @cached_property
    def fingerprint(self) -> str:
        """The hash of the statement and its macros, without comments and white space."""
        return fingerprint([self.sql, *(macro.sql for macro in self.macros)])

    @cached_property
    def version(self) -> int:
        """The version in the header; 1 if the header has none."""
        match = _VERSION.search(self.sql)
        return int(match[1]) if match else 1


def read_recipe(package: str, file: str, macros: tuple[Macro, ...] = ()) -> Recipe:
    """Return the recipe in a .sql file of a package."""
    return Recipe(file, read_sql(package, file), macros)


def read_sql(package: str, file: str) -> str:
    """Return the text of a .sql file of a package."""
    return resources.files(package).joinpath(file).read_text("utf-8")


def fingerprint(statements: Iterable[str]) -> str:
    """Return one sha256, in hex, of statements, without comments and without white space outside strings and names."""
    digest = hashlib.sha256()
    for statement in statements:
        for token in _tokens(statement):
            digest.update(token.encode() + b"\n")
        digest.update(b";\n")
    return digest.hexdigest()


def _tokens(sql: str) -> Iterator[str]:
    return (match[0] for match in _TOKEN.finditer(sql) if match["nothing"] is None)
