"""Gold: reports, computed from silver by their SQL and kept in the lake. docs/reports.md defines their numbers.

Like silver it works as `make` does: a report whose inputs are what they were is read, not computed. A report is one
object, or one per product where its definition says so. A report whose parameters a person has set is not kept.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from typing import Any

import polars as pl

from mootech.definition import HELD_DAYS, PRODUCT, PRODUCT_IDS, Definition, PerProduct, Value
from mootech.engines.engine import Engine
from mootech.errors import EmptyLakeError, UsageError
from mootech.lake.canonical import combined_hash, content_hash
from mootech.lake.lake import Held, Lake
from mootech.lake.parquet import DamagedError
from mootech.lake.paths import Layer, object_key
from mootech.layers.gold import products as naming
from mootech.layers.gold.freshness import coverage_of, freshness_of
from mootech.layers.gold.library import packaged
from mootech.layers.gold.restatements import changes, publish
from mootech.layers.gold.statements import MACROS, PRODUCTS_KNOWN, recipe_of, shared_fingerprint
from mootech.model import SCHEMA_VERSION, Lineage
from mootech.outcomes import ReportResult
from mootech.tables import PRODUCTS, TABLES, TableSpec

_READERS = 16


@dataclass(frozen=True)
class Request:
    """A report that somebody wants."""

    definition: Definition
    products: Sequence[str] = ()
    """Names, in any case, or ids. Empty: every product that the shop ever had."""
    given: Mapping[str, str] = field(default_factory=dict)
    """Parameters by name, as text; the others have their defaults."""
    changes: bool = False
    """Show the changes since the report's version before, instead of the report."""


def report(lake: Lake, engine: Engine, request: Request, today: date) -> tuple[ReportResult, ...]:
    """Compute a report, and publish it where its content changed.

    Args:
        lake: opened for writing, its lock held.
        engine: opened for the lake's store, for this report alone.
        request: what is wanted.
        today: the UTC day, to say how fresh the data are.

    Returns:
        The report. One that is an object per product has a result per product: in the order asked for, else by id,
        and without rows for a product that it says nothing of. Columns and units are in docs/reports.md.

    Raises:
        EmptyLakeError: silver holds nothing of an input.
        UsageError: there is no such product (the hint lists the nearest names) or no such parameter.
        DefinitionError: a person's report does not work; names file and line.
        StoreError: the lake could not be read or written.

    """
    definition = request.definition
    arguments = definition.arguments(request.given)
    declared = {each.name for each in definition.parameters}
    if request.products and PRODUCT_IDS not in declared:
        raise UsageError(f"the report {definition.name} is not about single products", hint="Leave out --product.")
    inputs = {TABLES.named(name): _objects(lake, TABLES.named(name)) for name in definition.inputs}
    held_days = [day for day in next(iter(inputs.values())) if day is not None]
    if HELD_DAYS in declared:
        arguments[HELD_DAYS] = held_days
    names: dict[str, str] = {}
    asked: list[str] = []
    if PRODUCT_IDS in declared:
        names = _products(lake, engine, inputs[PRODUCTS])
        arguments[PRODUCT_IDS] = asked = naming.resolve(request.products, names)
    objects = [held for of_table in inputs.values() for held in of_table.values()]
    inputs_hash = _inputs_hash(definition, objects)
    ordinary = not request.given and (definition.per_product is not None or not request.products)
    if request.changes and not ordinary:
        hint = "The lake keeps the report without these options, and only that can be compared."
        raise UsageError(f"--changes of {definition.name} excludes --set and --product", hint=hint)
    keeper = _Keeper(lake, engine, request, inputs, inputs_hash if ordinary else None)
    split = definition.per_product
    found = keeper.whole(arguments) if split is None else keeper.by_product(split, arguments, names, asked)
    coverage = coverage_of(lake, inputs)
    return tuple(
        ReportResult(
            name=definition.name,
            title=each.title,
            object_key=object_key(Layer.RESULTS, each.name) if ordinary else "",
            columns=tuple(column.name for column in each.definition.columns),
            rows=tuple(each.rows),
            changed=each.changed,
            definition=each.definition,
            coverage=coverage,
            freshness=freshness_of(held_days, today),
        )
        for each in found
    )


@dataclass(frozen=True)
class _Found:
    """One object of a report, and what is shown of it."""

    name: str
    title: str
    rows: Sequence[tuple[Any, ...]]
    changed: bool
    definition: Definition
    """The rows' own definition: the report's, or that of its changes."""


