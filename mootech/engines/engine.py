"""What the layers ask of whatever runs their SQL. DuckDB is the default, Spark what a larger shop has already."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Protocol

import polars as pl

from mootech.definition import Definition, Value
from mootech.engines.recipe import Macro, Recipe
from mootech.lake.stores.store import Entry


class Engine(Protocol):
    """Runs recipes over objects of one lake; time zone UTC.

    Whichever it is, the same rows come back, in the same types. Not for more than one thread at a time, but for what
    `days` returns.
    """

    def view(self, name: str, entries: Sequence[Entry], *, partitioned: bool) -> None:
        """Name the rows of these objects of the lake, at least one, for the statements that follow.

        Args:
            name: a plain lower-case identifier.
            entries: the objects, of one table; all have the first one's columns.
            partitioned: add `utc_date` (DATE) from the keys' Hive partition.

        Raises:
            StoreError: an object is missing or not readable, or the lake is out of the engine's reach.

        """

    def query(self, recipe: Recipe, parameters: Mapping[str, Value] | None = None) -> pl.DataFrame:
        """Run a recipe with named parameters over what has been viewed, and return its rows.

        Raises:
            StoreError: the lake could not be read.
            MootechError: the engine refused the statement.

        """

    def days(self, recipe: Recipe, entries: Mapping[date, Entry]) -> Callable[[date], pl.DataFrame]:
        """Return what makes one day of silver, with its `utc_date`, in any order, from its object of bronze.

        Args:
            recipe: it reads the view `bronze`.
            entries: the object of every day that will be asked for, each once, about in order.

        Returns:
            A function for several threads. It raises StoreError when the day's object cannot be read, and MootechError
            when the statement is refused, as it is where the object lacks a column.

        """

    def report(
        self, definition: Definition, arguments: Mapping[str, Value], macros: Sequence[Macro] = ()
    ) -> pl.DataFrame:
        """Run a report that a person has written; return its rows, sorted by its key.

        It may call those of the macros whose views are there.

        It reaches the objects viewed so far and nothing else, and changes nothing; no view is possible after it.

        Raises:
            DefinitionError: it is no single SELECT, is refused, reads elsewhere, or gives other columns than it says,
                or rows that its key does not tell apart; names the file.
            StoreError: the lake could not be read.

        """
