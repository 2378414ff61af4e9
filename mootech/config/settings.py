"""The settings, their types, limits and defaults. docs/configuration.md is made from this."""

from datetime import date
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr

from mootech.config.quality import QaSettings
from mootech.config.section import NamedTable, Section, as_tuple
from mootech.config.source import JobsSettings, SourceSettings
from mootech.errors import ConfigError, UsageError
from mootech.model import parse_day
from mootech.tables import TABLES


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


def _lake(value: str) -> str:
    # One lake, one name, wherever a command is started: this host files its state of a lake under that name.
    return value.rstrip("/") if "://" in value else str(Path(value).absolute())


def _path(value: object) -> object:
    return Path(value) if isinstance(value, str) else value


class IngestSettings(Section):
    """What `ingest` fetches, unless an option says otherwise."""

    tables: Annotated[tuple[NamedTable, ...], BeforeValidator(_tables)] = Field(
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

    name: str = Field(
        default="duckdb",
        min_length=1,
        description="Which engine: `duckdb` computes on this machine; `mootech report --help` lists the others.",
    )
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
        description="Where the data lies: a directory, or an address such as `s3://bucket/prefix`.",
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
