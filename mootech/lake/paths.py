"""The keys of everything in the lake: from layers, tables and days to keys, and back. Pure.

    raw_data/<table>/utc_date=2023-03-01/data.parquet       one object per table and day
    silver/<table>/utc_date=2023-03-01/data.parquet         clickstream, transactions
    silver/<table>/data.parquet                             users, products
    results/<report>/data.parquet
    quarantine/<table>/utc_date=2023-03-01/<hash>.parquet
    _mootech/                                               format.json, locks, manifests, run history, earlier reports,
                                                            acknowledged rows

Readers glob below a table's folder, so mootech puts nothing else there.
"""

import re
from datetime import date
from enum import StrEnum

from mootech.errors import StoreError
from mootech.model import QUARANTINE_NAME
from mootech.tables import TableSpec


class Layer(StrEnum):
    """The top folders of a lake that hold rows."""

    RAW = "raw_data"
    SILVER = "silver"
    RESULTS = "results"
    QUARANTINE = "quarantine"


OWN = "_mootech/"
"""The folder for mootech's own files, which hold no rows for readers."""

FORMAT_KEY = f"{OWN}format.json"
DEMO_KEY = f"{OWN}demo.json"
"""Marks a lake that `mootech demo` made, so that the sandbox's days are never mixed with a real shop's."""
MANIFESTS = f"{OWN}manifests/"
RUNS = f"{OWN}runs/"
REPORTS = f"{OWN}reports/"
"""What each report said before it last changed."""
ACKNOWLEDGED = f"{OWN}acknowledged/"
"""Which quarantined rows a person has acknowledged."""
LEASES = f"{OWN}lease/"
PROBES = f"{OWN}probe/"
TEMPORARY = f"{OWN}tmp/"
LOCK_NAME = "lock"

_NAME = re.compile(r"\w[\w.\-]*")
_DAY = re.compile(r"utc_date=(\d{4}-\d{2}-\d{2})")


def _name(text: str) -> str:
    # The name must be one path segment without special meaning in a shell, a glob or a URL.
    if not _NAME.fullmatch(text):
        msg = f"{text!r} cannot name an object of the lake"
        raise StoreError(msg, hint="Names are letters, digits, '_', '-' and '.', and do not begin with a dot.")
    return text


def table_prefix(layer: Layer, table: str) -> str:
    """Return the folder of a table in a layer, with its slash."""
    return f"{layer}/{_name(table)}/"


def partition_key(layer: Layer, table: str, day: date) -> str:
    """Return the key of a table's partition for a UTC day."""
    return f"{table_prefix(layer, table)}utc_date={day:%Y-%m-%d}/data.parquet"


def object_key(layer: Layer, name: str) -> str:
    """Return the key of an object without days, such as silver/users/data.parquet or results/<report>/data.parquet."""
    return f"{table_prefix(layer, name)}data.parquet"


def quarantine_prefix(table: str, day: date) -> str:
    """Return the folder of a day's quarantine object, with its slash."""
    return f"{table_prefix(Layer.QUARANTINE, table)}utc_date={day:%Y-%m-%d}/"


def quarantine_key(table: str, day: date, name: str) -> str:
    """Return the key of a day's quarantine object; `name` is its file name."""
    return quarantine_prefix(table, day) + _name(name)


def day_of(layer: Layer, table: str, key: str) -> date | None:
    """Return the UTC day whose folder the key is in; None when it is in no day's folder."""
    prefix = table_prefix(layer, table)
    match = _DAY.fullmatch(key.removeprefix(prefix).partition("/")[0]) if key.startswith(prefix) else None
    try:
        return date.fromisoformat(match[1]) if match else None
    except ValueError:
        return None


def partition_day(layer: Layer, table: str, key: str) -> date | None:
    """Return the UTC day of a partition's key; None when the key is not a partition's."""
    day = day_of(layer, table, key)
    return day if day is not None and key == partition_key(layer, table, day) else None


def belongs(layer: Layer, table: TableSpec, key: str) -> bool:
    """Say whether mootech itself writes objects of that key below the table's folder."""
    if layer is Layer.SILVER and table.is_snapshot:
        return key == object_key(layer, table.name)
    if layer is Layer.QUARANTINE:
        return is_quarantine_key(table.name, key)
    return partition_day(layer, table.name, key) is not None


def is_quarantine_key(table: str, key: str) -> bool:
    """Say whether the key is that of a quarantine object of the table, of any day."""
    name = key.rpartition("/")[2]
    day = day_of(Layer.QUARANTINE, table, key)
    return day is not None and bool(QUARANTINE_NAME.fullmatch(name)) and key == quarantine_key(table, day, name)


def run_key(run_id: str) -> str:
    """Return the key of a run's entry in the run history; run ids sort by time."""
    return f"{RUNS}{_name(run_id)}.json"


def aside_key(report: str) -> str:
    """Return the key of a report's version before it last changed."""
    return f"{REPORTS}{_name(report)}/data.parquet"


def acknowledged_key(table: str) -> str:
    """Return the key of a table's note of acknowledged days."""
    return f"{ACKNOWLEDGED}{_name(table)}.json"
