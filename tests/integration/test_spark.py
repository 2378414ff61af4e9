"""Spark as an engine: what a person's report may do there, objects that cannot be read, servers that will not do."""

import socket
import threading
from collections.abc import Iterator
from concurrent import futures
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
from pyspark.sql.connect.proto import base_pb2, base_pb2_grpc

from mootech.definition import DefinitionError
from mootech.engines.duckdb import DuckDB
from mootech.engines.spark import Spark
from mootech.errors import ConfigError, StoreError
from mootech.lake.paths import Layer, partition_key
from mootech.layers.gold.header import parse
from mootech.layers.gold.report import Request, report
from mootech.layers.silver.build import Builder
from mootech.model import DayStatus
from mootech.outcomes import ReportResult
from mootech.tables import PRODUCTS, TABLES, TRANSACTIONS
from tests.bronze import Workshop, noon, workshop
from tests.rows import DAY, order, product
from tests.stores import Wrapper

TODAY = date(2024, 3, 9)
HEADER = """\
-- Orders: orders by kind.
-- Grain       kind of transaction
-- Inputs      transactions: silver
-- Parameters  $least BIGINT = 1: kinds with fewer are left out
--             $kinds VARCHAR[] = 'purchase,return': the others are left out
-- Columns     kind    VARCHAR
--             orders  BIGINT
-- Key         kind
"""
GOOD = (
    "SELECT transaction_type AS kind, count(*) AS orders FROM transactions"
    " WHERE list_contains($kinds, transaction_type) GROUP BY ALL HAVING orders >= $least"
)


class Elsewhere(Wrapper):
    """A store that names its objects as another host would."""

    def uri(self, key: str) -> str:
        """Return a path where nothing is."""
        return f"/nowhere{super().uri(key)}"


@pytest.fixture
def shop(tmp_path: Path, state_dir: Path) -> Iterator[Workshop]:
    """A lake on disk with silver of two purchases, a return and a product."""
    with workshop(str(tmp_path / "lake"), state_dir) as opened:
        opened.publish(TRANSACTIONS, DAY, [order(), order("o2", transaction_type="return"), order("o3")])
        opened.publish(PRODUCTS, DAY, [product()])
        Builder(opened.lake, opened.engine, TODAY).build(tuple(TABLES))
        yield opened


def _run(shop: Workshop, remote: str, sql: str, **given: str) -> ReportResult:
    definition = parse("orders", sql, "/reports/orders.sql")
    with Spark.opened(shop.lake.store, remote) as engine:
        [found] = report(shop.lake, engine, Request(definition, given=given), TODAY)
    return found


def test_a_person_s_report_runs_on_spark(shop: Workshop, spark_remote: str) -> None:
    """Its parameters are bound, its rows sorted and kept, and DuckDB, asked next, finds nothing to compute."""
    found = _run(shop, spark_remote, HEADER + GOOD)
    assert found.rows == (("purchase", 2), ("return", 1))
    assert found.changed
    with DuckDB.opened(shop.lake.store, state_dir=shop.lake.workspace) as engine:
        [again] = report(shop.lake, engine, Request(parse("orders", HEADER + GOOD, "/reports/orders.sql")), TODAY)
    assert (again.rows, again.changed) == (found.rows, False)
    assert _run(shop, spark_remote, HEADER + GOOD, least="2", kinds="return,'; --").rows == ()
    assert _run(shop, spark_remote, HEADER + GOOD, least="2").rows == (("purchase", 2),)


def test_a_person_s_report_may_use_what_ours_have_in_common(shop: Workshop, spark_remote: str) -> None:
    """`sold_by_month` is there on Spark too, of all products and of some, though Spark has no table macros."""
    header = HEADER.replace("transactions: silver", "transactions: silver\n--             products: silver")
    for asked in ("NULL", "['p1']", "['p1', 'p2']"):
        sql = "SELECT product_id AS kind, CAST(purchased - returned AS BIGINT) AS orders FROM sold_by_month"
        sql = f"{sql}({asked})"
        assert _run(shop, spark_remote, header + sql).rows == (("p1", 2),)


@pytest.mark.parametrize(
    "sql",
    [
        'SELECT value AS kind, 1 AS orders FROM text."/etc/passwd"',
        "SELECT reflect('java.lang.System', 'getenv', 'HOME') AS kind, 1 AS orders FROM transactions",
        "SELECT kind, 1 AS orders FROM products AS kinds(kind)",
    ],
)
def test_a_person_s_report_reaches_its_inputs_and_nothing_else(shop: Workshop, spark_remote: str, sql: str) -> None:
    """Files, the JVM and tables beside its inputs are refused, with the file's name, before Spark sees them."""
    with pytest.raises(DefinitionError, match=r"^/reports/orders\.sql") as refused:
        _run(shop, spark_remote, HEADER + sql)
    assert "Nothing was changed" in refused.value.hint
    assert "Spark refuses" not in refused.value.message


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        ("SELECT nothing AS kind, 1 AS orders FROM transactions", "Spark refuses it: .*nothing"),
        ("SELECT transaction_type AS kind, 1 AS orders FROM transactions", "Spark gives kind string, orders int; its"),
        (
            "SELECT 'a' AS kind, CAST(1 AS BIGINT) AS orders FROM transactions",
            "its key, kind, is the same in several rows",
        ),
        ("SELECT 'a' AS kind, CAST(1 / 0 AS BIGINT) AS orders FROM transactions LIMIT 1", "DIVIDE_BY_ZERO"),
    ],
)
def test_a_wrong_report_is_named(shop: Workshop, spark_remote: str, sql: str, told: str) -> None:
    """What Spark says of it, its types or its key comes with the file's name."""
    with pytest.raises(DefinitionError, match=told) as wrong:
        _run(shop, spark_remote, HEADER + sql)
    assert "orders.sql" in wrong.value.message
    assert "\n" not in wrong.value.message


