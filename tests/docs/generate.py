"""Reference made from the code: docs/cli.md and docs/configuration.md. Write them with `make docs`."""

import json
import re
import types
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le
from pydantic import SecretStr
from pydantic.fields import FieldInfo
from typer import Context
from typer.core import TyperGroup
from typer.main import get_command

from mootech.cli import app
from mootech.config import Settings
from mootech.config.dialect import EndStatus, JsonPath
from mootech.config.explain import SECTIONS, inner_sections, sections_below
from mootech.config.section import NamedTable

DOCS = Path(__file__).parents[2] / "docs"
_MADE = "<!-- Made from the code by `make docs`; a test compares it. -->"
_CLI_INTRO = """\
Results go to stdout, everything else to stderr. What options do not say, [configuration.md](configuration.md) does.

With `--json` stdout is exactly one JSON object, on failure too. Always there: `command`, `status` (`ok`, `failed` or
`interrupted`), `exit_code`, `run_id`, `tables` with their `days`, `error` (the one that decided the exit code, or
null), `errors` (all of them), `notes`. A day that failed has its own `error`; one that was compared with the shop's
metrics has the figures in `reconciled`. `qa` and `verify` add `findings`, `qa` also the `history` of every day;
`report` adds `reports` and `rows`; `status` adds `lake`, `last_run`, `lock_holder` and, per table, `held` and what
follows from it (`silver_behind` counts silver objects that are stale: one a day of events, one in all of a snapshot
table); `run` and `demo` add `steps`, each such an object; `source check` adds `checks`, one per table. Amounts are
numbers with exactly their digits.

`-q` prints errors only, and what `report` and `status` are asked for. Colours and progress bars appear on a terminal
alone."""
_CONFIGURATION_INTRO = """\
A flag beats an environment variable, which beats `mootech.toml`, which beats the default. `./mootech.toml` is read
when it is there; `--config` or `MOOTECH_CONFIG` names another file. A relative path in the file starts at the file's
folder, one in a flag or a variable at the current directory. An empty variable counts as not set. An unknown key or a
wrong type is an error, exit 2, and nothing is done."""
_KEY = """\
## The API's key

It comes from one of three places, the first of these that is set: `MOOTECH_API_KEY`; the file that
`MOOTECH_API_KEY_FILE` names, which only its owner may read (mode 0600); the stdout of `api_key_command`. Both
variables at once are an error. The file never holds the key itself.

```toml
[source]
api_key_command = ["pass", "show", "shop/api-key"]
```

The command runs only when the key is needed, without a shell, with nothing on stdin, for 20 seconds at most. It must
print the key and end with 0; what it prints never reaches a message or a log. A `mootech.toml` that others may write,
or that is another user's, may not name one."""
_TYPES: dict[object, str] = {
    bool: "true or false",
    int: "whole number",
    float: "number",
    str: "text",
    Literal["pages", "jobs"]: "`pages` or `jobs`",
    Path: "path",
    date: "date",
    SecretStr: "text",
    tuple[NamedTable, ...]: "list of tables",
    tuple[str, ...]: "list of texts",
    tuple[JsonPath, ...]: "list of paths",
    tuple[EndStatus, ...]: "list of numbers",
    dict[str, str]: "section of texts",
}


def helps() -> dict[str, str]:
    """Return the help text of `mootech` (under the empty name) and of each command, 80 columns wide."""
    group = get_command(app)
    root = Context(group, info_name="mootech", terminal_width=80)
    texts = {"": group.get_help(root)}
    for name in group.list_commands(root):  # type: ignore[attr-defined] # get_command is typed as any command
        command = group.get_command(root, name)  # type: ignore[attr-defined] # the same
        if isinstance(command, TyperGroup):
            within = Context(command, info_name=name, parent=root, terminal_width=80)
            for each in command.list_commands(within):
                leaf = command.get_command(within, each)
                if leaf is not None:
                    texts[f"{name} {each}"] = leaf.get_help(
                        Context(leaf, info_name=each, parent=within, terminal_width=80)
                    )
            continue
        texts[name] = command.get_help(Context(command, info_name=name, parent=root, terminal_width=80))
    return texts


def cli_reference() -> str:
    """Return docs/cli.md."""
    parts = [
        _MADE,
        "# The commands",
        _CLI_INTRO,
    ]
    for name, text in helps().items():
        parts += [f"## mootech {name}".rstrip(), f"```text\n{text.rstrip()}\n```"]
    return "\n\n".join(parts) + "\n"


def configuration_reference() -> str:
    """Return docs/configuration.md."""
    top = {name: field for name, field in Settings.model_fields.items() if name not in SECTIONS}
    parts = [
        _MADE,
        "# Configuration",
        _CONFIGURATION_INTRO,
        "S3 is configured by the usual AWS variables and profiles, `AWS_ENDPOINT_URL` included.",
        "## At the top of the file",
        _table(top),
    ]
    for name, section in SECTIONS.items():
        if name == "source":
            parts.append(_KEY)
        for below, each in sections_below(name, section):
            title = re.sub(r"<(\w+)>", r"\1", below)
            shown = {key: field for key, field in each.model_fields.items() if key not in inner_sections(each)}
            parts += [f"## [{title}]", " ".join((each.__doc__ or "").split()), _table(shown)]
    return "\n\n".join(parts) + "\n"


def _table(fields: dict[str, FieldInfo]) -> str:
    rows = ["| key | type | default | environment | meaning |", "|---|---|---|---|---|"]
    for name, field in fields.items():
        extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
        variables = ", ".join(f"`{each}`" for each in str(extra.get("env", "")).split(" or ") if each)
        rows.append(
            f"| `{field.alias or name}` | {_type(field)} | {_default(field)} | {variables} | {field.description} |"
        )
    return "\n".join(rows)


def _type(field: FieldInfo) -> str:
    annotation: Any = field.annotation
    if get_origin(annotation) in (types.UnionType, Union):
        named = [each for each in get_args(annotation) if each is not type(None)]
        if len(named) > 1:
            return " or ".join(_TYPES[each] for each in named)
        (annotation,) = named
    if get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    if get_origin(annotation) is Literal:
        return "one of " + ", ".join(f"`{each}`" for each in get_args(annotation))
    low = next((f"from {each.ge}" for each in field.metadata if isinstance(each, Ge)), "")
    low = next((f"above {each.gt}" for each in field.metadata if isinstance(each, Gt)), low)
    high = next((f"to {each.le}" for each in field.metadata if isinstance(each, Le)), "")
    return " ".join(filter(None, (_TYPES[annotation], low, high)))


def _default(field: FieldInfo) -> str:
    if field.is_required() or field.default is None:
        return ""
    if isinstance(field.default, bool):
        return f"`{str(field.default).lower()}`"
    if isinstance(field.default, tuple):
        return f"`{json.dumps([_entry(each) for each in field.default])}`"
    return f'`"{field.default}"`' if isinstance(field.default, str) else f"`{field.default}`"


def _entry(value: object) -> object:
    """Return an entry of a list as it stands in the file; a path has dots between its names."""
    if isinstance(value, int):
        return value
    return ".".join(value) if isinstance(value, tuple) else str(value)


def main() -> None:
    """Write both files."""
    (DOCS / "cli.md").write_text(cli_reference(), "utf-8")
    (DOCS / "configuration.md").write_text(configuration_reference(), "utf-8")


if __name__ == "__main__":
    main()
