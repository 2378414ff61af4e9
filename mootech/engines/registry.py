"""Lists the engines. A new engine is one module and one line in ENGINES."""
# ruff: noqa: PLC0415 - an engine is imported only when it is opened, so that `mootech --help` stays fast

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from importlib.util import find_spec
from typing import TYPE_CHECKING

from mootech.errors import UsageError

if TYPE_CHECKING:
    from mootech.config import Settings
    from mootech.engines.engine import Engine
    from mootech.lake.lake import Lake

_SPARK = ("pyspark", "grpc", "sqlglot")


def opened_engine(lake: "Lake", settings: "Settings") -> AbstractContextManager["Engine"]:
    """Open the engine that the settings name, for the lake's objects.

    Raises:
        UsageError: there is no such engine; or Spark is not installed, has no address, or its server is too old.
        StoreError: the state folder cannot be used, or Spark does not answer.

    """
    return ENGINES[checked(settings.engine.name)](lake, settings)


def checked(name: str) -> str:
    """Return the name if an engine has it; UsageError if none does."""
    if name not in ENGINES:
        raise UsageError(
            f"there is no engine {name!r}", hint=f"Nothing was done. The engines are: {', '.join(ENGINES)}."
        )
    return name


def _duckdb(lake: "Lake", settings: "Settings") -> AbstractContextManager["Engine"]:
    from mootech.engines.duckdb import DuckDB

    return DuckDB.opened(lake.store, state_dir=settings.state_dir, copies=lake.copies(settings.copies_mb * 2**20))


def _spark(lake: "Lake", settings: "Settings") -> AbstractContextManager["Engine"]:
    if any(find_spec(name) is None for name in _SPARK):
        hint = 'Nothing was done. Spark is an extra: pip install "mootech[spark]"; or leave out --engine spark.'
        raise UsageError("the client for Spark is not installed", hint=hint)
    from mootech.engines.spark import Spark

    remote = settings.engine.remote
    return Spark.opened(lake.store, remote.get_secret_value() if remote else None)


ENGINES: Mapping[str, Callable[["Lake", "Settings"], AbstractContextManager["Engine"]]] = {
    "duckdb": _duckdb,
    "spark": _spark,
}
"""The function that opens each engine, by the engine's name in settings and options."""
