"""docs/faults.md lists what the tests prove: every row and every item has a test, and the page is current."""

import subprocess
import sys

from tests.faults.catalogue import ROOT, Marks, gaps
from tests.faults.rows import FAULTS, SECURITY


def test_every_fault_has_a_test_and_the_page_names_it() -> None:
    """No row and no security item is without a test, no mark names one that is not there, docs/faults.md is current."""
    command = [sys.executable, "-m", "tests.faults.catalogue", "--check"]
    # In a process of its own: this one may have collected some of the tests only.
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, timeout=240)  # noqa: S603  # ours
    assert done.returncode == 0, done.stderr + done.stdout


def test_a_gap_is_noticed() -> None:
    """A row that lost its last test, and a mark that names no row, are both found."""
    all_but_one = {row: ["test"] for row in FAULTS if row != 7}
    found = gaps(Marks({**all_but_one, 99: ["typo"]}, {item: ["test"] for item in SECURITY}))
    assert found == ["row 7 has no test", "there is no row 99: ['typo']"]
