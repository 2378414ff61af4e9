"""The sales report several times in one process, as `mootech report` makes it: to stand beside a warm Spark session."""

import json
import shutil
import sys
import time
from pathlib import Path

from mootech.config import Settings
from mootech.pipeline.report import report


def main() -> None:
    """Make the report as often as asked for and print what each time took."""
    asked = json.loads(sys.argv[1])
    settings = Settings(lake=asked["lake"], state_dir=Path(asked["state"]))
    seconds = []
    for _ in range(asked["runs"]):
        # It would be read, not computed, where nothing is new.
        shutil.rmtree(Path(asked["lake"]) / "results", ignore_errors=True)
        began = time.perf_counter()
        report(settings, products=(asked["product"],))
        seconds.append(time.perf_counter() - began)
    print(json.dumps({"seconds": seconds}))


if __name__ == "__main__":
    main()
