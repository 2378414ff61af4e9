"""What every section of mootech.toml has in common."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A section of mootech.toml: frozen, and closed to keys and types that nobody declared."""

    # strict: page_size = "5000" is a wrong type, not a number in disguise.
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False, hide_input_in_errors=True)


def as_tuple(value: object) -> object:
    """Return a list of the file as the tuple that a frozen setting is."""
    return tuple(value) if isinstance(value, list) else value
