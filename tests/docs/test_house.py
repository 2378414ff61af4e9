"""The house around the code: README, Makefile, locks and import contracts agree with each other."""

import ast
import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from mootech import config

ROOT = Path(__file__).parents[2]
LOCKS = (
    "requirements.txt",
    "requirements-build.txt",
    "requirements-dev.txt",
    "requirements-spark.txt",
    "requirements-lowest.txt",
)
PEERS = ("dlt",)
README = (ROOT / "README.md").read_text("utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


def fenced(text: str, language: str) -> list[str]:
    """Return the contents of a document's fenced blocks in that language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)


def make_targets() -> set[str]:
    """Return the targets that the Makefile declares for people."""
    (line,) = re.findall(r"^\.PHONY: (.+)$", (ROOT / "Makefile").read_text("utf-8"), flags=re.MULTILINE)
    return set(line.split())


def pins(lock: str) -> dict[str, Version]:
    """Return the version that a lock pins each package to."""
    found = re.findall(r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?==([^ ;\\]+)", (ROOT / lock).read_text("utf-8"), re.MULTILINE)
    return {canonicalize_name(name): Version(version) for name, version in found}


def declared(name: str) -> list[Requirement]:
    """Return what pyproject.toml asks for: to run, of an extra, or of a group, without what it includes."""
    project, groups = PROJECT["project"], PROJECT["dependency-groups"]
    listed: list[Any] = {"run": project["dependencies"], **project["optional-dependencies"], **groups}[name]
    return [Requirement(item) for item in listed if isinstance(item, str)]


@pytest.mark.parametrize("document", ["README.md", "CONTRIBUTING.md"])
def test_documented_make_commands_exist(document: str) -> None:
    """Every `make` command that a document's shell blocks tell a reader to type is a target of the Makefile."""
    blocks = "\n".join(fenced((ROOT / document).read_text("utf-8"), "sh"))
    commands = re.findall(r"^make ([a-z]+)", blocks, flags=re.MULTILINE)
    assert commands
    assert set(commands) <= make_targets()


def test_readme_is_for_a_stranger() -> None:
    """The README names the demo and the tests as commands, and, the demo's output aside, is short enough to be read."""
    assert {"make demo\n", "make test\n"} <= set(fenced(README, "sh"))
    told = re.sub(r"<!-- demo output: begin -->.*?<!-- demo output: end -->", "", README, flags=re.DOTALL)
    assert len(told.splitlines()) < 115


def test_readme_configuration_is_valid(tmp_path: Path) -> None:
    """The sample mootech.toml in the README is one that mootech accepts."""
    (sample,) = fenced(README, "toml")
    file = tmp_path / "mootech.toml"
    file.write_text(sample, "utf-8")
    settings = config.load(config=file, lake=None, environ={"HOME": str(tmp_path)})
    assert settings.lake.startswith("s3://")
    assert settings.source.url
    assert settings.ingest.start


@pytest.mark.parametrize(
    "document", sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").rglob("*.md"))
)
def test_links_lead_somewhere(document: str) -> None:
    """Every relative link in docs/ leads to a file that is there and, with a fragment, to one of its headings."""
    file = ROOT / document
    for target, fragment in re.findall(r"\]\((?![a-z]+:)([^)#\s]*)#?([^)\s]*)\)", file.read_text("utf-8")):
        linked = (file.parent / target).resolve() if target else file
        assert linked.exists(), target
        if fragment:
            titles = re.findall(r"^#+ (.+)$", linked.read_text("utf-8"), flags=re.MULTILINE)
            assert fragment in {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def test_every_decision_is_listed() -> None:
    """Every record in docs/adr stands in its index."""
    index = (ROOT / "docs/adr/README.md").read_text("utf-8")
    records = [path.name for path in (ROOT / "docs/adr").glob("[0-9]*.md")]
    assert records
    assert all(f"]({name})" in index for name in records)


@pytest.mark.security("dependencies pinned by hash")
@pytest.mark.parametrize("lock", [*LOCKS, *(f"benchmarks/peers/requirements-{name}.txt" for name in PEERS)])
def test_lock_has_hashes_and_names_no_index(lock: str) -> None:
    """Every package of a lock is pinned with hashes, and the lock leads to no index, host or path."""
    text = (ROOT / lock).read_text("utf-8")
    entries = re.split(r"\n(?=[A-Za-z0-9])", text)[1:]
    assert len(entries) == len(re.findall(r"^[^\s#]", text, flags=re.MULTILINE))
    assert all(re.match(r"\S+==\S+", entry) and "--hash=sha256:" in entry for entry in entries)
    assert not re.search(r"://|--(extra-)?index|--find-links|--trusted-host|file:|@|^\s*#.*\s/", text, re.MULTILINE)


@pytest.mark.parametrize(
    ("lock", "group"),
    [
        ("requirements.txt", "run"),
        ("requirements-build.txt", "build"),
        ("requirements-dev.txt", "run"),
        ("requirements-dev.txt", "build"),
        ("requirements-dev.txt", "dev"),
        ("requirements-dev.txt", "charts"),
        ("requirements-spark.txt", "run"),
        ("requirements-spark.txt", "spark"),
        ("requirements-lowest.txt", "lowest"),
        *((f"benchmarks/peers/requirements-{name}.txt", f"peer-{name}") for name in PEERS),
    ],
)
def test_lock_satisfies_the_project(lock: str, group: str) -> None:
    """What pyproject.toml asks for is in the lock, in a version that it allows."""
    locked = pins(lock)
    for wanted in declared(group):
        assert locked[canonicalize_name(wanted.name)] in wanted.specifier, wanted


@pytest.mark.parametrize("lock", ["requirements.txt", "requirements-build.txt"])
def test_locks_agree(lock: str) -> None:
    """The tests run with exactly the versions that users run and build with."""
    assert pins(lock).items() <= pins("requirements-dev.txt").items()


def test_spark_changes_no_version() -> None:
    """Spark joins the tests' environment beside everything that is there, and its lock holds what users run with."""
    spark, tools = pins("requirements-spark.txt"), pins("requirements-dev.txt")
    assert pins("requirements.txt").items() <= spark.items()
    assert {name: version for name, version in spark.items() if name in tools}.items() <= tools.items()


def test_the_lowest_versions_are_tested() -> None:
    """What is tested as the lowest version is the lower bound that users are told, and CI tests it."""
    ranges = {canonicalize_name(wanted.name): wanted.specifier for wanted in declared("run")}
    lowest = pins("requirements-lowest.txt")
    assert lowest
    for name, version in lowest.items():
        assert f">={version}" in {str(each) for each in ranges[canonicalize_name(name)]}
    assert re.search(r"^test:.* lowest ", (ROOT / "Makefile").read_text("utf-8"), flags=re.MULTILINE)


@pytest.mark.parametrize("extra", ["charts", "spark"])
def test_what_not_everybody_needs_is_an_extra(extra: str) -> None:
    """Nobody has to install what draws charts or speaks to Spark; who asks for it is told how."""
    assert not pins("requirements.txt").keys() & {canonicalize_name(each.name) for each in declared(extra)}


def test_import_contracts_have_no_exceptions() -> None:
    """The import contracts leave no module out and ignore no import."""
    settings = PROJECT["tool"]["importlinter"]
    contracts = settings["contracts"]
    assert not [key for table in (settings, *contracts) for key in table if "ignore" in key or "exclude" in key]
    (layers,) = [contract for contract in contracts if contract["type"] == "layers"]
    assert layers["exhaustive"] is True


def test_libraries_have_one_importer() -> None:
    """Each library that speaks to the outside is named in a contract together with its one importer."""
    importers = {
        library: contract["allowed_importers"]
        for contract in PROJECT["tool"]["importlinter"]["contracts"]
        if contract["type"] == "protected"
        for library in contract["protected_modules"]
    }
    assert importers["httpx"] == ["mootech.source"]
    assert importers["s3fs"] == ["mootech.lake"]
    assert importers["duckdb"] == ["mootech.engines"]
    assert importers["pandera"] == ["mootech.qa"]
    assert importers["typer"] == ["mootech.cli", "mootech.commands", "mootech.process"]
    assert importers["altair"] == importers["vl_convert"] == ["mootech.render"]


ENVIRONMENT = {"environ", "environb", "getenv", "getenvb", "putenv", "unsetenv"}


def reads_environment(source: str) -> bool:
    """Say whether Python source names the process's environment, as `os.environ` or imported from os."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Attribute(value=ast.Name(id="os"), attr=name) if name in ENVIRONMENT:
                return True
            case ast.ImportFrom(module="os", names=names) if ENVIRONMENT & {alias.name for alias in names}:
                return True
    return False


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import os\nos.environ['A']", True),
        ("import os\nprint(os.getenv('A'))", True),
        ("from os import environ as e", True),
        ("import os\nos.fsync(3)", False),
        ("def load(environ): return environ['A']", False),
    ],
)
def test_reading_the_environment_is_recognised(source: str, *, expected: bool) -> None:
    """Reading the environment is told from passing a mapping of that name around."""
    assert reads_environment(source) is expected


def test_only_the_configuration_reads_the_environment() -> None:
    """No module outside mootech.config looks at the process's environment."""
    package = ROOT / "mootech"
    readers = [path for path in package.rglob("*.py") if reads_environment(path.read_text("utf-8"))]
    assert {path.relative_to(package).parts[0] for path in readers} == {"config"}


def classes_decoded(source: str) -> set[str]:
    """Return the names of classes that the source hands to msgspec along with what is to be decoded."""
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    types = [
        keyword.value
        for call in calls
        if ast.unparse(call.func) in {"msgspec.json.decode", "msgspec.convert"}
        for keyword in call.keywords
        if keyword.arg == "type"
    ]
    names = {node.id for each in types for node in ast.walk(each) if isinstance(node, ast.Name)}
    return {name for name in names if name.lstrip("_")[:1].isupper() and name != "Any"}


@pytest.mark.parametrize(
    ("source", "found"),
    [("msgspec.json.decode(x, type=dict[str, Any])", set()), ("msgspec.json.decode(x, type=list[_Row])", {"_Row"})],
)
def test_a_class_decoded_on_the_spot_is_recognised(source: str, found: set[str]) -> None:
    """The rule below sees what it is about."""
    assert classes_decoded(source) == found


def test_decoders_of_classes_are_made_on_import() -> None:
    """Threads that hand msgspec a class for the first time at the same moment crash the process."""
    for file in (ROOT / "mootech").rglob("*.py"):
        assert classes_decoded(file.read_text("utf-8")) == set(), file


def recipe_of(target: str) -> str:
    """Return the commands of a target of the Makefile."""
    makefile = (ROOT / "Makefile").read_text("utf-8")
    (recipe,) = re.findall(rf"^{target}:.*\n((?:\t.*\n)+)", makefile, flags=re.MULTILINE)
    return str(recipe)


def test_every_test_is_run_once() -> None:
    """What `make test` leaves out is this folder, and that is what `make lint` runs; CI runs both."""
    folder = Path(__file__).parent.relative_to(ROOT).as_posix()
    assert PROJECT["tool"]["pytest"]["ini_options"]["testpaths"] == ["tests"]
    assert re.findall(r"(?:--ignore|--deselect|-k|-m)[= ](?!pytest)(\S+)", recipe_of("test")) == [folder]
    assert re.findall(r"-m pytest.* (\S+)$", recipe_of("lint"), flags=re.MULTILINE) == [folder]
    steps = re.findall(r"make (lint|test)\b", (ROOT / ".ci/run").read_text("utf-8").partition("step() {")[2])
    assert steps == ["lint", "test"]


def defined(tree: ast.Module) -> Iterator[str]:
    """Yield the names at the top of a module, without those that Python reads and functions that a decorator takes."""
    for node in tree.body:
        match node:
            case ast.FunctionDef(name=name, decorator_list=[]) | ast.ClassDef(name=name):
                pass
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                pass
            case _:
                continue
        if not name.startswith("__"):
            yield name


def used(tree: ast.Module) -> Iterator[str]:
    """Yield the names that a module reads or imports."""
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Load()) | ast.Attribute(attr=name) | ast.alias(name=name):
                yield name
            case ast.Constant(value=str(text)):
                yield from re.findall(r"\w+", text) if " " not in text else ()  # a type in quotes


def unused(*sources: str) -> set[str]:
    """Return the names at the top of modules that nothing uses; a private name counts in its own module alone."""
    trees = [ast.parse(source) for source in sources]
    reads = [set(used(tree)) for tree in trees]
    anywhere = set().union(*reads)
    return {
        name
        for tree, here in zip(trees, reads, strict=True)
        for name in defined(tree)
        if name not in (here if name.startswith("_") else anywhere)
    }


@pytest.mark.parametrize(
    ("sources", "found"),
    [
        (["def f(): pass\n_X = 1\ny: int = 2\n@frozen\nclass C: pass"], {"f", "_X", "y", "C"}),
        (["def f(): return _X\n_X = 1", "from m import f"], set()),
        (["_X = 1", "print(_X)"], {"_X"}),
        (["@run\ndef command(): pass\n__all__ = []"], set()),
        (["class C: pass\ndef f(x: 'C'): pass", "m.f"], set()),
    ],
)
def test_an_unused_name_is_recognised(sources: list[str], found: set[str]) -> None:
    """The rule below sees what it is about."""
    assert unused(*sources) == found


def test_every_name_is_used() -> None:
    """What stands at the top of a module is used by some module of the package."""
    assert unused(*(file.read_text("utf-8") for file in (ROOT / "mootech").rglob("*.py"))) == set()


def test_ci_and_make_check_are_one() -> None:
    """`make check` runs CI's script and nothing else, and the script's last step is the README's test command."""
    assert recipe_of("check") == "\t.ci/run\n"
    assert (ROOT / ".ci/run").read_text("utf-8").splitlines()[-1] == "make test"


def test_make_without_a_target_explains_itself() -> None:
    """`make` alone changes nothing and lists every target with what it does."""
    shown = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True, timeout=30)  # noqa: S607 (make is where the PATH says)
    listed = dict(re.findall(r"^ +make (\w+) +(\S.*)$", shown.stdout, flags=re.MULTILINE))
    assert listed.keys() == make_targets()
