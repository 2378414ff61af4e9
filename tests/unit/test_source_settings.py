"""A source that cannot work is refused before it is asked anything, and the key that is wrong is named."""

from pathlib import Path
from typing import get_args

import httpx
import pytest

from mootech import config
from mootech.config import PagesSettings
from mootech.config.dialect import AuthSettings
from mootech.errors import ConfigError
from mootech.source.auth import KINDS
from mootech.source.dialect import Dialect
from mootech.source.setup import endpoint_of
from mootech.source.styles import STYLES


def connect(tmp_path: Path, text: str) -> None:
    """Load a mootech.toml and build the endpoint from it."""
    file = tmp_path / "mootech.toml"
    file.write_text(text, "utf-8")
    environ = {"HOME": str(tmp_path), "MOOTECH_API_URL": "https://shop.example/v1", "MOOTECH_API_KEY": "key"}
    endpoint_of(config.load(config=file, environ=environ))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[source.pages]\nstyle = "pages"', "[source.pages] style: input should be 'cursor'"),
        ('[source.pages]\nstile = "page"', "[source.pages] stile is no key"),
        ('[source.pages]\nrecords = "a..b"', "[source.pages] records is no path"),
        ('[source.pages]\nlimit_parameter = "a b"', "[source.pages] limit_parameter is no name"),
        ('[source.pages]\nlimit_parameter = "start_date"', "[source.pages] limit_parameter is start_date, which"),
        ('[source.pages]\ndate_format = "%d.%m"', "[source.pages] date_format does not name a whole day"),
        ('[source.pages]\nstart_parameter = ""', "[source.pages] start_parameter is empty, so that every day"),
        ('[source.pages]\nbody = "ndjson"', "[source.pages] style cannot be cursor where body is ndjson"),
        ('[source.pages]\nrecords = "$"', "[source.pages] style cannot be cursor where the body is nothing but rows"),
        ('[source.pages]\nrecords = "$"\nstyle = "page"\nmore = "more"', "[source.pages] more has no place"),
        ('[source.pages]\nerrors = "errors"', "[source.pages] errors: input should be a valid list"),
        ('[source.pages]\nerrors = ["a..b"]', "[source.pages] errors"),
        ('[source.pages]\nrecords = "errors"', "[source.pages] errors names the path of the records"),
        ("[source.pages]\nend_status = [401]", "[source.pages] end_status"),
        ('[source.pages]\nunframed = "yes"', "[source.pages] unframed"),
        ('[source.pages]\nnext = "data"', "[source.pages] next is the path of the records"),
        ('[source.tables.users.pages]\ndate_format = "x"', "[source.tables.users.pages] date_format does not"),
        ('[source.tables.orders]\npath = "x"', "[source.tables.orders] is no key"),
        ('[source.tables.users]\npath = "../admin"', "[source.tables.users] path is no path below"),
        ('[source.tables.users]\npath = "https://elsewhere/x"', "[source.tables.users] path is no path below"),
        ('[source.tables.users]\npath = "users?all=1"', "[source.tables.users] path is no path below"),
        ('[source.tables.users]\nabsent = ["email"]', "[source.tables.users] absent names email, which may not"),
        ('[source.tables.users]\nabsent = ["evar1"]', "[source.tables.users] absent names evar1, which is no column"),
        ('[source.tables.users.fields]\nemial = "a"', "[source.tables.users.fields] emial is no column"),
        ("[source.tables.users.fields]\nemail = 3", "[source.tables.users.fields] email: input should be a section"),
        ("[source.tables.users.fields]\nemail = {}", "[source.tables.users.fields] email needs a path or a constant"),
        ('[source.tables.users.fields.email]\nform = "a"', "[source.tables.users.fields.email] form is no key"),
        (
            '[source.tables.users.fields]\nemail = { from = "a", cast = "text", time = "iso" }',
            "[source.tables.users.fields] email has more than one of cast, time and times",
        ),
        ('[source.tables.users.fields]\nemail = { constant = "a", cast = "text" }', "email is a constant"),
        ('[source.auth]\nkind = "basic"', "[source.auth] user is missing"),
        ('[source.auth]\nuser = "me"', "[source.auth] user has no place where kind is header"),
        ('[source.auth]\nkind = "bearer"\nname = "X"', "[source.auth] name has no place where kind is bearer"),
        ('[source.auth]\nkind = "query"\nname = "limit"', "[source.pages] limit_parameter is limit, which another"),
        ("[source]\nrequests_per_second = 0", "[source] requests_per_second: input should be greater"),
    ],
)
def test_what_cannot_work_is_named(text: str, message: str, tmp_path: Path) -> None:
    """Exit 2 with the section and key; the hint says that nothing was done."""
    with pytest.raises(ConfigError) as caught:
        connect(tmp_path, text)
    assert message in caught.value.message
    assert caught.value.hint


def test_a_table_takes_from_all_tables_what_it_does_not_say(tmp_path: Path) -> None:
    """[source.tables.users.pages] changes one key, and the rest stands as under [source.pages]."""
    connect(
        tmp_path,
        '[source.pages]\nstyle = "offset"\nbody = "ndjson"\n[source.tables.users.pages]\nlimit_parameter = "n"\n',
    )


def test_the_default_is_mootechs_own_protocol() -> None:
    """The fast decoder reads a dialect without settings of its own; its journal stays valid from run to run."""
    assert Dialect("users").is_own
    assert Dialect("users").digest == Dialect("users").digest != Dialect("products").digest
    assert Dialect("users", PagesSettings(limit_parameter="n")).is_own
    assert not Dialect("users", PagesSettings(records=("rows",))).is_own
    assert not Dialect("users", PagesSettings(errors=())).is_own


def test_every_name_of_the_settings_has_a_class() -> None:
    """The styles and kinds that mootech.toml may name are the registered ones."""
    assert get_args(PagesSettings.model_fields["style"].annotation) == tuple(STYLES)
    assert get_args(AuthSettings.model_fields["kind"].annotation) == tuple(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_a_key_is_not_in_the_text_of_what_holds_it(kind: str) -> None:
    """Neither the value's text nor a redacted message has it, in any spelling."""
    auth = KINDS[kind]("se/cr+et", AuthSettings(name="k", user="me"))
    assert "cr" not in repr(auth)
    request = next(auth.auth_flow(httpx.Request("GET", "https://shop.example/v1?k=old&a=1")))
    sent = f"{request.url} {dict(request.headers)} se/cr+et se%2Fcr%2Bet"
    assert "se/cr+et" not in auth.redacted(sent)
    assert "se%2Fcr%2Bet" not in auth.redacted(sent)
    if kind == "query":
        assert str(request.url) == "https://shop.example/v1?a=1&k=se%2Fcr%2Bet"
