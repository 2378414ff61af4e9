"""The Spark cluster of the tests is what it claims to be."""

import os
from pathlib import Path

import polars as pl
import pytest
from pyspark.sql import SparkSession


def executors() -> dict[str, str]:
    """Return the workers of all executors of the machine, by the executor's process id."""
    found = {}
    for process in Path("/proc").iterdir():
        try: 
            argv=(process/"cmdline").read_text().split("\0")
        except OSError: continue
        if "org.apache.spark.executor.CoarseGrainedExecutorBackend" in argv:
            found[process.name]=argv[argv.index("--worker-url")+1]
    return found
@pytest.mark.parametrize("n",range(8))
def test_x(spark_remote: str, tmp_path: Path,n) -> None:
    """x."""
    file = tmp_path / "numbers.parquet"
    pl.DataFrame({"number": range(1000)}).write_parquet(file)
    spark = SparkSession.builder.remote(spark_remote).getOrCreate()
    assert spark.read.parquet(str(file)).count()==1000
    print(executors(), os.environ.get("PYTEST_XDIST_WORKER"), spark_remote)
    t=spark.sql("select distinct java_method('java.lang.ProcessHandle','current') p from range(0,1000,1,8)").toArrow()
    print(t)
    spark.stop()
