"""What every engine asks of a report that a person has written."""

import polars as pl

from mootech.definition import Definition, DefinitionError


def mistaken(definition: Definition, what: str, where: str = "") -> DefinitionError:
    """Return the error of a person's report that does not work; `where` follows on the file's name."""
    inputs = ", ".join(definition.inputs)
    hint = f"Nothing was changed. Mend the file; the tables that it may read are those of its Inputs: {inputs}."
    return DefinitionError(f"{definition.file}{where}: {what}", hint=hint)


def by_key(definition: Definition, rows: pl.DataFrame) -> pl.DataFrame:
    """Return a report's rows sorted by its key; DefinitionError when that does not tell them apart."""
    key = list(definition.key)
    if rows.select(pl.struct(key).is_duplicated().any()).item():
        raise mistaken(definition, f"its key, {', '.join(key)}, does not tell its rows apart")
    return rows.sort(key)
