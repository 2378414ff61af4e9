"""Judge quarantined rows again: rows that pass now are published with their days.

The other rows of a day do not change. When different rows have one key, the latest is kept, as always, whichever was
published first. A day that `verify` would call damaged is left alone.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import msgspec
import polars as pl

from mootech.errors import BrokenPromiseError, MootechError
from mootech.lake.lake import DayRows, Lake
from mootech.lake.paths import quarantine_key
from mootech.layers.bronze.gate import Drift
from mootech.layers.bronze.publishing import Rules, accounted, failed, refused
from mootech.layers.bronze.quarantine import rejects_of
from mootech.model import DayResult, DayStatus, Job, Receipt
from mootech.qa.contract import EXTRA, NO_EXTRA, delivered_schema
from mootech.qa.decode import RowDecoder
from mootech.qa.gate import Fetched, judge_again
from mootech.source.mapping import FieldMapping
from mootech.verify.objects import bronze_partition, quarantine_object


def replay(lake: Lake, job: Job, receipt: Receipt, rules: Rules, mapping: FieldMapping | None = None) -> DayResult:
    """Judge a day's quarantined rows again and publish those that pass; an expected failure becomes the result.

    `fetched` does not change, so the receipt still adds up. When no row passes, nothing is written. `mapping` is the
    table's mapping as configured now; None where rows come in the contract's own fields.
    """
    try:
        discard = rules.drift(job.table) is Drift.DISCARD
        rows = replayed(lake, job, receipt, mapping, discard=discard)
        refusal = refused(job, rows, receipt, rules)
        if refusal is not None:
            return failed(job, refusal, DayStatus.BLOCKED)
        new, changed = lake.publish_day(rows)
    except MootechError as exc:
        return failed(job, exc, DayStatus.FAILED)
    passed = receipt.quarantined - new.quarantined
    note = f"{passed:,} quarantined rows pass now" if passed else ""
    return replace(accounted(job, new, changed=changed), note=note)


def replayed(
    lake: Lake, job: Job, receipt: Receipt, mapping: FieldMapping | None = None, *, discard: bool = False
) -> DayRows:
    """Return the day with its quarantined rows judged by the rules of today.

    With `discard` they lose their undeclared fields; rows that were published before keep theirs.

    Raises:
        BrokenPromiseError: the day is damaged.
        StoreError: it cannot be read.

    """
    held, rejects = _whole(lake, job, receipt)
    columns = [*delivered_schema(job.table).names(), EXTRA]
    held = held.with_columns(utc_date=pl.lit(job.day.isoformat())).select(columns)
    raws = [msgspec.Raw(raw.encode()) for raw in rejects["raw"]]
    decoded = RowDecoder(job.table).decode(raws if mapping is None else mapping.rows(raws, job.day))
    frame = decoded.frame.with_columns(NO_EXTRA) if discard else decoded.frame
    judged = judge_again(job.table, Fetched(job.day, frame, decoded.reasons), held)
    return DayRows(
        table=job.table,
        day=job.day,
        rows=judged.good,
        rejects=_with_raw(judged.rejected, rejects["raw"].to_list(), held),
        fetched=receipt.fetched,
        duplicates=receipt.duplicates + judged.duplicates,
        source_total=receipt.source_total,
        reconciled=receipt.reconciled,
    )


def _whole(lake: Lake, job: Job, receipt: Receipt) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return a day's published and rejected rows, after a check that they are what was written."""
    bronze, problems = bronze_partition(lake, job.table, job.day)
    key = quarantine_key(job.table.name, job.day, receipt.quarantine or "")
    problems = [*problems, *quarantine_object(lake, key, receipt.quarantined)]
    if bronze is None or problems:
        raise BrokenPromiseError(
            f"{job.table} {job.day} is damaged: {'; '.join(problem.message for problem in problems)}",
            hint="Nothing was changed. Mend it with `mootech ingest --repair`, which fetches the day again.",
        )
    return bronze.rows, rejects_of(lake, job.table, job.day, receipt)


def _with_raw(rejected: pl.DataFrame, raws: Sequence[str], held: pl.DataFrame) -> pl.DataFrame:
    """Replace the positions by the rows' JSON text; the text of a published row is made from its values."""
    texts = [
        raws[position] if position < len(raws) else as_json(held.row(position - len(raws), named=True))
        for position in rejected["position"]
    ]
    return rejected.select("reasons").with_columns(pl.Series("raw", texts, dtype=pl.String))


def as_json(row: dict[str, Any]) -> str:
    """Return the JSON text that decodes to a typed row, with its undeclared fields after the declared ones."""
    declared = {name: msgspec.Raw(msgspec.json.encode(value)) for name, value in row.items() if name != EXTRA}
    undeclared = msgspec.json.decode(row[EXTRA], type=dict[str, msgspec.Raw]) if row[EXTRA] is not None else {}
    return msgspec.json.encode({**declared, **undeclared}).decode()
