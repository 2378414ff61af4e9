"""Reads the settings from flags, the environment and mootech.toml, and the API key from the environment alone."""

import os
import pwd
import shlex
import stat
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import SecretStr, ValidationError

from mootech.config.explain import SECTIONS, explained, keys_of
from mootech.config.settings import Settings
from mootech.errors import ConfigError

DEFAULT_FILE = Path("mootech.toml")
ENV_CONFIG = "MOOTECH_CONFIG"
ENV_KEY = "MOOTECH_API_KEY"
ENV_KEY_FILE = "MOOTECH_API_KEY_FILE"

_KEY_HINT = (
    f"A key never stands in a configuration file, which is copied, committed and backed up. Set {ENV_KEY}, "
    f"or {ENV_KEY_FILE} to the path of a file only you can read, or api_key_command under [source] to what prints it."
)
_MAX_KEY_BYTES = 4096


def load(
    *,
    config: Path | None = None,
    lake: str | None = None,
    engine: str | None = None,
    environ: Mapping[str, str] | None = None,
) -> Settings:
    """Return the settings. A flag (`lake`, `engine`) beats the environment, which beats the file and then the default.

    The file is `config`, else the one that MOOTECH_CONFIG names, else ./mootech.toml if there is one. Relative paths in
    the file start at the file's folder, all others at the current directory. An empty variable counts as not set.

    Raises:
        ConfigError: a wrong key, type or value; the message names it, the hint says what is allowed.

    """
    env = {name: value for name, value in (os.environ if environ is None else environ).items() if value.strip()}
    named = config or (Path(env[ENV_CONFIG]) if ENV_CONFIG in env else None)
    file = named or DEFAULT_FILE
    values = _read(file) if named or file.exists() else {}
    _check_sections(values, file)
    _anchor(values, file.parent)
    origins: dict[tuple[str, ...], str] = {}
    if "api_key_command" in values.get("source", {}):
        _check_owner(file)
    for name, loc, text in (
        ("MOOTECH_LAKE", ("lake",), _expanded(env.get("MOOTECH_LAKE"))),
        ("--lake", ("lake",), _expanded(lake)),
        ("MOOTECH_STATE_DIR", ("state_dir",), env.get("MOOTECH_STATE_DIR")),
        ("MOOTECH_API_URL", ("source", "url"), env.get("MOOTECH_API_URL")),
        ("SPARK_REMOTE", ("engine", "remote"), env.get("SPARK_REMOTE")),
        ("--engine", ("engine", "name"), engine),
        (ENV_KEY if ENV_KEY in env else ENV_KEY_FILE, ("source", "api_key"), _api_key(env)),
    ):
        if text is not None:
            (values.setdefault(loc[0], {}) if len(loc) > 1 else values)[loc[-1]] = text
            origins[loc] = name
    state = values.get("state_dir")
    if state is None:
        values["state_dir"] = _default_state_dir(env)
    elif isinstance(state, str):
        values["state_dir"] = Path(_anchored(state, Path.cwd()))
    try:
        return Settings.model_validate(values)
    except ValidationError as exc:
        raise explained(exc, file, origins) from exc


def state_dir(environ: Mapping[str, str] | None = None) -> Path:
    """Return this host's state folder as the environment names it; no file is read.

    It is MOOTECH_STATE_DIR, else $XDG_STATE_HOME/mootech, else ~/.local/state/mootech.

    Raises:
        ConfigError: this user has no home directory.

    """
    env = os.environ if environ is None else environ
    named = env.get("MOOTECH_STATE_DIR", "").strip()
    return Path(_anchored(named, Path.cwd())) if named else _default_state_dir(env)


@contextmanager
def unset(name: str) -> Iterator[None]:
    """Remove a variable from the environment inside the context, so that no library reads it."""
    value = os.environ.pop(name, None)
    try:
        yield
    finally:
        if value is not None:
            os.environ[name] = value


def _default_state_dir(environ: Mapping[str, str]) -> Path:
    state_home = Path(environ.get("XDG_STATE_HOME", ""))
    if state_home.is_absolute():  # the XDG standard says to ignore a relative one
        return state_home / "mootech"
    try:
        home = Path(environ["HOME"]) if environ.get("HOME") else Path(pwd.getpwuid(os.getuid()).pw_dir)
    except KeyError as exc:
        raise ConfigError(
            "this user has no home directory to keep mootech's state in",
            hint="Set MOOTECH_STATE_DIR to a folder that stays between runs.",
        ) from exc
    return home / ".local" / "state" / "mootech"


