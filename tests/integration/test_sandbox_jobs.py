"""The older service's requests, sent byte for byte as its clients send them, and the files that come of them."""

import json
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import polars as pl
import pytest

from mootech.lake.stores.registry import open_store
from mootech.lake.stores.store import Store
from mootech.model import DayRange
from mootech.sandbox.exports import ExportSettings
from mootech.sandbox.faults import Draw, FaultMix
from mootech.sandbox.server import running
from mootech.sandbox.shop import Shop
from mootech.tables import CLICKSTREAM, PRODUCTS, TABLES, TableSpec

TODAY = date(2024, 6, 1)
BAD = DayRange(date(2023, 11, 23), date(2023, 11, 25))
"""With the documented bad day in it."""
ORDER = {
    "start_date": "11-23-2023",
    "end_date": "11-25-2023",
    "api_key": "sandbox-key",
    "destination_s3_bucket": "exports",
    "destination_s3_directory": "from/shop",
    "table": "clickstream",
}
START_SECONDS = 60


@dataclass
class OlderClient:
    """A client that knows nothing but sockets and the older service's requests."""

    url: str

    def __call__(self, method: str, path: str, body: object, *, headers: str = "") -> tuple[int, Any]:
        """Send one request with a JSON body, whatever the method; return the status and the decoded answer."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        parts = urlsplit(self.url)
        with socket.create_connection((str(parts.hostname), parts.port or 80), timeout=30) as connection:
            connection.sendall(
                f"{method} {path} HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Type: application/json\r\n"
                f"{headers}Content-Length: {len(data)}\r\nConnection: close\r\n\r\n".encode()
                + data
            )
            answer = b"".join(iter(lambda: connection.recv(65536), b""))
        head, _, document = answer.partition(b"\r\n\r\n")
        return int(head.split(b" ")[1]), json.loads(document)

    def ended(self, base: str, job_id: str) -> dict[str, Any]:
        """Ask for the job's status until it has ended; return the last answer."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            status, told = self("GET", f"{base}/job_status", {"job_id": job_id})
            assert status == 200
            if told["execution_status"] not in {"QUEUED", "RUNNING"}:
                return dict(told)
        pytest.fail("the job did not end")


@pytest.fixture(scope="module")
def shop() -> Shop:
    """Return the shop behind the service."""
    return Shop(scale=0.25)


@contextmanager
def service(shop: Shop, buckets: object, *, faults: str | None = None, seconds: float = 0.0) -> Iterator[OlderClient]:
    """Serve jobs into these buckets."""
    draw = Draw(FaultMix.parse(faults)) if faults else None
    with running(shop, today=lambda: TODAY, exports=ExportSettings(str(buckets), seconds), faults=draw) as url:
        yield OlderClient(url)


def rows_in(store: Store, directory: str) -> pl.DataFrame:
    """Return the rows of a directory's files, in the order of their names."""
    return pl.concat(
        [pl.read_parquet(BytesIO(store.read(entry.key))) for entry in store.list(f"{directory}/")],
        how="diagonal",
    )


def truth(shop: Shop, table: TableSpec, days: DayRange) -> list[dict[str, Any]]:
    """Return the rows that the pages hand out."""
    return [json.loads(row) for day in days for row in shop.rows(table, day, today=TODAY)]


@pytest.mark.parametrize("base", ["/v1", "/dev"])
@pytest.mark.parametrize("table", TABLES)
def test_a_job_delivers_the_rows_of_the_pages(shop: Shop, tmp_path: Path, table: TableSpec, base: str) -> None:
    """Ordered, waited for, read: the files hold the rows that the pages hold, and null where no column fits a value."""
    with service(shop, tmp_path) as client:
        status, ordered = client("POST", f"{base}/fetch_data", ORDER | {"table": table.name})
        assert status == 200
        assert list(ordered) == ["job_id"]
        ended = client.ended(base, ordered["job_id"])
    expected = truth(shop, table, BAD)
    assert ended["execution_status"] == "COMPLETE"
    assert ended["rows"] == len(expected)
    delivered = rows_in(open_store(str(tmp_path / "exports")), "from/shop").to_dicts()
    assert len(delivered) == len(expected)
    odd = 0
    for row, true in zip(delivered, expected, strict=True):
        wrong = {name for name in row if row[name] != true.get(name)}
        assert all(row[name] is None for name in wrong)
        odd += bool(wrong)
    broken = sum(sum(shop.dirt(table, day, today=TODAY).malformed.values()) for day in BAD)
    assert odd <= broken
    assert odd > 0 or table != CLICKSTREAM


@pytest.mark.s3
def test_a_job_delivers_to_a_real_bucket(shop: Shop, s3_bucket: str) -> None:
    """`s3://` stands for the S3 server of the AWS variables; a bucket that is not there makes the job fail."""
    with service(shop, "s3://") as client:
        there = ORDER | {"destination_s3_bucket": s3_bucket, "table": "products"}
        ended = client.ended("/v1", client("POST", "/v1/fetch_data", there)[1]["job_id"])
        assert ended["execution_status"] == "COMPLETE"
        missing = client("POST", "/v1/fetch_data", there | {"destination_s3_bucket": "no-such-bucket"})[1]["job_id"]
        failed = client.ended("/v1", missing)
    assert failed["execution_status"] == "FAILED"
    assert "no-such-bucket" in failed["error"]
    assert rows_in(open_store(f"s3://{s3_bucket}"), "from/shop").to_dicts() == truth(shop, PRODUCTS, BAD)


