"""Maps Spark's exceptions: an object cannot be read, a statement is wrong, or the cluster failed."""

from collections.abc import Iterator
from contextlib import contextmanager

import grpc
from pyspark.errors import (
    AnalysisException,
    ArithmeticException,
    DateTimeException,
    NumberFormatException,
    ParseException,
    PySparkException,
)

from mootech.definition import Definition
from mootech.engines.person import mistaken
from mootech.engines.translate import TranslationError
from mootech.errors import MootechError, StoreError

_UNREADABLE = ("PATH_NOT_FOUND", "FAILED_READ_FILE", "CANNOT_READ_FILE_FOOTER", "UNABLE_TO_INFER_SCHEMA")
_WRONG = (AnalysisException, ArithmeticException, DateTimeException, NumberFormatException, ParseException)
"""What Spark raises for a wrong statement. It also raises the first one for objects that it cannot read."""


@contextmanager
def errors(doing: str) -> Iterator[None]:
    """Map the exceptions of Spark and of its connection to mootech's."""
    try:
        yield
    except (PySparkException, grpc.RpcError) as exc:
        if isinstance(exc, _WRONG) and not _condition(exc).startswith(_UNREADABLE):
            hint = "Nothing was changed. Without --engine spark, DuckDB computes the same. Please report this."
            raise MootechError(f"{doing} failed: {_message(exc)}", hint=hint) from exc
        hint = (
            "Nothing was changed. Spark reads the lake itself. Check that it can reach the lake at the same address "
            "and that `mootech verify` finds nothing wrong; then run the command again."
        )
        raise StoreError(f"{doing} failed: {_message(exc)}", hint=hint) from exc


@contextmanager
def mistakes(definition: Definition) -> Iterator[None]:
    """Raise DefinitionError for an error in a user's statement, and not for one of the lake or the cluster."""
    try:
        yield
    except TranslationError as exc:
        raise mistaken(definition, exc.message) from exc
    except _WRONG as exc:
        if _condition(exc).startswith(_UNREADABLE):
            raise
        raise mistaken(definition, f"Spark refuses it: {_message(exc)}") from exc


def _condition(exc: BaseException) -> str:
    """Return the name of Spark's error condition; empty if there is none."""
    return (exc.getCondition() or "") if isinstance(exc, PySparkException) else ""


def _message(exc: Exception) -> str:
    if isinstance(exc, grpc.RpcError):
        return str(getattr(exc, "details", lambda: exc)())
    return str(exc).strip().partition("\n")[0]
