"""What this host remembers of the exports it has ordered.

A ticket is written before its order is sent. So the next run knows every export that a killed run has ordered: it waits
for that export instead of ordering another one, and it forgets no directory in the destination.

    <root>/<first directory>.json
"""

import re
import time
from datetime import date
from pathlib import Path
from typing import Self
from uuid import uuid4

import msgspec

from mootech.lake.disk import mapped, private_folder, write_atomically
from mootech.model import DayRange
from mootech.tables import TableSpec

_FRESH_SECONDS = 6 * 3600
"""Files of an older export are not taken: the shop's rows may have changed since."""
_DIRECTORY = re.compile(r"mootech-[a-z]+-[0-9-]{10}-[0-9a-f]{32}")


class Ticket(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One order for a range of days of one table."""

    source: str
    """URL of the shop's API."""
    destination: str
    table: str
    """Its name."""
    first: date
    last: date
    ordered: float
    """Unix seconds."""
    directories: tuple[str, ...] = ()
    """Every directory below the destination that an export may write to; the directory of this export is the last."""
    export_id: str | int | None = msgspec.field(default=None, name="job_id")
    """None while there is no answer to the order, and when the export's files are not to be taken any more."""

    @property
    def days(self) -> DayRange:
        """The days that were ordered."""
        return DayRange(self.first, self.last)

    @property
    def directory(self) -> str:
        """The directory that the export writes to."""
        return self.directories[-1]

    @property
    def is_fresh(self) -> bool:
        """Say whether the order is so recent that the export may still be under way."""
        return 0 <= time.time() - self.ordered < _FRESH_SECONDS

    def elsewhere(self) -> Self:
        """Return the ticket with one more directory, which nobody has used."""
        name = f"mootech-{self.table}-{self.first}-{uuid4().hex}"
        return msgspec.structs.replace(self, directories=(*self.directories, name))

    def answered(self, export_id: str | int | None) -> Self:
        """Return the ticket with the id of its export; None says that no files are to be taken."""
        return msgspec.structs.replace(self, export_id=export_id)

    def is_good_for(self, table: TableSpec, days: DayRange) -> bool:
        """Say whether its export delivers these days, and was ordered recently."""
        there = self.export_id is not None and self.table == table.name
        return self.is_fresh and there and days.first in self.days and days.last in self.days


_TICKETS = msgspec.json.Decoder(Ticket)


class Tickets:
    """The tickets of one lake on this host."""

    def __init__(self, root: Path) -> None:
        """Name the folder; it need not exist."""
        self._root = root

    def keep(self, ticket: Ticket) -> None:
        """Write a ticket that has a directory, in one step and durably.

        Raises:
            StoreError: the state folder cannot be written.

        """
        private_folder(self._root)
        file = self._file(ticket)
        with mapped(f"writing {file}"):
            write_atomically(file, msgspec.json.encode(ticket), private=True)

    def drop(self, ticket: Ticket) -> None:
        """Forget a ticket.

        Raises:
            StoreError: the state folder cannot be written.

        """
        file = self._file(ticket)
        with mapped(f"removing {file}"):
            file.unlink(missing_ok=True)

    def all(self) -> list[Ticket]:
        """Return every ticket that can be read and names only directories of ours, oldest order first."""
        return sorted(filter(None, map(_read, self._root.glob("*.json"))), key=lambda ticket: ticket.ordered)

    def _file(self, ticket: Ticket) -> Path:
        return self._root / f"{ticket.directories[0]}.json"


def _read(file: Path) -> Ticket | None:
    try:
        ticket = _TICKETS.decode(file.read_bytes())
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return None
    # What is removed from the destination is what these name.
    ours = all(_DIRECTORY.fullmatch(each) for each in ticket.directories)
    return ticket if ours and ticket.directories and ticket.first <= ticket.last else None
