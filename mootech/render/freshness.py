"""Sentences about a report's data: how fresh they are, how complete and clean, and what is in quarantine."""

from collections.abc import Sequence
from dataclasses import dataclass

from mootech.outcomes import Freshness, InputCoverage
from mootech.render.text import count, day_month, plural

_LITTLE = 0.01
"""Share of quarantined rows up to which quality is good: what the gate lets pass by default."""

_LEAST = 0.0001


@dataclass(frozen=True)
class Quality:
    """A verdict on the days and rows that a report was made from."""

    good: bool | None
    """None: there is nothing to judge by."""
    message: str


def freshness_message(freshness: Freshness | None) -> str:
    """Return how fresh the data are and how complete their last month is; empty without a Freshness."""
    if freshness is None:
        return ""
    fresh = f"{plural(freshness.behind, 'day')} behind" if freshness.behind > 0 else "up to date"
    month = day_month(freshness.last)
    whole = (
        f"{month} is complete"
        if freshness.held >= freshness.of
        else f"{month}: {freshness.held} of {freshness.of} days"
    )
    return f"Data to {freshness.last}, {fresh}. {whole}."


def quarantine_message(coverage: Sequence[InputCoverage]) -> str:
    """Return which rows of the months covered a report does not count; empty where none is in quarantine."""
    rows = [
        f"{count(each.quarantined)} of {each.fetched:,} rows of {each.table}" for each in coverage if each.quarantined
    ]
    return f"In quarantine, and not counted: {', '.join(rows)}." if rows else ""


def quality(coverage: Sequence[InputCoverage]) -> Quality:
    """Return whether the inputs are complete and clean.

    Good means: no day is missing between the first and the last, and at most one row of a hundred was quarantined.
    """
    if not any(each.days for each in coverage):
        return Quality(None, "Quality not known: nothing says how many rows were read.")
    fetched, rejected = sum(each.fetched for each in coverage), sum(each.quarantined for each in coverage)
    missing = [each for each in coverage if each.missing]
    share = rejected / fetched if fetched else 0.0
    good = share <= _LITTLE and not missing
    days = ", ".join(f"{plural(each.missing, 'day')} of {each.table} missing" for each in missing) or "no day missing"
    return Quality(good, f"{'Good' if good else 'Look closer'}: {quarantined_rows(rejected, fetched)}; {days}.")


def quarantined_rows(rejected: int, fetched: int) -> str:
    """Return how many of the rows fetched are in quarantine: "12 of 4,020 rows quarantined (0.30 %)"."""
    if not rejected:
        return f"none of {plural(fetched, 'row')} quarantined"
    share = rejected / fetched if fetched else 0.0
    percentage = f"{share * 100:.2f} %" if share >= _LEAST else "under 0.01 %"
    return f"{count(rejected)} of {plural(fetched, 'row')} quarantined ({percentage})"
