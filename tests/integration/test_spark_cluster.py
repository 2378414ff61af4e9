"""The cluster that the tests of Spark run on is one: what it is asked is computed in more processes than one."""

from pathlib import Path

import polars as pl
import pytest

from tests.spark import WORKERS

READ = "SELECT java_method('java.lang.ProcessHandle', 'current') AS process, number FROM parquet.`{}`"


def worker(process: str) -> str:
    """Return the address of the worker that runs an executor, by the executor's process id."""
    command = Path("/proc", process, "cmdline").read_text("utf-8").split("\0")
    assert "org.apache.spark.executor.CoarseGrainedExecutorBackend" in command
    return command[command.index("--worker-url") + 1]


@pytest.mark.filterwarnings("ignore:PySpark does not yet fully support pandas:FutureWarning")  # its import asks for it
def test_all_workers_compute(spark_remote: str, tmp_path: Path) -> None:
    """Parquet files that Polars wrote are read whole, by executors of all workers."""
    from pyspark.sql import SparkSession  # noqa: PLC0415  # where Spark is missing, the fixture says what to do

    for part in range(4):
        pl.DataFrame({"number": [2 * part, 2 * part + 1]}).write_parquet(tmp_path / f"{part}.parquet")
    workers: set[str] = set()
    with SparkSession.builder.remote(spark_remote).create() as spark:
        # While one executor is busy with another test's work, the other may read everything.
        while len(workers) < WORKERS:
            rows = pl.from_arrow(spark.sql(READ.format(tmp_path)).toArrow())
            assert isinstance(rows, pl.DataFrame)
            assert rows["number"].sort().to_list() == list(range(8))
            workers |= {worker(process) for process in rows["process"].unique()}
