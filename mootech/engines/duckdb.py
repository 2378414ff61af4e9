"""DuckDB, set up to read one lake and to run recipes over its objects.

It reads explicit lists of objects, never globs: what is read is exactly what the lake listed. Objects that are not on
this host's disk are read by the store's own client (lake/pinned.py). No extension is loaded, and none is looked for.
"""

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Self, TypeVar

import duckdb
import polars as pl
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from mootech.definition import Definition, Value
from mootech.engines.failures import changed_while_read, errors, mistakes
from mootech.engines.person import by_key, mistaken
from mootech.engines.recipe import Macro, Recipe
from mootech.lake import parquet
from mootech.lake.copies import Copies
from mootech.lake.disk import mapped, private_folder
from mootech.lake.pinned import PinnedObjects
from mootech.lake.stores.store import Entry, Store

T = TypeVar("T")

# Two threads would wait for a store most of the time.
_REMOTE_THREADS = 16
_MEMORY_CAP = 4 * 2**30
_ATTEMPTS = 4
_ROWS = "mootech_rows"
_IDENTIFIER = re.compile(r"[a-z_][a-z0-9_]*")
_GLOB = re.compile(r"[\[*?{]")
_ESCAPED = re.compile(r"\[([\[*?{])\]")


class DuckDB:
    """An in-memory DuckDB that reads one store: see Engine."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, store: Store, copies: Copies | None) -> None:
        """Wrap a connection that `opened` has set up."""
        self._connection = connection
        self._store = store
        self._copies = copies
        self._pinned = PinnedObjects(store)
        self._reads_elsewhere = False
        self._sources: list[str] = []
        self._viewed: set[str] = set()

    @classmethod
    @contextmanager
    def opened(cls, store: Store, *, state_dir: Path, copies: Copies | None = None) -> Iterator[Self]:
        """Open an engine for the store and close it at the end. It reads copies of objects where there are some.

        Queries that outgrow half of the machine's memory, or 4 GiB, spill to a folder of their own in `state_dir`.

        Raises:
            StoreError: the state folder is not usable.

        """
        folder = private_folder(state_dir)
        with mapped(f"making a folder in {folder}"):
            # Each process has its own folder, because two would overwrite each other's spilled blocks.
            spill = TemporaryDirectory(prefix="duckdb-", dir=folder, ignore_cleanup_errors=True)
        with spill, _connect(spill.name) as connection:
            yield cls(connection, store, copies)

    def view(self, name: str, entries: Sequence[Entry], *, partitioned: bool) -> None:
        """Name the rows of these objects of the lake: see Engine.

        Raises:
            StoreError: an object is missing or not readable.

        """
        if not _IDENTIFIER.fullmatch(name) or not entries:
            raise ValueError(f"a view needs a plain name and at least one object: {name!r}, {len(entries)}")
        hive = (
            "hive_partitioning = true, hive_types = {'utc_date': DATE}" if partitioned else "hive_partitioning = false"
        )
        copies = self._copies.of(entries) if self._copies else {}
        sources = [self._source(entry, copies) for entry in entries]
        self._sources += sources
        # A view takes no bound parameters, and a relation with some is computed at once; a variable does what both do.
        view = (
            f"CREATE OR REPLACE TEMP VIEW {name} AS"  # noqa: S608  # a plain identifier, checked above
            f" SELECT * FROM read_parquet(getvariable('{name}_objects'), {hive})"
        )
        with errors(f"reading {name}"):
            self._connection.execute(f"SET VARIABLE {name}_objects = $sources", {"sources": sources})
            self._reading(partial(self._connection.execute, view))
        self._viewed.add(name)

    def query(self, recipe: Recipe, parameters: Mapping[str, Value] | None = None) -> pl.DataFrame:
        """Run a recipe, and return its rows: see Engine.

        When an object is replaced while it is read, the statement is run again, a few times.

        Raises:
            StoreError: the lake could not be read, or the disk is full.
            MootechError: DuckDB refused the statement.

        """
        with errors(f"running {recipe.file}"):
            self._define(recipe.macros)
            # Without pyarrow: Polars takes the relation through the Arrow C stream.
            arguments = dict(parameters or {})
            return self._reading(lambda: pl.DataFrame(self._run(recipe.sql, arguments)))

    def days(self, recipe: Recipe, entries: Mapping[date, Entry]) -> Callable[[date], pl.DataFrame]:
        """Return what makes one day of silver: see Engine. Rows are read here, and made in memory."""

        def made(day: date) -> pl.DataFrame:
            return _derived(self._connection, recipe, day, parquet.read(self._store, entries[day].key))

        return made

    def report(
        self, definition: Definition, arguments: Mapping[str, Value], macros: Sequence[Macro] = ()
    ) -> pl.DataFrame:
        """Run a report that a person has written: see Engine. Errors name the line too, where DuckDB does."""
        with errors(f"running {definition.file}"):
            self._define(macros)
        self._confine()
        with errors(f"running {definition.file}"), mistakes(definition):
            statements = self._connection.extract_statements(definition.sql)
            if [each.type for each in statements] != [duckdb.StatementType.SELECT]:
                raise mistaken(definition, "it is not one SELECT statement, and a report only reads")
            if unused := sorted(set(arguments) - statements[0].named_parameters):
                raise mistaken(definition, f"it does not use its parameter ${', $'.join(unused)}")
            rows = self._reading(lambda: self._typed(definition, arguments))
        return by_key(definition, rows)

    def _define(self, macros: Sequence[Macro]) -> None:
        """Define the macros whose views are there: DuckDB looks for what a macro reads when it is defined."""
        for macro in macros:
            if macro.reads <= self._viewed:
                self._reading(partial(self._connection.execute, macro.sql))

    def _typed(self, definition: Definition, arguments: Mapping[str, Value]) -> pl.DataFrame:
        try:
            relation = self._run(definition.sql, dict(arguments))
        except duckdb.ProgrammingError:
            # DuckDB 2 names the line of a mistake when it executes a statement, and not when it makes a relation.
            self._connection.execute(f"EXPLAIN {definition.sql}", dict(arguments))
            raise
        found = [f"{name} {kind}" for name, kind in zip(relation.columns, relation.types, strict=True)]
        said = [f"{column.name} {column.type}" for column in definition.columns]
        if found != said:
            raise mistaken(definition, f"it gives {', '.join(found)}; its comment says {', '.join(said)}")
        return pl.DataFrame(relation)

    def _run(self, sql: str, arguments: dict[str, Value]) -> duckdb.DuckDBPyRelation:
        """Execute a SELECT, and return its rows."""
        if not self._reads_elsewhere:
            return self._connection.sql(sql, params=arguments)
        # `sql` holds Python's lock while it collects rows. A thread that reads an object by s3fs needs the lock, and
        # both would wait for ever. `execute` lets go of it, and has no way to Arrow; so a table takes the rows.
        self._connection.execute(f"CREATE OR REPLACE TEMP TABLE {_ROWS} AS {sql}", arguments)
        return self._connection.table(_ROWS)

    def _confine(self) -> None:
        """Let statements reach what has been viewed and nothing else, for good."""
        with errors("closing the way out of the lake"):
            # DuckDB holds both against the list: the pattern that it is given, and the file that it finds by it.
            reachable = [*self._sources, *map(_without_pattern, self._sources)]
            self._connection.execute("SET allowed_paths = $paths", {"paths": reachable})
            self._connection.execute("SET enable_external_access = false")
            self._connection.execute("SET lock_configuration = true")

    def _source(self, entry: Entry, copies: Mapping[str, Path]) -> str:
        """Return what DuckDB reads the object by: a pattern that means one file, or an address."""
        path = str(copies[entry.key]) if entry.key in copies else self._store.uri(entry.key)
        # DuckDB would read a lake in "data[1]" from "data1".
        return self._elsewhere(entry) if "://" in path else _GLOB.sub(r"[\g<0>]", path)

    def _elsewhere(self, entry: Entry) -> str:
        # Imported here: a lake on this disk, or its copies, have no use for it.
        from mootech.lake.filesystem import ObjectFiles, address  # noqa: PLC0415

        if not self._reads_elsewhere:
            self._connection.register_filesystem(ObjectFiles(self._pinned))
            self._connection.execute(f"SET threads = {max(_REMOTE_THREADS, os.cpu_count() or 1)}")
            # The rows of a statement go through a table: see _run.
            self._connection.execute("SET preserve_insertion_order = true")
            self._reads_elsewhere = True
        self._pinned.pin(entry)
        return address(entry.key)

    def _reading(self, statement: Callable[[], T]) -> T:
        """Run a statement, and again where what it reads was replaced meanwhile."""

        def once() -> T:
            with self._pinned.statement():
                return statement()

        return Retrying(
            stop=stop_after_attempt(_ATTEMPTS),
            wait=wait_random_exponential(multiplier=0.2, max=2),
            retry=retry_if_exception(changed_while_read),
            reraise=True,
        )(once)


Derive = Callable[[Recipe, date, pl.DataFrame], pl.DataFrame]
"""Makes one UTC day of silver by a recipe from these rows of bronze; in any order."""


@contextmanager
def deriving() -> Iterator[Derive]:
    """Yield what makes silver from rows in memory, for a caller that has no lake open; for several threads."""
    with duckdb.connect() as connection:
        yield partial(_derived, connection)


def _derived(database: duckdb.DuckDBPyConnection, recipe: Recipe, day: date, bronze: pl.DataFrame) -> pl.DataFrame:
    with errors(f"running {recipe.file}"), database.cursor() as connection:
        # As a stream, which can be read once: DuckDB would take a frame by way of pyarrow, where there is one.
        connection.register("bronze", bronze.with_columns(utc_date=pl.lit(day)).__arrow_c_stream__())
        return pl.DataFrame(connection.sql(recipe.sql))


def _without_pattern(source: str) -> str:
    return _ESCAPED.sub(r"\1", source)


def _connect(spill: str) -> duckdb.DuckDBPyConnection:
    memory = min(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2, _MEMORY_CAP)
    connection = duckdb.connect(
        config={
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "memory_limit": f"{memory // 2**20}MiB",
            "temp_directory": spill,
            # Every statement that cares orders its rows, and a scan is cheaper without a promise of order.
            "preserve_insertion_order": False,
            # It knows a file by its time of change in seconds: one replaced within the second was read half old (seen).
            "enable_external_file_cache": False,
        }
    )
    # Known only once ICU, which is built in, has been loaded.
    connection.execute("SET TimeZone = 'UTC'")
    return connection
