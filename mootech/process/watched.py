"""What an interrupted command can say of itself: a progress report that keeps the command's summary within reach."""

from collections.abc import Callable

from mootech.model import DayResult, Progress, Silent


class Watched:
    """A progress report that passes everything on and remembers whom to call for the summary."""

    def __init__(self) -> None:
        """Pass nothing on, until `inner` is set."""
        self.inner: Progress = Silent()
        self._callback: Callable[[], str] | None = None

    def planned(self, table: str, days: int) -> None:
        """Pass on."""
        self.inner.planned(table, days)

    def rows(self, table: str, count: int) -> None:
        """Pass on."""
        self.inner.rows(table, count)

    def done(self, result: DayResult) -> None:
        """Pass on."""
        self.inner.done(result)

    def on_interrupt(self, callback: Callable[[], str]) -> None:
        """Remember what to call for the summary."""
        self._callback = callback

    def summary(self) -> str:
        """Return what is done so far, in a few words; nothing before there was anything to do."""
        try:
            return self._callback() if self._callback is not None else ""
        except OSError:  # the state folder is out of reach, which must not hide the interruption
            return ""
