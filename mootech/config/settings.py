"""The settings, their types, limits and defaults. docs/configuration.md is made from this."""

import shlex
from datetime import date
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, InstanceOf, SecretStr, ValidationInfo

from mootech.config.dialect import AuthSettings, PagesSettings, TablesSettings
from mootech.config.keycommand import key_from
from mootech.config.section import Section, as_tuple, one_for_each_table
from mootech.errors import ConfigError, UsageError
from mootech.model import parse_day
from mootech.tables import TABLES, TableSpec


def _day(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return parse_day(value)
    except UsageError as exc:
        raise ValueError(f"is wrong: {exc.message}. {exc.hint}") from exc


def _tables(value: object) -> object:
    if not isinstance(value, list | tuple):
        return value
    try:
        return tuple(TABLES.named(item) if isinstance(item, str) else item for item in value)
    except UsageError as exc:
        raise ValueError(f"is wrong: {exc.message}. {exc.hint}") from exc


def _command(value: object) -> object:
    # A ValueError never repeats the text: somebody may have put the key itself there.
    if isinstance(value, str):
        try:
            value = shlex.split(value)
        except ValueError as exc:
            raise ValueError("has a quotation mark that is not closed") from exc
    if isinstance(value, list | tuple):
        if not value or value[0] == "":
            raise ValueError("is empty: name a program and its arguments")
        return tuple(value)
    return value


def _lake(value: str) -> str:
    # One lake, one name, wherever a command is started: this host files its state of a lake under that name.
    return value.rstrip("/") if "://" in value else str(Path(value).absolute())


def _destination(value: str | None) -> str | None:
    # The text of an error never repeats the address, because it may hold a password.
    if value is None:
        return None
    if "://" not in value:
        if not value.strip() or not Path(value).absolute().name:
            raise ValueError("is no folder that could stand for a bucket")
        return str(Path(value).absolute())
    parts = urlsplit(value)
    if parts.scheme != "s3" or not parts.netloc or "@" in parts.netloc or parts.query or parts.fragment:
        raise ValueError("is neither a folder nor s3://bucket/directory")
    return value.rstrip("/")


def _path(value: object) -> object:
    return Path(value) if isinstance(value, str) else value


def _printable(value: SecretStr | None) -> SecretStr | None:
    text = "unset" if value is None else value.get_secret_value()
    if not (text.isascii() and text.isprintable() and " " not in text and text):
        raise ValueError("is empty or holds a space, a line break or another character no API key has")
    return value


def _endpoint(value: str | None, info: ValidationInfo) -> str | None:
    # The text of an error never repeats the URL, because it may hold a password.
    if value is None:
        return None
    parts = urlsplit(value)  # a bad IPv6 host or port is a ValueError, which is what a validator raises
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.port == 0:
        raise ValueError("is not a URL such as https://api.example.com/v1")
    if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
        raise ValueError("must hold neither a user name, a password, a query nor a fragment")
    if parts.scheme == "http" and not info.data.get("allow_http") and not _is_loopback(parts.hostname):
        raise ValueError(
            f"would send the API key to {parts.hostname} over plain http, where anyone on the way can read it. "
            "Use https, or write `allow_http = true` under [source]"
        )
    return value.rstrip("/")


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


class SourceSettings(Section):
    """The shop's API."""

    # Before url, whose check reads it.
    allow_http: bool = Field(
        default=False,
        description="Send the key over plain http to another host than this one. Anyone on the way can read it.",
    )
    url: Annotated[str | None, AfterValidator(_endpoint)] = Field(
        default=None,
        description="Address of the shop's API, up to the version: `https://api.example.com/v1`.",
        json_schema_extra={"env": "MOOTECH_API_URL"},
    )
    api_key: Annotated[SecretStr | None, AfterValidator(_printable)] = Field(
        default=None,
        description="The API's key. Only from the environment: refused in the file.",
        json_schema_extra={"env": "MOOTECH_API_KEY or MOOTECH_API_KEY_FILE"},
    )
    api_key_command: Annotated[tuple[str, ...] | None, BeforeValidator(_command)] = Field(
        default=None,
        description="A command that prints the key, as a list of words or one text; run without a shell, and only "
        "where neither variable above sets a key.",
    )
    protocol: Literal["pages", "jobs"] = Field(
        default="pages",
        description="How the shop hands out rows: `pages` over HTTP, or `jobs` that write Parquet into a bucket "
        "(see [jobs]).",
    )
    page_size: int = Field(default=5000, ge=1, le=100_000, description="Rows asked for in one page.")
    concurrency: int = Field(default=4, ge=1, le=64, description="Requests under way at once, of all tables.")
    requests_per_second: float | None = Field(
        default=None,
        ge=0.01,
        le=1000,
        description="Most requests per second, for all tables together; after a 429 mootech slows down by itself. "
        "Without it: as fast as the API answers.",
    )
    timeout_seconds: float = Field(default=30.0, gt=0, le=3600, description="Limit for one attempt at one page.")
    deadline_seconds: float = Field(
        default=120.0, gt=0, le=86_400, description="Limit for one page with all its retries and waits."
    )
    metrics: bool = Field(
        default=True,
        description="Hold each day of clickstream against the shop's own counts, `{url}/metrics/hits` and "
        "`{url}/metrics/visitors`. `false` for a shop that has none.",
    )
    max_body_mb: int = Field(default=64, ge=1, le=4096, description="Largest answer accepted, decompressed, in MiB.")
    auth: AuthSettings = AuthSettings()
    pages: PagesSettings = PagesSettings()
    tables: TablesSettings = TablesSettings()

    def endpoint(self) -> tuple[str, SecretStr]:
        """Return the API's address and key.

        Raises:
            ConfigError: one of them is not set, or the command that should print the key failed.

        """
        rehearse = "To rehearse without a shop: mootech sandbox"
        if self.url is None:
            raise ConfigError(
                "no address of the shop's API is set",
                hint=f"Set MOOTECH_API_URL, or url under [source] in mootech.toml. {rehearse}",
            )
        if self.api_key is not None:
            return self.url, self.api_key
        if self.api_key_command is not None:
            return self.url, key_from(self.api_key_command)
        raise ConfigError(
            "no key for the shop's API is set",
            hint="Set MOOTECH_API_KEY, or MOOTECH_API_KEY_FILE to a file only you can read, or api_key_command under "
            f"[source] in mootech.toml. {rehearse}",
        )


class JobsSettings(Section):
    """The jobs of the older service, for `protocol = "jobs"` under [source]."""

    destination: Annotated[str | None, AfterValidator(_destination)] = Field(
        default=None,
        description="Where the service's files arrive; mootech removes them after reading: `s3://bucket/directory`, or "
        "a folder, whose name is then the bucket's.",
    )
    days_per_job: int = Field(default=31, ge=1, le=366, description="Days of one table that are ordered in one job.")
    poll_seconds: float = Field(
        default=30.0, gt=0, le=3600, description="Longest wait between two looks at a job; the first waits are shorter."
    )
    deadline_seconds: float = Field(
        default=3600.0,
        gt=0,
        le=604_800,
        description="How long a run waits for one job; the next run waits for the same job.",
    )
    attempts: int = Field(
        default=3,
        ge=1,
        le=20,
        description="How often the same days are ordered when a job fails, vanishes or is not whole.",
    )


class IngestSettings(Section):
    """What `ingest` fetches, unless an option says otherwise."""

    tables: Annotated[tuple[InstanceOf[TableSpec], ...], BeforeValidator(_tables)] = Field(
        default=tuple(TABLES), min_length=1, description="Tables to fetch, in this order."
    )
    start: Annotated[date | None, BeforeValidator(_day)] = Field(
        default=None,
        description="First UTC day of the lake; missing days from this one on are fetched. "
        "Without it: from the first day the lake holds.",
    )
    lookback: int = Field(
        default=2,
        ge=0,
        le=366,
        description="How many of the last held days are fetched again, because rows may have come late.",
    )


DriftChoice = Literal["evolve", "freeze", "discard"]


class DriftSettings(one_for_each_table(DriftChoice, "evolve", "Undeclared fields of {table}.")):  # type: ignore[misc]  # a key for each table
    """What happens to fields that the contract does not name: `evolve` keeps them in `extra`, `freeze` stops a day that
    has some, `discard` drops them and keeps the rows."""  # noqa: D205, D209  # one paragraph of the reference


class QaSettings(Section):
    """When a day is stopped (both limits of bad rows are exceeded, or all its rows are bad, or too many are missing),
    and what is odd about one."""  # noqa: D205, D209  # one paragraph of the reference

    max_bad_share: float = Field(default=0.01, ge=0, le=1, description="Share of bad rows a day may have, 0 to 1.")
    max_bad_rows: int = Field(default=10, ge=0, description="Number of bad rows a day may have, whatever their share.")
    min_source_share: float = Field(
        default=0.99,
        ge=0,
        le=1,
        description="Share of the shop's own count of hits, and of visitors, that must have arrived, 0 to 1. A day "
        "with less is fetched again, at most twice, and the passes are united.",
    )
    publish_short_days: bool = Field(
        default=False,
        description="Publish a day even if it still has less then. The run ends with 3 either way, and `qa` names it.",
    )
    anomalies: Literal["off", "warn", "block"] = Field(
        default="warn",
        description="What happens to a day that is unlike the same weekday of the weeks before, in its rows, NULLs or "
        "categories: nothing (`off`), `warn` (`qa` and `run` say so) or `block` (it is not published).",
    )
    history_weeks: int = Field(
        default=8, ge=4, le=104, description="Weeks that a day is compared with; at least four of them must be held."
    )
    z: float = Field(
        default=5.0,
        ge=1,
        le=1000,
        description="Distance from the median of those weeks, in robust standard deviations, from which on a day is "
        "unusual. Less finds more, and more of it is chance.",
    )
    max_unmatched_share: float = Field(
        default=0.01,
        ge=0,
        le=1,
        description="Share of a day's purchases whose customer, or of its items whose product, that day's snapshot may "
        "lack before `qa` warns.",
    )
    max_days_behind: int = Field(
        default=1,
        ge=0,
        le=366,
        description="Days the newest day held may lie behind yesterday (UTC) before `qa` warns.",
    )
    schema_drift: DriftSettings = DriftSettings()


class ReportSettings(Section):
    """What `report` and `run` compute, unless an option says otherwise."""

    products: Annotated[tuple[str, ...], BeforeValidator(as_tuple)] = Field(
        default=(), description="Products to report on, by name or product_id. Empty: every product."
    )
    names: Annotated[tuple[str, ...], BeforeValidator(as_tuple)] = Field(
        default=("sales",), description="The reports that `run` computes; `mootech report --list` shows all there are."
    )
    folder: Annotated[Path | None, BeforeValidator(_path)] = Field(
        default=None, description="Folder of reports of your own: `NAME.sql` each, as docs/reports.md describes."
    )


class EngineSettings(Section):
    """What computes silver and the reports. docs/scale.md says when, and how, to have a Spark cluster do it."""

    name: Literal["duckdb", "spark"] = Field(default="duckdb", description="`duckdb`, on this machine, or `spark`.")
    remote: SecretStr | None = Field(
        default=None,
        description="Where Spark is: `sc://host:15002`, or `local[*]` to try it out on this machine. An address with a "
        "token belongs into the environment.",
        json_schema_extra={"env": "SPARK_REMOTE"},
    )


class Settings(Section):
    """Every setting of mootech. Its text never shows the API key."""

    lake: Annotated[str, AfterValidator(_lake)] = Field(
        default="./mootech-lake",
        min_length=1,
        validate_default=True,
        description="Where the data lies: a directory or `s3://bucket/prefix`.",
        json_schema_extra={"env": "MOOTECH_LAKE"},
    )
    state_dir: Annotated[Path, BeforeValidator(_path)] = Field(
        description="This host's own folder for staged pages, rejects of blocked days and caches; "
        "by default `$XDG_STATE_HOME/mootech`, else `~/.local/state/mootech`.",
        json_schema_extra={"env": "MOOTECH_STATE_DIR"},
    )
    copies_mb: int = Field(
        default=10_240,
        ge=0,
        description="MiB that copies of the objects of a lake on S3 may take in the state folder, so that a report "
        "downloads what is new and nothing else. A table that does not fit is read from S3 each time; 0 keeps none.",
    )
    source: SourceSettings = SourceSettings()
    jobs: JobsSettings = JobsSettings()
    ingest: IngestSettings = IngestSettings()
    qa: QaSettings = QaSettings()
    report: ReportSettings = ReportSettings()
    engine: EngineSettings = EngineSettings()

    def destination(self) -> str:
        """Return where jobs deliver to.

        Raises:
            ConfigError: it is not set, or lies in the lake.

        """
        there = self.jobs.destination
        if there is None:
            raise ConfigError(
                'protocol = "jobs" under [source] needs a place where the service\'s files arrive',
                hint="Nothing was done. Set destination under [jobs] to s3://bucket/directory, or to a folder.",
            )
        if f"{there}/".startswith(f"{self.lake}/"):
            raise ConfigError(
                "[jobs] destination lies in the lake, where every Parquet file counts as data",
                hint="Nothing was done. Name another folder or bucket, or another directory of the bucket.",
            )
        return there
