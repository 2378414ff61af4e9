"""The settings of the sections [source] and [jobs]: where the shop's rows come from."""

import shlex
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationInfo

from mootech.config.dialect import AuthSettings, PagesSettings, TablesSettings
from mootech.config.keycommand import key_from
from mootech.config.section import Section
from mootech.errors import ConfigError


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
