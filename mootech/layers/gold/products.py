"""Which products a person means, and what names each product's report in the lake."""

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from difflib import get_close_matches

from mootech.errors import UsageError

_SLUG_LENGTH = 80
_PLAIN_ID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")


def resolve(wanted: Sequence[str], names: Mapping[str, str]) -> list[str]:
    """Return the ids of the products asked for, each once, in order; all of them when none is asked for.

    Args:
        wanted: each an id, or a name in any case; a name that several products bear means all of them.
        names: the latest name of every product, by id.

    Raises:
        UsageError: a text is neither an id nor a name; the hint lists the nearest names.

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

    The slug is the name in lower-case ASCII letters and digits, joined by underscores. The id takes its place where the
    slug is empty or belongs to several products. An id that is no plain word is written in hexadecimal.
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
