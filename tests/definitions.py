"""Definitions of reports for tests that are about something else."""

from mootech.definition import Definition
from mootech.layers.gold.header import parse
from mootech.layers.gold.library import packaged

SALES = packaged()["sales"]


def definition(*columns: str, name: str = "funnel", chart: str = "") -> Definition:
    """Return one with these columns, all VARCHAR unless they say `name TYPE`; the first one is the key."""
    typed = [column if " " in column else f"{column} VARCHAR" for column in columns]
    lines = [
        f"-- {name.title()}: a report for a test.",
        "-- Grain       row",
        "-- Inputs      clickstream: silver",
        f"-- Columns     {typed[0]}",
        *(f"--             {each}" for each in typed[1:]),
        f"-- Key         {typed[0].split()[0]}",
        *([f"-- Chart       {chart}"] if chart else []),
        "SELECT 1",
    ]
    return parse(name, "\n".join(lines), f"{name}.sql")
