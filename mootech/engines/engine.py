"""The interface to an engine that runs SQL. DuckDB is the default; Spark is for a shop that already has a cluster."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Protocol

import polars as pl

from mootech.definition import Definition, Value
from mootech.engines.recipe import Macro, Recipe
from mootech.lake.stores.store import Entry


class Engine(Protocol):
    """Runs recipes over objects of one lake; the time zone is UTC.

    Every engine returns the same rows with the same types. Only one thread at a time may use an engine; several threads
    may call the function that `days` returns.
    """

    def view(self, name: str, entries: Sequence[Entry], *, partitioned: bool) -> None:
        """Make the rows of these objects a view for the statements that follow.

        Args:
            name: the view's name, a plain lower-case identifier.
            entries: at least one object, all of one table; all have the columns of the first.
            partitioned: add `utc_date` (DATE) from the keys' Hive partition.

        Raises:
            StoreError: an object is missing or cannot be read, or the engine cannot reach the lake.

        """

    def query(self, recipe: Recipe, parameters: Mapping[str, Value] | None = None) -> pl.DataFrame:
        """Run a recipe with named parameters over the views, and return its rows.

        Raises:
            StoreError: the lake could not be read.
            MootechError: the engine refused the statement.

        """

    def days(self, recipe: Recipe, entries: Mapping[date, Entry]) -> Callable[[date], pl.DataFrame]:
        """Return a function that makes one day of silver from its object of bronze.

        Args:
            recipe: the statement, which reads the view `bronze`.
            entries: the object of every day that will be made. Each day is made once, roughly in this order.

        Returns:
            A function that several threads may call. It returns the day's rows with `utc_date`, in any order. It raises
            StoreError when the day's object cannot be read, and MootechError when the engine refuses the statement, for
            example because the object lacks a column.

        """

    def report(
        self, definition: Definition, arguments: Mapping[str, Value], macros: Sequence[Macro] = ()
    ) -> pl.DataFrame:
        """Run a report that a user has written; return its rows, sorted by its key.

        The report can read only the views made so far, and it cannot change anything. It may call the macros whose
        views exist. After a report the engine makes no more views.

        Raises:
            DefinitionError: the statement is not a single SELECT, is refused or reads something else; or its columns
                are not those that it declares; or two rows have the same key. The message names the file.
            StoreError: the lake could not be read.

        """
