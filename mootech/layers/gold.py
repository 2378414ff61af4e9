"""Gold: the sales report, one object per product. Its numbers are defined in docs/reports.md, as SQL in layers/sql.

Like silver it works as `make` does: a report whose inputs are what they were is read, not computed.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from difflib import get_close_matches
from functools import partial

import polars as pl

from mootech.engines.duckdb import Engine, statement
from mootech.errors import EmptyLakeError, UsageError
from mootech.lake.canonical import combined_hash, content_hash
from mootech.lake.lake import Held, Lake
from mootech.lake.parquet import DamagedError
from mootech.lake.paths import Layer, object_key
from mootech.layers.library import packaged
from mootech.model import SCHEMA_VERSION, ReportResult, Table

_NAMES, _SALES = "products_known.sql", "report_sales.sql"
_READERS = 16
_SLUG_LENGTH = 80
_PLAIN_ID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")


def sales(lake: Lake, engine: Engine, products: Sequence[str] = ()) -> tuple[ReportResult, ...]:
    """Compute the sales report, and publish it where its content changed.

    Args:
        lake: opened for writing, its lock held.
        engine: opened for the lake's store.
        products: names, in any case, or ids; none means every product there has ever been.

    Returns:
        One result per product, in the order asked for, else by id. Rows are months, oldest first, and none for a
        product that was never sold; their columns and units are in docs/reports.md.

    Raises:
        EmptyLakeError: silver holds no transactions or no products.
        UsageError: a product that is none; the hint lists the nearest names.
        StoreError: the lake could not be read or written.

    """
    held = lake.held(Layer.SILVER, Table.TRANSACTIONS)
    snapshots = lake.held_object(Layer.SILVER, Table.PRODUCTS)
    if not held:
        raise _empty(lake, Table.TRANSACTIONS)
    if snapshots is None:
        raise _empty(lake, Table.PRODUCTS)
    days = sorted(held)
    engine.view("products", [snapshots.entry], partitioned=False)
    names = dict(engine.query(_NAMES).iter_rows())
    if not names:
        raise _empty(lake, Table.PRODUCTS)
    ids = resolve(products, names)
    objects = {product: f"sales_report_{slug}" for product, slug in object_slugs(names).items()}
    inputs = _inputs_hash([*(held[day] for day in days), snapshots])
    kept = _kept(lake, {product: objects[product] for product in ids}, inputs)
    missing = [product for product in ids if product not in kept]
    months = pl.DataFrame()
    if missing:
        engine.view("transactions", [held[day].entry for day in days], partitioned=True)
        # One scan for all of them: the lake is read once, however many products there are.
        months = engine.query(_SALES, {"product_ids": missing, "held_days": days})
    results = []
    for product in ids:
        frame = kept[product] if product in kept else months.filter(months["product_id"] == product)
        results.append(
            ReportResult(
                name="sales",
                title=f"Sales of {names[product]}, month over month",
                object_key=object_key(Layer.RESULTS, objects[product]),
                columns=tuple(frame.columns),
                rows=tuple(frame.iter_rows()),
                definition=packaged()["sales"],
                changed=product not in kept and lake.publish_object(Layer.RESULTS, objects[product], frame, inputs),
            )
        )
    return tuple(results)


def _kept(lake: Lake, objects: Mapping[str, str], inputs_hash: str) -> dict[str, pl.DataFrame]:
    """Return the reports that lie in the lake as they were computed from these inputs, by product."""
    held = lake.held_results()
    fresh = {
        product: found
        for product, name in objects.items()
        if (found := held.get(name))
        and (made := found.provenance)
        and (made.inputs_hash, made.schema_version) == (inputs_hash, SCHEMA_VERSION)
    }
    # On S3 the time is latency.
    with ThreadPoolExecutor(_READERS) as pool:
        rows = dict(zip(fresh, pool.map(partial(_whole, lake), fresh.values()), strict=True))
    return {product: frame for product, frame in rows.items() if frame is not None}


def _whole(lake: Lake, held: Held) -> pl.DataFrame | None:
    """Return an object's rows, None where they are not those that were written."""
    try:
        rows = lake.read(held.key)
    except DamagedError:
        return None
    return rows if held.provenance and content_hash(rows) == held.provenance.content_hash else None


def resolve(wanted: Sequence[str], names: Mapping[str, str]) -> list[str]:
    """Return the ids of the products asked for, each once, in order; all of them when none is asked for.

    Args:
        wanted: each an id, or a name in any case; a name that several products bear means all of them.
        names: the latest name of every product, by id.

    Raises:
        UsageError: one is neither; the hint lists the nearest names.

    """
    by_name: dict[str, list[str]] = {}
    for product, name in names.items():
        by_name.setdefault(_folded(name), []).append(product)
    ids: dict[str, None] = {} if wanted else dict.fromkeys(names)
    for text in wanted:
        found = [text] if text in names else by_name.get(_folded(text), [])
        if not found:
            msg = f"there is no product {text!r}"
            raise UsageError(msg, hint=_nearest(text, names))
        ids.update(dict.fromkeys(found))
    return list(ids)


def object_slugs(names: Mapping[str, str]) -> dict[str, str]:
    """Return what names each product's object in the lake: the slug of its name, or its id.

    The slug is the name in lower-case ASCII letters and digits, joined by underscores. The id stands in where the slug
    is empty, or more than one product would have it; one that is no plain word is written in hexadecimal.
    """
    slugs = {product: _slug(name) for product, name in names.items()}
    ids = {product: product if _PLAIN_ID.fullmatch(product) else product.encode().hex() for product in names}
    claims = Counter(slugs.values())
    claims.update(ids[product] for product in names if ids[product] != slugs[product])
    return {product: slug if slug and claims[slug] == 1 else ids[product] for product, slug in slugs.items()}


def _slug(name: str) -> str:
    ascii_name = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "_", ascii_name)[:_SLUG_LENGTH].strip("_")


def _folded(name: str) -> str:
    return " ".join(name.split()).casefold()


def _nearest(text: str, names: Mapping[str, str]) -> str:
    folded = {_folded(name): name for name in sorted(names.values())}
    near = get_close_matches(_folded(text), folded, n=3, cutoff=0.5)
    if near:
        return f"The nearest names: {', '.join(folded[name] for name in near)}."
    some = list(folded.values())[:10]
    return f"The products are: {', '.join(some)}{' …' if len(folded) > len(some) else ''}."


def _empty(lake: Lake, table: Table) -> EmptyLakeError:
    hint = f"Fetch some days first: mootech ingest -t {table} --start 2023-03-01, then mootech silver"
    if lake.held(Layer.RAW, table):
        hint = f"Bronze holds {table}; bring silver up to date: mootech silver -t {table}"
    return EmptyLakeError(f"silver holds no {table}, so there is nothing to report", hint=hint)


def _inputs_hash(inputs: Sequence[Held]) -> str:
    """Return one hash of all that a report depends on: the objects it reads, and its own definition."""
    # Without a provenance (a foreign file) an object is at least known by its version.
    objects = (
        f"{held.key} {held.provenance.content_hash if held.provenance else held.entry.version}" for held in inputs
    )
    return combined_hash([statement(_NAMES), statement(_SALES), *objects])
