"""The two streams a command speaks on: results to stdout, everything else to stderr."""

import errno
import io
import shutil
import sys
from dataclasses import dataclass
from typing import Self, TextIO

from rich import box
from rich.console import Console
from rich.table import Table as Grid
from rich.text import Text

from mootech.errors import MootechError
from mootech.render.text import clean

_MIN_WIDTH = 60
# A log has no width: wide enough that no line of a table breaks.
_LOG_WIDTH = 200


class _Console(Console):
    """A console that raises BrokenPipeError when its reader has gone. Rich would end the process instead."""

    def on_broken_pipe(self) -> None:
        """Let the BrokenPipeError through."""
        raise BrokenPipeError(errno.EPIPE, "the reader of the output has gone")


def console_for(stream: TextIO, width: int | None = None) -> Console:
    """Return a console that prints text as it is: no markup, no emoji codes, colours only on a terminal."""
    if width is None:
        width = max(_MIN_WIDTH, shutil.get_terminal_size().columns) if stream.isatty() else _LOG_WIDTH
    return _Console(file=stream, width=width, markup=False, highlight=False, emoji=False, force_jupyter=False)


def grid(*columns: str, right: tuple[str, ...] = ()) -> Grid:
    """Return an empty table; text that does not fit is folded, never cut off."""
    table = Grid(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for column in columns:
        table.add_column(column, justify="right" if column in right else "left", overflow="fold")
    return table


def print_grid(table: Grid, console: Console) -> None:
    """Print the table without trailing spaces, because people paste and compare its lines."""
    with console.capture() as captured:
        console.print(table)
    console.file.write("".join(f"{line.rstrip()}\n" for line in captured.get().splitlines()))


@dataclass(frozen=True)
class Screen:
    """Where a command's results (`out`) and its notes, progress and errors (`err`) go."""

    out: Console
    err: Console
    quiet: bool = False

    @classmethod
    def standard(cls, *, quiet: bool = False) -> Self:
        """Return the process's own stdout and stderr. Characters that their encoding lacks are escaped."""
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="backslashreplace")
        return cls(console_for(sys.stdout), console_for(sys.stderr), quiet)

    def line(self, text: str, style: str = "") -> None:
        """Print one line of a result, however long."""
        self.out.print(Text(clean(text), style=style), soft_wrap=True)

    def raw(self, data: str | bytes) -> None:
        """Write for another program: text in UTF-8, whatever the terminal's encoding is, and nothing changed."""
        stream = self.out.file
        if isinstance(stream, io.TextIOWrapper):
            stream.flush()
            stream.buffer.write(data.encode("utf-8") if isinstance(data, str) else data)
        else:
            stream.write(data if isinstance(data, str) else data.decode())

    def note(self, text: str) -> None:
        """Print one line to stderr, unless the screen is quiet."""
        if not self.quiet:
            self.err.print(Text(clean(text), style="dim"), soft_wrap=True)

    def error(self, error: MootechError, what: str = "") -> None:
        """Print what failed and, below it, what is safe and what to type next."""
        self.err.print(
            Text.assemble(("error: ", "bold red"), clean(f"{what}: " if what else ""), clean(error.message)),
            soft_wrap=True,
        )
        if error.hint:
            self.err.print(Text(f"       {clean(error.hint)}"), soft_wrap=True)
