"""What every command has in common. Typer only parses: it makes an Invocation, which `main` carries out."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mootech.errors import Exit
from mootech.model import Progress
from mootech.outcomes import Outcome

if TYPE_CHECKING:
    from mootech.config import Settings

Act = Callable[[Progress | None], Outcome]
"""Does the command."""

Text = Callable[[Outcome], str | bytes | None]
"""Formats the results for stdout, for a command with formats of its own; None shows the outcome as usual."""

READS = "Nothing was changed: this command only reads."
WRITES = "What was published is whole and stays; fetched pages are kept. The same command goes on from there."


def _no_text(_outcome: Outcome) -> str | None:
    """Leave the results to the screen."""
    return None


@dataclass(frozen=True)
class Common:
    """The options that every command takes."""

    lake: str | None = None
    config: str | None = None
    json: bool = False
    quiet: bool = False
    verbose: int = 0

    def settings(self, engine: str | None = None) -> "Settings":
        """Return the settings that these options, the environment and the file make."""
        from mootech import config  # noqa: PLC0415 - pydantic has no part in --help

        return config.load(config=Path(self.config) if self.config else None, lake=self.lake, engine=engine)


@dataclass(frozen=True)
class Invocation:
    """One command with its options, ready to be carried out."""

    command: str
    common: Common
    act: Act
    text: Text
    safe: str
    """The hint after an interruption: what it leaves behind."""
    patient: bool = False
    """True for a command that handles SIGINT and SIGTERM itself."""


_OPTIONS: dict[str, Any] = {
    "lake": (
        Annotated[
            str | None,
            typer.Option("--lake", metavar="URL", help="The lake: a directory, or an address like s3://bucket/prefix."),
        ],
        None,
    ),
    "config": (
        Annotated[
            str | None,
            typer.Option("--config", metavar="FILE", help="The configuration file instead of ./mootech.toml."),
        ],
        None,
    ),
    "json": (Annotated[bool, typer.Option("--json", help="Print exactly one JSON object on stdout.")], False),
    "quiet": (Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")], False),
    "verbose": (
        Annotated[
            int,
            typer.Option("--verbose", "-v", count=True, show_default=False, help="Log to stderr; -vv logs more."),
        ],
        0,
    ),
}


_ALWAYS = (Exit.OK, Exit.BUG, Exit.USAGE, Exit.INTERRUPTED, Exit.TERMINATED)
"""How every command can end."""


@dataclass(frozen=True)
class Command:
    """One command: the function behind the word that a person types, and what its help says."""

    function: Callable[..., Act | tuple[Act, Text]]
    """`(common, own options) -> Act`; its name and docstring are the command's."""
    example: str
    exits: tuple[Exit, ...] = ()
    """The exit codes that it can end with, besides those of every command."""
    safe: str = WRITES
    common: tuple[str, ...] = tuple(_OPTIONS)
    """The common options that it takes, by name."""
    patient: bool = False
    group: str = ""
    """The word before it, `source` in `source check`; empty for most."""

    @property
    def name(self) -> str:
        """The word that a person types, without its group."""
        return self.function.__name__

    @property
    def title(self) -> str:
        """All words that a person types: `ingest`, `source check`."""
        return f"{self.group} {self.name}".lstrip()

    def add_to(self, app: typer.Typer) -> None:
        """Register the command with a Typer app; calling it returns the Invocation instead of doing it."""

        def parse(**options: Any) -> Invocation:  # noqa: ANN401 - each command's own options
            chosen = Common(**{key: options.pop(key) for key in self.common})
            made = self.function(chosen, **options)
            act, text = made if isinstance(made, tuple) else (made, _no_text)
            return Invocation(self.title, chosen, act, text, self.safe, self.patient)

        own = list(inspect.signature(self.function).parameters.values())[1:]
        shared = [
            inspect.Parameter(
                key, inspect.Parameter.KEYWORD_ONLY, annotation=_OPTIONS[key][0], default=_OPTIONS[key][1]
            )
            for key in self.common
        ]
        parameters = [*(each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in own), *shared]
        parse.__doc__ = self.function.__doc__
        parse.__annotations__ = {each.name: each.annotation for each in parameters}
        parse.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined] # what Typer reads
        app.command(self.name, epilog=epilog(self.example, (*_ALWAYS, *self.exits)))(parse)


def epilog(example: str, exits: tuple[Exit, ...]) -> str:
    """Return the end of a help text: an example and the exit codes there can be."""
    # \b keeps the lines of the paragraph that follows as they are.
    codes = "\n".join(f"  {code:<3}  {code.meaning}" for code in sorted(exits))
    return f"\b\nExample:\n  {example}\n\n\b\nExit codes:\n{codes}"
