"""dlt's rest_api source to Parquet on disk, as its documentation sets it up; and with its workers tuned.

By default one resource walks the whole range of days with the API's cursor. Tuned, each day is a resource, resources
are extracted beside each other, and files are small enough for as many processes to normalise them as there are cores.
"""

import json
import os
import sys
from datetime import date, timedelta
from pathlib import Path
from typing import Any

_TUNED = {
    "EXTRACT__WORKERS": "4",
    "SOURCES__DATA_WRITER__BUFFER_MAX_ITEMS": "5000",
    "SOURCES__DATA_WRITER__FILE_MAX_ITEMS": "50000",
    "NORMALIZE__WORKERS": str(len(os.sched_getaffinity(0))),
    "NORMALIZE__DATA_WRITER__BUFFER_MAX_ITEMS": "5000",
    "LOAD__WORKERS": "4",
}


def main() -> None:
    """Load the days and print how many rows the Parquet files have."""
    asked = json.loads(sys.argv[1])
    os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
    if asked["tuned"]:
        os.environ.update(_TUNED)

    import dlt  # noqa: PLC0415  # it reads the variables when it is imported
    from dlt.sources.rest_api import rest_api_source  # noqa: PLC0415  # the same
    from pyarrow import parquet  # noqa: PLC0415  # only dlt's environment has it

    folder = Path(asked["folder"])
    pipeline = dlt.pipeline(
        "benchmark",
        destination=dlt.destinations.filesystem(bucket_url=str(folder / "lake")),
        dataset_name="raw_data",
        pipelines_dir=str(folder / "pipelines"),
    )
    pipeline.run(rest_api_source(_config(asked)), loader_file_format="parquet")
    files = (folder / "lake" / "raw_data").glob("clickstream*/*.parquet")
    print(json.dumps({"rows": sum(parquet.read_metadata(file).num_rows for file in files)}))


def _config(asked: dict[str, Any]) -> dict[str, Any]:
    first = date.fromisoformat(asked["first"])
    days = [first + timedelta(days=number) for number in range(asked["days"])]
    spans = [(day, day) for day in days] if asked["tuned"] else [(days[0], days[-1])]
    resources = [
        {
            "name": f"clickstream_{number}" if asked["tuned"] else "clickstream",
            "table_name": "clickstream",
            "write_disposition": "append",
            "parallelized": asked["tuned"],
            "endpoint": {
                "path": "clickstream",
                "params": {"start_date": start.isoformat(), "end_date": end.isoformat(), "limit": 5000},
                "data_selector": "data",
                "paginator": {"type": "cursor", "cursor_path": "next_cursor", "cursor_param": "cursor"},
            },
        }
        for number, (start, end) in enumerate(spans)
    ]
    return {"client": {"base_url": asked["url"], "headers": {"X-API-Key": asked["key"]}}, "resources": resources}


if __name__ == "__main__":
    main()
