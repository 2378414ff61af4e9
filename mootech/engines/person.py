"""The checks that every engine makes of a report that a user has written."""

import polars as pl

from mootech.definition import Definition, DefinitionError


def mistaken(definition: Definition, what: str, where: str = "") -> DefinitionError:
    """Return the error of a user's report that does not work; `where` comes after the file's name."""
    inputs = ", ".join(definition.inputs)
    hint = f"Nothing was changed. Correct the file. It may read only the tables of its Inputs: {inputs}."
    return DefinitionError(f"{definition.file}{where}: {what}", hint=hint)


def by_key(definition: Definition, rows: pl.DataFrame) -> pl.DataFrame:
    """Return a report's rows sorted by its key; DefinitionError when two rows have the same key."""
    key = list(definition.key)
    if rows.select(pl.struct(key).is_duplicated().any()).item():
        raise mistaken(definition, f"its key, {', '.join(key)}, is the same in several rows")
    return rows.sort(key)
