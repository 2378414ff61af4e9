"""Stage one day: fetch the pages that are not on disk yet, and begin again where the source makes it necessary."""

import asyncio
from collections.abc import Callable

from mootech.errors import IncompleteError, RefusedError
from mootech.layers.stage import StagedDay
from mootech.model import Job
from mootech.source.http import Api
from mootech.source.pages import TotalChangedError, pages

_PASSES = 3
"""How often a day is begun because its declared total changed while it was read."""


async def stage_day(api: Api, job: Job, staged: StagedDay, arrived: Callable[[int], None]) -> str:
    """Fetch a day's missing pages into its staging.

    Args:
        api: the source.
        job: table and UTC day.
        staged: the day's staging; it is resumed, and complete on return.
        arrived: told the rows of each page that was fetched.

    Returns:
        A note for a person, or nothing.

    Raises:
        SourceError: the source failed; what was staged stays for the next run.
        IncompleteError: the source did not hand out the whole day.
        StoreError: the pages cannot be kept on local disk.

    """
    resumed = await asyncio.to_thread(staged.resume)
    passes = 0
    while passes < _PASSES:
        try:
            async for page in pages(api, job.table, job.day, page_size=staged.page_size, progress=staged.progress):
                await asyncio.to_thread(staged.add, page)
                arrived(page.rows)
        except TotalChangedError:
            passes += 1
        except RefusedError:
            # The cursor may be one that the source has forgotten since; only the first page can tell.
            if not resumed:
                raise
        else:
            return f"resumed: {resumed} of {staged.progress.pages} pages were staged" if resumed else ""
        staged.clear()
        resumed = 0
    raise IncompleteError(
        f"the declared total changed {_PASSES} times while the day was read",
        hint="Nothing of the day was published. The shop is still writing it: run the same command later.",
    )
