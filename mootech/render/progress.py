"""How far a long command is: a bar per table on a terminal, silence in a log."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from mootech.model import DayResult
from mootech.model import Progress as ProgressPort
from mootech.render.screen import Screen
from mootech.render.text import clean


class Bars:
    """`model.Progress` on a terminal. Its methods may be called from any thread."""

    def __init__(self, console: Console) -> None:
        """Draw on this console; nothing is drawn before `bars` starts."""
        self.bars = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            TextColumn("days {task.fields[rows]:>12,} rows", markup=False),
            TimeRemainingColumn(compact=True),
            console=console,
            transient=True,
            expand=True,
        )
        self._tasks: dict[str, TaskID] = {}

    def planned(self, table: str, days: int) -> None:
        """Show a bar for the table; a table that was done before starts again, as `run` does layer by layer."""
        if days <= 0:
            return
        if table not in self._tasks:
            self._tasks[table] = self.bars.add_task(clean(table), total=days, rows=0)
            return
        task = self.bars.tasks[self.bars.task_ids.index(self._tasks[table])]
        if task.finished:
            self.bars.reset(task.id, total=days, rows=0)
        else:
            self.bars.update(task.id, total=(task.total or 0) + days)

    def rows(self, table: str, count: int) -> None:
        """Add rows to the figure behind the table's bar."""
        if table in self._tasks:
            task = self.bars.tasks[self.bars.task_ids.index(self._tasks[table])]
            self.bars.update(task.id, rows=task.fields["rows"] + count)

    def done(self, result: DayResult) -> None:
        """Move the table's bar by one day."""
        if result.table in self._tasks:
            self.bars.advance(self._tasks[result.table])

    def on_interrupt(self, callback: Callable[[], str]) -> None:
        """Draw nothing: the bars show it."""


@contextmanager
def progress_on(screen: Screen, *, wanted: bool = True) -> Iterator[ProgressPort | None]:
    """Yield the bars while they are drawn on the screen's stderr; None where nobody would see them."""
    if not wanted or screen.quiet or not screen.err.is_terminal:
        yield None
        return
    drawn = Bars(screen.err)
    with drawn.bars:
        yield drawn
