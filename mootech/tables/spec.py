"""The spec of a table, read from TOML: its name, kind, key, columns and rules, and what its silver looks like.

Everything else about a table is derived from its spec: how JSON is decoded, the pandera contract, the settings,
silver's order, what `verify` checks, the sandbox's OpenAPI, the help texts.
"""

import tomllib
from collections.abc import Mapping
from enum import StrEnum
from functools import cached_property

import msgspec

from mootech.errors import ConfigError

UTC_DATE = "utc_date"
"""The column with the row's UTC day, which every table is delivered with. In the lake it is part of the path."""


class Kind(StrEnum):
    """How a row's day is determined."""

    EVENTS = "events"
    """A row belongs to the day on which its event happened. Silver has one partition per day."""
    SNAPSHOT = "snapshot"
    """A row belongs to the day on which the snapshot was taken. Silver is one object with validity ranges."""


class Type(StrEnum):
    """What a column holds."""

    TEXT = "text"
    INTEGER = "integer"
    """64 bits, signed."""
    NUMBER = "number"
    """A 64-bit floating-point number."""
    SECONDS = "seconds"
    """Unix seconds, UTC, from 1990 to 2100. Silver turns them into a timestamp."""
    TEXTS = "texts"
    """A list of texts."""


class TextFormat(StrEnum):
    """What a text looks like."""

    FILLED = "filled"
    """Any text that is more than white space."""
    EMAIL = "email"
    """Text with an @ between other characters, and without white space."""
    CURRENCY = "currency"
    """An active code of ISO 4217."""
    UNSIGNED_64_BIT = "unsigned_64_bit"
    """An unsigned 64-bit number in decimal digits."""


class Column(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One column as the shop delivers it, and the rules that its values must follow."""

    type: Type
    nullable: bool = False
    """True if the value may be NULL."""
    category: bool = False
    """True if the column has few distinct values. `qa` lists them with their counts."""
    meaning: str = ""
    format: TextFormat | None = None
    matches: str = ""
    """A regular expression that the text must match; empty for no rule."""
    one_of: tuple[str, ...] = ()
    """The values that the text may have; empty for any value."""
    least: float | None = None
    """The smallest number that is allowed."""
    most: float | None = None
    """The largest number that is allowed."""
    each_filled: str = ""
    """For a list of texts: the reason for rejecting a row in which an entry is NULL or empty; empty for no rule."""
    counts: str = ""
    """The list column whose entries this number counts; empty for none."""
    counts_reason: str = ""
    """The reason for rejecting a row in which the number is not the number of entries."""


class OtherKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The key of one kind of row that does not use the table's key, for example returns among purchases."""

    column: str
    """The text column that says of which kind a row is."""
    value: str
    """The value of that column in a row of this kind."""
    key: tuple[str, ...]
    """The columns that identify such a row within one day."""


class Silver(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the recipe's result looks like. The recipe itself is `layers/silver/<name>.sql`."""

    key: tuple[str, ...]
    """The columns that identify a row of silver."""
    time: str | None = None
    """For events, the timestamp column whose UTC day is the partition's; None for a snapshot."""

    @property
    def order(self) -> tuple[str, ...]:
        """The columns that its rows are sorted by: the time, then the key."""
        return self.key if self.time is None else (self.time, *self.key)


class TableSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True, dict=True):
    """One table of the shop."""

    name: str
    kind: Kind
    key: tuple[str, ...]
    """The columns that identify a row within one day, unless `other_keys` names others for its kind."""
    columns: Mapping[str, Column]
    """The columns in the shop's order, without `utc_date`, which every table has."""
    silver: Silver
    event_time: str | None = None
    """The column with the event's Unix seconds; None for a snapshot."""
    visitor: tuple[str, ...] = ()
    """The columns that identify a visitor. If a table has them, the shop has its own counts of hits and visitors."""
    other_keys: tuple[OtherKey, ...] = ()
    """The kinds of rows with a key of their own. If several fit a row, the first one applies. Rows of different kinds
    never have the same key. `qa.keys.key_of` turns this into an expression."""

    def __hash__(self) -> int:
        """Hash the name, because the columns are a mapping and have no hash."""
        return hash(self.name)

    def __lt__(self, other: "TableSpec") -> bool:
        """Sort by name."""
        return self.name < other.name

    def __str__(self) -> str:
        """Return the name."""
        return self.name

    @property
    def is_snapshot(self) -> bool:
        """Say whether its silver is one object with validity ranges instead of a partition per day."""
        return self.kind is Kind.SNAPSHOT

    @property
    def has_metrics(self) -> bool:
        """Say whether the shop has its own counts of a day, for comparison."""
        return bool(self.visitor)

    @property
    def order(self) -> tuple[str, ...]:
        """The columns that bronze is sorted by: the event time, then every column of a key."""
        first = () if self.event_time is None else (self.event_time,)
        others = (name for other in self.other_keys for name in (other.column, *other.key))
        return tuple(dict.fromkeys((*first, *self.key, *others)))

    @cached_property
    def delivered(self) -> Mapping[str, Column]:
        """Every column of a row as the shop delivers it, in order, `utc_date` included."""
        return {**self.columns, UTC_DATE: Column(Type.TEXT, meaning="UTC day")}

    @cached_property
    def categories(self) -> tuple[str, ...]:
        """The columns with few distinct values."""
        return tuple(name for name, column in self.columns.items() if column.category)

    @cached_property
    def times(self) -> tuple[str, ...]:
        """The columns of Unix seconds, which silver turns into timestamps."""
        return tuple(name for name, column in self.columns.items() if column.type is Type.SECONDS)


def read(text: str, file: str) -> TableSpec:
    """Return the spec that a TOML text describes.

    Raises:
        ConfigError: the text is not TOML or not a spec; the message names the file and what is wrong.

    """
    try:
        spec = msgspec.convert(tomllib.loads(text), TableSpec)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as exc:
        raise _wrong(file, str(exc)) from exc
    _check(spec, file)
    return spec


def _check(spec: TableSpec, file: str) -> None:
    """Refuse a spec whose parts do not fit together."""
    named = {"key": spec.key, "visitor": spec.visitor, "event_time": (spec.event_time,) if spec.event_time else ()}
    named |= {f"other_keys[{n}]": (each.column, *each.key) for n, each in enumerate(spec.other_keys)}
    named |= {f"columns.{name}.counts": (each.counts,) for name, each in spec.columns.items() if each.counts}
    for place, names in named.items():
        for name in names:
            if name not in spec.columns:
                raise _wrong(file, f"{place} names {name!r}, which is no column")
    if not all([spec.key, *(each.key for each in spec.other_keys)]):
        raise _wrong(file, "a key has at least one column")
    if any(spec.columns[each.column].type is not Type.TEXT for each in spec.other_keys):
        raise _wrong(file, "the column of other_keys holds texts")
    if spec.other_keys and spec.visitor:
        raise _wrong(file, "a table with a visitor has no other_keys, because the shop counts its rows by one key")
    if spec.is_snapshot == (spec.event_time is not None):
        raise _wrong(file, "events have an event_time, and a snapshot has none")
    if spec.event_time is not None and spec.columns[spec.event_time].type is not Type.SECONDS:
        raise _wrong(file, "event_time is a column of seconds")
    if spec.is_snapshot == (spec.silver.time is not None):
        raise _wrong(file, "the silver of events has a time, and that of a snapshot has none")


def _wrong(file: str, what: str) -> ConfigError:
    return ConfigError(f"{file}: {what}", hint="Nothing was done. docs/design.md describes a table's spec.")
