"""Turn the settings into an endpoint and dialects. Settings that cannot work are refused before the first request."""

import difflib
from collections.abc import Callable
from datetime import date, datetime

from mootech.config import FieldSettings, PagesSettings, Settings, SourceSettings, TableSettings
from mootech.errors import ConfigError
from mootech.source.auth import KINDS
from mootech.source.dialect import MILLISECONDS, SECONDS, Dialect
from mootech.source.endpoint import Endpoint
from mootech.source.mapping import ABSENT, FieldMapping
from mootech.source.styles import STYLES
from mootech.tables import TABLES, TableSpec

_DAYS = (date(2024, 2, 29), date(2023, 11, 3))
"""Two days that tell whether a format names the whole date: without one of its parts, one of them reads back wrong."""


def endpoint_of(settings: Settings) -> Endpoint:
    """Return the shop's API, ready to be asked.

    Raises:
        UsageError: the address or the key is missing or not allowed, or settings do not go together. The settings are
            checked before a command that prints the key is run.

    """
    dialects_of(settings.source)
    if settings.source.protocol == "jobs":
        settings.destination()
    source = settings.source
    kind, auth = KINDS[source.auth.kind], source.auth
    if auth.user is not None and not kind.has_user:
        users = ", ".join(each.kind for each in KINDS.values() if each.has_user)
        raise _wrong("[source.auth] user", f"has no place where kind is {auth.kind}", f"Kinds with a user: {users}.")
    if auth.user is None and kind.has_user:
        raise _wrong("[source.auth] user", "is missing", f"The kind {auth.kind} sends a user's name beside the key.")
    if auth.name is not None and not kind.default_name:
        raise _wrong("[source.auth] name", f"has no place where kind is {auth.kind}", "It travels in Authorization.")
    _, api_key = source.endpoint()
    return Endpoint(source, api_key.get_secret_value())


def dialects_of(source: SourceSettings) -> dict[TableSpec, Dialect]:
    """Return how each table is asked for and read.

    Raises:
        ConfigError: settings that do not go together, or a column that the contract does not know; names the key.

    """
    return {table: dialect_of(source, table) for table in TABLES}


def dialect_of(source: SourceSettings, table: TableSpec) -> Dialect:
    """Return how one table is asked for and read; a key that its own section leaves out counts as under [source.pages].

    Raises:
        ConfigError: as `dialects_of`.

    """
    of_table = source.tables.of(table)
    own = of_table.pages.model_fields_set
    pages = source.pages.model_copy(update={name: getattr(of_table.pages, name) for name in own})
    style, lines = STYLES[pages.style], pages.body == "ndjson"

    def at(key: str) -> str:
        return f"[source.tables.{table}.pages] {key}" if key in own else f"[source.pages] {key}"

    _check_date(pages, at("date_format"))
    if not pages.start_parameter and "{day}" not in (of_table.path or ""):
        hint = f"Name the parameter, or write {{day}} into path under [source.tables.{table}]."
        raise _wrong(at("start_parameter"), "is empty, so that every day would be asked for alike", hint)
    if lines and style.beside_rows:
        styles = ", ".join(each.name for each in STYLES.values() if not each.beside_rows)
        hint = f"Where each line is a row, the style is one of {styles}."
        raise _wrong(at("style"), f"cannot be {style.name} where body is ndjson", hint)
    outside = not lines and bool(pages.records)
    if not outside and style.beside_rows:
        raise _wrong(
            at("style"), f"cannot be {style.name} where the body is nothing but rows", "Nothing stands beside the rows."
        )
    if not outside and pages.more:
        raise _wrong(at("more"), "has no place where the body is nothing but rows", "Nothing stands beside the rows.")
    if outside and pages.next == pages.records:
        raise _wrong(at("next"), "is the path of the records", "They stand in different places of the body.")
    if outside and pages.records in pages.errors:
        raise _wrong(at("errors"), "names the path of the records", "An empty list looks for no errors.")
    _check_parameters(source, pages, style.parameter(pages), at)
    return Dialect(of_table.path or table.name, pages, url=source.url or "", mapping=_mapping(of_table, table))


def _check_date(pages: PagesSettings, key: str) -> None:
    """Refuse a format from which the day cannot be read again."""
    if pages.date_format in (SECONDS, MILLISECONDS):
        return
    try:
        whole = all(datetime.strptime(f"{day:{pages.date_format}}", pages.date_format).date() == day for day in _DAYS)  # noqa: DTZ007  # a day has no zone
    except ValueError:
        whole = False
    if not whole:
        raise _wrong(key, "does not name a whole day", 'Such as "%Y-%m-%d", "%m-%d-%Y", seconds or milliseconds.')


def _check_parameters(source: SourceSettings, pages: PagesSettings, place: str, at: Callable[[str], str]) -> None:
    """Refuse two parameters with one name."""
    auth, kind = source.auth, KINDS[source.auth.kind]
    named = {
        "start_parameter": pages.start_parameter,
        "end_parameter": pages.end_parameter,
        "limit_parameter": pages.limit_parameter,
        "place_parameter": place,
    }
    taken = {auth.name or kind.default_name if kind.in_query else ""} | pages.parameters.keys()
    for key, name in named.items():
        if name and name in taken:
            raise _wrong(at(key), f"is {name}, which another parameter is called already", "Each needs a name.")
        taken.add(name)


def _mapping(of_table: TableSettings, table: TableSpec) -> FieldMapping | None:
    """Return how the table's rows are mapped; None where they come in the contract's own fields."""
    if not of_table.fields and not of_table.absent:
        return None
    columns = table.delivered
    for key, names in (("fields", of_table.fields), ("absent", of_table.absent)):
        for name in names:
            if name not in columns:
                place = f"[source.tables.{table}{'.fields' if key == 'fields' else ''}]"
                near = difflib.get_close_matches(name, columns, n=1)
                meant = f"Did you mean {near[0]}? " if near else ""
                what = name if key == "fields" else f"absent names {name}, which"
                raise _wrong(f"{place} {what}", "is no column", f"{meant}The columns of {table}: {', '.join(columns)}.")
    for name in of_table.absent:
        place = f"[source.tables.{table}] absent"
        if not table.delivered[name].nullable:
            raise _wrong(place, f"names {name}, which may not be NULL", "Give it a field, or a constant.")
        if name in of_table.fields:
            raise _wrong(place, f"names {name}, which has a field too", "It is one or the other.")
    for name, of_column in of_table.fields.items():
        _check_field(f"[source.tables.{table}.fields] {name}", of_column)
    return FieldMapping({**of_table.fields, **dict.fromkeys(of_table.absent, ABSENT)}, table.event_time)


def _check_field(place: str, of: FieldSettings) -> None:
    """Refuse what does not say where a column comes from, or says it twice."""
    if bool(of.path) == (of.constant is not None):
        raise _wrong(place, "needs a path or a constant, and not both", 'Such as "customer.email".')
    if not of.path and (of.cast or of.time or of.times):
        raise _wrong(place, "is a constant, of which nothing is converted", "Write the constant as it is to be.")
    if sum(map(bool, (of.cast, of.time, of.times))) > 1:
        raise _wrong(
            place, "has more than one of cast, time and times", "One of them decides what becomes of the value."
        )


def _wrong(place: str, what: str, hint: str) -> ConfigError:
    return ConfigError(f"{place} {what}", hint=f"Nothing was asked for, nothing was changed. {hint}")
