"""Objects damaged from outside: ingesting that day again finds the damage and puts the same bytes back."""

from collections.abc import Callable
from pathlib import Path

import pytest

from mootech.lake.paths import Layer
from mootech.lake.stores.registry import open_store
from mootech.lake.stores.store import Store, put_bytes
from tests.faults.days import NEW, OLD, Host, check_converges, objects, oracle
from tests.stores import MemoryStore

pytestmark = pytest.mark.fault(24)

Damage = Callable[[Store, str, Path], None]


def put(change: Callable[[bytes], bytes]) -> Damage:
    """Put other bytes in an object's place."""

    def damage(store: Store, key: str, folder: Path) -> None:
        put_bytes(store, key, change(store.read(key)), folder)

    return damage


def replace_by(day_folder: str) -> Damage:
    """Put the object of another version of the day there: good Parquet, and not what the manifest knows."""

    def damage(store: Store, key: str, folder: Path) -> None:
        other = oracle(folder / day_folder, OLD)
        layer = key.split("/", maxsplit=1)[0]
        put_bytes(store, key, next(data for name, data in other.items() if name.startswith(layer)), folder)

    return damage


DAMAGES: dict[str, Damage] = {
    "deleted": lambda store, key, _: store.delete(key),
    "emptied": put(lambda _: b""),
    "truncated": put(lambda data: data[:-1]),
    "cut in half": put(lambda data: data[: len(data) // 2]),
    "trailing byte": put(lambda data: data + b"\0"),
    "something else": put(lambda _: b"<html>404</html>"),
    "another version of the day": replace_by("other"),
}


@pytest.mark.parametrize("layer", [Layer.RAW, Layer.QUARANTINE])
@pytest.mark.parametrize("name", DAMAGES)
def test_damage_from_outside_is_rebuilt(lake_url: str, tmp_path: Path, name: str, layer: Layer) -> None:
    """Whatever was done to a partition or its rejects, publishing the same rows again restores the same bytes."""
    host = Host(open_store(lake_url), tmp_path / "state")
    host.publish(NEW)
    wanted = oracle(tmp_path / "new", NEW)
    [key] = [key for key in wanted if key.startswith(f"{layer}/")]
    DAMAGES[name](host.store, key, tmp_path)
    assert objects(host.store) != wanted
    assert host.publish(NEW) == [True]
    check_converges(host, NEW, wanted)


@pytest.mark.parametrize("layer", [Layer.RAW, Layer.QUARANTINE])
def test_every_flipped_bit_is_found_even_when_the_version_says_nothing(layer: Layer, tmp_path: Path) -> None:
    """A bit that flips on the disk itself changes neither time nor etag: reading the object finds it, byte by byte."""
    store = Rotting()
    host = Host(store, tmp_path / "state")
    host.publish(NEW)
    wanted = oracle(tmp_path / "new", NEW)
    [key] = [key for key in wanted if key.startswith(f"{layer}/")]
    unseen = []
    for position in range(0, len(wanted[key]), 7):
        store.flip(key, position, 1 << position % 8)
        if host.publish(NEW) != [True]:
            unseen.append(position)
            store.flip(key, position, 1 << position % 8)
        assert objects(store) == wanted
    assert unseen == []


class Rotting(MemoryStore):
    """A store whose disk turns bits."""

    def flip(self, key: str, position: int, bit: int) -> None:
        """Turn one bit of an object, in place."""
        head, data = self._objects[key]
        turned = bytearray(data)
        turned[position] ^= bit
        self._objects[key] = (head, bytes(turned))
