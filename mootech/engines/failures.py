"""What DuckDB's exceptions mean: an object that cannot be read, or a statement that is wrong."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import duckdb

from mootech.definition import Definition
from mootech.engines.person import mistaken
from mootech.errors import MootechError, StoreError
from mootech.lake.pinned import ReplacedError

_LINE = re.compile(r"^LINE (\d+):", re.MULTILINE)


def changed_while_read(exc: BaseException) -> bool:
    """Say whether a statement failed because an object became another one while it was read."""
    # A file that is half old and half new has texts that are none; DuckDB quotes them in a message that is no UTF-8.
    return isinstance(exc, UnicodeDecodeError | ReplacedError)


@contextmanager
def errors(doing: str) -> Iterator[None]:
    """Map DuckDB's exceptions, and Polars' where it takes over the rows, to mootech's."""
    try:
        yield
    except (
        duckdb.IOException,
        duckdb.HTTPException,
        duckdb.OutOfMemoryException,
        duckdb.InvalidInputException,
        UnicodeDecodeError,
    ) as exc:
        raise _unreadable(doing, exc) from exc
    except duckdb.Error as exc:
        # What is of none of its classes comes from taking an object's bytes apart.
        if type(exc) is duckdb.Error:
            raise _unreadable(doing, exc) from exc
        hint = (
            "Nothing was changed. The lake may be from another version of mootech: `mootech silver --full` rewrites it."
        )
        raise MootechError(f"{doing} failed: {_first_line(exc)}", hint=hint) from exc


def _unreadable(doing: str, exc: Exception) -> StoreError:
    hint = "Nothing was changed. `mootech verify` checks every object of the lake; then run the command again."
    return StoreError(f"{doing} failed: {_first_line(exc)}", hint=hint)


@contextmanager
def mistakes(definition: Definition) -> Iterator[None]:
    """Tell what is wrong with a person's statement from what is wrong with the lake."""
    try:
        yield
    except duckdb.PermissionException as exc:
        told = f"it reaches for something else than the lake's own tables: {_first_line(exc)}"
        raise mistaken(definition, told) from exc
    except (duckdb.ProgrammingError, duckdb.DataError, duckdb.NotSupportedError) as exc:
        if isinstance(exc, duckdb.InvalidInputException) and ".parquet" in str(exc):
            raise  # an object that cannot be read
        line = _LINE.search(str(exc))
        raise mistaken(definition, _first_line(exc), f", line {line[1]}" if line else "") from exc


def _first_line(exc: Exception) -> str:
    return str(exc).strip().partition("\n")[0]
