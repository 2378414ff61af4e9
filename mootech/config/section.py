"""What every section of mootech.toml has in common."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, InstanceOf, PlainSerializer, create_model

from mootech.tables import TABLES, TableSpec

NamedTable = Annotated[InstanceOf[TableSpec], PlainSerializer(str)]
"""A table, which stands in the file and in dumps by its name."""


class Section(BaseModel):
    """A section of mootech.toml: frozen, and closed to keys and types that nobody declared."""

    # strict: page_size = "5000" is a wrong type, not a number in disguise.
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False, hide_input_in_errors=True)


def one_for_each_table(of: Any, default: object, description: str = "") -> type[Section]:  # noqa: ANN401  # any type
    """Return a section with one key for each table, which pydantic cannot be told in a class's body.

    `description` says what a key means; `{table}` in it is the table's name.
    """
    fields: dict[str, Any] = {
        name: (of, Field(default=default, description=description.format(table=name))) for name in TABLES.names
    }
    return create_model("Tables", __base__=Section, **fields)


def as_tuple(value: object) -> object:
    """Return a list of the file as the tuple that a frozen setting is."""
    return tuple(value) if isinstance(value, list) else value
