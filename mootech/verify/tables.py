"""Proves promise 1 again: every object of bronze and silver holds what its footer says, and nothing else lies there.

Every object is opened, its values are hashed again, its receipt is added up, and silver is made from bronze again
(objects.py). Manifests are not trusted for any of this. They only say which objects should exist.
"""

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import date

from mootech.lake.lake import Held, Lake
from mootech.lake.paths import (
    Layer,
    belongs,
    day_of,
    object_key,
    partition_key,
    quarantine_key,
    table_prefix,
)
from mootech.model import DayRange, Finding, Job
from mootech.tables import TABLES, TableSpec
from mootech.verify.findings import Mend, Problem, finding
from mootech.verify.objects import Remake, bronze_partition, derived_object, quarantine_object, silver_partition

_LAYERS = (Layer.RAW, Layer.QUARANTINE, Layer.SILVER)

_Found = tuple[Layer, date | None, Problem]


@dataclass(frozen=True)
class _Scope:
    """One table's objects on the days to verify: those that exist, and those that should."""

    lake: Lake
    remake: Remake
    table: TableSpec
    span: DayRange
    bronze: Mapping[date, Held]
    silver: Mapping[date, Held]
    recorded: Mapping[Layer, frozenset[str]]
    """What the stored manifests say was published."""

    @classmethod
    def of(cls, lake: Lake, remake: Remake, table: TableSpec, span: DayRange) -> "_Scope":
        # The manifests are read first, because listing a table makes the catalog forget what is gone.
        recorded = {layer: lake.recorded(layer, table.name) for layer in (Layer.RAW, Layer.SILVER)}
        bronze, silver = (
            {day: held for day, held in lake.held(layer, table.name).items() if day in span}
            for layer in (Layer.RAW, Layer.SILVER)
        )
        return cls(lake, remake, table, span, bronze, silver, recorded)

    def silver_objects(self) -> AbstractSet[date | None]:
        """Return the days of the table's silver objects; None is the single object of a snapshot table."""
        if self.table.is_snapshot:
            return {None} if self.lake.held_object(Layer.SILVER, self.table.name) is not None else set()
        return self.silver.keys()

    def recorded_days(self, layer: Layer) -> set[date]:
        """Return the days of the span that are in a layer's stored manifest."""
        return {day for day in map(date.fromisoformat, self.recorded[layer]) if day in self.span}


def verify_table(lake: Lake, remake: Remake, table: TableSpec, span: DayRange) -> Iterator[Finding]:
    """Check every object of one table on the UTC days of `span`; `remake` makes silver again for comparison.

    Yields:
        A finding for each thing that is wrong, with the way to repair it in `data["mend"]`; and one per layer that
        counts the objects that are right.

    Raises:
        StoreError: the store failed. If a single object cannot be read, that is a finding.

    """
    scope = _Scope.of(lake, remake, table, span)
    found = [*_missing(scope), *_days(scope), *_quarantine(scope), *_without_days(scope)]
    yield from (finding(layer, table.name, day, problem) for layer, day, problem in found)
    for layer, objects in ((Layer.RAW, scope.bronze.keys()), (Layer.SILVER, scope.silver_objects())):
        whole = objects - {day for of, day, _ in found if of is layer}
        if whole:
            told = f"objects whose hash, receipt and keys are right: {len(whole):,}"
            yield Finding(str(table), None, None, f"{layer}", told, ok=True, data={"partitions": len(whole)})
    yield from _by_other_recipes(scope)


def _by_other_recipes(scope: _Scope) -> Iterator[Finding]:
    """Yield how many objects of silver another recipe made. This breaks no promise, but a person should know."""
    single = scope.lake.held_object(Layer.SILVER, scope.table.name) if scope.table.is_snapshot else None
    held = scope.silver.values() if not scope.table.is_snapshot else [single] if single is not None else []
    recipe = scope.remake.recipe(scope.table)
    others = [each.provenance for each in held if each.provenance and not each.provenance.is_by(recipe.fingerprint)]
    newer = sum(each.is_by_newer(recipe.version) for each in others)
    for count, what in (
        (len(others) - newer, "an older recipe: run `mootech silver`"),
        (newer, "a newer recipe, of a newer mootech: upgrade it here"),
    ):
        if count:
            message = f"{Layer.SILVER}: {count:,} objects were made by {what}"
            data = {"objects": count}
            yield Finding(str(scope.table), None, None, "recipe", message, ok=True, warning=True, data=data)