def test_one_damaged_day_does_not_stop_the_others(shop: Workshop, spark_remote: str) -> None:
    """Of days that are made together, the one that cannot be read fails by name, and the others are published."""
    days = [DAY + timedelta(days=n) for n in range(1, 4)]
    for day in days:
        shop.publish(TRANSACTIONS, day, [order(f"o{day}", transaction_timestamp=noon(day))])
    broken = Path(shop.lake.store.uri(partition_key(Layer.RAW, "transactions", days[1])))
    whole = broken.read_bytes()
    broken.write_bytes(whole[:4] + bytes(120) + whole[124:])  # its rows; the footer, with the receipt, stays
    with Spark.opened(shop.lake.store, spark_remote) as engine:
        results = Builder(shop.lake, engine, TODAY).build([TRANSACTIONS])
    assert [each.utc_date for each in results] == days
    assert [each.status for each in results] == [DayStatus.PUBLISHED, DayStatus.FAILED, DayStatus.PUBLISHED]
    error = results[1].error
    assert isinstance(error, StoreError)
    assert "mootech verify" in error.hint


def test_where_spark_cannot_read_at_all_the_rest_is_left_out(shop: Workshop, spark_remote: str) -> None:
    """A cluster that does not reach the lake is not asked for every day of years: after three days it is enough."""
    days = [DAY + timedelta(days=n) for n in range(1, 7)]
    for day in days:
        shop.publish(TRANSACTIONS, day, [order(f"o{day}", transaction_timestamp=noon(day))])
    with Spark.opened(Elsewhere(shop.lake.store), spark_remote) as engine:
        results = Builder(shop.lake, engine, TODAY).build([TRANSACTIONS])
    assert [each.utc_date for each in results] == days
    told = [str(each.error) for each in results]
    assert sum("PATH_NOT_FOUND" in each for each in told) == 3
    assert sum("left out, because Spark failed 3 days in a row" in each for each in told) == 3


def test_an_object_that_is_gone_is_the_store_s_failure(shop: Workshop, spark_remote: str) -> None:
    """A partition that vanishes after it was listed is named as what the lake lacks."""
    with Spark.opened(shop.lake.store, spark_remote) as engine:
        [held] = shop.lake.held(Layer.SILVER, "transactions").values()
        Path(shop.lake.store.uri(held.key)).unlink()
        with pytest.raises(StoreError, match="PATH_NOT_FOUND"):
            engine.view("transactions", [held.entry], partitioned=True)


class _Old(base_pb2_grpc.SparkConnectServiceServicer):  # type: ignore[misc]  # Spark has no types here
    """What a server of another version says of itself; PyPI has no old Spark with a Connect server to run instead."""

    def AnalyzePlan(self, request: Any, _: grpc.ServicerContext) -> Any:  # noqa: ANN401, N802  # the protocol's name; made at run time
        answer = base_pb2.AnalyzePlanResponse(session_id=request.session_id)
        answer.spark_version.version = "3.5.6"
        return answer

    def ReleaseSession(self, request: Any, _: grpc.ServicerContext) -> Any:  # noqa: ANN401, N802  # likewise
        return base_pb2.ReleaseSessionResponse(session_id=request.session_id)


def test_an_old_server_is_refused_by_its_version(shop: Workshop) -> None:
    """A server that says it is Spark 3.5 is refused before a statement is sent; the hint names what to do."""
    server = grpc.server(futures.ThreadPoolExecutor(2))
    base_pb2_grpc.add_SparkConnectServiceServicer_to_server(_Old(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    told = r"the Spark server is of version 3\.5\.6; mootech needs 4\.0 or later"
    try:
        with (
            pytest.raises(ConfigError, match=told) as old,
            Spark.opened(shop.lake.store, f"sc://127.0.0.1:{port}"),
        ):
            pytest.fail("it was opened")
    finally:
        server.stop(None).wait()
    assert "leave out --engine spark" in old.value.hint


@contextmanager
def _mute() -> Iterator[int]:
    """Yield the port of somebody who takes every call and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        calls: list[socket.socket] = []

        def take() -> None:
            while True:
                try:
                    calls.append(listening.accept()[0])
                except OSError:
                    return

        thread = threading.Thread(target=take)
        thread.start()
        try:
            yield listening.getsockname()[1]
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            thread.join()
            for call in calls:
                call.close()


def test_somebody_else_behind_the_address_is_told_within_seconds(shop: Workshop) -> None:
    """A port where something listens that is no Spark Connect server does not keep a command waiting for minutes."""
    with (
        _mute() as port,
        pytest.raises(StoreError, match="does not speak gRPC"),
        Spark.opened(shop.lake.store, f"sc://127.0.0.1:{port}"),
    ):
        pytest.fail("it was opened")
