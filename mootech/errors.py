"""Every way mootech can fail, what a person is told, and the exit code.

    MootechError                    exit  1   a bug: nothing below fits
    ├── UsageError                        2   a wrong argument
    │   ├── ConfigError                   2   a wrong key or value in mootech.toml or the environment
    │   └── EmptyLakeError                2   a lake that holds nothing to work on
    ├── QualityError                      3   the gate stopped a day, or `qa` has findings
    ├── SourceError                       4   the shop's API failed
    │   ├── RefusedError                  4   it answered 401, 403, 404 or another 4xx, and a retry is useless
    │   └── IncompleteError               4   it did not hand out the whole day
    ├── StoreError                        5   the lake's store, or the disk, failed
    ├── BrokenPromiseError                6   `verify` found an object that breaks a promise
    ├── LockHeldError                    75   another run holds the lake's lock
    └── InterruptError                  130   somebody pressed Ctrl-C
        └── TerminateError              143   the process was told to end (SIGTERM)

An error says three things: the message says what failed, and the hint says what is safe and what to type next.
Exceptions of other libraries are mapped once, where they enter mootech, always `from exc`.
"""

from collections.abc import Iterable
from enum import IntEnum
from typing import ClassVar, Self


class Exit(IntEnum):
    """Every exit code with its meaning. The order is the rank: of several failures, the first in this list decides.

    An interruption, a bug, a held lock, a wrong argument or a broken promise ends the whole command, so it comes first.
    Failures of single days follow. A store's failure says most about what to do next, then the source's, then the
    gate's.
    """

    meaning: str

    TERMINATED = 143, "terminated"
    INTERRUPTED = 130, "interrupted"
    BUG = 1, "a bug in mootech"
    LOCKED = 75, "another run holds the lock"
    USAGE = 2, "usage or configuration; a lake that holds nothing to work on"
    BROKEN_PROMISE = 6, "verify found a broken promise"
    STORE = 5, "the store failed"
    SOURCE = 4, "the source failed"
    QUALITY = 3, "the quality gate stopped a day (the good data stayed), or qa has findings"
    OK = 0, "done, or nothing to do"

    def __new__(cls, code: int, meaning: str) -> Self:
        """Make an exit code that carries its meaning."""
        self = int.__new__(cls, code)
        self._value_ = code
        self.meaning = meaning
        return self


class MootechError(Exception):
    """A failure with a message (what failed) and a hint (what is safe and what to type next)."""

    exit_code: ClassVar[Exit] = Exit.BUG

    def __init__(self, message: str, hint: str = "") -> None:
        """Keep the message and the hint apart, so that a script can read each of them."""
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(MootechError):
    """The command was given a wrong argument, or asked for something impossible."""

    exit_code: ClassVar[Exit] = Exit.USAGE


class ConfigError(UsageError):
    """The configuration file or the environment holds a wrong key or value."""


class EmptyLakeError(UsageError):
    """The lake holds nothing that this command can work on."""


class QualityError(MootechError):
    """The quality gate stopped a day; what was published before is intact."""

    exit_code: ClassVar[Exit] = Exit.QUALITY


class SourceError(MootechError):
    """The shop's API failed, after all retries that made sense."""

    exit_code: ClassVar[Exit] = Exit.SOURCE


class RefusedError(SourceError):
    """The shop's API refused a request (4xx), which is not retried."""

    def __init__(self, message: str, hint: str = "", *, status: int | None = None) -> None:
        """Keep the HTTP status of the answer too; None when the refusal was not an HTTP status."""
        super().__init__(message, hint)
        self.status = status


class IncompleteError(SourceError):
    """The shop's API did not hand out the whole day; nothing of the day was published."""


class StoreError(MootechError):
    """The lake's store or the local disk failed."""

    exit_code: ClassVar[Exit] = Exit.STORE


class BrokenPromiseError(MootechError):
    """What the lake holds is not what its receipts say."""

    exit_code: ClassVar[Exit] = Exit.BROKEN_PROMISE


class LockHeldError(MootechError):
    """Another run works on the lake."""

    exit_code: ClassVar[Exit] = Exit.LOCKED


class InterruptError(MootechError):
    """The command was interrupted; what it had published stays."""

    exit_code: ClassVar[Exit] = Exit.INTERRUPTED


class TerminateError(InterruptError):
    """The command was told to end by SIGTERM; what it had published stays."""

    exit_code: ClassVar[Exit] = Exit.TERMINATED


def exit_code(errors: Iterable[MootechError]) -> Exit:
    """Return the exit code of a run that ended with these errors: the one highest in rank, or OK if there are none."""
    ranks = list(Exit)
    return min((error.exit_code for error in errors), key=ranks.index, default=Exit.OK)
