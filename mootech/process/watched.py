"""A progress report that can also give the summary of a command that was interrupted."""

from collections.abc import Callable

from mootech.model import DayResult, Progress, Silent


class Watched:
    """A progress report that passes everything on to `inner`, and remembers the callback for the summary."""

    def __init__(self) -> None:
        """Start without a report to pass on to, until `inner` is set."""
        self.inner: Progress = Silent()
        self._callback: Callable[[], str] | None = None

    def planned(self, table: str, days: int) -> None:
        """Pass it on."""
        self.inner.planned(table, days)

    def rows(self, table: str, count: int) -> None:
        """Pass it on."""
        self.inner.rows(table, count)

    def done(self, result: DayResult) -> None:
        """Pass it on."""
        self.inner.done(result)

    def on_interrupt(self, callback: Callable[[], str]) -> None:
        """Remember the callback for the summary."""
        self._callback = callback

    def summary(self) -> str:
        """Return what is done so far, in a few words; empty if the command has not begun its work."""
        try:
            return self._callback() if self._callback is not None else ""
        except OSError:  # the state folder cannot be read, which must not hide the interruption
            return ""
