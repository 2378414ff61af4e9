"""Which reports there are: those of the package, and those of a person's own folder."""

from pathlib import Path

import pytest

from mootech.definition import DefinitionError
from mootech.errors import ConfigError, UsageError
from mootech.layers.gold.library import library, packaged

MINE = (
    "-- Mine: all of it.\n-- Grain       row\n-- Inputs      users: silver\n-- Columns     a BIGINT\n-- Key         a\n"
)


def test_the_package_s_reports_are_there() -> None:
    """Every report file of the package says of itself what it must, and the sales report is one of them."""
    assert "sales" in packaged()
    assert all(each.name == name and each.summary.endswith(".") for name, each in packaged().items())
    assert library(None).definitions == packaged()


def test_a_folder_adds_its_own(tmp_path: Path) -> None:
    """NAME.sql is the report NAME; what is not SQL is passed over."""
    (tmp_path / "mine.sql").write_text(f"{MINE}SELECT 1 AS a")
    (tmp_path / "README.md").write_text("notes")
    found = library(tmp_path).named("mine")
    assert (found.title, found.file) == ("Mine", str(tmp_path / "mine.sql"))


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    """The error names the folder and where it was set."""
    with pytest.raises(ConfigError, match=r"\[report\] folder.*nowhere"):
        library(tmp_path / "nowhere")


@pytest.mark.parametrize("name", ["sales.sql", "My Report.sql", "2024.sql", "sales_report_mug.sql"])
def test_a_name_is_a_plain_word_of_its_own(tmp_path: Path, name: str) -> None:
    """A file that is called like one of the package's or its objects, or like no command-line word, is refused."""
    (tmp_path / name).write_text(MINE)
    [error] = library(tmp_path).broken.values()
    assert name.removesuffix(".sql") in error.message
    assert "Rename" in error.hint


def test_a_name_does_not_lie_among_the_objects_of_a_report_per_product(tmp_path: Path) -> None:
    """What an own report per product calls its objects is taken; the report itself, and names beside it, are not."""
    split = (
        MINE.replace("users", "products")
        .replace("a BIGINT", "a VARCHAR")
        .replace("-- Columns", "-- Parameters  $product_ids VARCHAR[]: asked for\n-- Columns")
    )
    (tmp_path / "stock.sql").write_text(f"{split}-- Objects     one per product, a\n")
    for name in ("stock_report_mug", "stock_reports", "stock_report"):
        (tmp_path / f"{name}.sql").write_text(MINE)
    found = library(tmp_path)
    assert found.broken.keys() == {"stock_report_mug"}
    assert "among the objects of stock" in found.broken["stock_report_mug"].message
    assert {"stock", "stock_reports", "stock_report"} < found.definitions.keys()
    assert "stock_report_mug" not in found.definitions


def test_a_file_that_is_wrong_costs_its_own_report_only(tmp_path: Path) -> None:
    """Bytes that are no text, a comment that says too little: every other report is there, and the wrong are told."""
    (tmp_path / "mine.sql").write_bytes(b"-- \xff\xfe")
    (tmp_path / "draft.sql").write_text("-- Draft\nSELECT 1")
    (tmp_path / "sales.sql").write_text("-- Draft\nSELECT 1")
    (tmp_path / "good.sql").write_text(f"\ufeff{MINE}SELECT 1 AS a", encoding="utf-8")
    found = library(tmp_path)
    assert found.named("good").title == "Mine"
    assert found.named("sales") == packaged()["sales"]
    assert len(found.broken) == 3
    with pytest.raises(DefinitionError, match=r"mine\.sql could not be read"):
        found.named("mine")
    with pytest.raises(DefinitionError, match=r"draft\.sql, line 1"):
        found.named("draft")
    with pytest.raises(UsageError) as none:
        found.named("god")
    assert "Did you mean good?" in none.value.hint
