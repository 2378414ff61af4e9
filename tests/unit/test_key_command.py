"""The API key from a command: what it prints is the key, and nothing it says is ever repeated."""

import os
import sys
import time
from pathlib import Path

import pytest

from mootech.config import load
from mootech.config.keycommand import MAX_KEY_BYTES, key_from
from mootech.errors import ConfigError

CANARY = "canary-5f2d"


def configured(folder: Path, command: str, **environment: str) -> tuple[str, str]:
    """Return the address and key of a configuration with that api_key_command."""
    file = folder / "mootech.toml"
    file.write_text(f'[source]\nurl = "https://shop.example/v1"\napi_key_command = {command}\n')
    file.chmod(0o644)
    settings = load(config=file, environ={"HOME": str(folder), **environment})
    url, key = settings.source.endpoint()
    assert "canary" not in f"{settings!r}{settings.model_dump_json()}{key!r}"
    return url, key.get_secret_value()


@pytest.mark.parametrize("command", ['["printf", "from-command\\\\n"]', '"printf from-command"'])
def test_the_key_is_what_the_command_prints(command: str, tmp_path: Path) -> None:
    """A list of words or one text is a command; the key is its stdout without the line's end."""
    assert configured(tmp_path, command) == ("https://shop.example/v1", "from-command")


def test_variables_win_and_the_command_is_not_run(tmp_path: Path) -> None:
    """MOOTECH_API_KEY and MOOTECH_API_KEY_FILE beat the file's command."""
    ran = tmp_path / "ran"
    key = tmp_path / "key"
    key.write_text("from-file")
    key.chmod(0o600)
    command = f'["touch", "{ran}"]'
    assert configured(tmp_path, command, MOOTECH_API_KEY="from-variable")[1] == "from-variable"
    assert configured(tmp_path, command, MOOTECH_API_KEY_FILE=str(key))[1] == "from-file"
    assert not ran.exists()


def test_there_is_no_shell(tmp_path: Path) -> None:
    """What a shell would expand or run is an argument like any other."""
    assert configured(tmp_path, "'echo $(id);#'")[1:] == ("$(id);#",)


@pytest.mark.parametrize(
    ("script", "message"),
    [
        (f"print('{CANARY}'); import sys; print('{CANARY}', file=sys.stderr); sys.exit(7)", "exit code 7"),
        (f"print('{CANARY}', flush=True); import os; os.kill(os.getpid(), 9)", "signal 9"),
        ("pass", "nothing that can be a key"),
        (f"print('{CANARY}\\n{CANARY}')", "nothing that can be a key"),
        (f"print('{CANARY}' * {MAX_KEY_BYTES})", "more than a key"),
        (f"import itertools\nfor _ in itertools.repeat(0): print('{CANARY}')", "more than a key"),
    ],
)
def test_a_failed_command_is_named_and_its_output_is_not(script: str, message: str) -> None:
    """Whatever goes wrong, the error names the command and how it ended, and no word of what it said."""
    with pytest.raises(ConfigError, match=message) as caught:
        key_from([sys.executable, "-c", script])
    assert "api_key_command" in caught.value.message
    assert CANARY not in f"{caught.value.message}{caught.value.hint}{caught.value.__cause__}"


def test_a_command_that_hangs_is_ended_with_its_children(tmp_path: Path) -> None:
    """After its time the command is killed, and what it started in the background as well."""
    pid = tmp_path / "pid"
    script = f"sleep 600 & echo $! > {pid}; wait"
    with pytest.raises(ConfigError, match=r"did not end within 0\.5 s"):
        key_from(["sh", "-c", script], timeout=0.5)
    deadline = time.monotonic() + 30
    while _alive(int(pid.read_text())):
        assert time.monotonic() < deadline


def test_a_background_process_does_not_hold_the_key_back() -> None:
    """A child that keeps stdout open is no reason to wait longer than the time there is."""
    with pytest.raises(ConfigError, match="did not end"):
        key_from(["sh", "-c", "sleep 600 & echo key"], timeout=0.5)


def test_what_cannot_be_run_is_said(tmp_path: Path) -> None:
    """A program that is not there, or no command at all, is a configuration error."""
    with pytest.raises(ConfigError, match="cannot be run: No such file"):
        key_from(["/no/such/program"])
    for command, message in (
        ("[]", "is empty"),
        ('""', "is empty"),
        ("'pass \"'", "quotation"),
        ("5", "api_key_command"),
    ):
        with pytest.raises(ConfigError, match=message):
            configured(tmp_path, command)


def test_a_file_that_others_can_write_names_no_command(tmp_path: Path) -> None:
    """A configuration file that everyone may write cannot make mootech run something."""
    file = tmp_path / "mootech.toml"
    file.write_text('[source]\napi_key_command = "touch ran"\n')
    file.chmod(0o666)
    with pytest.raises(ConfigError, match="can be written by everyone") as caught:
        load(config=file, environ={"HOME": str(tmp_path)})
    assert "chmod go-w" in caught.value.hint


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # A zombie of a container without an init has ended all the same.
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
