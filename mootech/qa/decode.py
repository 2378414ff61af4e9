"""From the JSON text of rows to a typed frame, without losing a row that is not of its type.

An ingest spends most of its time here; docs/speed.md says on what, and what was tried. Decoding is strict on purpose: a
number in quotes is text, 1.0 is no integer, and an integer beyond 64 bits is no BIGINT. A row that does not decode
stays in the frame, with NULL for each value that is missing or wrong, and with the reasons. So the frame has as many
rows as the page, and every row, good or bad, goes through the same contract.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any

import msgspec
import polars as pl

from mootech.qa.contract import EXTRA, delivered_schema
from mootech.tables import TableSpec

_INT64 = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
_JSON_TYPES: Mapping[pl.DataType, Any] = {
    pl.String(): str | None,
    pl.Int64(): _INT64 | None,
    pl.Float64(): float | None,
    pl.List(pl.String()): list[str | None] | None,
}
# Fields beyond this number are kept, too, only more slowly: a hostile source cannot make the struct grow without end.
_LEARNED_FIELDS_MAX = 64
_TOGETHER = 64
"""Rows that one call decodes. A bad row makes all of them slow, because they are then decoded one by one."""
# Characters that msgspec accepts in no field name: rows with such fields stay with the slow decoder.
_UNLEARNABLE = re.compile(r'["\\\x00-\x1f]')
_FAILURES = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


@dataclass(frozen=True)
class Decoded:
    """Rows as a frame, and what was wrong with their JSON."""

    frame: pl.DataFrame
    """Columns of `delivered_schema(table)`, then `extra`; one row per row given, in their order."""
    reasons: Mapping[int, tuple[str, ...]]
    """Position in the frame → "column:missing", "column:wrong_type", "row:not_an_object" or "row:malformed_json"."""


class RowDecoder:
    """Decodes the rows of one table. It learns undeclared fields as they appear, so reuse it from page to page."""

    def __init__(self, table: TableSpec) -> None:
        """Read the columns and their types from the table's contract."""
        self._schema = delivered_schema(table)
        self._types = {name: _JSON_TYPES[dtype] for name, dtype in self._schema.items()}
        self._learned: list[str] = []
        self._decoder = self._build()

    def decode(self, rows: Sequence[msgspec.Raw]) -> Decoded:
        """Decode one page of rows, each the JSON text of one value."""
        values: list[tuple[Any, ...]] = []
        extras: list[str | None] = []
        reasons: dict[int, tuple[str, ...]] = {}
        for start in range(0, len(rows), _TOGETHER):
            some = rows[start : start + _TOGETHER]
            try:
                decoded = [msgspec.structs.astuple(row) for row in self._decoder.decode(b"[" + b",".join(some) + b"]")]
                undeclared = list(map(self._undeclared, decoded)) if self._learned else [None] * len(some)
            except _FAILURES:
                for position, raw in enumerate(some, start):
                    row, extra, wrong = self._decode_one(raw)
                    values.append(row)
                    extras.append(extra)
                    if wrong:
                        reasons[position] = wrong
            else:
                values += decoded
                extras += undeclared
        # The declared columns come first; the values of learned fields stand behind them.
        columns = zip(*values, strict=False) if values else ((),) * len(self._schema)
        series = [
            pl.Series(name, column, dtype=dtype, strict=True)
            for (name, dtype), column in zip(self._schema.items(), columns, strict=False)
        ]
        return Decoded(pl.DataFrame([*series, pl.Series(EXTRA, extras, dtype=pl.String(), strict=True)]), reasons)

    def _build(self) -> msgspec.json.Decoder[Any]:
        """Make the decoder of a list of rows with the declared fields, all required, and the learned ones."""
        learned = [(f"extra_{n}", msgspec.Raw | msgspec.UnsetType, msgspec.UNSET) for n in range(len(self._learned))]
        # Learned names may be anything a JSON key may be, so the struct's own names are neutral and mapped.
        rename = {f"extra_{n}": name for n, name in enumerate(self._learned)}
        fields: list[tuple[str, Any] | tuple[str, Any, Any]] = [*self._types.items(), *learned]
        row = msgspec.defstruct("Row", fields, forbid_unknown_fields=True, gc=False, rename=rename)
        return msgspec.json.Decoder(list[row])  # type: ignore[valid-type]  # a type made at run time

    def _undeclared(self, row: tuple[Any, ...]) -> str | None:
        """Return the undeclared fields of a row as one JSON object."""
        pairs = zip(self._learned, row[len(self._schema) :], strict=True)
        return _as_object({name: value for name, value in pairs if isinstance(value, msgspec.Raw)})

    def _decode_one(self, raw: msgspec.Raw) -> tuple[tuple[Any, ...], str | None, tuple[str, ...]]:
        """Decode a row whose batch has bad or undeclared fields: its values, its undeclared fields, the reasons."""
        try:
            row = msgspec.structs.astuple(*self._decoder.decode(b"[" + bytes(raw) + b"]"))
        except _FAILURES:
            return self._by_field(raw)
        return row, self._undeclared(row), ()

    def _by_field(self, raw: msgspec.Raw) -> tuple[tuple[Any, ...], str | None, tuple[str, ...]]:
        """Decode a row field by field: values (None where wrong), undeclared fields, reasons."""
        try:
            fields = msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
        except _FAILURES:
            reason = "row:malformed_json" if bytes(raw).lstrip().startswith(b"{") else "row:not_an_object"
            return (None,) * len(self._schema), None, (reason,)
        row: list[Any] = []
        wrong: list[str] = []
        for name, expected in self._types.items():
            value = None
            if name not in fields:
                wrong.append(f"{name}:missing")
            else:
                try:
                    value = msgspec.json.decode(fields[name], type=expected)
                except _FAILURES:
                    wrong.append(f"{name}:wrong_type")
            row.append(value)
        undeclared = {name: fields[name] for name in fields.keys() - self._types.keys()}
        self._learn(undeclared)
        return tuple(row), _as_object(undeclared), tuple(wrong)

    def _learn(self, names: Mapping[str, object]) -> None:
        """Teach the fast decoder the fields that it has just failed on."""
        unknown = sorted(name for name in names.keys() - set(self._learned) if not _UNLEARNABLE.search(name))
        if unknown and len(self._learned) + len(unknown) <= _LEARNED_FIELDS_MAX:
            self._learned += unknown
            self._decoder = self._build()


def _as_object(fields: Mapping[str, msgspec.Raw]) -> str | None:
    """Return one JSON object with sorted keys and no white space, None without fields."""
    if not fields:
        return None
    pairs = (_quoted(name) + _compact(bytes(fields[name])) for name in sorted(fields))
    return (b"{" + b",".join(pairs) + b"}").decode()


@lru_cache(maxsize=1024)
def _quoted(name: str) -> bytes:
    return json.dumps(name).encode() + b":"


def _compact(value: bytes) -> bytes:
    # Only lists and objects can have white space between their parts.
    return msgspec.json.format(value, indent=-1) if value.startswith((b"[", b"{")) else value
