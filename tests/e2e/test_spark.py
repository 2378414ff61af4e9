"""`--engine spark` through the installed command, on a cluster of a master and two workers: same lake, same bytes."""

import os
import shutil
import subprocess
import sys
import sysconfig
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from mootech.lake.paths import Layer
from mootech.lake.stores.local import LocalStore
from mootech.layers.gold.library import packaged
from mootech.sandbox.server import API_KEY, running
from mootech.sandbox.shop import Shop
from tests.e2e.conftest import Mootech
from tests.environment import environment
from tests.faults.invariants import contents

FIRST, LAST, LATER = date(2023, 1, 1), date(2023, 12, 31), date(2024, 2, 1)
LENIENT = "[qa]\nmax_bad_share = 0.2\n"
"""The shop has a day of so many bad rows that the gate stops it; here it counts with the others."""
COMMAND = Path(sysconfig.get_path("scripts")) / "mootech"
"""This checkout's: the one that has the extra beside it."""


def _command(folder: Path, lake: Path, url: str = "") -> Mootech:
    """Return the command for a lake, in a folder of its own."""
    folder.mkdir(exist_ok=True)
    (folder / "mootech.toml").write_text(LENIENT)
    told = environment(lake, folder / "state", url or "http://127.0.0.1:9", API_KEY)
    return Mootech(told, folder, command=str(COMMAND))


def _filled(folder: Path, shop: Shop, first: date, last: date) -> Path:
    """Return a lake with bronze of these days."""
    lake = folder / "lake"
    with running(shop, today=lambda: LATER) as url:
        _command(folder / "ingest", lake, url)("ingest", "--start", first, "--end", last, "-q")
    return lake


def _copy(lake: Path, to: Path) -> Path:
    shutil.copytree(lake, to)
    return to


def _days(document: dict[str, Any]) -> list[tuple[str, str, str, int]]:
    """Return what the JSON of a command says of each table and day."""
    return [
        (table["table"], day["utc_date"], day["status"], day["published"])
        for table in document["tables"]
        for day in table["days"]
    ]


def _objects(lake: Path, layer: Layer) -> dict[str, bytes]:
    return {key: data for key, data in contents(LocalStore(lake)).items() if key.startswith(f"{layer}/")}


@pytest.mark.timeout(1200)
def test_a_year_of_the_shop_is_the_same_from_both_engines(tmp_path: Path, spark_remote: str) -> None:
    """Every object of silver and of every report, rows, order and types, is byte for byte the other engine's."""
    lake = _filled(tmp_path, Shop(scale=0.25), FIRST, LAST)
    ours = _command(tmp_path / "ours", _copy(lake, tmp_path / "by DuckDB"))
    theirs = _command(tmp_path / "theirs", _copy(lake, tmp_path / "by Spark"))
    theirs.environment["SPARK_REMOTE"] = spark_remote
    made = [_days(ours.json("silver")), _days(theirs.json("silver", "--engine", "spark"))]
    assert made[0] == made[1]
    lakes = [Path(each.environment["MOOTECH_LAKE"]) for each in (ours, theirs)]
    silver = [_objects(each, Layer.SILVER) for each in lakes]
    assert len(silver[0]) == 2 * 365 + 2
    assert silver[0] == silver[1]
    for name in packaged():
        ours("report", name, "-q")
        assert theirs("report", name, "-q", "--engine", "spark").stderr == ""
    results = [_objects(each, Layer.RESULTS) for each in lakes]
    assert len(results[0]) > len(packaged())
    assert results[0] == results[1]


def test_a_lake_half_made_by_each_engine_is_whole(tmp_path: Path, spark_remote: str) -> None:
    """Silver of a first week by DuckDB and of a second one by Spark: `verify` holds, and neither has work left over."""
    lake = _filled(tmp_path, Shop(scale=0.1), date(2023, 3, 1), date(2023, 3, 7))
    ours = _command(tmp_path / "ours", lake)
    ours("silver", "-q")
    assert _filled(tmp_path, Shop(scale=0.1), date(2023, 3, 8), date(2023, 3, 14)) == lake
    (ours.folder / "mootech.toml").write_text(f'[engine]\nname = "spark"\nremote = "{spark_remote}"\n')
    second = _days(ours.json("silver"))
    assert {day for _, day, _, _ in second} == {f"2023-03-{n:02}" for n in range(8, 15)}
    ours("verify", "-q")
    assert _days(ours.json("silver", "--engine", "duckdb")) == []
    assert _days(ours.json("silver", "--engine", "spark")) == []
    told = ours("report", "--product", "tumbler").stdout
    shutil.rmtree(lake / "results")
    assert ours("report", "--product", "tumbler", "--engine", "duckdb").stdout == told


