"""The API key and the S3 secret appear nowhere: not on a screen, in a log, in a state folder or in the lake."""

import json
import re
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from mootech.lake.stores.registry import open_store
from mootech.model import utc_today
from mootech.sandbox.server import running
from mootech.sandbox.shop import Shop
from tests.conftest import SECRET_KEY
from tests.faults.command import Command, command_for
from tests.faults.invariants import check_secret_absent
from tests.wire import Answer, answer, cut, problem, serving

CANARY = "canary-7c1e9b-key"
WEEK = ("--start", "2024-02-28", "--end", "2024-03-02")

SECRETS = pytest.mark.security("a canary key is found nowhere")
SOURCES = pytest.mark.security("keys only from the environment or a 0600 file")

_BUG = """
from mootech.layers.bronze.publishing import Gatekeeper
def bug(self, batch):
    lake, settings = self._lake, vars(self)
    raise ZeroDivisionError("by zero")
Gatekeeper.work = bug
"""


@pytest.fixture
def url() -> Iterator[str]:
    """The address of a shop whose key is the canary."""
    with running(Shop(scale=0.03, api_key=CANARY), today=utc_today) as address:
        yield address


@pytest.fixture(params=["local", pytest.param("s3", marks=pytest.mark.s3)])
def lake(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty lake, in a directory and on S3, where the S3 secret is a canary as well."""
    return str(tmp_path / "lake") if request.param == "local" else str(request.getfixturevalue("s3_lake"))


def check_nowhere(command: Command, folder: Path, lake: str = "") -> None:
    """Assert that neither secret is in what the command said or left, on disk and in the lake."""
    for secret in (CANARY, SECRET_KEY):
        check_secret_absent(secret, *command.said, folder)
    if "://" in lake:
        store = open_store(lake)
        for entry in store.list(""):
            head = store.head(entry.key)
            metadata = json.dumps(dict(head.metadata)) if head else ""
            for secret in (CANARY, SECRET_KEY):
                check_secret_absent(secret, entry.key, metadata, store.read(entry.key))


def echo(client: object, request: str) -> None:
    """Refuse, and repeat in the refusal the key that came."""
    key = re.findall(r"(?i)x-api-key: (\S+)", request)[0]
    problem(401, f"the key {key} is not known", X_Echo=key)(client, request)  # type: ignore[arg-type]  # an Answer's socket


FAILURES: dict[str, Callable[[], Answer]] = {
    "the key is repeated": lambda: echo,
    "not JSON": lambda: answer(b"<html>"),
    "cut": lambda: cut(b'{"data": [' + b"1," * 500, 50),
    "a server error": lambda: problem(503, "busy", Retry_After="0"),
    "a redirect": lambda: answer(b"", "302 Found", Location="https://elsewhere.example/"),
}


@SECRETS
def test_a_whole_run_leaves_no_trace_of_a_secret(url: str, lake: str, tmp_path: Path) -> None:
    """Every command at -vv, as text and as JSON, and everything that it writes."""
    command = command_for(tmp_path, lake, url, CANARY)
    command("ingest", *WEEK, "-vv")
    for name in ("qa", "silver", "report", "status"):
        command(name, "-vv")
    command("verify", "--source", "-vv", "--json")
    open_store(lake).delete("raw_data/users/utc_date=2024-02-29/data.parquet")
    command("ingest", "--repair", "-vv")
    check_nowhere(command, tmp_path, lake)


@SECRETS
@pytest.mark.parametrize("failure", FAILURES)
def test_no_answer_of_the_source_brings_the_key_to_light(failure: str, tmp_path: Path) -> None:
    """Whatever the source answers, even the key itself, its text is not shown, logged or kept."""
    (tmp_path / "cwd").mkdir()
    (tmp_path / "cwd/mootech.toml").write_text("[source]\ndeadline_seconds = 1\n")
    with serving([FAILURES[failure]()]) as wire:
        command = command_for(tmp_path, tmp_path / "lake", wire.url, CANARY)
        for form in ((), ("--json",)):
            command("ingest", "-t", "users", *WEEK, "-vv", *form, expect=4)
        assert any(CANARY in head for head in wire.heads)
    check_nowhere(command, tmp_path)


@SECRETS
@pytest.mark.parametrize("form", [(), ("--json",)])
def test_a_bug_shows_its_traceback_without_secrets(url: str, lake: str, tmp_path: Path, form: tuple[str, ...]) -> None:
    """Exit 1 with -vv prints where the bug is, and no value of what was at hand there."""
    command = command_for(tmp_path, lake, url, CANARY)
    done = command("ingest", *WEEK, "-vv", *form, expect=1, script=_BUG)
    assert "ZeroDivisionError" in done.stderr
    assert "Traceback" in done.stderr
    check_nowhere(command, tmp_path, lake)


@SECRETS
@pytest.mark.s3
def test_no_error_of_the_store_brings_a_secret_to_light(url: str, s3_lake: str, tmp_path: Path) -> None:
    """A missing bucket, a wrong secret, a key that is unknown, nobody at the address: exit 5, and no secret."""
    command = command_for(tmp_path, s3_lake, url, CANARY)
    wrong = f"{SECRET_KEY}-and-more"
    for change in (
        {"MOOTECH_LAKE": "s3://no-such-bucket-here/lake"},
        {"AWS_SECRET_ACCESS_KEY": wrong},
        {"AWS_ACCESS_KEY_ID": "unknown"},
        {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"},
    ):
        for form in ((), ("--json",)):
            command("ingest", *WEEK, "-vv", *form, expect=5, **change)
    check_nowhere(command, tmp_path, s3_lake)


@SECRETS
@pytest.mark.parametrize(
    ("arguments", "environment", "file"),
    [
        (("ingest", "--lake", f"https://user:{CANARY}@shop.example/lake"), {}, ""),
        (("ingest", "--lake", f"s3://user:{CANARY}@bucket/lake"), {}, ""),
        (("ingest",), {"MOOTECH_API_URL": f"https://user:{CANARY}@shop.example/v1"}, ""),
        (("ingest",), {"MOOTECH_API_URL": f"https://shop.example/v1?key={CANARY}"}, ""),
        (("ingest",), {"MOOTECH_API_KEY": f"{CANARY} {CANARY}"}, ""),
        (("ingest",), {}, f'[source]\napi_key = "{CANARY}"\n'),
        (("ingest",), {"MOOTECH_API_KEY": ""}, f'[source]\napi_key_command = "{CANARY}"\n'),
        (("ingest",), {"MOOTECH_API_KEY": ""}, f"[source]\napi_key_command = \"sh -c 'echo {CANARY}; exit 3'\"\n"),
        (("ingest",), {"MOOTECH_API_KEY": ""}, f'[source]\napi_key_command = {{ key = "{CANARY}" }}\n'),
    ],
)
@pytest.mark.parametrize("form", [(), ("--json",)])
def test_a_secret_in_the_wrong_place_is_not_repeated(
    arguments: tuple[str, ...], environment: dict[str, str], file: str, form: tuple[str, ...], tmp_path: Path
) -> None:
    """A password in an address, a key in the file or one that cannot be: exit 2, and the text is not shown."""
    command = command_for(tmp_path, tmp_path / "lake", "https://127.0.0.1:9/v1", "good-key")
    config = tmp_path / "cwd/mootech.toml"
    config.write_text(file)
    command(*arguments, *WEEK, "-vv", *form, expect=2, **environment)
    config.unlink()
    check_nowhere(command, tmp_path)


@SOURCES
def test_a_key_file_must_be_its_owners_alone(url: str, tmp_path: Path) -> None:
    """A key comes from a file of mode 0600, or 0400, and from no other."""
    key = tmp_path / "key"
    key.write_text(CANARY)
    command = command_for(tmp_path / "own", tmp_path / "lake", url, "")
    for mode in (0o644, 0o640, 0o602):
        key.chmod(mode)
        refused = command("ingest", *WEEK, expect=2, MOOTECH_API_KEY_FILE=str(key))
        assert f"mode {mode:04o}" in refused.stderr
    for mode in (0o600, 0o400):
        key.chmod(mode)
        command("ingest", "-t", "products", *WEEK, MOOTECH_API_KEY_FILE=str(key))
    check_nowhere(command, tmp_path / "own")


@SOURCES
def test_no_option_takes_a_key(url: str, tmp_path: Path) -> None:
    """There is no option for the key, and none in the address: arguments are seen by every user of the machine."""
    command = command_for(tmp_path, tmp_path / "lake", url, "")
    for option in ("--api-key", "--key", "--token"):
        command("ingest", *WEEK, option, "x", expect=2)
    command("ingest", *WEEK, expect=2)
    assert not (tmp_path / "lake").exists()


@SECRETS
def test_the_key_stays_out_of_the_urls(url: str, tmp_path: Path) -> None:
    """The key travels in a header alone: servers log addresses."""
    day = str(date(2024, 2, 29))
    with serving([answer(b'{"data": [], "next_cursor": null, "total": 0}')]) as wire:
        command = command_for(tmp_path, tmp_path / "lake", wire.url, CANARY)
        command("ingest", "-t", "users", "--start", day, "--end", day)
    assert not [line for line in wire.requests if CANARY in line]
    assert urlsplit(url).query == ""
