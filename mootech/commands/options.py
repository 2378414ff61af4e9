"""The options that several commands share, and what they mean."""

from datetime import date
from typing import Annotated

import typer

from mootech.engines.registry import ENGINES, checked
from mootech.errors import UsageError
from mootech.model import DayRange, check_over, parse_day, utc_today
from mootech.tables import TABLES, TableSpec

Tables = Annotated[
    list[str] | None,
    typer.Option(
        "--table", "-t", metavar="TABLE", help=f"Only this table: {', '.join(TABLES.names)}. May be repeated."
    ),
]
Start = Annotated[str | None, typer.Option("--start", metavar="DAY", help="First UTC day, such as 2023-03-01.")]
End = Annotated[str | None, typer.Option("--end", metavar="DAY", help="Last UTC day, included; default: yesterday.")]


def _engine(name: str | None) -> str | None:
    try:
        return None if name is None else checked(name)
    except UsageError as exc:
        raise typer.BadParameter(f"{exc.message}; {exc.hint.partition('. ')[2]}") from exc


Engine = Annotated[
    str | None,
    typer.Option(
        "--engine",
        metavar=f"[{'|'.join(ENGINES)}]",
        callback=_engine,
        help="What computes: default [engine] name, else duckdb. Spark is where SPARK_REMOTE says.",
    ),
]


def named(tables: list[str] | None) -> tuple[TableSpec, ...]:
    """Return the tables that the options name, each once; UsageError for an unknown name."""
    return tuple(dict.fromkeys(TABLES.named(name) for name in tables or ()))


def window_of(start: str | None, end: str | None) -> dict[str, date | None]:
    """Return the UTC days of --start and --end; UsageError for a text that is no day, or a day that is not over."""
    days = {
        what: parse_day(text, f"--{what}") if text is not None else None
        for what, text in (("start", start), ("end", end))
    }
    for what, day in days.items():
        if day is not None:
            check_over(day, utc_today(), f"--{what}")
    if days["start"] is not None and days["end"] is not None:
        DayRange(days["start"], days["end"])
    return days
