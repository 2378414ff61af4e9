"""Compare a day of clickstream with the shop's own metrics: when to fetch it again, and how to report it.

A service that silently leaves out rows leaves them out of its declared total, too. Its metrics count them anyway.
"""

from collections.abc import Iterator, Mapping
from datetime import date

from mootech.config import QaSettings
from mootech.errors import QualityError
from mootech.model import Finding, Job, Receipt, Reconciled

PASSES = 3
"""How often a day is fetched at most; the union of these passes is final."""


def asks_again(qa: QaSettings, day: Reconciled | None) -> bool:
    """Say whether another pass over the day may bring what is missing."""
    return day is not None and day.below(qa.min_source_share) and len(day.passes) < PASSES


def complaint(qa: QaSettings, job: Job, day: Reconciled | None, intact: str = "") -> QualityError | None:
    """Return the error of a day that stays below `min_source_share`; None for every other day.

    `intact` says what is safe when the day is not published.
    """
    if day is None or not day.below(qa.min_source_share):
        return None
    kept = intact or "it was published all the same ([qa] publish_short_days)"
    only = f"-t {job.table} --start {job.day} --end {job.day}"
    return QualityError(
        f"{description(day)}, below {qa.min_source_share:.1%}; {kept}",
        hint=f"The shop hands out less than it counts. When that is mended there, run `mootech ingest {only}`; if "
        "its metrics are wrong, lower [qa] min_source_share or write `metrics = false` under [source].",
    )


def description(day: Reconciled) -> str:
    """Say how much of the shop's counts arrived."""
    passes = f" in {len(day.passes)} passes" if len(day.passes) > 1 else ""
    return (
        f"{day.hits:,} of the shop's {day.source_hits:,} hits ({_share(day.hits, day.source_hits)}) and "
        f"{day.visitors:,} of its {day.source_visitors:,} visitors ({_share(day.visitors, day.source_visitors)}) "
        f"arrived{passes}"
    )


def note(day: Reconciled) -> str:
    """Say how several passes over a day were united; nothing for a day of one pass."""
    if len(day.passes) == 1:
        return ""
    rows = " + ".join(f"{rows:,}" for rows in day.passes)
    return f"fetched {len(day.passes)} times and united: {rows} rows, {day.repeated:,} of them more than once"


def compared(table: str, receipts: Mapping[date, Receipt | None], share: float) -> Iterator[Finding]:
    """Yield the findings about a table's held days: the sums of the days compared, and each day that is short."""
    days = {day: receipt.reconciled for day, receipt in receipts.items() if receipt and receipt.reconciled}
    if not days:
        return
    data = {
        "days": len(days),
        **{name: sum(getattr(each, name) for each in days.values()) for name in _FIGURES},
        "days_fetched_again": sum(len(each.passes) > 1 for each in days.values()),
    }
    message = (
        f"{data['hits']:,} of the shop's {data['source_hits']:,} hits and {data['visitors']:,} of its "
        f"{data['source_visitors']:,} visitors in {data['days']:,} days, {data['days_fetched_again']:,} of them united "
        "from several passes"
    )
    yield Finding(table, None, None, "metrics", message, ok=True, data=data)
    for day, each in days.items():
        if each.below(share):
            figures = {name: getattr(each, name) for name in (*_FIGURES, "passes", "repeated")}
            yield Finding(table, day, None, "metrics", f"{description(each)}, below {share:.1%}", data=figures)


_FIGURES = ("source_hits", "source_visitors", "hits", "visitors")


def _share(have: int, counted: int) -> str:
    return f"{have / counted:.1%}" if counted else "all"
