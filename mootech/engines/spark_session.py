"""Opens sessions of Spark, on a Spark Connect server or in a Spark that this process starts."""

import logging
import os
import re
import socket
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

import grpc
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from mootech.config import unset
from mootech.engines.spark_failures import errors
from mootech.errors import ConfigError, StoreError

OLDEST = (4, 0)
"""The first version of Spark whose SQL can run all translated statements."""

_REACH_SECONDS = 10.0
_RETRIES = 6
"""Retries of a call without an answer. They last about a minute; Spark's default lasts ten, for every day made."""
_PORT = 15002
_LOCAL = re.compile(r"local(\[.+\])?")
_UNREACHED = (
    "Nothing was changed. Check SPARK_REMOTE and the cluster, or leave out --engine spark: DuckDB computes the same."
)
_SETTINGS = {
    "spark.sql.session.timeZone": "UTC",
    # An overflow or a bad cast is an error, as in DuckDB, and not a NULL.
    "spark.sql.ansi.enabled": "true",
    "spark.sql.caseSensitive": "false",
    "spark.sql.files.ignoreCorruptFiles": "false",
    "spark.sql.files.ignoreMissingFiles": "false",
    "spark.sql.parquet.inferTimestampNTZ.enabled": "true",
    "spark.sql.sources.partitionColumnTypeInference.enabled": "true",
}

_LOCAL_SETTINGS = {
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.host": "127.0.0.1",
    "spark.log.level": "ERROR",
    # The default, 200, is meant for a cluster.
    "spark.sql.shuffle.partitions": str(os.cpu_count() or 1),
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
}


@contextmanager
def opened_session(remote: str) -> Iterator[SparkSession]:
    """Yield a session at `remote` with mootech's settings, and end it after the block.

    At a server (`sc://host:15002`) the session is a new one. On this machine (`local[*]`) it needs no server, and the
    process can have only one.

    Raises:
        ConfigError: `remote` is not an address of Spark, or the server is too old.
        StoreError: the server does not answer, or Spark does not start.

    """
    # This logger repeats the text of every exception on stderr, as JSON.
    logging.getLogger("SQLQueryContextLogger").setLevel(logging.CRITICAL + 1)
    if not _LOCAL.fullmatch(remote):
        session = _connected(remote)
        try:
            _set_up(session)
            yield session
        finally:
            # Without this, closing the session of a server that is gone would be retried for ten minutes.
            session.client.set_retry_policies([])
            with suppress(PySparkException, grpc.RpcError):
                session.stop()
        return
    # If this variable is set, PySpark always connects to a server.
    with unset("SPARK_REMOTE"):
        builder = SparkSession.builder.master(remote).appName("mootech")
        for name, value in _LOCAL_SETTINGS.items():
            builder = builder.config(name, value)
        with _quiet(), errors("starting Spark on this machine"):
            session = builder.getOrCreate()
        try:
            _set_up(session)
            yield session
        finally:
            session.stop()


def _connected(remote: str) -> SparkSession:
    if not remote.startswith("sc://"):
        what = (
            "no address of Spark is set"
            if not remote
            else "the address of Spark is neither sc://host:15002 nor local[*]"
        )
        hint = (
            "Nothing was done. Set SPARK_REMOTE to the address of a Spark Connect server, sc://host:15002, or to "
            "local[*] to try Spark on this machine."
        )
        raise ConfigError(what, hint=hint)
    # The address may hold a token, so messages repeat only host and port.
    where = urlsplit(remote)
    server = f"Spark at {where.hostname}:{where.port or _PORT}"
    try:
        # The client would try for ten minutes. So this checks first that the port is open, then that it speaks gRPC.
        socket.create_connection((where.hostname or "", where.port or _PORT), _REACH_SECONDS).close()
        with _channel(remote) as channel:
            grpc.channel_ready_future(channel).result(_REACH_SECONDS)
    except (OSError, grpc.FutureTimeoutError) as exc:
        what = exc.strerror or str(exc) if isinstance(exc, OSError) else "the server there does not speak gRPC"
        raise StoreError(f"{server} does not answer: {what}", hint=_UNREACHED) from exc
    with _quiet(), errors(f"connecting to {server}"):
        from pyspark.sql.connect.client.retries import DefaultPolicy  # noqa: PLC0415  # see _quiet

        session = SparkSession.builder.remote(remote).create()
        session.client.set_retry_policies([DefaultPolicy(max_retries=_RETRIES)])
        return session


def _channel(remote: str) -> grpc.Channel:
    with _quiet():
        from pyspark.sql.connect.client import DefaultChannelBuilder  # noqa: PLC0415  # see _quiet

        return DefaultChannelBuilder(remote).toChannel()


@contextmanager
def _quiet() -> Iterator[None]:
    """Hide the warnings about pandas that PySpark gives on import, because mootech does not use pandas."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        yield


def _set_up(session: SparkSession) -> None:
    with errors("setting Spark up"):
        _check_version(session.version)
        for name, value in _SETTINGS.items():
            session.conf.set(name, value)


def _check_version(version: str) -> None:
    if tuple(int(part) for part in version.split(".")[:2]) < OLDEST:
        oldest = ".".join(map(str, OLDEST))
        hint = (
            "Nothing was done. Name a newer one in SPARK_REMOTE, or leave out --engine spark: DuckDB computes the same."
        )
        raise ConfigError(f"the Spark server is of version {version}; mootech needs {oldest} or later", hint=hint)
