"""The floor of an ingest: httpx and Polars, a page after the other, Parquet at the end of each day.

It does what must be done for the rows to arrive as rows: decode, give types, drop repeats, sort, write. There is no
journal, no fsync, no check of a value, no account of what came. Two days are worked on at once, one for each core.
"""

import io
import json
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from pathlib import Path

import httpx
import msgspec
import polars as pl

_SECONDS = ("hit_time_gmt", "cust_hit_time_gmt", "first_hit_time_gmt", "visit_start_time_gmt")
_TEXTS = ("campaign", "currency", "os", "pagename", "page_url", "event_list", "product_list", "cust_visid")
_SCHEMA = pl.Schema(
    {
        **dict.fromkeys(("hitid_high", "hitid_low", "visid_high", "visid_low"), pl.String()),
        **dict.fromkeys(_SECONDS, pl.Int64()),
        **dict.fromkeys((*_TEXTS, *(f"evar{n}" for n in range(1, 7)), "utc_date"), pl.String()),
    }
)


class Page(msgspec.Struct):
    """A page of the API, its rows still JSON."""

    data: msgspec.Raw
    next_cursor: str | None


def main() -> None:
    """Fetch the days and print how many rows they have."""
    asked = json.loads(sys.argv[1])
    first = date.fromisoformat(asked["first"])
    days = [first + timedelta(days=number) for number in range(asked["days"])]
    headers = {"X-API-Key": asked["key"]}
    with httpx.Client(base_url=asked["url"], headers=headers, timeout=60) as client, ThreadPoolExecutor(2) as pool:
        rows = sum(pool.map(lambda day: _day(client, day.isoformat(), Path(asked["folder"])), days))
    print(json.dumps({"rows": rows}))


def _day(client: httpx.Client, day: str, folder: Path) -> int:
    frames = []
    query: dict[str, str | int] = {"start_date": day, "end_date": day, "limit": 5000}
    while True:
        answer = client.get("/clickstream", params=query)
        page = msgspec.json.decode(answer.raise_for_status().content, type=Page)
        frames.append(pl.read_json(io.BytesIO(page.data), schema=_SCHEMA))
        if page.next_cursor is None:
            break
        query["cursor"] = page.next_cursor
    frame = pl.concat(frames).drop("utc_date").unique().sort("hit_time_gmt", "hitid_high", "hitid_low")
    target = folder / f"utc_date={day}" / "data.parquet"
    target.parent.mkdir(parents=True)
    frame.write_parquet(target, compression="zstd", compression_level=1)
    return frame.height


if __name__ == "__main__":
    main()
