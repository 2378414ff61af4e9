"""The reference in docs/ is what the code says, and every help text says how a command ends."""

import re

import pytest

from mootech.errors import Exit
from mootech.sandbox.faults import GROUPS, Fault
from tests.docs.generate import DOCS, cli_reference, configuration_reference, helps

HELPS = helps()
COMMANDS = {"demo", "sandbox", "ingest", "qa", "silver", "report", "run", "status", "verify", "source check"}


def test_the_commands_are_those_of_the_design() -> None:
    """There are exactly the ten commands that docs/design.md lists."""
    assert HELPS.keys() - {""} == COMMANDS
    assert (
        set(re.findall(r"^\| `mootech ((?:source )?\w+)", (DOCS / "design.md").read_text("utf-8"), re.MULTILINE))
        == COMMANDS
    )


def test_cli_reference_is_current() -> None:
    """docs/cli.md is what the commands' help says; `make docs` writes it."""
    assert (DOCS / "cli.md").read_text("utf-8") == cli_reference()


def test_configuration_reference_is_current() -> None:
    """docs/configuration.md is what the settings' fields say; `make docs` writes it."""
    assert (DOCS / "configuration.md").read_text("utf-8") == configuration_reference()


@pytest.mark.parametrize("name", sorted(HELPS))
def test_help_ends_with_exit_codes_and_an_example(name: str) -> None:
    """Every help text ends with an example of that command and the exit codes it can give, as errors.py names them."""
    end = HELPS[name].partition("Example:")[2]
    example, _, codes = end.partition("Exit codes:")
    assert example.strip().startswith(f"mootech {name}".rstrip())
    listed = dict(re.findall(r"^ +(\d+) +(.+)$", codes, re.MULTILINE))
    assert {"0", "2"} <= listed.keys()
    assert listed.items() <= {str(code): code.meaning for code in Exit}.items()


def test_the_design_lists_every_exit_code() -> None:
    """docs/design.md explains exactly the exit codes that there are."""
    design = (DOCS / "design.md").read_text("utf-8")
    table = design.partition("| exit | meaning |\n|---|---|\n")[2].partition("\n\n")[0]
    codes = ", ".join(row.split("|")[1] for row in table.splitlines())
    assert sorted(int(code) for code in codes.split(", ")) == sorted(Exit)


@pytest.mark.parametrize("name", sorted(COMMANDS - {"demo", "sandbox"}))
def test_common_options_stand_after_each_command(name: str) -> None:
    """Every command on a lake takes the common options."""
    for option in ("--lake", "--config", "--json", "-q, --quiet", "-v, --verbose"):
        assert option in HELPS[name]


def test_every_option_is_explained() -> None:
    """No option and no key stands in the reference without a meaning."""
    for text in HELPS.values():
        options = text.partition("Options:\n")[2].partition("\n\n")[0]
        starts = re.findall(r"^  -.*?(?:  +(\S.*))?$", options, re.MULTILINE)
        assert starts
        assert all(starts)
    for row in re.findall(r"^\| `\w+` .*$", configuration_reference(), re.MULTILINE):
        assert len(row.strip("| ").split(" | ")[-1]) > 10


def test_every_fault_of_the_sandbox_is_documented() -> None:
    """The table in docs/sandbox.md has a line for each, and no other."""
    section = (DOCS / "sandbox.md").read_text("utf-8").split("## The faults")[1].split("\n## ")[0]
    groups, faults = (
        [
            name
            for row in table.splitlines()
            if row.startswith("| `")
            for name in re.findall("`([^`]+)`", row.split("|")[1])
        ]
        for table in (section.split("| fault |")[0], section.split("| fault |")[1])
    )
    assert groups == list(GROUPS)
    assert sorted(faults) == sorted(Fault)
