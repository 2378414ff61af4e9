"""The SQL that comes with mootech: the reports, and what they share."""

from mootech.definition import Definition
from mootech.engines.recipe import Macro, Recipe, fingerprint, read_recipe, read_sql
from mootech.tables import PRODUCTS, TRANSACTIONS

_SHARED = f"{__package__}.sql"

MACROS = (Macro(read_sql(_SHARED, "sold_by_month.sql"), frozenset({TRANSACTIONS.name, PRODUCTS.name})),)
"""What several reports have in common; a person's own report may call it too."""
PRODUCTS_KNOWN = read_recipe(_SHARED, "products_known.sql")
"""The latest name of every product, by id."""


def recipe_of(definition: Definition) -> Recipe:
    """Return a report's statement with the macros that it may call."""
    return Recipe(definition.file, definition.sql, MACROS)


def shared_fingerprint() -> str:
    """Return the fingerprint of what every report depends on besides its own statement."""
    return fingerprint([*(macro.sql for macro in MACROS), PRODUCTS_KNOWN.sql])
