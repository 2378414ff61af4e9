"""Map the shop's fields to the contract's: rows of JSON in, rows of JSON out, and no value is lost.

A value that cannot be converted stays as it is, so that the gate rejects it with a reason. A field that no column takes
keeps its name and ends up in `extra`. The text of values that are only renamed does not change.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from functools import cached_property
from math import floor

import msgspec

from mootech.config import FieldSettings
from mootech.source.paths import JsonPath, elements_of, fields_of, found, without

_NULL = msgspec.Raw(b"null")
_DAY = "utc_date"
_MOST_UNITS = 10_000
"""Entries that a list may have after each was repeated as often as its count says."""
_FAILURES = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


ABSENT = FieldSettings()
"""Neither a path nor a constant: the column is NULL in every row."""


@dataclass(frozen=True)
class FieldMapping:
    """How the rows of one table become rows of its contract."""

    columns: Mapping[str, FieldSettings]
    """Where each column comes from; the others keep their names."""
    event_time: str | None
    """The column whose day a row belongs to; None for a snapshot, which is of the day that was asked for."""

    def rows(self, rows: Sequence[msgspec.Raw], day: date) -> list[msgspec.Raw]:
        """Return one row for each row given, in their order; a row that is no object comes back unchanged."""
        return [self._mapped(row, day) for row in rows]

    def _mapped(self, row: msgspec.Raw, day: date) -> msgspec.Raw:
        try:
            given = fields_of(row)
            mapped = self._columns(given, day)
            return msgspec.Raw(msgspec.json.encode(mapped | self._rest(given, mapped)))
        except _FAILURES:
            return row

    def _columns(self, given: Mapping[str, msgspec.Raw], day: date) -> dict[str, msgspec.Raw]:
        mapped = {name: value for name, of in self.columns.items() if (value := _value(name, of, given)) is not None}
        if _DAY not in mapped and _DAY not in given:
            of_row = _day_of(mapped.get(self.event_time) or given.get(self.event_time)) if self.event_time else day
            if of_row is not None:
                mapped[_DAY] = _json(of_row.isoformat())
        return mapped

    def _rest(self, given: Mapping[str, msgspec.Raw], mapped: Mapping[str, msgspec.Raw]) -> dict[str, msgspec.Raw]:
        """Return the fields that no column took. A field with the name of a column gets another name."""
        rest: dict[str, msgspec.Raw] = {}
        # A path with values in only some elements of a list gave no column, so it took nothing.
        taken = [path for path in self._taken if found(given, path) is not None]
        for name, value in without(given, taken).items():
            kept = name
            while kept in mapped or kept in rest or (kept != name and kept in given):
                kept = f"source.{kept}"
            rest[kept] = value
        return rest

    @cached_property
    def _taken(self) -> tuple[JsonPath, ...]:
        paths = [path for each in self.columns.values() for path in (each.path, each.times) if path]
        # Longer paths first: the rest of an object goes when the object itself was taken.
        return tuple(sorted(dict.fromkeys(paths), key=len, reverse=True))


def _value(column: str, of: FieldSettings, given: Mapping[str, msgspec.Raw]) -> msgspec.Raw | None:
    """Return a column's value, None where the row has none."""
    if not of.path:
        return _json(of.constant)
    value = found(given, of.path)
    if value is None or value == _NULL:
        return value
    if of.times:
        counts = found(given, of.times)
        return value if counts is None else _repeated(value, counts)
    if of.time is not None:
        return _moment(value, of.time, as_day=column == _DAY)
    return value if of.cast is None else _cast(value, of.cast)


def _cast(value: msgspec.Raw, cast: str) -> msgspec.Raw:
    decoded = msgspec.json.decode(value)
    if isinstance(decoded, list | dict):
        return value
    if cast == "text":
        return value if isinstance(decoded, str) else _json(bytes(value).decode())
    number = None if isinstance(decoded, bool) else _number(value)
    if number is None:
        return value
    if cast == "integer":
        return _json(int(number)) if number == int(number) else value
    return _json(float(number)) if isinstance(decoded, str) else value


def _number(value: msgspec.Raw) -> Decimal | None:
    """Return a number, or a number in quotes, exactly; None for anything else."""
    text = bytes(value).decode().strip().strip('"')
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    # A number with an exponent of millions would become millions of digits.
    return number if number.is_finite() and abs(number.adjusted()) <= 30 else None  # noqa: PLR2004  # digits enough


def _moment(value: msgspec.Raw, clock: str, *, as_day: bool) -> msgspec.Raw:
    seconds = _seconds(value, clock)
    if seconds is None:
        return value
    if not as_day:
        return _json(seconds)
    of_day = _day_of(_json(seconds))
    return value if of_day is None else _json(of_day.isoformat())


def _seconds(value: msgspec.Raw, clock: str) -> int | None:
    """Return the Unix seconds of a moment, None when it is none."""
    if clock == "iso":
        try:
            moment = datetime.fromisoformat(msgspec.json.decode(value, type=str).strip())
            return floor((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
        except (msgspec.MsgspecError, ValueError, OverflowError):
            return None
    number = _number(value)
    if number is None:
        return None
    return floor(number / 1000 if clock == "milliseconds" else number)


def _day_of(seconds: msgspec.Raw | None) -> date | None:
    """Return the UTC day of Unix seconds, None when there is none."""
    try:
        return None if seconds is None else datetime.fromtimestamp(msgspec.json.decode(seconds, type=int), UTC).date()
    except (msgspec.MsgspecError, ValueError, OverflowError, OSError):
        return None


def _repeated(values: msgspec.Raw, counts: msgspec.Raw) -> msgspec.Raw:
    """Return a list with each entry repeated by its count; the unchanged list when the two do not fit."""
    try:
        entries, times = elements_of(values), [msgspec.json.decode(each, type=int) for each in elements_of(counts)]
    except msgspec.MsgspecError:
        return values
    if len(entries) != len(times) or min(times, default=0) < 0 or sum(times) > _MOST_UNITS:
        return values
    units = [entry for entry, often in zip(entries, times, strict=True) for _ in range(often)]
    return msgspec.Raw(msgspec.json.encode(units))


def _json(value: object) -> msgspec.Raw:
    return msgspec.Raw(json.dumps(value).encode())