def test_two_jobs_run_and_a_third_waits(shop: Shop, tmp_path: Path) -> None:
    """More than two orders are taken, and wait; a server that ends does not wait for them."""
    with service(shop, tmp_path, seconds=600) as client:
        ids = [client("POST", "/v1/fetch_data", ORDER)[1]["job_id"] for _ in range(3)]
        told = [client("GET", "/v1/job_status", {"job_id": each})[1]["execution_status"] for each in ids]
    assert told == ["RUNNING", "RUNNING", "QUEUED"]
    assert not list(tmp_path.rglob("*.parquet"))


@pytest.mark.parametrize("base", ["/v1", "/dev"])
def test_metrics_are_integers_for_a_body(shop: Shop, tmp_path: Path, base: str) -> None:
    """A GET with a JSON body gets the shop's own counts, without a key, and the same as with the query."""
    with service(shop, tmp_path) as client:
        day = {"date": "11-23-2023"}
        assert client("GET", f"{base}/metrics/hits", day) == (200, shop.hits(BAD.first, today=TODAY))
        assert client("GET", f"{base}/metrics/visitors", day) == (200, shop.visitors(BAD.first, today=TODAY))
        key = "X-API-Key: sandbox-key\r\n"
        assert client("GET", f"{base}/metrics/hits?date=2023-11-23", b"", headers=key)[1] == shop.hits(
            BAD.first, today=TODAY
        )
        assert client("GET", f"{base}/metrics/hits?date=2023-11-23", b"")[0] == 401
        assert client("GET", f"{base}/metrics/hits", day | {"api_key": "no"})[0] == 401


@pytest.mark.parametrize(
    ("change", "status", "told"),
    [
        ({"api_key": "no"}, 401, "api_key"),
        ({"api_key": 7}, 401, "api_key"),
        ({"start_date": "2023-11-23"}, 422, "mm-dd-yyyy"),
        ({"start_date": "02-30-2023"}, 422, "calendar"),
        ({"start_date": "11-26-2023"}, 422, "before start_date"),
        ({"end_date": "06-01-2024"}, 422, "end_date"),
        ({"start_date": "01-01-2020"}, 422, "366"),
        ({"start_date": None}, 422, "missing"),
        ({"table": "orders"}, 422, "clickstream"),
        ({"table": ["users"]}, 422, "not text"),
        ({"destination_s3_bucket": "../up"}, 422, "bucket"),
        ({"destination_s3_directory": "../up"}, 422, "directory"),
    ],
)
def test_a_wrong_order_is_refused(
    shop: Shop, tmp_path: Path, change: dict[str, object], status: int, told: str
) -> None:
    """A wrong key, date, table or destination is a problem document that names it, and nothing is written."""
    with service(shop, tmp_path) as client:
        answered, problem = client("POST", "/v1/fetch_data", ORDER | change)
    assert (answered, problem["status"]) == (status, status)
    assert told in problem["detail"]
    assert not list(tmp_path.rglob("*.parquet"))


@pytest.mark.parametrize(("body", "status"), [(b"{", 400), (b"[]", 400), (b"", 401), (b'"' + b"x" * 2**17 + b'"', 413)])
def test_a_body_that_is_no_object_is_refused(shop: Shop, tmp_path: Path, body: bytes, status: int) -> None:
    """So is one without end; without any body the key is missing."""
    with service(shop, tmp_path) as client:
        assert client("POST", "/v1/fetch_data", body)[0] == status


def test_an_unknown_job_is_not_found(shop: Shop, tmp_path: Path) -> None:
    """So is every job of a sandbox without buckets, which refuses the order."""
    with service(shop, tmp_path) as client:
        assert client("GET", "/v1/job_status", {"job_id": "0"})[0] == 404
        assert client("GET", "/v1/job_status", {})[0] == 422
    with running(shop, today=lambda: TODAY) as url:
        bare = OlderClient(url)
        assert bare("GET", "/v1/job_status", {"job_id": "0"})[0] == 404
        refused, problem = bare("POST", "/v1/fetch_data", ORDER)
    assert refused == 409
    assert "--buckets" in problem["detail"]


def test_jobs_go_wrong_as_the_faults_say(shop: Shop, tmp_path: Path) -> None:
    """A failed job says so, a lost one is unknown, a short one lacks a file, a truncated one has half a file."""
    with service(shop, tmp_path, faults="job-failed=1") as client:
        told = client.ended("/v1", client("POST", "/v1/fetch_data", ORDER)[1]["job_id"])
        assert told["execution_status"] == "FAILED"
        assert told["error"]
    with service(shop, tmp_path, faults="job-lost=1") as client:
        job = client("POST", "/v1/fetch_data", ORDER)[1]
        assert client("GET", "/v1/job_status", job)[0] == 404
    with service(shop, tmp_path, faults="job-stuck=1") as client:
        job = client("POST", "/v1/fetch_data", ORDER)[1]
        assert client("GET", "/v1/job_status", job)[1]["execution_status"] == "RUNNING"
    assert not list(tmp_path.rglob("*.parquet"))
    with service(shop, tmp_path, faults="job-short=1") as client:
        told = client.ended("/v1", client("POST", "/v1/fetch_data", ORDER)[1]["job_id"])
        assert told["rows"] == len(truth(shop, CLICKSTREAM, BAD))
    assert not list(tmp_path.rglob("*.parquet"))
    with service(shop, tmp_path, faults="job-truncated=1") as client:
        told = client.ended("/v1", client("POST", "/v1/fetch_data", ORDER)[1]["job_id"])
        assert told["execution_status"] == "COMPLETE"
    (file,) = tmp_path.rglob("*.parquet")
    with pytest.raises(pl.exceptions.PolarsError):
        pl.read_parquet(file)
