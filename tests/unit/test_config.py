"""Settings: precedence, what is refused and what a person is told about it, and the key's way in."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mootech import config
from mootech.config import Settings, SourceSettings
from mootech.errors import ConfigError, MootechError
from mootech.tables import TABLES

KEY = "canary-7f3a"


def load(tmp_path: Path, text: str = "", *, lake: str | None = None, **environ: str) -> Settings:
    """Load a file with this text under this environment."""
    file = tmp_path / "mootech.toml"
    file.write_text(text, "utf-8")
    return config.load(config=file, lake=lake, environ={"HOME": "/home/moo", **environ})


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "cwd"
    folder.mkdir()
    monkeypatch.chdir(folder)


def test_defaults_need_no_file_and_no_environment(tmp_path: Path) -> None:
    """Without a file and with an empty environment, as under cron, every setting has its default."""
    settings = config.load(environ={})
    assert settings.lake == str(tmp_path / "cwd" / "mootech-lake")
    assert settings.state_dir.is_absolute()
    assert settings.state_dir.parts[-3:] == (".local", "state", "mootech")
    assert settings.ingest.tables == tuple(TABLES)
    assert settings.source.page_size == 5000


def test_flag_beats_environment_beats_file(tmp_path: Path) -> None:
    """The lake is the flag's, else the variable's, else the file's."""
    text = 'lake = "s3://file/a"'
    assert load(tmp_path, text).lake == "s3://file/a"
    assert load(tmp_path, text, MOOTECH_LAKE="s3://env/b").lake == "s3://env/b"
    assert load(tmp_path, text, MOOTECH_LAKE="s3://env/b", lake="s3://flag/c").lake == "s3://flag/c"


def test_empty_variables_count_as_unset(tmp_path: Path) -> None:
    """An empty or blank variable changes nothing."""
    settings = load(tmp_path, 'lake = "s3://file/a"', MOOTECH_LAKE=" ", MOOTECH_API_KEY="", MOOTECH_STATE_DIR="")
    assert settings.lake == "s3://file/a"
    assert settings.source.api_key is None
    assert settings.state_dir == Path("/home/moo/.local/state/mootech")


def test_relative_paths_start_where_they_were_written(tmp_path: Path) -> None:
    """A path in the file starts at the file's folder, a flag's or variable's at the current directory."""
    settings = load(tmp_path, 'lake = "data"\nstate_dir = "state"')
    assert (settings.lake, settings.state_dir) == (str(tmp_path / "data"), tmp_path / "state")
    settings = load(tmp_path, MOOTECH_LAKE="data", MOOTECH_STATE_DIR="state")
    assert (settings.lake, settings.state_dir) == (str(tmp_path / "cwd" / "data"), tmp_path / "cwd" / "state")
    assert load(tmp_path, lake="here").lake == str(tmp_path / "cwd" / "here")


@pytest.mark.parametrize(("written", "one"), [("s3://bucket/shop/", "s3://bucket/shop"), ("/data/lake/", "/data/lake")])
def test_a_lake_has_one_name(tmp_path: Path, written: str, one: str) -> None:
    """A trailing slash makes no other lake: staged pages and caches are filed under the lake's name."""
    assert load(tmp_path, lake=written).lake == one


def test_a_leading_tilde_is_the_home_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """~ works in flags, variables and the file, because cron and --lake=~/x do not expand it."""
    monkeypatch.setenv("HOME", str(tmp_path))
    assert load(tmp_path, lake="~/lake").lake == str(tmp_path / "lake")
    assert load(tmp_path, MOOTECH_LAKE="~/lake").lake == str(tmp_path / "lake")
    assert load(tmp_path, 'state_dir = "~/state"').state_dir == tmp_path / "state"


def test_state_dir_follows_xdg(tmp_path: Path) -> None:
    """$XDG_STATE_HOME holds the state folder when it is absolute, and is ignored when it is not."""
    assert load(tmp_path, XDG_STATE_HOME="/var/state").state_dir == Path("/var/state/mootech")
    assert load(tmp_path, XDG_STATE_HOME="state").state_dir == Path("/home/moo/.local/state/mootech")
    assert config.state_dir({"MOOTECH_STATE_DIR": "/srv/state", "XDG_STATE_HOME": "/x"}) == Path("/srv/state")