def test_spark_may_be_this_machine_s_own(tmp_path: Path) -> None:
    """With SPARK_REMOTE=local[2] a Spark starts, computes and ends with the command; stdout holds the report alone."""
    lake = _filled(tmp_path, Shop(scale=0.05), date(2023, 3, 1), date(2023, 3, 3))
    ours = _command(tmp_path / "ours", lake)
    ours("silver", "-q")
    before = ours("report", "--format", "csv").stdout
    shutil.rmtree(lake / "results")
    ours.environment |= {"SPARK_REMOTE": "local[2]", "PATH": os.environ["PATH"]}
    assert ours("report", "--format", "csv", "--engine", "spark").stdout == before
    assert sorted(each.name for each in ours.folder.iterdir()) == ["mootech.toml", "state"]


def test_without_the_extra_the_error_says_how_to_get_it(tmp_path: Path) -> None:
    """Where nothing is installed that talks to Spark, the engine is refused with the extra's name, and exit code 2."""
    lake = _filled(tmp_path, Shop(scale=0.05), date(2023, 3, 1), date(2023, 3, 1))
    ours = _command(tmp_path / "ours", lake)
    program = "import sys; sys.modules['pyspark'] = None; from mootech.cli import main; sys.exit(main())"
    done = subprocess.run(  # noqa: S603  # our own command line
        [sys.executable, "-c", program, "silver", "--engine", "spark"],
        env=ours.environment,
        cwd=ours.folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert 'pip install "mootech[spark]"' in done.stderr
    assert "Traceback" not in done.stderr


def test_nothing_of_spark_is_imported_without_the_flag(tmp_path: Path) -> None:
    """An ingest, silver, a report and a verify leave Spark and its client alone, though they are installed."""
    with running(Shop(scale=0.05), today=lambda: LATER) as url:
        ours = _command(tmp_path / "ours", tmp_path / "lake", url)
        for command in (["ingest", "--start", "2023-03-01", "--end", "2023-03-01"], ["silver"], ["report"], ["verify"]):
            program = (
                "import sys; from mootech.cli import main; code = main(); "
                "print({'pyspark', 'grpc', 'sqlglot'} & set(sys.modules), file=sys.stderr); sys.exit(code)"
            )
            done = subprocess.run(  # noqa: S603  # our own command line
                [sys.executable, "-c", program, *command, "-q"],
                env=ours.environment,
                cwd=ours.folder,
                capture_output=True,
                text=True,
                check=False,
            )
            assert (done.returncode, done.stderr) == (0, "set()\n"), (command, done.stderr)


@pytest.mark.parametrize(
    ("remote", "code", "told"),
    [
        ("", 2, "no address of Spark is set"),
        ("http://127.0.0.1:15002", 2, "neither sc://host:15002 nor local"),
        ("sc://127.0.0.1:9/;token=canary", 5, "Spark at 127.0.0.1:9 does not answer"),
    ],
)
def test_an_address_without_a_spark_is_an_error_with_a_hint(tmp_path: Path, remote: str, code: int, told: str) -> None:
    """What SPARK_REMOTE lacks, or that nobody answers there, is said within seconds; its token never is."""
    lake = _filled(tmp_path, Shop(scale=0.05), date(2023, 3, 1), date(2023, 3, 1))
    ours = _command(tmp_path / "ours", lake)
    ours.environment["SPARK_REMOTE"] = remote
    done = ours("silver", "--engine", "spark", expect=code)
    assert told in done.stderr
    assert "Nothing was" in done.stderr
    assert "canary" not in done.stderr