@dataclass(frozen=True)
class _Keeper:
    """Reads what the lake has of a report, computes the rest, and keeps it there."""

    lake: Lake
    engine: Engine
    request: Request
    inputs: Mapping[TableSpec, "_Objects"]
    inputs_hash: str | None
    """None: the report is not kept."""

    def whole(self, arguments: Mapping[str, Value]) -> list[_Found]:
        """Return a report that is one object."""
        definition = self.request.definition
        kept = self._kept([definition.name])
        frame = kept[definition.name] if kept else self._computed(arguments)
        return [self._found(definition.name, definition.title, frame, written=not kept)]

    def by_product(
        self, split: PerProduct, arguments: Mapping[str, Value], names: Mapping[str, str], asked: Sequence[str]
    ) -> list[_Found]:
        """Return one object for each product that is asked for."""
        slugs = naming.object_slugs(names)
        objects = {product: f"{self.request.definition.objects_start}{slugs[product]}" for product in asked}
        kept = self._kept(list(objects.values()))
        missing = [product for product in asked if objects[product] not in kept]
        rows = pl.DataFrame()
        if missing:
            # One scan for all of them: the lake is read once, however many products there are.
            rows = self._computed({**arguments, PRODUCT_IDS: missing})
        found = []
        for product, name in objects.items():
            frame = kept[name] if name in kept else rows.filter(rows[split.column] == product)
            title = split.title.replace(PRODUCT, names[product])
            found.append(self._found(name, title, frame, written=name not in kept))
        return found

    def _computed(self, arguments: Mapping[str, Value]) -> pl.DataFrame:
        definition = self.request.definition
        for table, objects in self.inputs.items():
            _view(self.engine, table, objects)
        if definition.name in packaged():
            return self.engine.query(recipe_of(definition), arguments)
        return self.engine.report(definition, arguments, MACROS)

    def _kept(self, names: Sequence[str]) -> dict[str, pl.DataFrame]:
        """Return the reports that lie in the lake as they were computed from these inputs."""
        if self.inputs_hash is None:
            return {}
        held = self.lake.held_results()
        fresh = {
            name: there
            for name in names
            if (there := held.get(name))
            and (made := there.provenance)
            and (made.inputs_hash, made.schema_version) == (self.inputs_hash, SCHEMA_VERSION)
        }
        # Reading from S3 is mostly waiting, so several objects are read at once.
        with ThreadPoolExecutor(_READERS) as pool:
            rows = dict(zip(fresh, pool.map(partial(_whole, self.lake), fresh.values()), strict=True))
        return {name: frame for name, frame in rows.items() if frame is not None}

    def _found(self, name: str, title: str, frame: pl.DataFrame, *, written: bool) -> _Found:
        definition = self.request.definition
        changed = False
        if written and self.inputs_hash is not None:
            recipe = recipe_of(definition)
            lineage = Lineage(self.inputs_hash, recipe.fingerprint, recipe.version)
            changed = publish(self.lake, name, frame, lineage)
        if not self.request.changes:
            return _Found(name, title, frame.rows(), changed, definition)
        rows, compared = changes(self.lake, name, frame, definition)
        return _Found(name, f"{title}: changes since the version before", rows, changed, compared)


def _whole(lake: Lake, held: Held) -> pl.DataFrame | None:
    """Return an object's rows; None where it is damaged, or its content is not what its footer says."""
    try:
        rows = lake.read(held.key)
    except DamagedError:
        return None
    return rows if held.provenance and content_hash(rows) == held.provenance.content_hash else None


_Objects = Mapping[date | None, Held]
"""A table's objects in silver by day, oldest first; None is the day of one that has no days."""


def _objects(lake: Lake, table: TableSpec) -> _Objects:
    if not table.is_snapshot:
        held = lake.held(Layer.SILVER, table.name)
        if not held:
            raise _empty(lake, table)
        return {day: held[day] for day in sorted(held)}
    snapshots = lake.held_object(Layer.SILVER, table.name)
    if snapshots is None:
        raise _empty(lake, table)
    return {None: snapshots}


def _view(engine: Engine, table: TableSpec, objects: _Objects) -> None:
    engine.view(table.name, [held.entry for held in objects.values()], partitioned=not table.is_snapshot)


def _products(lake: Lake, engine: Engine, snapshots: _Objects) -> dict[str, str]:
    """Return the latest name of every product there has ever been, by id."""
    _view(engine, PRODUCTS, snapshots)
    names = dict(engine.query(PRODUCTS_KNOWN).iter_rows())
    if not names:
        raise _empty(lake, PRODUCTS)
    return names


def _empty(lake: Lake, table: TableSpec) -> EmptyLakeError:
    hint = f"Fetch some days first: mootech ingest -t {table} --start 2023-03-01, then mootech silver"
    if lake.held(Layer.RAW, table.name):
        hint = f"Bronze holds {table}; bring silver up to date: mootech silver -t {table}"
    return EmptyLakeError(f"silver holds no {table}, so there is nothing to report", hint=hint)


def _inputs_hash(definition: Definition, inputs: Sequence[Held]) -> str:
    """Return one hash of all that a report depends on: the objects it reads, and its own definition."""
    # A foreign file has no provenance; its version in the store stands in.
    objects = (
        f"{held.key} {held.provenance.content_hash if held.provenance else held.entry.version}" for held in inputs
    )
    # The fingerprint leaves comments out, but these parts of the header decide on the rows as well.
    defaults = [(each.name, each.type, each.default) for each in definition.parameters]
    header = repr((defaults, definition.key, definition.per_product and definition.per_product.column))
    return combined_hash([shared_fingerprint(), recipe_of(definition).fingerprint, header, *objects])
