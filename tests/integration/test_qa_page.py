"""The page of `mootech qa --html` in a real browser, and the gate where odd days and drift stop a day."""

import json
from datetime import date, timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from tests.chromium import tab
from tests.faults.command import Command, command_for
from tests.wire import Answer, answer, routed, serving

FIRST = date(2024, 1, 1)
ODD = FIRST + timedelta(days=35)
NAME = '"><script>alert(1)</script>'


def shop(changes: dict[str, object]) -> Answer:
    """Return what answers with a hundred users a day; `changes` may set rows and fields of the odd day."""

    def choose(request: str) -> Answer:
        day = parse_qs(urlsplit(request.split()[1]).query)["start_date"][0]
        odd = changes if day == ODD.isoformat() else {}
        row = {"first_time_time_stamp": 1_700_000_000, "utc_date": day, **(odd.get("fields") or {})}  # type: ignore[dict-item]
        rows = [
            {"account_id": f"a{n}", "email": f"a{n}@x.example", **row} for n in range(int(str(odd.get("rows", 100))))
        ]
        return answer(json.dumps({"data": rows, "next_cursor": None, "total": len(rows)}).encode())

    return routed(choose)


def configured(command: Command, text: str) -> None:
    """Write the [qa] section of the command's mootech.toml."""
    (command.folder / "mootech.toml").write_text(f"[qa]\n{text}\n")


def test_odd_days_are_told_blocked_and_let_through_and_the_page_shows_them(tmp_path: Path) -> None:
    """A day that lost rows or drifted is stopped where asked; the page, in a browser, shows it and loads nothing."""
    changes: dict[str, object] = {"rows": 40}
    with serving([shop(changes)]) as wire:
        command = command_for(tmp_path, tmp_path / "lake", wire.url, "key")
        only = ("ingest", "-t", "users", "--start", ODD, "--end", ODD)
        command("ingest", "-t", "users", "--start", FIRST, "--end", ODD - timedelta(days=1))
        configured(command, 'anomalies = "block"')
        assert "unlike the weeks before: 40 rows, where 100 are usual" in command(*only, expect=3).stderr
        assert not (tmp_path / f"lake/raw_data/users/utc_date={ODD}").exists()
        command(*only, "--allow-anomaly")
        changes |= {"rows": 100, "fields": {NAME: 1}}
        configured(command, 'schema_drift = { users = "freeze" }')
        assert "fields that are not declared" in command(*only, expect=3).stderr
        configured(command, 'schema_drift = { users = "discard" }')
        (table,) = json.loads(command(*only, "--json").stdout)["tables"]
        assert (table["days"][0]["fetched"], table["days"][0]["published"]) == (100, 100)
        configured(command, 'schema_drift = { users = "freeze" }')
        command(*only, expect=3)
    page = tmp_path / "cwd/qa.html"
    told = json.loads(command("qa", "--html", page, "--json", expect=3).stdout)
    assert len(told["history"]) == 36
    assert {key: told["history"][-1][key] for key in ("table", "utc_date", "state", "published", "undeclared")} == {
        "table": "users",
        "utc_date": str(ODD),
        "state": "blocked",
        "published": 100,
        "undeclared": 0,
    }
    assert "<script" not in page.read_text("utf-8")
    with tab() as browser:
        browser.open(page)
        assert browser.requests == [page.as_uri()]
        assert browser.complaints == []
        cells = "document.querySelectorAll('section table.map td[title]')"
        assert browser.value(f"{cells}.length") == 5 * 36
        colours = browser.value(f"[...new Set([...{cells}].map(c => getComputedStyle(c).backgroundColor))]")
        assert len(colours) >= 2  # a blocked day is not as good ones are
        assert "rgba(0, 0, 0, 0)" not in colours
        assert browser.value("document.scripts.length") == 0
        assert browser.value("document.body.innerText").count(NAME) >= 1
