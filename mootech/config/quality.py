"""The settings of the section [qa]: when a day is good enough."""

from typing import Literal

from pydantic import Field

from mootech.config.section import Section, one_for_each_table

DriftChoice = Literal["evolve", "freeze", "discard"]


class DriftSettings(one_for_each_table(DriftChoice, "evolve", "Undeclared fields of {table}.")):  # type: ignore[misc]  # a key for each table
    """What happens to fields that the contract does not name: `evolve` keeps them in `extra`, `freeze` stops a day that
    has some, `discard` drops them and keeps the rows."""  # noqa: D205, D209  # one paragraph of the reference


class QaSettings(Section):
    """When a day is stopped (both limits of bad rows are exceeded, or most of its rows are bad, or too many are
    missing), and what is odd about one."""  # noqa: D205, D209  # one paragraph of the reference

    max_bad_share: float = Field(default=0.01, ge=0, le=1, description="Share of bad rows a day may have, 0 to 1.")
    max_bad_rows: int = Field(
        default=10,
        ge=0,
        description="Number of bad rows a day may have, whatever their share. A day of which most rows are bad is "
        "stopped all the same, from two bad rows on.",
    )
    max_quarantined_share: float = Field(
        default=0.01,
        ge=0,
        le=1,
        description="Share of the rows of a table's last 28 days that may be in quarantine, 0 to 1. Above it `qa` and "
        "`run` end with 3; from one row on they say how many there are.",
    )
    min_source_share: float = Field(
        default=0.99,
        ge=0,
        le=1,
        description="Share of the shop's own count of hits, and of visitors, that must have arrived, 0 to 1. A day "
        "with less is fetched again, at most twice, and the passes are united.",
    )
    publish_short_days: bool = Field(
        default=False,
        description="Publish a day even if it still has less then. The run ends with 3 either way, and `qa` names it.",
    )
    anomalies: Literal["off", "warn", "block"] = Field(
        default="warn",
        description="What happens to a day that is unlike the same weekday of the weeks before, in its rows, NULLs or "
        "categories: nothing (`off`), `warn` (`qa` and `run` say so) or `block` (it is not published).",
    )
    history_weeks: int = Field(
        default=8, ge=4, le=104, description="Weeks that a day is compared with; at least four of them must be held."
    )
    z: float = Field(
        default=5.0,
        ge=1,
        le=1000,
        description="Distance from the median of those weeks, in robust standard deviations, from which on a day is "
        "unusual. Less finds more, and more of it is chance.",
    )
    max_unmatched_share: float = Field(
        default=0.01,
        ge=0,
        le=1,
        description="Share of a day's purchases whose customer, or of its items whose product, that day's snapshot may "
        "lack before `qa` warns.",
    )
    max_days_behind: int = Field(
        default=1,
        ge=0,
        le=366,
        description="Days the newest day held may lie behind yesterday (UTC) before `qa` warns.",
    )
    schema_drift: DriftSettings = DriftSettings()