def test_the_file_in_the_current_directory_is_read(tmp_path: Path) -> None:
    """./mootech.toml counts without being named; MOOTECH_CONFIG and --config name another."""
    (tmp_path / "cwd" / "mootech.toml").write_text("[ingest]\nlookback = 7\n")
    other, third = tmp_path / "other.toml", tmp_path / "third.toml"
    other.write_text("[ingest]\nlookback = 8\n")
    third.write_text("[ingest]\nlookback = 9\n")
    assert config.load(environ={}).ingest.lookback == 7
    assert config.load(environ={"MOOTECH_CONFIG": str(other)}).ingest.lookback == 8
    assert config.load(config=third, environ={"MOOTECH_CONFIG": str(other)}).ingest.lookback == 9


def test_a_named_file_must_be_there(tmp_path: Path) -> None:
    """A file that was named and is missing is an error, not the defaults."""
    with pytest.raises(ConfigError, match=r"nowhere\.toml cannot be read: No such file") as caught:
        config.load(config=tmp_path / "nowhere.toml", environ={})
    assert "--config" in caught.value.hint
    with pytest.raises(ConfigError, match="cannot be read"):
        config.load(environ={"MOOTECH_CONFIG": str(tmp_path)})


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("[source]\npage_sizes = 1", "[source] page_sizes is no key", "Did you mean page_size? The keys of [source]"),
        ("page_size = 1", "page_size is no key", "It belongs under [source]"),
        ('[source]\nlake = "x"', "[source] lake is no key", "at the top of the file"),
        ("[sources]\nurl = 1", "[sources] is no key", "Did you mean source?"),
        ("[zzz]\nurl = 1", "[zzz] is no key", "then the sections [source], [jobs], [ingest], [qa], [report]"),
        ("source = 3", "source is a section, not a value", "Write a line [source]"),
        ("lake = 3", "lake: input should be a valid string, not 3", "a directory, or"),
        ('lake = ""', "lake: string should have at least 1 character", "a directory, or"),
        ("state_dir = 3", "state_dir: input should be a path, not 3", "folder"),
        ('[source]\npage_size = "5000"', '[source] page_size: input should be a valid integer, not "5000"', "Rows"),
        ("[source]\npage_size = 0", "greater than or equal to 1, not 0", "Rows asked for"),
        ("[qa]\nmax_bad_rows = true", "[qa] max_bad_rows: input should be a valid integer, not true", "bad rows"),
        ("[qa]\nmax_bad_share = nan", "[qa] max_bad_share: input should be a finite number", "Share"),
        (
            '[qa]\nanomalies = "stop"',
            "[qa] anomalies: input should be 'off', 'warn' or 'block', not \"stop\"",
            "unlike",
        ),
        (
            '[qa]\nschema_drift = { user = "freeze" }',
            "[qa.schema_drift] user is no key mootech knows",
            "Did you mean users?",
        ),
        (
            '[qa]\nschema_drift = { users = "x" }',
            "[qa.schema_drift] users: input should be 'evolve', 'freeze' or 'discard', not",
            "",
        ),
        ('[ingest]\ntables = ["user"]', "[ingest] tables is wrong: there is no table 'user'. The tables are", ""),
        ('[ingest]\ntables = "users"', "[ingest] tables: input should be a valid list", "Tables to fetch"),
        ('[ingest]\nstart = "2023-02-30"', "[ingest] start is wrong: date '2023-02-30' is not a day", ""),
        ("[ingest]\nstart = 2023-02-20T01:00:00", "[ingest] start: input should be a valid date", "First UTC day"),
        ("[report]\nproducts = [1]", "[report] products: input should be a valid string, not 1", "Products"),
        ("[source]\npage_size = = 3", "no valid TOML: Invalid value (at line 2, column 13)", "Correct that line"),
        ('[source]\nurl = "example.com"', "[source] url is not a URL such as https://", ""),
    ],
)
def test_wrong_keys_and_values_are_named(tmp_path: Path, text: str, message: str, hint: str) -> None:
    """An error names the file, the key as it stands there and the problem; the hint what may stand there."""
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text)
    assert str(tmp_path / "mootech.toml") in caught.value.message
    assert message in caught.value.message
    assert hint in caught.value.hint
    assert caught.value.exit_code == 2


