"""The settings for a shop's API that does not speak mootech's own protocol: the key, the pages, the fields."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from mootech.config.section import Section, as_tuple, one_for_each_table
from mootech.tables import TableSpec

_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")


def _path(value: object) -> object:
    """Return `a.b` or `["a", "b"]` as the names on the way; `$` is the whole."""
    if isinstance(value, str):
        plain = value.removeprefix("$").removeprefix(".") if value.startswith("$") else value
        value = plain.split(".") if plain else []
    if isinstance(value, list):
        if any(name == "" for name in value):
            raise ValueError("is no path: write names with dots between them, such as result.items, or a list of names")
        return tuple(value)
    return value


def _url_path(value: str) -> str:
    plain = value.strip("/")
    rest = plain.replace("{day}", "0")
    if not plain or ".." in plain or re.search(r"[\s?#{}\\%]|//|:", rest):
        raise ValueError("is no path below the API's address, such as v2/customers or export/{day}/orders.ndjson")
    return plain


def _token(value: str) -> str:
    if not _TOKEN.fullmatch(value):
        raise ValueError("is no name that a header or a parameter can have")
    return value


def _parameter(value: str) -> str:
    return value if value == "" else _token(value)


def _header(value: str | None) -> str | None:
    return None if value is None else _token(value)


def _moved(value: object) -> object:
    return {"from": value} if isinstance(value, str | list) else value


JsonPath = Annotated[tuple[str, ...], BeforeValidator(_path)]
Parameter = Annotated[str, AfterValidator(_parameter)]
EndStatus = Literal[400, 404, 410, 416, 422]


class AuthSettings(Section):
    """How the key is sent. It goes to the configured address only, and into no log."""

    kind: Literal["header", "bearer", "basic", "query"] = Field(
        default="header",
        description="As a header of its own, as `Authorization: Bearer`, as the password of `user`, or as a parameter "
        "of the query.",
    )
    name: Annotated[str | None, AfterValidator(_header)] = Field(
        default=None,
        description="Name of the header or parameter; by default `X-API-Key` or `api_key`. Bearer and basic have none.",
    )
    user: str | None = Field(default=None, min_length=1, description="Only for basic: whose password the key is.")


class PagesSettings(Section):
    """How pages are asked for, and where things stand in them. A path is names with dots between them; `$` is the whole
    body; a list of names where one has a dot in it."""  # noqa: D205, D209  # one paragraph of the reference

    style: Literal["cursor", "page", "offset", "link", "next_url", "none"] = Field(
        default="cursor",
        description="How one page leads to the next: `cursor` (the body holds the next cursor), `page` (pages are "
        "counted), `offset` (rows are counted), `link` (the Link header has the address), `next_url` (the body has "
        "it), `none` (one page is all).",
    )
    body: Literal["json", "ndjson"] = Field(
        default="json", description="One JSON document, or a row a line. Either may come as gzip."
    )
    records: JsonPath = Field(default=("data",), description="Path of the list of rows; `$`: the body is the list.")
    next: JsonPath = Field(
        default=("next_cursor",), min_length=1, description="Path of the cursor, or of the next page's address."
    )
    total: JsonPath = Field(
        default=("total",), description="Path of the number of all rows, if the shop declares one; `$`: it does not."
    )
    total_header: Parameter = Field(default="", description="Header with the number of all rows, instead of `total`.")
    more: JsonPath = Field(
        default=(), description="Path of true or false: whether there is another page, if the shop says so."
    )
    errors: Annotated[tuple[JsonPath, ...], BeforeValidator(as_tuple)] = Field(
        default=(("errors",), ("error",)),
        description="Paths of errors beside the rows: an answer of 200 with one that is not empty is asked for again. "
        "`[]` looks for none.",
    )
    end_status: Annotated[tuple[EndStatus, ...], BeforeValidator(as_tuple)] = Field(
        default=(404, 416),
        description="Statuses that may end a day behind its last page, of 400, 404, 410, 416 and 422; only in the "
        "styles `page` and `offset`, and only where no total says otherwise.",
    )
    unframed: bool = Field(
        default=False,
        description="Take a body of lines for whole although neither a length, chunks, a total nor a gzip trailer says "
        "where it ends.",
    )
    place_parameter: Parameter = Field(
        default="",
        description="Parameter that says where to go on; by default `cursor`, `page` or `offset`, as the style is.",
    )
    first_page: int = Field(default=1, ge=0, le=1, description="Number of the first page.")
    limit_parameter: Parameter = Field(
        default="limit", description="Parameter with the rows a page, `page_size`; empty sends none."
    )
    start_parameter: Parameter = Field(
        default="start_date", description="Parameter with the day, or where the day begins; empty sends none."
    )
    end_parameter: Parameter = Field(
        default="end_date", description="Parameter with where the day ends; empty sends none."
    )
    end_exclusive: bool = Field(
        default=False, description="The range ends where the next day begins, instead of with the day's last moment."
    )
    date_format: str = Field(
        default="%Y-%m-%d",
        min_length=1,
        description="How a date is written, UTC: in the codes of strftime, or `seconds` or `milliseconds` since 1970.",
    )
    parameters: dict[str, str] = Field(default={}, description="Further parameters, sent with every request.")


class FieldSettings(Section):
    """Where a column comes from. `column = "path"` is short for `column = { from = "path" }`."""

    path: JsonPath = Field(
        default=(), alias="from", description="Path into the shop's row; through a list, it gives a list."
    )
    constant: str | int | float | None = Field(default=None, description="The value of every row, instead of a path.")
    cast: Literal["text", "integer", "number"] | None = Field(
        default=None,
        description="The type that the value is converted to; the gate rejects a row whose value cannot be.",
    )
    time: Literal["seconds", "milliseconds", "iso"] | None = Field(
        default=None,
        description="The value is a moment, since 1970 or as ISO text (UTC where it says nothing else): the column "
        "gets its Unix seconds, `utc_date` its day.",
    )
    times: JsonPath = Field(
        default=(),
        description="For a list: path of the number that says how often each entry counts, such as lines.quantity.",
    )


class TableSettings(Section):
    """One table of the shop."""

    path: Annotated[str | None, AfterValidator(_url_path)] = Field(
        default=None,
        description="Below the API's address; by default the table's name. `{day}` in it is the day, as `date_format` "
        "says.",
    )
    absent: Annotated[tuple[str, ...], BeforeValidator(_path)] = Field(
        default=(), description="Columns that this shop lacks: NULL in every row. Only columns that may be NULL."
    )
    fields: dict[str, Annotated[FieldSettings, BeforeValidator(_moved)]] = Field(
        default={}, description="From the shop's fields to the contract's columns; the others keep their names."
    )
    pages: PagesSettings = Field(
        default=PagesSettings(), description="What differs for this table; the rest is as under [source.pages]."
    )


class TablesSettings(one_for_each_table(TableSettings, TableSettings())):  # type: ignore[misc]  # a key for each table
    """The shop's tables, each where it differs from mootech's own protocol."""

    def of(self, table: TableSpec) -> TableSettings:
        """Return what is said of a table."""
        found: TableSettings = getattr(self, table.name)
        return found
