"""What a person is told about a wrong key or value: where it stands, what is wrong, what may stand there."""

import difflib
import json
from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel, ValidationError

from mootech.config.settings import Section, Settings
from mootech.errors import ConfigError

SECTIONS: dict[str, type[Section]] = {
    name: field.annotation
    for name, field in Settings.model_fields.items()
    if isinstance(field.annotation, type) and issubclass(field.annotation, Section)
}
"""The sections of mootech.toml and what may stand in them."""


def keys_of(section: type[BaseModel]) -> str:
    """List the keys of a section, for a person; the API key is none of the file's."""
    return ", ".join(name for name in section.model_fields if name != "api_key")


def explained(exc: ValidationError, file: Path, origins: Mapping[tuple[str, ...], str]) -> ConfigError:
    """Return the error for the first wrong key, named as it stands in the file, or as the variable or flag it is.

    `origins` says which settings (section, key) came from which variable or flag.
    """
    error = exc.errors(include_url=False)[0]
    loc = tuple(str(part) for part in error["loc"])
    section = SECTIONS.get(loc[0], Settings)
    key = loc[1] if section is not Settings else loc[0]
    origin = next((name for place, name in origins.items() if loc[: len(place)] == place), None)
    place = key if section is Settings else f"[{loc[0]}] {key}"
    if error["type"] == "extra_forbidden":
        if section is Settings and isinstance(error["input"], dict):
            place = f"[{key}]"
        return ConfigError(f"{file}: {place} is no key mootech knows", hint=_nearest(key, section, loc[0]))
    where = origin or f"{file}: {place}"
    if error["type"] == "value_error":
        return ConfigError(f"{where} {error['ctx']['error']}", hint="Nothing was done.")
    value = error["input"]
    # Only a value from the file is repeated: a variable may hold what nobody should read in a log.
    shown = f", not {json.dumps(value)}" if isinstance(value, str | int | float) and origin is None else ""
    problem = f"{error['msg'][0].lower()}{error['msg'][1:]}".replace("tuple", "list").replace(
        "an instance of Path", "a path"
    )
    description = section.model_fields[key].description
    return ConfigError(f"{where}: {problem}{shown}", hint=f"Nothing was done. What it means: {description}")


def _nearest(key: str, section: type[BaseModel], name: str) -> str:
    """Say which key was meant, or where it belongs, and which there are."""
    homes = [f"under [{each}]" for each, model in SECTIONS.items() if key in model.model_fields]
    if section is Settings:
        plain = ", ".join(each for each in Settings.model_fields if each not in SECTIONS)
        known = f"At the top may stand {plain}, then the sections {', '.join(f'[{each}]' for each in SECTIONS)}."
    else:
        known = f"The keys of [{name}] are: {keys_of(section)}."
        homes += ["at the top of the file, before any [section]"] if key in Settings.model_fields else []
    if homes:
        return f"It belongs {homes[0]}. {known}"
    near = difflib.get_close_matches(key, [each for each in section.model_fields if each != "api_key"], n=1)
    return f"Did you mean {near[0]}? {known}" if near else known