def test_files_of_windows_editors_are_read(tmp_path: Path) -> None:
    """A byte order mark in front does not matter; another encoding is named as the problem."""
    file = tmp_path / "bom.toml"
    file.write_bytes(b'\xef\xbb\xbflake = "s3://a/b"')
    assert config.load(config=file, environ={}).lake == "s3://a/b"
    file.write_bytes('lake = "ä"'.encode("utf-16"))
    with pytest.raises(ConfigError, match="is not UTF-8 text"):
        config.load(config=file, environ={})


@pytest.mark.parametrize("text", [f'api_key = "{KEY}"', f'[source]\napi_key = "{KEY}"'])
def test_a_key_in_the_file_is_refused(tmp_path: Path, text: str) -> None:
    """A key in the file is an error that says why and where it belongs, and does not repeat it."""
    with pytest.raises(ConfigError, match="api_key is refused") as caught:
        load(tmp_path, text)
    assert "MOOTECH_API_KEY_FILE" in caught.value.hint
    assert KEY not in caught.value.message + caught.value.hint


def test_the_key_is_never_shown(tmp_path: Path) -> None:
    """Neither the settings' text nor an error about them holds the key."""
    settings = load(tmp_path, MOOTECH_API_KEY=KEY, MOOTECH_API_URL="https://api.example.com/v1/")
    assert settings.source.endpoint()[0] == "https://api.example.com/v1"
    assert settings.source.endpoint()[1].get_secret_value() == KEY
    assert KEY not in f"{settings!r} {settings} {settings.model_dump()}"
    for environ in ({"MOOTECH_API_KEY": f"{KEY} {KEY}"}, {"MOOTECH_API_KEY": f"{KEY}\x1b"}):
        with pytest.raises(ConfigError, match="MOOTECH_API_KEY is empty or holds") as caught:
            load(tmp_path, **environ)
        assert KEY not in caught.value.message + caught.value.hint


def test_the_key_file_must_be_private(tmp_path: Path) -> None:
    """A key file that others can read is refused with the command that mends it; a private one is read."""
    file = tmp_path / "the key"
    file.write_text(f"{KEY}\n")
    file.chmod(0o640)
    with pytest.raises(ConfigError, match="mode 0640") as caught:
        load(tmp_path, MOOTECH_API_KEY_FILE=str(file))
    assert f"chmod 600 '{file}'" in caught.value.hint
    file.chmod(0o400)
    key = load(tmp_path, MOOTECH_API_KEY_FILE=str(file)).source.api_key
    assert key is not None
    assert key.get_secret_value() == KEY


def test_a_key_file_must_hold_a_key(tmp_path: Path) -> None:
    """A missing, empty or binary key file is an error that names the variable."""
    file = tmp_path / "key"
    with pytest.raises(ConfigError, match=r"MOOTECH_API_KEY_FILE names .* cannot be read"):
        load(tmp_path, MOOTECH_API_KEY_FILE=str(file))
    file.touch(mode=0o600)
    with pytest.raises(ConfigError, match="MOOTECH_API_KEY_FILE is empty"):
        load(tmp_path, MOOTECH_API_KEY_FILE=str(file))
    file.write_bytes(b"\x00\xff")
    with pytest.raises(ConfigError, match="MOOTECH_API_KEY_FILE is empty or holds"):
        load(tmp_path, MOOTECH_API_KEY_FILE=str(file))


def test_two_keys_are_one_too_many(tmp_path: Path) -> None:
    """Key and key file at once are refused, because nobody could tell which one counts."""
    with pytest.raises(ConfigError, match="both MOOTECH_API_KEY and MOOTECH_API_KEY_FILE"):
        load(tmp_path, MOOTECH_API_KEY=KEY, MOOTECH_API_KEY_FILE="/x")


@pytest.mark.parametrize("url", ["http://127.0.0.1:8000/v1", "http://[::1]:8000/v1", "http://localhost/v1"])
def test_plain_http_is_for_this_machine(tmp_path: Path, url: str) -> None:
    """Loopback may be spoken to without TLS."""
    assert load(tmp_path, MOOTECH_API_URL=url).source.url == url


@pytest.mark.parametrize("url", ["http://api.example.com/v1", "http://localhost.example.com", "http://10.0.0.1/v1"])
def test_plain_http_to_another_host_must_be_allowed(tmp_path: Path, url: str) -> None:
    """Another host over plain http is refused, in the file and in the variable, unless allow_http says so."""
    with pytest.raises(ConfigError, match=r"MOOTECH_API_URL would send the API key to .* over plain http"):
        load(tmp_path, MOOTECH_API_URL=url)
    with pytest.raises(ConfigError, match=r"\[source\] url would send"):
        load(tmp_path, f'[source]\nurl = "{url}"')
    assert load(tmp_path, "[source]\nallow_http = true", MOOTECH_API_URL=url).source.url == url


