"""The reports on the clickstream once more, hit by hit and visit by visit, as their definitions read."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import combinations
from typing import Any

STEPS = ("home", "product", "cart", "checkout", "purchase")


@dataclass(frozen=True)
class Hit:
    """One silver hit, as far as the reports look at it; times are UTC."""

    hit_id: str
    visitor_id: str
    visit_start_time: datetime
    hit_time: datetime
    campaign: str | None
    os: str | None
    pagename: str | None

    @property
    def row(self) -> dict[str, Any]:
        """The hit as a row of silver."""
        return {**vars(self), "visit_id": self.visit_id}

    @property
    def visit_id(self) -> str:
        """As silver makes it of the visitor and the start."""
        return f"{self.visitor_id}-{self.visit_start_time}"


def traffic(hits: Sequence[Hit]) -> list[tuple[Any, ...]]:
    """Return the rows of the traffic report."""
    groups: dict[tuple[date, str, str], list[Hit]] = defaultdict(list)
    for hit in hits:
        groups[hit.hit_time.date(), hit.campaign or "(none)", hit.os or "(none)"].append(hit)
    return [
        (*key, len(some), len({hit.visit_id for hit in some}), len({hit.visitor_id for hit in some}))
        for key, some in sorted(groups.items())
    ]


def funnel(hits: Sequence[Hit], held_days: Collection[date], pages: Sequence[str] = STEPS) -> list[tuple[Any, ...]]:
    """Return the rows of the funnel report; `pages` are its parameters, in the order of the steps."""
    rows: list[tuple[Any, ...]] = []
    for (month, campaign), visits in _groups(hits):
        counts = [sum(_reaches(visit, pages[:step]) for visit in visits) for step in range(1, len(STEPS) + 1)]
        for step, (name, count) in enumerate(zip(STEPS, counts, strict=True), start=1):
            before = counts[step - 2] if step > 1 else 0
            rows.append(
                (
                    month,
                    campaign,
                    step,
                    name,
                    count,
                    _rounded(Fraction(100 * count, counts[0])) if counts[0] else None,
                    _rounded(Fraction(100 * (before - count), before)) if before else None,
                    _is_partial(month, held_days),
                )
            )
    return rows


def sessions(hits: Sequence[Hit], held_days: Collection[date]) -> list[tuple[Any, ...]]:
    """Return the rows of the sessions report."""
    rows: list[tuple[Any, ...]] = []
    for (month, campaign), visits in _groups(hits):
        lengths = sorted((visit[-1].hit_time - visit[0].hit_time) // timedelta(seconds=1) for visit in visits)
        middle = (lengths[(len(lengths) - 1) // 2], lengths[len(lengths) // 2])
        total = sum(len(visit) for visit in visits)
        bounces = sum(len(visit) == 1 for visit in visits)
        rows.append(
            (
                month,
                campaign,
                len(visits),
                total,
                _rounded(Fraction(total, len(visits))),
                _rounded(Fraction(sum(lengths), len(visits))),
                Decimal(sum(middle)) / 2,
                bounces,
                _rounded(Fraction(100 * bounces, len(visits))),
                _is_partial(month, held_days),
            )
        )
    return rows


def _groups(hits: Sequence[Hit]) -> list[tuple[tuple[date, str], list[list[Hit]]]]:
    """Return the visits, each as its hits in order, by month of their start and campaign of their first hit."""
    visits: Mapping[str, list[Hit]] = defaultdict(list)
    for hit in sorted(hits, key=lambda hit: (hit.hit_time, hit.hit_id)):
        visits[hit.visit_id].append(hit)
    groups: dict[tuple[date, str], list[list[Hit]]] = defaultdict(list)
    for visit in visits.values():
        groups[visit[0].visit_start_time.date().replace(day=1), visit[0].campaign or "(none)"].append(visit)
    return sorted(groups.items())


def _reaches(visit: Sequence[Hit], pages: Sequence[str]) -> bool:
    """Try every choice of as many hits as there are pages, in the order of the hits."""
    return any(
        all(_shows(hit, page) for hit, page in zip(chosen, pages, strict=True))
        for chosen in combinations(visit, len(pages))
    )


def _shows(hit: Hit, page: str) -> bool:
    return hit.pagename is not None and hit.pagename.partition(":")[0] == page


def _is_partial(month: date, held_days: Collection[date]) -> bool:
    following = (month + timedelta(days=31)).replace(day=1)
    return any(month + timedelta(days=n) not in held_days for n in range((following - month).days))


def _rounded(value: Fraction) -> Decimal:
    """Round to two places, half away from zero; nothing here is negative."""
    return Decimal(int(value * 100 + Fraction(1, 2))).scaleb(-2)
