"""Spark, through Spark Connect: runs DuckDB's recipes on a cluster after translating them (translate.py).

This module is imported only when Spark is asked for. The cluster reads the lake's objects itself, so it must reach them
at the same address as this host. Results come back as Arrow.
"""

import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import date
from typing import Any, Self

import polars as pl
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812  # the name in all of Spark's documentation

from mootech.definition import Definition, Value
from mootech.engines.person import by_key, mistaken
from mootech.engines.recipe import Macro, Recipe
from mootech.engines.spark_failures import errors, mistakes
from mootech.engines.spark_session import opened_session
from mootech.engines.translate import check_reach, to_spark, type_on_spark
from mootech.errors import MootechError, StoreError
from mootech.lake.stores.store import Entry, Store

_PORTION_BYTES = 8 * 2**20
"""Parquet bytes whose days are made by one query and held in memory. They hold far fewer rows than a day may have."""
_GIVES_UP_AFTER = 3
_DAY = "utc_date"
_GLOB = re.compile(r"[\\\[\]{}*?]")


class Spark:
    """The engine that runs SQL in a session of its own on Spark, over the objects of one store: see Engine."""

    def __init__(self, session: SparkSession, store: Store) -> None:
        """Wrap a session that `opened` has set up."""
        self._session = session
        self._store = store
        self._viewed: set[str] = set()

    @classmethod
    @contextmanager
    def opened(cls, store: Store, remote: str | None) -> Iterator[Self]:
        """Open a session at `remote` (`sc://host:15002` or `local[*]`), and end it after the block.

        Raises:
            ConfigError: no address is given, or the server is too old.
            StoreError: the server does not answer.

        """
        with opened_session(remote or "") as session:
            yield cls(session, store)

    def view(self, name: str, entries: Sequence[Entry], *, partitioned: bool) -> None:
        """Make the rows of these objects a view: see Engine."""
        with errors(f"reading {name}"):
            self._read(entries, partitioned=partitioned).createOrReplaceTempView(name)
        self._viewed.add(name)

    def query(self, recipe: Recipe, parameters: Mapping[str, Value] | None = None) -> pl.DataFrame:
        """Run a recipe, and return its rows: see Engine."""
        with errors(f"running {recipe.file} on Spark"):
            statement = to_spark(recipe.sql, self._callable(recipe.macros))
            return _rows(self._session.sql(statement, args=_bound(parameters or {})))

    def days(self, recipe: Recipe, entries: Mapping[date, Entry]) -> Callable[[date], pl.DataFrame]:
        """Return a function that makes one day of silver: see Engine. One query makes several small days."""
        return _Portions(self, recipe, entries)

    def report(
        self, definition: Definition, arguments: Mapping[str, Value], macros: Sequence[Macro] = ()
    ) -> pl.DataFrame:
        """Run a report that a user has written: see Engine."""
        callable_macros = self._callable(macros)
        with errors(f"running {definition.file} on Spark"), mistakes(definition):
            check_reach(definition.sql, self._viewed, callable_macros)
            frame = self._session.sql(to_spark(definition.sql, callable_macros), args=_bound(arguments))
            found = [f"{field.name} {field.dataType.simpleString()}" for field in frame.schema.fields]
            said = [f"{column.name} {type_on_spark(column.type)}" for column in definition.columns]
            if found != said:
                raise mistaken(definition, f"Spark gives {', '.join(found)}; its comment says {', '.join(said)}")
            rows = _rows(frame)
        return by_key(definition, rows)

    def _callable(self, macros: Sequence[Macro]) -> list[str]:
        return [macro.sql for macro in macros if macro.reads <= self._viewed]

    def _read(self, entries: Sequence[Entry], *, partitioned: bool) -> DataFrame:
        uris = [_with_scheme(self._store.uri(entry.key)) for entry in entries]
        reader = self._session.read
        if partitioned:
            reader = reader.option("basePath", uris[0].rpartition(f"/{_DAY}=")[0])
        # In an object's address these characters would match several objects. In the base path they have no meaning.
        return reader.parquet(*(_GLOB.sub(r"\\\g<0>", uri) for uri in uris))


class _Portions:
    """Makes several days with one query, because a query costs a cluster more than the rows of a small day."""

    def __init__(self, engine: Spark, recipe: Recipe, entries: Mapping[date, Entry]) -> None:
        self._engine = engine
        self._recipe = recipe
        self._entries = entries
        self._waiting = {day: portion for portion in _portions(entries) for day in portion}
        self._made: dict[date, pl.DataFrame] = {}
        self._failures = 0
        self._mutex = threading.Lock()

    def __call__(self, day: date) -> pl.DataFrame:
        with self._mutex:
            portion = self._waiting.pop(day, ())
            if len(portion) > 1:
                for each in portion:
                    self._waiting.pop(each, None)
                # One object that cannot be read makes the query fail. Then each day is made alone, to show which one.
                with suppress(MootechError):
                    self._made |= self._make(portion)
            return self._made.pop(day) if day in self._made else self._alone(day)

    def _alone(self, day: date) -> pl.DataFrame:
        if self._failures >= _GIVES_UP_AFTER:
            raise StoreError(
                f"it was left out, because Spark failed {_GIVES_UP_AFTER} days in a row",
                hint="What was published is intact. Fix what the first errors name, then run the same command again.",
            )
        self._failures += 1
        made = self._make([day])[day]
        self._failures = 0
        return made

    def _make(self, days: Sequence[date]) -> dict[date, pl.DataFrame]:
        self._engine.view("bronze", [self._entries[day] for day in days], partitioned=True)
        rows = self._engine.query(self._recipe)
        by_day = rows.partition_by(_DAY, as_dict=True)
        return {day: by_day.get((day,), rows.clear()) for day in days}


def _portions(entries: Mapping[date, Entry]) -> Iterator[list[date]]:
    """Group the days so that the objects of a group are at most a portion in size; a larger day is a group alone."""
    portion: list[date] = []
    size = 0
    for day, entry in entries.items():
        if portion and size + entry.size > _PORTION_BYTES:
            yield portion
            portion, size = [], 0
        portion.append(day)
        size += entry.size
    if portion:
        yield portion


def _with_scheme(uri: str) -> str:
    # Spark would look for a path without a scheme on the cluster's own file system, for example HDFS.
    return uri if "://" in uri else f"file://{uri}"


def _bound(parameters: Mapping[str, Value]) -> dict[str, Any]:
    return {
        name: F.array(*map(F.lit, value))
        if isinstance(value, Sequence) and not isinstance(value, str)
        else F.lit(value)
        for name, value in parameters.items()
    }


def _rows(frame: DataFrame) -> pl.DataFrame:
    return pl.DataFrame(pl.from_arrow(frame.toArrow()))