@pytest.mark.parametrize(
    "url", [f"https://user:{KEY}@example.com", f"https://example.com/?key={KEY}", f"ftp://{KEY}", f"https://[{KEY}/v1"]
)
def test_urls_that_hold_secrets_are_refused_unseen(tmp_path: Path, url: str) -> None:
    """A URL with a password or a query is refused, and the error does not repeat it."""
    with pytest.raises(ConfigError, match="MOOTECH_API_URL") as caught:
        load(tmp_path, MOOTECH_API_URL=url)
    assert KEY not in caught.value.message + caught.value.hint


def test_what_is_missing_is_named() -> None:
    """Asking for the API without an address, or without a key, says which variable to set and how to rehearse."""
    with pytest.raises(ConfigError, match="no address") as caught:
        SourceSettings().endpoint()
    assert "MOOTECH_API_URL" in caught.value.hint
    with pytest.raises(ConfigError, match="no key") as caught:
        SourceSettings(url="https://example.com").endpoint()
    assert "MOOTECH_API_KEY" in caught.value.hint
    assert "mootech sandbox" in caught.value.hint


def test_a_user_without_a_home_is_told_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where neither HOME nor the user database has a home directory, the error names MOOTECH_STATE_DIR."""
    monkeypatch.setattr(os, "getuid", lambda: 4_000_000_123)
    with pytest.raises(ConfigError, match="no home directory") as caught:
        config.state_dir({})
    assert "MOOTECH_STATE_DIR" in caught.value.hint


def test_every_error_is_one_of_ours(tmp_path: Path) -> None:
    """A broken value anywhere never surfaces as another library's exception."""
    for text in (
        "[[source]]\nurl=1",
        "[report.products]\nx=1",
        "[ingest]\ntables=[[1]]",
        "[source]\nurl=[]",
        "lake=[]",
    ):
        with pytest.raises(MootechError):
            load(tmp_path, text)


def test_importing_it_loads_no_heavy_library() -> None:
    """`import mootech.config` waits for none of the libraries that move data."""
    heavy = "'polars', 'duckdb', 'httpx', 'pandera', 's3fs'"
    code = f"import sys, mootech.config; print([name for name in ({heavy}) if name in sys.modules])"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603 - ours
    assert shown.stdout == "[]\n"


def test_jobs_need_a_destination_outside_of_the_lake(tmp_path: Path) -> None:
    """Without one, or with one among the data, the hint says what to set; a folder starts at the file's."""
    jobs = '[source]\nprotocol = "jobs"\n'
    with pytest.raises(ConfigError, match="needs a place") as caught:
        load(tmp_path, jobs).destination()
    assert "[jobs]" in caught.value.hint
    for lake, inside in (("lake", "lake/raw_data"), ("lake", "lake"), ("s3://b/lake", "s3://b/lake/in/")):
        with pytest.raises(ConfigError, match="lies in the lake"):
            load(tmp_path, f'lake = "{lake}"\n{jobs}[jobs]\ndestination = "{inside}"\n').destination()
    settings = load(tmp_path, f'lake = "lake"\n{jobs}[jobs]\ndestination = "lake-exports"\n')
    assert settings.destination() == str(tmp_path / "lake-exports")
    beside = load(tmp_path, f'lake = "s3://b/lake"\n{jobs}[jobs]\ndestination = "s3://b/exports/"\n')
    assert beside.destination() == "s3://b/exports"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('[source]\nprotocol = "files"\n', "protocol"),
        ('[jobs]\ndestination = "https://me:canary-7f3a@host/x"\n', "s3://bucket/directory"),
        ('[jobs]\ndestination = ""\n', "folder"),
        ("[jobs]\nattempts = 0\n", "attempts"),
        ('jobs = "s3://b"\n', "section"),
    ],
)
def test_a_wrong_setting_of_jobs_is_named(tmp_path: Path, text: str, told: str) -> None:
    """The message names the key and never repeats an address, which may hold a password."""
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text)
    assert told in caught.value.message
    assert KEY not in caught.value.message + caught.value.hint
