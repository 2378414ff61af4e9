"""How much of a table went to quarantine of late: a few bad rows a day block no day, and are told here. Pure."""

from collections.abc import Iterator, Mapping
from datetime import date

from mootech.model import Finding, Receipt
from mootech.outcomes import QuarantinedDay, QuarantinedShare

LAST_DAYS = 28
"""Days that the share is taken over: four weeks, so that each weekday counts alike."""
CHECK = "quarantined_share"


def share_of(
    receipts: Mapping[date, Receipt], acknowledged: Mapping[date, str], until: date = date.max
) -> QuarantinedShare | None:
    """Return the share over the 28 UTC days that end with the last day held up to `until`; None if none is held.

    Args:
        receipts: those of the days held. Rows that a later pass over a day repeated do not count, because they would
            lower the share.
        acknowledged: names of quarantine objects by day. Other rows in the day's quarantine are not acknowledged.
        until: the last day to look at.

    """
    last = max((day for day in receipts if day <= until), default=None)
    if last is None:
        return None
    seen = acknowledged.items()
    first = date.fromordinal(max(last.toordinal() - LAST_DAYS + 1, date.min.toordinal()))
    lately = {day: receipt for day, receipt in sorted(receipts.items()) if first <= day <= last}
    return QuarantinedShare(
        first=first,
        last=last,
        fetched=sum(receipt.of_one_pass.fetched for receipt in lately.values()),
        days=tuple(
            QuarantinedDay(day, receipt.quarantined, acknowledged=(day, receipt.quarantine) in seen)
            for day, receipt in lately.items()
            if receipt.quarantined
        ),
    )


def findings_of(table: str, share: QuarantinedShare | None, limit: float) -> Iterator[Finding]:
    """Yield a finding if rows of the last days are in quarantine.

    Rows that nobody has acknowledged are worth a look, and to act on above the limit; the others are only counted.
    """
    if share is None or not share.days:
        return
    too_many = share.alarming > limit
    worst = max(share.days, key=lambda day: (not day.acknowledged, day.rows, day.utc_date))
    known = f", {share.acknowledged:,} of them acknowledged" if share.acknowledged else ""
    above = f", {'the others ' if known else ''}above {limit:.2%}" if too_many else ""
    message = (
        f"{share.quarantined:,} of {share.fetched:,} rows quarantined in {LAST_DAYS} days ({share.share:.2%}){known}"
        f"{above}; most on {worst.utc_date} ({worst.rows:,})"
    )
    data = {
        "first": share.first.isoformat(),
        "last": share.last.isoformat(),
        "fetched": share.fetched,
        "quarantined": share.quarantined,
        "acknowledged": share.acknowledged,
        "share": round(share.share, 6),
        "limit": limit,
        "days": {day.utc_date.isoformat(): day.rows for day in share.days},
    }
    look = not too_many and share.acknowledged < share.quarantined
    yield Finding(table, None, None, CHECK, message, ok=not too_many, warning=look, data=data)
