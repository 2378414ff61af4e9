"""The tables: each has one spec, `<name>.toml` beside this file; spec.py says what a spec holds.

A new table needs one spec here and one recipe, `layers/silver/<name>.sql`. Everything else is derived from the two.
"""

from collections.abc import Iterator, Mapping
from importlib import resources

from mootech.errors import UsageError
from mootech.tables.spec import TableSpec, read

__all__ = ["CLICKSTREAM", "PRODUCTS", "TABLES", "TRANSACTIONS", "USERS", "TableSpec", "Tables"]

_FIRST = ("clickstream", "transactions", "users", "products")
"""The order of the tables that mootech comes with. Any others follow, sorted by name."""


class Tables:
    """Tables by name, in order."""

    def __init__(self, specs: Mapping[str, TableSpec]) -> None:
        """Keep the specs by their names."""
        self._specs = dict(specs)

    def __iter__(self) -> Iterator[TableSpec]:
        """Yield every table, in order."""
        return iter(self._specs.values())

    def __len__(self) -> int:
        """Count the tables."""
        return len(self._specs)

    def __contains__(self, name: object) -> bool:
        """Say whether there is a table with that name."""
        return name in self._specs

    @property
    def names(self) -> tuple[str, ...]:
        """Every table's name, in order."""
        return tuple(self._specs)

    def named(self, name: str) -> TableSpec:
        """Return the table with that name; upper and lower case do not matter.

        Raises:
            UsageError: there is no such table; the hint lists all tables.

        """
        try:
            return self._specs[name.strip().lower()]
        except KeyError as exc:
            msg = f"there is no table {name!r}"
            raise UsageError(msg, hint=f"The tables are: {', '.join(self._specs)}.") from exc


def _packaged() -> Tables:
    files = {each.name: each for each in resources.files(__name__).iterdir() if each.name.endswith(".toml")}
    specs = {spec.name: spec for name, file in files.items() for spec in [read(file.read_text("utf-8"), name)]}
    return Tables({name: specs[name] for name in (*_FIRST, *sorted(specs.keys() - set(_FIRST)))})


TABLES = _packaged()
"""Every table that mootech knows."""
CLICKSTREAM, TRANSACTIONS, USERS, PRODUCTS = (TABLES.named(name) for name in _FIRST)
