"""Footers are read by many threads at once, from the first one on."""

import os
import subprocess
import sys
from pathlib import Path

from mootech.lake.lake import Lake
from tests.stores import DAY, day_rows

FIRST_TIMES = 200
"""New processes that read the footers: it is the first time that matters."""
_SCRIPT = """
import os, sys
from pathlib import Path
from mootech.lake.catalog import Catalog
from mootech.lake.stores.local import LocalStore
from mootech.lake.paths import Layer

lake, times = Path(sys.argv[1]), int(sys.argv[2])
for _ in range(times):
    child = os.fork()  # nothing has started a thread yet
    if child == 0:
        sys.setswitchinterval(1e-6)
        held = Catalog(LocalStore(lake), lake).held(Layer.RAW, "transactions")
        os._exit(len(held) != 20 or any(each.receipt is None for each in held.values()))
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status:
        sys.exit(f"a reader ended with {status}")
"""


def test_a_process_survives_reading_many_footers_at_once(tmp_path: Path, state_dir: Path) -> None:
    """However the threads take turns when the first receipts of a process are decoded."""
    lake = Lake.open(str(tmp_path / "lake"), state_dir=state_dir, write=True)
    with lake.lock("test"):
        _, changed = lake.publish_day(day_rows([1, 2]))
        assert changed
    # The manifest is not stored, so that the footers have to be read.
    first = tmp_path / f"lake/raw_data/transactions/utc_date={DAY}/data.parquet"
    for day in range(1, 20):
        copy = tmp_path / f"lake/raw_data/transactions/utc_date=2020-01-{day:02}/data.parquet"
        copy.parent.mkdir()
        copy.write_bytes(first.read_bytes())
    done = subprocess.run(  # noqa: S603  # our own command
        [sys.executable, "-c", _SCRIPT, str(tmp_path / "lake"), str(FIRST_TIMES)],
        env={"PATH": os.environ["PATH"], "OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
