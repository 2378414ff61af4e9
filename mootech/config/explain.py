"""The error for a wrong key or value: where it is, what is wrong, and which values are allowed."""

import difflib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import get_args

from pydantic import BaseModel, ValidationError

from mootech.config.section import Section
from mootech.config.settings import Settings
from mootech.errors import ConfigError

SECTIONS: dict[str, type[Section]] = {
    name: field.annotation
    for name, field in Settings.model_fields.items()
    if isinstance(field.annotation, type) and issubclass(field.annotation, Section)
}
"""The sections of mootech.toml, each with its settings."""


def sections_below(name: str, section: type[BaseModel]) -> Iterator[tuple[str, type[BaseModel]]]:
    """Yield a section and those within it, by their names in the file; equal ones once, as `<table>` or `<column>`."""
    within = inner_sections(section)
    if len(set(within.values())) == 1 and within.keys() == section.model_fields.keys():
        within = {"<table>": next(iter(within.values()))}
    else:
        yield name, section
    for key, inner in within.items():
        below = f"{name}.{key}.<column>" if key == "fields" else f"{name}.{key}"
        # A section that only overrides another one is described there.
        if inner is not SECTIONS.get(key) and not (key == "pages" and "<table>" in name):
            yield from sections_below(below, inner)


def inner_sections(section: type[BaseModel]) -> dict[str, type[BaseModel]]:
    """Return the sections within a section, also those that may have any name."""
    return {
        name: each
        for name, field in section.model_fields.items()
        for each in (field.annotation, *(get_args(part)[0] for part in get_args(field.annotation) if get_args(part)))
        if isinstance(each, type) and issubclass(each, BaseModel)
    }


def keys_of(section: type[BaseModel]) -> str:
    """List the keys of a section, for a person, without the API key, which the file never holds."""
    return ", ".join(field.alias or name for name, field in section.model_fields.items() if name != "api_key")


def _placed(loc: Sequence[str]) -> tuple[list[str], type[BaseModel], str]:
    """Return the names of the sections that an error lies in, the innermost of them, and its key there."""
    names: list[str] = []
    section: type[BaseModel] = Settings
    key, *rest = loc
    while rest and key in inner_sections(section):
        names.append(key)
        if key == "fields" and len(rest) > 1:
            names.append(rest.pop(0))
        section = inner_sections(section)[key]
        key, *rest = rest
    return names, section, key


def explained(exc: ValidationError, file: Path, origins: Mapping[tuple[str, ...], str]) -> ConfigError:
    """Return the error for the first wrong key, named as it stands in the file, or as the variable or flag it is.

    `origins` says which settings (section, key) came from which variable or flag.
    """
    error = exc.errors(include_url=False)[0]
    loc = tuple(str(part) for part in error["loc"])
    names, section, key = _placed(loc)
    origin = next((name for place, name in origins.items() if loc[: len(place)] == place), None)
    place = f"[{'.'.join(names)}] {key}" if names else key
    if error["type"] == "extra_forbidden":
        if isinstance(error["input"], dict):
            place = f"[{'.'.join([*names, key])}]"
        return ConfigError(f"{file}: {place} is no key mootech knows", hint=_nearest(key, section, ".".join(names)))
    where = origin or f"{file}: {place}"
    if error["type"] == "value_error":
        return ConfigError(f"{where} {error['ctx']['error']}", hint="Nothing was done.")
    value = error["input"]
    # Only a value from the file is repeated: a variable may hold a secret, which belongs in no log.
    shown = f", not {json.dumps(value)}" if isinstance(value, str | int | float) and origin is None else ""
    problem = f"{error['msg'][0].lower()}{error['msg'][1:]}".replace("tuple", "list").replace(
        "an instance of Path", "a path"
    )
    problem = re.sub(r"a valid dictionary( or instance of \w+)?", "a section with keys of its own", problem)
    field = next((each for name, each in section.model_fields.items() if key in (name, each.alias)), None)
    description = field.description if field is not None and field.description else (section.__doc__ or "").strip()
    return ConfigError(f"{where}: {problem}{shown}", hint=f"Nothing was done. What it means: {description}")


def _nearest(key: str, section: type[BaseModel], name: str) -> str:
    """Say which key was probably meant, or where it belongs, and which keys there are."""
    everywhere = [below for each, model in SECTIONS.items() for below in sections_below(each, model)]
    homes = [f"under [{each}]" for each, model in everywhere if key in model.model_fields and model is not section]
    if section is Settings:
        plain = ", ".join(each for each in Settings.model_fields if each not in SECTIONS)
        known = f"At the top may stand {plain}, then the sections {', '.join(f'[{each}]' for each in SECTIONS)}."
    else:
        known = f"The keys of [{name}] are: {keys_of(section)}."
        homes += ["at the top of the file, before any [section]"] if key in Settings.model_fields else []
    own = [each for each in section.model_fields if each != "api_key"]
    # A small typing error is likelier than a key of another section; a large one is not.
    near = difflib.get_close_matches(key, own, n=1, cutoff=0.85 if homes else 0.6)
    if near:
        return f"Did you mean {near[0]}? {known}"
    return f"It belongs {homes[0]}. {known}" if homes else known
