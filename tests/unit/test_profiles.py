"""The profiles of the lake's days: counted once, and only a cache."""

from datetime import date
from pathlib import Path

from mootech.lake.paths import Layer
from mootech.layers.bronze.profiles import Profiles
from mootech.tables import PRODUCTS
from tests.bronze import workshop
from tests.rows import DAY, product


def test_a_day_is_read_once_and_again_when_it_changed(tmp_path: Path) -> None:
    """What was counted is kept for the next command; another content, a lost or a spoilt cache are counted anew."""
    with workshop(str(tmp_path / "lake"), tmp_path / "state") as at_work:
        at_work.publish(PRODUCTS, DAY, [product()])
        first = Profiles(at_work.lake)
        counted = first.of(PRODUCTS, DAY)
        assert counted is not None
        assert counted.rows == 1
        first.save()

        held = at_work.lake.partition(Layer.RAW, PRODUCTS.name, DAY)
        assert held is not None
        file = tmp_path / "lake" / held.key
        good = file.read_bytes()
        file.write_bytes(b"")  # so that whoever reads it now has nothing to count
        assert Profiles(at_work.lake).of(PRODUCTS, DAY) == counted
        (cache,) = (at_work.lake.workspace / "profiles").iterdir()
        cache.write_text("spoilt")
        assert Profiles(at_work.lake).of(PRODUCTS, DAY) is None
        file.write_bytes(good)
        assert Profiles(at_work.lake).of(PRODUCTS, DAY) == counted
        cache.unlink()
        at_work.publish(PRODUCTS, DAY, [product(), product("p2")])
        changed = Profiles(at_work.lake).of(PRODUCTS, DAY)
        assert changed is not None
        assert changed.rows == 2
        assert Profiles(at_work.lake).of(PRODUCTS, date(2020, 1, 1)) is None
