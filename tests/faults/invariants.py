"""What must hold in a lake whatever happened to the runs that wrote it (docs/faults.md), as functions to call.

The oracle is the lake that one undisturbed run leaves; it is itself held against what the sandbox knows to have
planted. A lake under fault is compared with it byte for byte.
"""

import base64
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec
import polars as pl

from mootech.lake.footers import receipt_in
from mootech.lake.paths import MANIFESTS, OWN, Layer, belongs, partition_day, partition_key, quarantine_key
from mootech.lake.stores.registry import open_store
from mootech.lake.stores.store import Store
from mootech.model import DayRange, Receipt, utc_today
from mootech.sandbox.server import API_KEY, running
from mootech.sandbox.shop import Shop
from mootech.tables import TABLES, TableSpec
from tests.environment import COMMAND, environment

WEEK = DayRange(date(2024, 2, 26), date(2024, 3, 3))
"""A week with a leap day and a month's end."""
PAGE_SIZE = 40
"""Small, so that a small shop's days have several pages."""

_READERS = 8
_PARQUET = b"PAR1"


@dataclass(frozen=True)
class World:
    """A small shop on a real server, the tables and UTC days to ingest, and the bytes an undisturbed run leaves."""

    url: str
    shop: Shop
    tables: tuple[TableSpec, ...]
    start: date
    end: date
    objects: Mapping[str, bytes]
    """Keys of raw_data/ and quarantine/ -> bytes."""


@contextmanager
def small_world(
    folder: Path, shop: Shop, *, tables: Sequence[TableSpec] = tuple(TABLES), days: DayRange = WEEK
) -> Iterator[World]:
    """Serve a shop and run one clean ingest of it into a lake in the folder, for the oracle's bytes."""
    with running(shop, today=utc_today) as url:
        world = World(url, shop, tuple(tables), days.first, days.last, {})
        argv, env = ingest_command(world, folder / "lake", folder / "state")
        done = subprocess.run(argv, env=env, capture_output=True, text=True, check=False, timeout=120)  # noqa: S603  # ours
        assert done.returncode == 0, done.stdout + done.stderr
        store = open_store(str(folder / "lake"))
        world = replace(world, objects=contents(store))
        check_lake(store, world)
        check_against_shop(world)
        yield world


def ingest_command(world: World, lake: str | Path, state: Path, *more: object) -> tuple[list[str], dict[str, str]]:
    """Return the installed command that ingests the world, with arguments added, and a whole environment for it.

    The AWS variables of this process go along when the lake is on S3. A mootech.toml is written beside `state`.
    """
    tables = [argument for table in world.tables for argument in ("-t", table.name)]
    config = Path(f"{state}.toml")
    config.parent.mkdir(parents=True, exist_ok=True)
    config.write_text(f"[source]\npage_size = {PAGE_SIZE}\n")
    argv = [COMMAND, "ingest", *tables, "--start", str(world.start), "--end", str(world.end), *map(str, more)]
    return argv, {**environment(lake, state, world.url, API_KEY), "MOOTECH_CONFIG": str(config)}


def contents(store: Store) -> dict[str, bytes]:
    """Return every object outside `_mootech/` with its bytes."""
    keys = [entry.key for entry in store.list("") if not entry.key.startswith(OWN)]
    with ThreadPoolExecutor(_READERS) as pool:
        return dict(zip(keys, pool.map(store.read, keys), strict=True))


def check_lake(store: Store, world: World, previous: Mapping[str, bytes] | None = None) -> None:
    """Assert I1 to I5 of a lake at rest, however its last run ended.

    Args:
        store: the lake's.
        world: whose oracle each object must equal, unless it still equals
        previous: what stood there before; None when the lake was empty.

    """
    found = contents(store)
    before = previous or {}
    for key, data in found.items():
        allowed = [whole for whole in (world.objects.get(key), before.get(key)) if whole is not None]
        assert allowed, f"{key} should not be there: neither the oracle nor the version before has it (I1, I4)"
        assert data in allowed, f"{key} is neither the oracle's version nor the one before (I1)"
    lost = [key for key in before if key not in found and not key.startswith(f"{Layer.QUARANTINE}/")]
    assert not lost, f"gone from the lake: {lost} (I1)"
    for table in TABLES:
        for layer in (Layer.RAW, Layer.QUARANTINE):
            of_table = [key for key in found if key.startswith(f"{layer}/{table}/")]
            foreign = [key for key in of_table if not belongs(layer, table, key)]
            assert not foreign, f"below the table's root: {foreign} (I4)"
            if layer is Layer.RAW:
                for key in of_table:
                    check_partition(found, table, key)
    check_manifests(store, found)


