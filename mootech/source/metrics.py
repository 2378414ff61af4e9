"""The shop's own metrics of its clickstream: how many different hits and visitors it counts on a day."""

from dataclasses import dataclass
from datetime import date
from http import HTTPStatus

import msgspec

from mootech.errors import RefusedError
from mootech.source.body import TransientError
from mootech.source.http import Api, Sent
from mootech.tables import TableSpec


@dataclass(frozen=True)
class Metrics:
    """What the shop counts of one UTC day of clickstream."""

    hits: int
    """Different hits."""
    visitors: int
    """Different visitors."""


def older_day(day: date) -> str:
    """Return the day as the service writes it: mm-dd-yyyy."""
    return f"{day:%m-%d}-{day.year:04d}"


async def metrics_of(api: Api, table: TableSpec, day: date) -> Metrics | None:
    """Return the shop's metrics of a table's UTC day; None for a table without any, and where the settings have none.

    Raises:
        RefusedError: the shop has none (its status is 404), or refused the key.
        SourceError: no whole answer within the attempts and the deadline.

    """
    if not table.has_metrics or not api.endpoint.settings.metrics:
        return None
    try:
        return Metrics(await _metric(api, "hits", day), await _metric(api, "visitors", day))
    except RefusedError as exc:
        if exc.status != HTTPStatus.NOT_FOUND:
            raise
        raise RefusedError(
            f"the shop has no metrics to hold its clickstream against: {exc.message}",
            hint="Nothing was published or lost. If the shop's API has no metrics, write `metrics = false` under "
            "[source] in mootech.toml; rows that it leaves out in silence are not noticed then.",
            status=exc.status,
        ) from exc


async def _metric(api: Api, name: str, day: date) -> int:
    if api.endpoint.settings.protocol == "jobs":
        return await api.get(f"metrics/{name}", {}, _count, sent=Sent("GET", lambda: {"date": older_day(day)}))
    return await api.get(f"metrics/{name}", {"date": day.isoformat()}, _count)


def _count(body: bytes) -> int:
    try:
        count = msgspec.json.decode(body, type=int)
    except (msgspec.MsgspecError, UnicodeDecodeError) as exc:
        raise TransientError(f"a body that is no count ({exc})") from exc
    if count < 0:
        raise TransientError(f"a count below zero ({count})")
    return count