def _anchor(values: dict[str, Any], folder: Path) -> None:
    """Let the file's own relative paths start at its folder."""
    for section, key in (
        (values, "lake"),
        (values, "state_dir"),
        (values.get("jobs", {}), "destination"),
        (values.get("report", {}), "folder"),
    ):
        if isinstance(section.get(key), str):
            section[key] = _anchored(section[key], folder)


def _expanded(text: str | None) -> str | None:
    """Replace a leading ~, which no shell replaces under cron and in `--lake=~/lake`."""
    return _anchored(text, Path()) if text and text.startswith("~") else text


def _anchored(text: str, folder: Path) -> str:
    """Return a path of the file as seen from the current directory; a URL stays as it is."""
    if "://" in text or not text.strip():
        return text
    try:
        return str(folder / Path(text).expanduser())
    except RuntimeError:
        return str(folder / text)  # ~somebody this host does not know: a folder of that name


def _read(file: Path) -> dict[str, Any]:
    try:
        # utf-8-sig: editors on Windows put a byte order mark in front, which TOML does not know.
        return tomllib.loads(file.read_bytes().decode("utf-8-sig"))
    except tomllib.TOMLDecodeError as exc:
        raise ConfigError(f"{file} is no valid TOML: {exc}", hint="Nothing was done. Correct that line.") from exc
    except UnicodeDecodeError as exc:
        raise ConfigError(f"{file} is not UTF-8 text", hint="Nothing was done. Save it as UTF-8.") from exc
    except OSError as exc:
        raise ConfigError(
            f"the configuration file {file} cannot be read: {exc.strerror}",
            hint=f"Nothing was done. Name the right one with --config or {ENV_CONFIG}.",
        ) from exc


def _check_sections(values: dict[str, Any], file: Path) -> None:
    for name, section in SECTIONS.items():
        if not isinstance(values.get(name, {}), dict):
            raise ConfigError(
                f"{file}: {name} is a section, not a value",
                hint=f"Write a line [{name}] and below it its keys: {keys_of(section)}.",
            )
    for place, keys in (("api_key", values), ("[source] api_key", values.get("source", {}))):
        if "api_key" in keys:
            raise ConfigError(f"{file}: {place} is refused", hint=_KEY_HINT)


def _check_owner(file: Path) -> None:
    """Refuse a command from a file that somebody else can write: ./mootech.toml may be anybody's."""
    about = file.stat()
    if about.st_mode & stat.S_IWOTH or about.st_uid not in {0, os.geteuid()}:
        raise ConfigError(
            f"{file} names an api_key_command, but belongs to another user or can be written by everyone",
            hint=f"Nothing was run. Make it yours alone: chown {os.geteuid()} {shlex.quote(str(file))} and chmod go-w "
            f"{shlex.quote(str(file))}",
        )


def _api_key(env: Mapping[str, str]) -> SecretStr | None:
    if ENV_KEY in env and ENV_KEY_FILE in env:
        raise ConfigError(
            f"both {ENV_KEY} and {ENV_KEY_FILE} are set", hint=f"Unset one of them, for example: unset {ENV_KEY}."
        )
    if ENV_KEY in env:
        return SecretStr(env[ENV_KEY].strip())
    if ENV_KEY_FILE not in env:
        return None
    path = Path(env[ENV_KEY_FILE])
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            data = file.read(_MAX_KEY_BYTES)
    except OSError as exc:
        raise ConfigError(
            f"{ENV_KEY_FILE} names {path}, which cannot be read: {exc.strerror}",
            hint=f"Write the key into that file and nothing else, then: chmod 600 {shlex.quote(str(path))}",
        ) from exc
    if mode & 0o077:
        raise ConfigError(
            f"{path}, which {ENV_KEY_FILE} names, can be read or written by others (mode {mode:04o})",
            hint=f"Make it yours alone: chmod 600 {shlex.quote(str(path))}",
        )
    return SecretStr(data.decode("utf-8", "replace").strip())