def check_converged(store: Store, world: World) -> None:
    """Assert I7's first half: byte for byte the lake of an undisturbed run, nothing more and nothing less."""
    found = contents(store)
    assert found.keys() == world.objects.keys(), f"too many or too few: {found.keys() ^ world.objects.keys()} (I7)"
    different = [key for key in found if found[key] != world.objects[key]]
    assert not different, f"other bytes than the oracle's: {different} (I7)"
    check_manifests(store, found)


def check_against_shop(world: World) -> None:
    """Assert that the oracle's receipts say what the shop knows to have handed out and spoilt."""
    today = utc_today()
    for table in world.tables:
        for day in DayRange(world.start, world.end):
            receipt, _ = _partition(world.objects[partition_key(Layer.RAW, table.name, day)])
            dirt = world.shop.dirt(table, day, today=today)
            assert receipt.fetched == world.shop.count(table, day, today=today)
            assert receipt.duplicates == dirt.exact_duplicates
            assert receipt.quarantined == sum(dirt.malformed.values())


def check_secret_absent(canary: str, *where: Path | str | bytes) -> None:
    """Assert I6: the secret stands in none of these texts, nor in any file or file name below these paths.

    Looked for as it is, percent-encoded and in base64; in Parquet files also among the decompressed values.
    """
    raw = canary.encode()
    forms = {raw, quote(canary, safe="").encode(), base64.b64encode(raw).rstrip(b"="), canary.encode("utf-16-le")}
    for place in where:
        if isinstance(place, Path):
            files = [place] if place.is_file() else sorted(path for path in place.rglob("*") if path.is_file())
            for file in files:
                _check_absent(forms, f"the name of {file}", str(file).encode())
                _check_absent(forms, str(file), _with_values(file.read_bytes()))
        else:
            text = place.encode() if isinstance(place, str) else place
            _check_absent(forms, f"a text that begins {text[:60]!r}", _with_values(text))


def _check_absent(forms: set[bytes], what: str, data: bytes) -> None:
    # The message must not repeat the data: it would carry the secret into the test's own log.
    assert not any(form in data for form in forms), f"the secret stands in {what} (I6)"


def _with_values(data: bytes) -> bytes:
    """Return the bytes, and for a Parquet file also every value in it as text."""
    if not (data.startswith(_PARQUET) and data.endswith(_PARQUET)):
        return data
    try:
        return data + pl.read_parquet(BytesIO(data), hive_partitioning=False).write_json().encode()
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException):
        return data


def _partition(data: bytes) -> tuple[Receipt, pl.DataFrame]:
    receipt = receipt_in(pl.read_parquet_metadata(BytesIO(data)))
    assert receipt is not None, "a partition has no receipt (I3)"
    return receipt, pl.read_parquet(BytesIO(data), hive_partitioning=False)


def check_partition(found: Mapping[str, bytes], table: TableSpec, key: str) -> None:
    """Assert I2 and I3 of one partition among the objects found: keys are unique, the receipt adds up."""
    receipt, rows = _partition(found[key])
    assert rows.select(table.key).n_unique() == rows.height, f"{key} holds a key twice (I2)"
    day = partition_day(Layer.RAW, table.name, key)
    assert (receipt.table, receipt.utc_date) == (table.name, str(day)), f"{key} has the receipt of another day (I3)"
    rejected = 0
    if receipt.quarantine is not None:
        assert day is not None
        named = quarantine_key(table.name, day, receipt.quarantine)
        assert named in found, f"{key} names {named}, which is not there (I3)"
        rejected = pl.read_parquet(BytesIO(found[named]), hive_partitioning=False).height
    accounted = rows.height + rejected + receipt.duplicates
    assert receipt.fetched == accounted, f"{key}: {receipt.fetched} fetched, {accounted} accounted for (I3)"
    assert (receipt.published, receipt.quarantined) == (rows.height, rejected), f"{key} counts wrongly (I3)"


def check_manifests(store: Store, found: Mapping[str, bytes]) -> None:
    """A manifest may know less than the lake holds, never more, and nothing else of what it knows (I5)."""
    entries = {entry.key: entry for entry in store.list("")}
    for manifest in entries:
        layer, _, table = manifest.removeprefix(MANIFESTS).removesuffix(".json").partition("-")
        if not manifest.startswith(MANIFESTS) or layer != Layer.RAW:
            continue
        records: dict[str, Any] = msgspec.json.decode(store.read(manifest))["entries"]
        for day, record in records.items():
            key = partition_key(Layer.RAW, table, date.fromisoformat(day))
            assert key in found, f"{manifest} knows {key}, which is not published (I5)"
            if record["version"] == entries[key].version:
                receipt, _ = _partition(found[key])
                assert msgspec.convert(record["receipt"], Receipt) == receipt, f"{manifest} misquotes {key} (I5)"
