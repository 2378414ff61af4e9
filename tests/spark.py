"""A real Spark cluster on loopback: a master, two workers with an executor each, and a Spark Connect server.

As a program, `python -m tests.spark FOLDER PID` starts it, writes its address into the folder, and ends; what it has
started ends with the process of that id, however that ends.
"""

import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import pytest
from filelock import FileLock

from tests.listening import free_ports

START_SECONDS = 240
WORKERS = 2
HOST = "127.0.0.1"

# Tests are over before a second compiler or collector pays: with these it starts and answers in half the time.
_JAVA_OPTIONS = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-XX:-UsePerfData")


def cluster(folder: Path, until: int) -> str:
    """Return the sc:// address of the cluster in a folder; who asks first starts it, for as long as process `until`."""
    if find_spec("pyspark") is None or shutil.which("java") is None:
        pytest.fail("this needs Spark and Java, which `make test` installs")
    address = folder / "address"
    folder.mkdir(exist_ok=True)
    with FileLock(folder / "lock"):
        if not address.exists():
            done = subprocess.run(  # noqa: S603  # our own command line
                [sys.executable, "-m", "tests.spark", str(folder), str(until)],
                capture_output=True,
                text=True,
                check=False,
                start_new_session=True,
            )
            if done.returncode:
                pytest.fail(f"Spark did not start:\n{done.stderr}")
        return address.read_text()


def main() -> None:
    """Start the cluster of the command line; when that fails, what has been started ends with this process."""
    folder, until = Path(sys.argv[1]), int(sys.argv[2])
    if os.fork() == 0:
        _end_with(until)
    try:
        (folder / "address").write_text(_started(folder))
    except RuntimeError as failed:
        print(failed, file=sys.stderr, flush=True)  # noqa: T201  # what a program says
        os.killpg(0, signal.SIGKILL)


def _end_with(process: int) -> None:
    """Wait for the end of a process and end this one's group, which all of the cluster is in."""
    null = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(null, stream)
    try:
        select.select([os.pidfd_open(process)], [], [])
    finally:
        os.killpg(0, signal.SIGKILL)


def _started(folder: Path) -> str:
    """Start everything and return the address, once the server listens: then both executors are there."""
    master, server = free_ports(2)
    url = f"spark://{HOST}:{master}"
    environment = _environment(folder)
    (folder / "conf").mkdir(exist_ok=True)
    (folder / "conf" / "spark-defaults.conf").write_text(
        "".join(f"{name} {value}\n" for name, value in _settings(folder, url, server).items())
    )

    def start(name: str, *command: object) -> subprocess.Popen[bytes]:
        with (folder / f"{name}.log").open("wb") as log:
            return subprocess.Popen(  # noqa: S603  # our own command line
                [f"{environment['SPARK_HOME']}/bin/spark-class", *map(str, command)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=folder,
                env=environment,
            )

    deploy, loopback = "org.apache.spark.deploy", ("--host", HOST, "--webui-port", 0)
    _listening(master, start("master", f"{deploy}.master.Master", *loopback, "--port", master), folder / "master.log")
    # A worker that finds no master tries again only after ten seconds.
    for number in range(WORKERS):
        limits = ("--cores", 1, "--memory", "1g", "--work-dir", folder / f"work-{number}")
        start(f"worker-{number}", f"{deploy}.worker.Worker", *loopback, *limits, url)
    connect = ("--class", "org.apache.spark.sql.connect.service.SparkConnectServer", "spark-internal")
    _listening(server, start("server", f"{deploy}.SparkSubmit", *connect), folder / "server.log")
    return f"sc://{HOST}:{server}"


def _environment(folder: Path) -> dict[str, str]:
    """Return the whole environment of Spark's processes: nothing of this machine's but the path."""
    spec = find_spec("pyspark")
    assert spec is not None
    assert spec.origin is not None
    scratch = folder / "scratch"
    scratch.mkdir(exist_ok=True)
    return {
        "PATH": os.environ["PATH"],
        "LC_ALL": "C.UTF-8",
        "JDK_JAVA_OPTIONS": " ".join((*_JAVA_OPTIONS, f"-Djava.io.tmpdir={scratch}")),
        "SPARK_HOME": str(Path(spec.origin).parent),
        "SPARK_CONF_DIR": str(folder / "conf"),
        "SPARK_LOCAL_DIRS": str(scratch),
        "SPARK_LOCAL_IP": HOST,
    }


def _settings(folder: Path, master: str, port: int) -> dict[str, object]:
    return {
        "spark.master": master,
        "spark.master.rest.enabled": "false",
        "spark.ui.enabled": "false",
        "spark.connect.grpc.binding.address": HOST,
        "spark.connect.grpc.binding.port": port,
        "spark.cores.max": WORKERS,
        # The server listens only when the executors of all workers are there.
        "spark.scheduler.minRegisteredResourcesRatio": 1,
        "spark.scheduler.maxRegisteredResourcesWaitingTime": f"{START_SECONDS}s",
        "spark.sql.shuffle.partitions": WORKERS,
        # A year's objects are listed in one call, not by one task each: on a disk that takes longer than the report.
        "spark.sql.sources.parallelPartitionDiscovery.threshold": 10_000,
        "spark.sql.warehouse.dir": folder / "warehouse",
    }


def _listening(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until somebody listens; RuntimeError with the end of the log when the process ends or takes too long."""
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            socket.create_connection((HOST, port), 1).close()
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(log.read_text("utf-8", "replace")[-4000:]) from None
            time.sleep(0.05)
        else:
            return


if __name__ == "__main__":
    main()
