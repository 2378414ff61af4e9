"""How one kind of outcome looks: to a person, and to a script."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mootech.outcomes import Outcome
from mootech.render.screen import Screen


def _no_fields(_outcome: Outcome) -> dict[str, Any]:
    return {}


@dataclass(frozen=True)
class Rendering:
    """How the outcomes of one class are rendered. The functions are given outcomes of that class."""

    kind: type[Outcome]
    show: Callable[[Any, Screen], None]
    """Print the results, neither notes nor errors."""
    brief: Callable[[Any, Screen], None] | None = None
    """The same as one step of `run`; None: as `show` does."""
    fields: Callable[[Any], dict[str, Any]] = _no_fields
    """Return the keys of `--json` that belong to this class alone, or that it fills otherwise."""
    is_shown_when_quiet: bool = False
    """True where the results are what somebody typed the command for."""
