"""Stage one day: fetch the pages that are not on disk yet, and read the day again where the source makes it necessary.

A day is read again when its pages do not fit together, because the next answers may be right. It is also read again
when neighbouring pages share a row: either the source repeats a row, or its rows moved while they were read, and one
may have been missed between two pages. Every pass asks for another number of rows a page, so that pages break at other
rows: repeats stay where they are, and a mistake at the breaks does not come out the same twice.
"""

import asyncio
import logging
from collections.abc import Callable

from mootech.errors import IncompleteError, RefusedError, SourceError
from mootech.layers.bronze.staging import StagedDay
from mootech.source.guards import MOST_PAGES, TotalChangedError, TotalExceededError
from mootech.source.http import Api
from mootech.source.pages import pages

_LOG = logging.getLogger(__name__)

_PASSES = 4
"""How often a day is read at most; then its rows are taken to be still changing."""
_ABOUT_THIS_REQUEST = frozenset({400, 409, 410, 416, 422})
"""Statuses that may refuse the cursor alone, and not every request for the table."""
_MOVING = (
    "Nothing of the day was published; what was there before is intact. "
    "The shop is still writing the day: run the same command later."
)


async def stage_day(api: Api, staged: StagedDay, arrived: Callable[[int], None]) -> str:
    """Fetch a day's missing pages into its staging.

    Args:
        api: the source.
        staged: the day's staging; it is resumed, and complete on return.
        arrived: called with the number of rows of each page that was fetched.

    Returns:
        A note for a person, or nothing.

    Raises:
        SourceError: the source failed; what was staged stays for the next run.
        IncompleteError: the source did not hand out the whole day in any of several passes.
        StoreError: the pages cannot be kept on local disk.

    """
    resumed = await asyncio.to_thread(staged.resume)
    number, page_size, overlapping, exceeded = 1, staged.page_size, set[bytes](), set[int | None]()
    while True:
        trouble = await _read(api, staged, arrived, exceeded)
        if trouble is None and staged.dialect.style.counts and staged.position.total in exceeded:
            # Pages of another size may just end where the total does.
            total = f"{staged.position.total:,}"
            trouble = IncompleteError(f"more than {total} rows came before, {total} were declared", hint=_MOVING)
        if trouble is None:
            if not staged.position.overlaps:
                break
            digest = await asyncio.to_thread(staged.digest)
            if digest in overlapping:
                break
            overlapping.add(digest)
            trouble = IncompleteError("rows moved between the pages while the day was read", hint=_MOVING)
        if number == _PASSES:
            raise trouble
        _LOG.info("%s %s is read again: %s", staged.job.table, staged.job.day, trouble)
        # Fewer rows if possible: the source may not have larger pages.
        fewer, more = page_size - number, page_size + number
        await asyncio.to_thread(staged.begin_again, fewer if fewer > 0 else more)
        await api.pause(number)
        number, resumed = number + 1, 0
    if number > 1:
        return "read again, because its pages did not fit together"
    return f"resumed: {resumed} of {staged.position.pages} pages were staged" if resumed else ""


async def _read(
    api: Api, staged: StagedDay, arrived: Callable[[int], None], exceeded: set[int | None]
) -> SourceError | None:
    """Fetch a day's missing pages; return why the day has to be read again, None when the last page is there.

    A total of which more rows came is added to `exceeded`.

    Raises:
        SourceError: reading it again would be useless.

    """
    try:
        size, position = staged.page_size, staged.position
        async for page in pages(api, staged.dialect, staged.job.day, page_size=size, position=position):
            await asyncio.to_thread(staged.add, page)
            arrived(page.rows)
        staged.end()
    except TotalChangedError as exc:
        return IncompleteError(f"the declared total changed while the day was read: {exc}", hint=_MOVING)
    except TotalExceededError as exc:
        exceeded.add(exc.total)
        return IncompleteError(exc.message, hint=exc.hint)
    except IncompleteError as exc:
        if staged.position.pages >= MOST_PAGES - 1:
            raise
        return exc
    except RefusedError as exc:
        # The source may have forgotten the cursor since; only the first page can tell.
        if staged.position.pages == 0 or exc.status not in _ABOUT_THIS_REQUEST:
            raise
        return exc
    return None