def foreign_folders(lake: Lake) -> Iterator[Finding]:
    """Yield the objects in a layer's folder that are in no table's folder, because readers that glob it read them."""
    for layer in _LAYERS:
        roots = tuple(table_prefix(layer, table.name) for table in TABLES)
        for entry in lake.store.list(f"{layer}/"):
            if not entry.key.startswith(roots):
                yield finding(layer, entry.key.split("/")[1], None, _foreign(entry.key))


def _foreign(key: str) -> Problem:
    return Problem("foreign_object", f"mootech did not write {key}", Mend.BY_HAND)


def _missing(scope: _Scope) -> Iterator[_Found]:
    """Yield the days that were published and are gone: a manifest names them, or silver was made from them."""
    for day in sorted((scope.recorded_days(Layer.RAW) | scope.silver.keys()) - scope.bronze.keys()):
        yield (
            Layer.RAW,
            day,
            Problem("deleted", f"{partition_key(Layer.RAW, scope.table.name, day)} is gone", Mend.FETCH),
        )
    if scope.table.is_snapshot:
        return
    # A day that is gone from bronze too is left out here, because its silver comes back when it is fetched again.
    for day in sorted((scope.recorded_days(Layer.SILVER) & scope.bronze.keys()) - scope.silver.keys()):
        message = f"{partition_key(Layer.SILVER, scope.table.name, day)} is gone"
        yield Layer.SILVER, day, Problem("deleted", message, Mend.REBUILD)


def _days(scope: _Scope) -> Iterator[_Found]:
    """Yield what is wrong with the partitions, day by day, so that only one day's rows are in memory at a time."""
    for day in sorted(scope.bronze.keys() | scope.silver.keys()):
        good = None
        if day in scope.bronze:
            good, problems = bronze_partition(scope.lake, scope.table, day)
            yield from ((Layer.RAW, day, problem) for problem in problems)
        if day in scope.silver:
            made = scope.silver[day].provenance
            of_silver = silver_partition(scope.lake, scope.remake, Job(scope.table, day), made, good)
            yield from ((Layer.SILVER, day, problem) for problem in of_silver)


def _quarantine(scope: _Scope) -> Iterator[_Found]:
    """Yield what is wrong with the quarantine objects of the days whose receipt can be read."""
    layer, table = Layer.QUARANTINE, scope.table
    there: dict[date, set[str]] = {}
    for entry in scope.lake.store.list(table_prefix(layer, table.name)):
        day = day_of(layer, table.name, entry.key)
        if day is not None and day in scope.span and belongs(layer, table, entry.key):
            there.setdefault(day, set()).add(entry.key)
    for day in sorted(there.keys() | scope.bronze.keys()):
        held, keys = scope.bronze.get(day), there.get(day, set())
        receipt = held.receipt if held is not None else None
        if held is not None and receipt is None:
            continue  # the day has a finding already, and without a receipt the right quarantine object is not known
        named = quarantine_key(table.name, day, receipt.quarantine) if receipt and receipt.quarantine else None
        for key in sorted(keys - {named}):
            yield layer, day, Problem("unnamed", f"no receipt names {key}", Mend.FETCH)
        if named is not None and named not in keys:
            yield layer, day, Problem("deleted", f"{named} is gone", Mend.FETCH)
        elif named is not None and receipt is not None:
            problems = quarantine_object(scope.lake, named, receipt.quarantined)
            yield from ((layer, day, problem) for problem in problems)
        elif receipt is not None and receipt.quarantined:
            message = f"{receipt.quarantined:,} rows were quarantined and no object is named"
            yield layer, day, Problem("quarantine", message, Mend.FETCH)


def _without_days(scope: _Scope) -> Iterator[_Found]:
    """Yield what is wrong with silver's single object, and the objects that do not belong in the table's folders."""
    lake, table = scope.lake, scope.table
    if table.is_snapshot:
        key = object_key(Layer.SILVER, table.name)
        if lake.held_object(Layer.SILVER, table.name) is not None:
            yield from ((Layer.SILVER, None, problem) for problem in derived_object(lake, table, key))
        elif table.name in scope.recorded[Layer.SILVER]:
            yield Layer.SILVER, None, Problem("deleted", f"{key} is gone", Mend.REBUILD)
    for layer in _LAYERS:
        yield from ((layer, None, _foreign(key)) for key in lake.foreign(layer, table))
