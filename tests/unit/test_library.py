"""Which reports there are: those of the package, and those of a person's own folder."""

from pathlib import Path

import pytest

from mootech.definition import DefinitionError
from mootech.errors import ConfigError
from mootech.layers.library import library, packaged

MINE = (
    "-- Mine: all of it.\n-- Grain       row\n-- Inputs      users: silver\n-- Columns     a BIGINT\n-- Key         a\n"
)


def test_the_package_s_reports_are_there() -> None:
    """Every report file of the package says of itself what it must, and the sales report is one of them."""
    assert "sales" in packaged()
    assert all(each.name == name and each.summary.endswith(".") for name, each in packaged().items())
    assert library(None) == packaged()


def test_a_folder_adds_its_own(tmp_path: Path) -> None:
    """NAME.sql is the report NAME; what is not SQL is passed over."""
    (tmp_path / "mine.sql").write_text(f"{MINE}SELECT 1 AS a")
    (tmp_path / "README.md").write_text("notes")
    found = library(tmp_path)["mine"]
    assert (found.title, found.file) == ("Mine", str(tmp_path / "mine.sql"))


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    """The error names the folder and where it was set."""
    with pytest.raises(ConfigError, match=r"\[report\] folder.*nowhere"):
        library(tmp_path / "nowhere")


@pytest.mark.parametrize("name", ["sales.sql", "My Report.sql", "2024.sql"])
def test_a_name_is_a_plain_word_of_its_own(tmp_path: Path, name: str) -> None:
    """A file that is called like one of the package's, or like no command-line word, is refused by name."""
    (tmp_path / name).write_text(MINE)
    with pytest.raises(ConfigError, match=name.removesuffix(".sql")) as caught:
        library(tmp_path)
    assert "Rename" in caught.value.hint


def test_a_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    """Bytes that are not UTF-8 are told as that, with the file."""
    (tmp_path / "mine.sql").write_bytes(b"-- \xff\xfe")
    with pytest.raises(DefinitionError, match=r"mine\.sql could not be read"):
        library(tmp_path)
