"""Acknowledging the quarantined rows of a day, where several tables have some, and a note that is damaged."""

from pathlib import Path

import pytest

from mootech.config import Settings
from mootech.errors import UsageError
from mootech.lake.lake import Lake
from mootech.lake.paths import ACKNOWLEDGED, acknowledged_key
from mootech.lake.stores.store import put_bytes
from mootech.pipeline.acknowledge import acknowledge
from mootech.tables import CLICKSTREAM, TRANSACTIONS, USERS
from tests.bronze import workshop
from tests.rows import DAY, hit, order, user


@pytest.fixture
def settings(tmp_path: Path, state_dir: Path) -> Settings:
    """A lake of one day, with bad hits and bad orders, and users without a bad row."""
    url = str(tmp_path / "lake")
    with workshop(url, state_dir) as shop:
        shop.publish(CLICKSTREAM, DAY, [hit(number) for number in range(9)], bad=1)
        shop.publish(TRANSACTIONS, DAY, [order()], bad=2)
        shop.publish(USERS, DAY, [user()])
        shop.lake.save_manifests()
    return Settings(lake=url, state_dir=state_dir)


def test_a_table_must_be_named_where_several_have_such_rows(settings: Settings) -> None:
    """Nothing is acknowledged by guess; the table that is named is, and no other one."""
    with pytest.raises(UsageError, match="rows of clickstream and transactions are in quarantine") as refused:
        acknowledge(settings, DAY)
    assert f"mootech qa -t clickstream --acknowledge {DAY}" in refused.value.hint
    lake = Lake.open(settings.lake, state_dir=settings.state_dir)
    assert lake.store.list(ACKNOWLEDGED) == []
    [finding] = acknowledge(settings, DAY, tables=(TRANSACTIONS, USERS)).findings
    assert (finding.table, finding.ok, finding.data["acknowledged"]) == ("transactions", True, 2)
    assert [entry.key for entry in lake.store.list(ACKNOWLEDGED)] == [acknowledged_key("transactions")]


@pytest.mark.parametrize("damage", [b"", b"[]", b'{"monday": "x"}', b"\xff", b"[" * 100_000])
def test_a_damaged_note_means_that_nothing_is_acknowledged(settings: Settings, tmp_path: Path, damage: bytes) -> None:
    """The alarm is back, and acknowledging once more writes a whole note."""
    acknowledge(settings, DAY, tables=(TRANSACTIONS,))
    lake = Lake.open(settings.lake, state_dir=settings.state_dir)
    assert set(lake.acknowledged("transactions")) == {DAY}
    put_bytes(lake.store, acknowledged_key("transactions"), damage, tmp_path)
    assert lake.acknowledged("transactions") == {}
    acknowledge(settings, DAY, tables=(TRANSACTIONS,))
    assert set(lake.acknowledged("transactions")) == {DAY}
