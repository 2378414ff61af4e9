"""What an interrupted command can say of itself: the progress it was given, listened to."""

from collections.abc import Callable

from mootech.model import DayResult, Progress, Silent


class Watched:
    """A progress that passes everything on and remembers how to ask what is done."""

    def __init__(self) -> None:
        """Pass on to nobody, until there is somebody."""
        self.inner: Progress = Silent()
        self._say: Callable[[], str] | None = None

    def planned(self, table: str, days: int) -> None:
        """Pass on."""
        self.inner.planned(table, days)

    def rows(self, table: str, count: int) -> None:
        """Pass on."""
        self.inner.rows(table, count)

    def done(self, result: DayResult) -> None:
        """Pass on."""
        self.inner.done(result)

    def standing(self, say: Callable[[], str]) -> None:
        """Remember whom to ask."""
        self._say = say

    def said(self) -> str:
        """Return what is done so far, in a few words; nothing before there was anything to do."""
        try:
            return self._say() if self._say is not None else ""
        except OSError:  # the state folder is out of reach, which must not hide the interruption
            return ""
