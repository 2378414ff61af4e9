"""Which tests prove what: docs/faults.md, made from the tests' marks. `python -m tests.faults.catalogue` writes it.

A test carries `@pytest.mark.fault(1, 29)` with the rows it proves, or `@pytest.mark.security("item")`.
"""

import sys
from collections.abc import Iterable
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path

import pytest

from tests.faults.rows import FAULTS, HEAD, SECURITY

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "faults.md"


@dataclass
class Marks:
    """A pytest plugin that notes which test carries which mark; node ids without their parameters, in order."""

    faults: dict[int, list[str]] = field(default_factory=dict)
    security: dict[str, list[str]] = field(default_factory=dict)

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Read the marks."""
        for item in items:
            test = item.nodeid.partition("[")[0]
            for kept, name in ((self.faults, "fault"), (self.security, "security")):
                for argument in (argument for mark in item.iter_markers(name) for argument in mark.args):
                    tests = kept.setdefault(argument, [])
                    if test not in tests:
                        tests.append(test)


def collected() -> Marks:
    """Collect every test of the project and return their marks. For a process of its own."""
    marks, told = Marks(), StringIO()
    with redirect_stdout(told):
        code = pytest.main(["--collect-only", "-q", "-p", "no:cacheprovider", str(ROOT / "tests")], plugins=[marks])
    if code != pytest.ExitCode.OK:
        raise SystemExit(told.getvalue())
    return marks


def gaps(marks: Marks) -> list[str]:
    """Return what is wrong: rows and items without a test, and marks that name none."""
    return [
        *(f"row {row} has no test" for row in FAULTS if row not in marks.faults),
        *(f"there is no row {row}: {tests}" for row, tests in marks.faults.items() if row not in FAULTS),
        *(f"no test proves: {item}" for item in SECURITY if item not in marks.security),
        *(f"there is no item {item!r}: {tests}" for item, tests in marks.security.items() if item not in SECURITY),
    ]


def page(marks: Marks) -> str:
    """Return docs/faults.md."""
    parts = [HEAD, "## Faults\n"]
    for row, fault in FAULTS.items():
        parts.append("\n\n".join([f"### {row}. {fault.what}", fault.outcome, *fault.more]) + "\n")
        parts.append(_tests(marks.faults.get(row, ())))
    parts.append("## Security\n")
    for item, text in SECURITY.items():
        parts.append(f"### {text}\n")
        parts.append(_tests(marks.security.get(item, ())))
    return "\n".join(parts).rstrip() + "\n"


def _tests(tests: Iterable[str]) -> str:
    lines = []
    for test in sorted(tests):
        file, _, name = test.partition("::")
        lines.append(f"- [{Path(file).name}](../{file}): `{name}`\n")
    return "".join(lines)


def main() -> int:
    """Write docs/faults.md; with --check only say whether it is current and nothing is missing."""
    marks = collected()
    wrong = gaps(marks)
    if "--check" not in sys.argv:
        PAGE.write_text(page(marks), "utf-8")
    elif PAGE.read_text("utf-8") != page(marks):
        wrong.append("docs/faults.md is not what the tests' marks say: run make docs")
    sys.stderr.writelines(f"{line}\n" for line in wrong)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
