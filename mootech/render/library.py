"""Which reports there are."""

from dataclasses import asdict
from typing import Any

from mootech.definition import Definition
from mootech.outcomes import LibraryOutcome
from mootech.render.rendering import Rendering
from mootech.render.screen import Screen, grid, print_grid
from mootech.render.text import NOTHING, clean


def _show(outcome: LibraryOutcome, screen: Screen) -> None:
    table = grid("Report", "What it says", "Parameters (--set)")
    for each in outcome.definitions:
        parameters = [f"{it.name}={NOTHING if it.default is None else it.default}" for it in each.settable]
        table.add_row(clean(each.name), clean(f"{each.title}: {each.summary}"), clean(", ".join(parameters)))
    print_grid(table, screen.out)


def _fields(outcome: LibraryOutcome) -> dict[str, Any]:
    return {"reports": [_definition(each) for each in outcome.definitions]}


def _definition(definition: Definition) -> dict[str, Any]:
    fields = asdict(definition)
    del fields["sql"]
    return fields


LIBRARY = Rendering(LibraryOutcome, _show, fields=_fields)
