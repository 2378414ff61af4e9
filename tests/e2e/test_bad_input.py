"""Bad input: the right exit code, an error that names the thing, a hint that helps, and nothing changed."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.e2e.conftest import Mootech
from tests.listening import free_ports

TODAY = datetime.now(UTC).date()
DAY = "2024-03-01"


@pytest.fixture
def lake_url(tmp_path: Path) -> str:
    """An empty lake on the disk; what S3 adds is tested by name."""
    return str(tmp_path / "lake")


@pytest.mark.parametrize(
    ("arguments", "message", "hint"),
    [
        (["ingest", "-t", "orders", "--start", DAY], "'orders'", "clickstream, transactions, users, products"),
        (["ingest", "--start", "2024-03-02", "--end", DAY], "before it starts", f"--start {DAY} --end 2024-03-02"),
        (["ingest", "--start", TODAY + timedelta(days=1)], "future", str(TODAY - timedelta(days=1))),
        (["ingest", "--start", DAY, "--end", TODAY], "not over", str(TODAY - timedelta(days=1))),
        (["ingest", "--start", "2023-02-30"], "2023-02-30", "ISO"),
        (["ingest", "--start", "01.03.2024"], "01.03.2024", "ISO"),
        (["ingest"], "no day to begin at", "mootech ingest --start"),
        (["silver"], "lake", "mootech ingest"),
        (["report"], "lake", "mootech ingest"),
        (["verify"], "lake", "mootech ingest"),
        (["qa"], "lake", "mootech ingest"),
        (["ingest", "--strat", DAY], "--strat", ""),
        (["ingset"], "ingset", ""),
    ],
)
def test_wrong_usage_exits_2_and_leaves_nothing(
    mootech: Mootech, tmp_path: Path, arguments: list[object], message: str, hint: str
) -> None:
    """A wrong argument is named, for a person and as JSON, and no lake comes into being."""
    document = mootech.json(*arguments, expect=2)
    assert message in document["error"]["message"]
    assert hint in document["error"]["hint"]
    told = mootech(*arguments, expect=2)
    assert told.stdout == ""
    assert message in " ".join(told.stderr.split())
    assert not (tmp_path / "lake").exists()


def test_a_missing_key_exits_2(mootech: Mootech, tmp_path: Path) -> None:
    """Without a key nothing is asked, and the error says which variables take one."""
    del mootech.environment["MOOTECH_API_KEY"]
    document = mootech.json("ingest", "--start", DAY, "--end", DAY, expect=2)
    assert "key" in document["error"]["message"]
    assert "MOOTECH_API_KEY" in document["error"]["hint"]
    assert not (tmp_path / "lake").exists()


def test_a_wrong_key_exits_4(mootech: Mootech) -> None:
    """A refused key is told by the server's own words, never shown."""
    mootech.environment["MOOTECH_API_KEY"] = "canary-4711"
    done = mootech("ingest", "--start", DAY, "--end", DAY, "-vv", expect=4)
    assert "401" in done.stderr
    assert "canary-4711" not in done.stderr + done.stdout
    assert "MOOTECH_API_KEY" in done.stderr


def test_an_unreachable_source_exits_4_in_bounded_time(mootech: Mootech) -> None:
    """With nobody listening, the run ends at its deadline and names the days."""
    (mootech.folder / "mootech.toml").write_text("[source]\ndeadline_seconds = 2\n")
    mootech.environment["MOOTECH_API_URL"] = f"http://127.0.0.1:{free_ports(1)[0]}/v1"
    document = mootech.json("ingest", "--start", DAY, "--end", DAY, "-t", "users", expect=4)
    assert f"users {DAY}" in document["error"]["message"]
    assert "run the same command again" in document["error"]["hint"]


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("[source]\npage_szie = 10\n", "page_szie", "page_size"),
        ('[source]\npage_size = "many"\n', "page_size", ""),
        ("[sauce]\n", "sauce", "source"),
        ("lake = \n", "line 1", ""),
        ('[source]\napi_key = "x"\n', "api_key", "MOOTECH_API_KEY"),
    ],
)
def test_a_wrong_configuration_exits_2_and_names_the_key(mootech: Mootech, text: str, message: str, hint: str) -> None:
    """A key that is unknown or of the wrong type is named as it stands in the file, with what may stand there."""
    (mootech.folder / "mootech.toml").write_text(text)
    error = mootech.json("status", expect=2)["error"]
    assert message in error["message"]
    assert hint in error["hint"]


def test_an_unknown_product_lists_the_nearest_names(mootech: Mootech) -> None:
    """A misspelt product costs one look at the error."""
    mootech("ingest", "--start", DAY, "--end", DAY, "-t", "transactions", "-t", "products")
    mootech("silver")
    error = mootech.json("report", "--product", "tumblr", expect=2)["error"]
    assert "tumblr" in error["message"]
    assert "Tumbler" in error["hint"]
    assert mootech.json("report", "nonsense", expect=2)["error"]["hint"].endswith("sales, sessions, traffic.")


def test_a_lake_that_cannot_be_written_exits_5(mootech: Mootech, tmp_path: Path) -> None:
    """A file where the lake should be is a store error with a hint, and stays what it was."""
    (tmp_path / "lake").write_text("in the way")
    error = mootech.json("ingest", "--start", DAY, "--end", DAY, expect=5)["error"]
    assert str(tmp_path / "lake") in error["message"]
    assert error["hint"]
    assert (tmp_path / "lake").read_text() == "in the way"


@pytest.mark.s3
@pytest.mark.usefixtures("s3_bucket")
def test_a_bucket_that_does_not_exist_exits_5(mootech: Mootech, s3_server: object, tmp_path: Path) -> None:
    """A missing bucket is named; mootech makes none by itself."""
    mootech.environment |= s3_server.environment(tmp_path)  # type: ignore[attr-defined]  # the server of the fixture
    error = mootech.json("ingest", "--start", DAY, "--end", DAY, "--lake", "s3://no-such-bucket/lake", expect=5)[
        "error"
    ]
    assert "no-such-bucket" in error["message"]
    assert error["hint"]
