"""The profiles of bronze's days, counted once: a cache on this host, which may be deleted at any time.

<workspace>/profiles/<table>.json     by UTC day, each with the content hash of the partition it was counted from
"""

import hashlib
from contextlib import suppress
from datetime import date
from pathlib import Path

import msgspec
import polars as pl

from mootech.config import QaSettings
from mootech.errors import StoreError
from mootech.lake.disk import mapped, private_folder, write_atomically
from mootech.lake.lake import Lake
from mootech.lake.parquet import DamagedError
from mootech.lake.paths import Layer
from mootech.qa.anomalies import Anomaly, compared_with, unmatched, unusual
from mootech.qa.profile import Links, Profile, links, profile
from mootech.tables import PRODUCTS, TRANSACTIONS, USERS, TableSpec

_FORMAT = 1
"""A higher number makes every profile be counted again; for when a profile counts something else."""

_LINKED = (TRANSACTIONS, USERS, PRODUCTS)


class _CachedProfile(msgspec.Struct, frozen=True):
    content: str
    """Content hash of the partition; of several, of their hashes."""
    profile: Profile


class _CachedLinks(msgspec.Struct, frozen=True):
    content: str
    links: Links


class _Document(msgspec.Struct):
    format: int = _FORMAT
    profiles: dict[str, _CachedProfile] = msgspec.field(default_factory=dict)
    links: dict[str, _CachedLinks] = msgspec.field(default_factory=dict)
    """Only of transactions."""


_DOCUMENTS = msgspec.json.Decoder(_Document)


class Profiles:
    """The profiles of the days of one lake. For one thread at a time."""

    def __init__(self, lake: Lake) -> None:
        """Read from this open lake; nothing is read yet."""
        self._lake = lake
        self._folder = lake.workspace / "profiles"
        self._documents: dict[TableSpec, _Document] = {}
        self._changed: set[TableSpec] = set()

    def learn(self, table: TableSpec, day: date, rows: pl.DataFrame) -> None:
        """Count a held day's profile from its rows, which the caller has read anyway."""
        content = self._content(table, day)
        if content is not None and self._cached(table, day, content) is None:
            self._add(table, day, content, profile(table, rows))

    def of(self, table: TableSpec, day: date) -> Profile | None:
        """Return a day's profile; None when the day is not held, or is damaged, which `verify` reports."""
        content = self._content(table, day)
        if content is None:
            return None
        cached = self._cached(table, day, content)
        if cached is None:
            rows = self._read(table, day)
            cached = None if rows is None else self._add(table, day, content, profile(table, rows))
        return cached

    def unlike(self, table: TableSpec, day: date, limits: QaSettings, now: Profile | None = None) -> list[Anomaly]:
        """Return how a day is unlike the days before it; `now` replaces the profile of the version held, if any."""
        this = now or self.of(table, day)
        if this is None:
            return []
        known = {each: held for each in compared_with(day, limits) if (held := self.of(table, each)) is not None}
        return unusual(table, day, {**known, day: this}, limits)

    def unmatched(self, day: date, limits: QaSettings) -> list[Anomaly]:
        """Return what a held day of transactions names and the day's snapshots, where held, do not have."""
        contents = [self._content(table, day) for table in _LINKED]
        if contents[0] is None or not any(contents[1:]):
            return []
        content = hashlib.sha256(" ".join(each or "" for each in contents).encode()).hexdigest()
        document = self._document(TRANSACTIONS)
        cached = document.links.get(day.isoformat())
        if cached is None or cached.content != content:
            bought, users, products = (self._read(table, day) for table in _LINKED)
            if bought is None:
                return []
            cached = _CachedLinks(content, links(bought, users, products))
            document.links[day.isoformat()] = cached
            self._changed.add(TRANSACTIONS)
        return unmatched(cached.links, limits)

    def save(self) -> None:
        """Write the cache. A failure is ignored: it costs only the work of counting again."""
        for table in sorted(self._changed):
            with suppress(StoreError), mapped(f"keeping profiles in {self._folder}"):
                private_folder(self._folder)
                write_atomically(self._path(table), msgspec.json.encode(self._documents[table]), private=True)
        self._changed.clear()

    def _content(self, table: TableSpec, day: date) -> str | None:
        held = self._lake.partition(Layer.RAW, table.name, day)
        return held.receipt.content_hash if held is not None and held.receipt is not None else None

    def _cached(self, table: TableSpec, day: date, content: str) -> Profile | None:
        cached = self._document(table).profiles.get(day.isoformat())
        return cached.profile if cached is not None and cached.content == content else None

    def _add(self, table: TableSpec, day: date, content: str, counted: Profile) -> Profile:
        self._document(table).profiles[day.isoformat()] = _CachedProfile(content, counted)
        self._changed.add(table)
        return counted

    def _read(self, table: TableSpec, day: date) -> pl.DataFrame | None:
        held = self._lake.partition(Layer.RAW, table.name, day)
        try:
            return None if held is None else self._lake.read(held.key)
        except DamagedError:
            return None

    def _document(self, table: TableSpec) -> _Document:
        if table not in self._documents:
            self._documents[table] = _load(self._path(table))
        return self._documents[table]

    def _path(self, table: TableSpec) -> Path:
        return self._folder / f"{table}.json"


def _load(path: Path) -> _Document:
    """Return the cache of a table; an empty one when it is missing, unreadable or of another format."""
    try:
        document = _DOCUMENTS.decode(path.read_bytes())
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return _Document()
    return document if document.format == _FORMAT else _Document()
