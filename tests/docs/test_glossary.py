"""One word means one thing: the glossary in docs/design.md and the names of the code agree."""

import ast
import re
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).parents[2]
DESIGN = (ROOT / "docs/design.md").read_text("utf-8")
TERMS = DESIGN.partition("## Terms")[2].partition("## What mootech promises")[0]


def public_classes() -> dict[str, list[str]]:
    """Return the public classes of the package, with the modules that define each."""
    homes: dict[str, list[str]] = defaultdict(list)
    for file in sorted((ROOT / "mootech").rglob("*.py")):
        for node in ast.parse(file.read_text("utf-8")).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                homes[node.name].append(file.relative_to(ROOT).as_posix())
    return homes


def names(tree: ast.AST) -> set[str]:
    """Return the names that a module gives to modules, classes, functions, parameters and attributes of classes."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            found.add(node.name)
        if isinstance(node, ast.arg):
            found.add(node.arg)
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            found.add(node.target.id)
    return found


def retired() -> set[str]:
    """Return the words that the glossary bans from names."""
    (listed,) = re.findall(r"^Words that the code does not use in names.*?:(.*?)\n\n", TERMS, re.MULTILINE | re.DOTALL)
    plain = re.sub(r"\([^)]*\)", "", listed)
    return set(re.findall(r"[a-z]+", plain)) - {"and"}


def test_every_class_of_the_glossary_is_there_once() -> None:
    """The class that stands for a term exists, and no second one has its name."""
    listed = re.findall(r"`(\w+)`", " ".join(line.rsplit("|", 2)[1] for line in TERMS.splitlines() if line[:1] == "|"))
    assert len(listed) > 20
    assert {name: len(public_classes()[name]) for name in listed} == dict.fromkeys(listed, 1)


def test_no_two_public_classes_have_one_name() -> None:
    """A class's name means one thing in the whole package."""
    assert {name: homes for name, homes in public_classes().items() if len(homes) > 1} == {}


def test_retired_words_are_in_no_name() -> None:
    """No module, class, function, parameter or field is called by a word that once meant several things."""
    words = retired()
    assert {"standing", "told", "noted"} <= words
    for file in sorted((ROOT / "mootech").rglob("*.py")):
        parts = {part for name in {file.stem, *names(ast.parse(file.read_text("utf-8")))} for part in split(name)}
        assert not words & parts, (file, words & parts)


def split(name: str) -> list[str]:
    """Return the words of a name in snake case or camel case, in lower case."""
    return re.findall(r"[a-z0-9]+", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower())


def test_a_name_is_split_into_its_words() -> None:
    """The rule above sees what it is about."""
    assert split("InputStanding_of") == ["input", "standing", "of"]
