"""docs/reports.md describes the reports that there are."""

import re

import pytest

from mootech.layers.gold.library import packaged
from tests.docs.generate import DOCS

SECTIONS = dict(
    re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", (DOCS / "reports.md").read_text("utf-8"), re.MULTILINE | re.DOTALL)
)


@pytest.mark.parametrize("report", packaged())
def test_every_report_is_described(report: str) -> None:
    """A report has a section that leads to its SQL, lists its columns with types in order, and names its parameters."""
    definition = packaged()[report]
    section = SECTIONS["The sales report" if report == "sales" else definition.title]
    assert f"(../mootech/layers/gold/reports/{report}.sql)" in section
    rows = re.findall(r"^\| `(\w+)` \| ([A-Z]+(?:\(\d+,\d+\))?) \|", section, re.MULTILINE)
    assert rows == [(column.name, column.type) for column in definition.columns]
    assert all(f"`{name}`" in section for name in definition.arguments({}))
