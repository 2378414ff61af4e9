"""The store fails, or the process dies, at every single call of a run: nothing is lost and the next run mends it."""

import os
import sys
from functools import partial
from pathlib import Path
from signal import SIGKILL

import pytest

from mootech.errors import StoreError
from mootech.lake.lake import Lake, Layer
from mootech.lake.locks.lease import EXPIRY
from mootech.lake.stores.local import LocalStore
from mootech.lake.stores.registry import open_store
from mootech.lake.stores.store import Store
from mootech.model import Lineage
from tests import forked
from tests.clocks import Time
from tests.faults.days import NEW, OLD, Host, check_converges, check_whole, failure, objects, oracle
from tests.stores import DAY, FlakyStore, MemoryStore

ROOT = Path(__file__).parents[2]
SALES = "sales_report_all"


def run(store: Store, host: Host) -> None:
    """Do what a whole command does: bronze (a day, and of the lookback the same again), silver, results, history."""
    lake = Lake(store, state_dir=host.state, write=True, policy=host.policy)
    with lake.lock("run"):
        for _ in range(2):
            lake.publish_day(NEW)
        rows = NEW.rows.lazy().collect()
        lake.publish_silver("transactions", DAY, rows, Lineage("inputs"))
        lake.publish_object(Layer.RESULTS, SALES, rows, Lineage("inputs"))
        lake.save_manifests()
        lake.record_run({"run_id": f"{host.policy.clock.now():%Y%m%dT%H%M%SZ}-0000"})


@pytest.mark.fault(2)
@pytest.mark.parametrize("how", ["once", "for good", "answer lost once", "answers lost for good"])
@pytest.mark.parametrize("kind", ["local", "memory"])
def test_the_nth_call_fails(tmp_path: Path, kind: str, how: str) -> None:
    """For every N: when the store's call number N fails, the run ends with a clean error and the next one mends all."""
    old, new = oracle(tmp_path / "old", OLD), oracle(tmp_path / "new", NEW)
    calm = MemoryStore()
    run(calm, Host(calm, tmp_path / "calm"))
    wanted = objects(calm)
    time, flaky = Time(), FlakyStore(MemoryStore())
    number = 0
    while flaky.calls >= number:
        number += 1
        folder = tmp_path / str(number)
        inner: Store = LocalStore(folder / "lake") if kind == "local" else MemoryStore()
        flaky = FlakyStore(inner, failing=number, for_good="good" in how, lost="lost" in how)
        host = Host(inner, folder / "state", time.policy)
        host.publish(OLD)
        error = failure(partial(run, flaky, host))
        assert error is None or (type(error), bool(error.hint)) == (StoreError, True), f"call {number}: {error!r}"
        found = objects(inner)
        raw = {key: data for key, data in found.items() if key.startswith(("raw_data/", "quarantine/"))}
        check_whole(raw, old, new)
        assert all(found[key] == wanted[key] for key in found.keys() - raw.keys()), f"call {number}"
        # The lease of a run that could not release it runs out; its process, which is this one, lives on.
        time.seconds += EXPIRY.total_seconds()
        run(inner, host)
        assert objects(inner) == wanted, f"call {number}"
        check_converges(host, NEW, wanted)
    assert error is None
    assert number > 20, "too few calls were tried"


PUBLISH = f"""
import os, sys
sys.path.insert(0, {str(ROOT)!r})
from pathlib import Path
from mootech.lake.stores.registry import open_store
from tests.faults.days import NEW, Host
from tests.stores import DyingStore
Host(DyingStore(open_store(sys.argv[1]), dying=int(sys.argv[3])), Path(sys.argv[2])).publish(NEW)
os._exit(0)
"""


@pytest.mark.fault(1, 10)
def test_killed_at_each_step_of_publishing(lake_url: str, state_dir: Path, tmp_path: Path) -> None:
    """Killed with SIGKILL before each of its writes, a run leaves the old or the new day; the next starts at once."""
    old, new = oracle(tmp_path / "old", OLD), oracle(tmp_path / "new", NEW)
    host = Host(open_store(lake_url), state_dir)
    step, code = 0, -SIGKILL
    while code == -SIGKILL:
        step += 1
        host.publish(OLD)
        code = forked.run([sys.executable, lake_url, str(state_dir), str(step)], os.environ, script=PUBLISH).returncode
        check_whole(objects(host.store), old, new)
        if step % 2:
            check_converges(host, NEW, new)
    assert code == 0
    # The quarantine object, the partition, the old quarantine object, the manifest; on S3 also probe, lease, release.
    assert step > (8 if lake_url.startswith("s3://") else 4)
