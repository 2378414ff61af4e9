"""Recipes: what is handed to an engine, and what it is known by."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mootech.engines.recipe import Macro, Recipe, fingerprint
from mootech.layers.gold.library import packaged
from mootech.layers.gold.statements import recipe_of as report_recipe
from mootech.layers.silver.days import recipe_of
from mootech.tables import TABLES

SQL = "SELECT a, 'two  blanks -- no comment' AS \"b  c\" FROM t WHERE a <> 1"
TOKENS = ("SELECT", "a", "'x  y'", '"n  m"', "+", "1", "(", ")", "FROM", "$p", "<>")
BETWEEN = st.lists(st.sampled_from([" ", "\n", "\t", "-- a word, it's 'quoted'\n", "/* two\nlines */"]), min_size=1)


@pytest.mark.parametrize(
    "same",
    [
        SQL.replace(" FROM", "\n    FROM"),
        f"-- Silver: what it is.\n--\n-- Grain  row.\n{SQL}",
        SQL.replace(" WHERE", " /* only\n these */ WHERE"),
        SQL.replace(" <> 1", "<>1"),
    ],
)
def test_prose_and_layout_are_no_change(same: str) -> None:
    """A recipe with other comments or other white space has the same fingerprint."""
    assert fingerprint([same]) == fingerprint([SQL])


@pytest.mark.parametrize(
    "other",
    [
        SQL.replace("two  blanks", "two blanks"),
        SQL.replace("b  c", "b c"),
        SQL.replace("-- no comment", ""),
        SQL.replace("SELECT a", "SELECTa"),
        SQL.replace("<> 1", "<> 2"),
    ],
)
def test_every_other_edit_is_a_change(other: str) -> None:
    """A recipe that says something else has another fingerprint, blanks within a text or a name included."""
    assert fingerprint([other]) != fingerprint([SQL])


@given(tokens=st.lists(st.sampled_from(TOKENS), min_size=1), data=st.data())
def test_what_stands_between_tokens_does_not_count(tokens: list[str], data: st.DataObject) -> None:
    """However the same tokens are set apart, the fingerprint is the same."""
    spread = "".join(token + "".join(data.draw(BETWEEN)) for token in tokens)
    assert fingerprint([spread]) == fingerprint([" ".join(tokens)])


def test_a_macro_is_part_of_the_recipe() -> None:
    """A report whose macro changes is another recipe."""
    with_macros = [Recipe("r.sql", SQL, (Macro(sql, frozenset()),)).fingerprint for sql in ("SELECT 1", "SELECT 2")]
    assert len({Recipe("r.sql", SQL).fingerprint, *with_macros}) == 3


def test_a_recipe_has_the_version_of_its_header() -> None:
    """`-- Version  2` makes it the second; without such a line it is the first."""
    assert Recipe("r.sql", SQL).version == 1
    assert Recipe("r.sql", f"-- Silver: rows.\n-- Version     2\n{SQL}").version == 2


def test_every_recipe_is_its_own() -> None:
    """No two of mootech's own recipes have one fingerprint."""
    recipes = [*map(recipe_of, TABLES), *map(report_recipe, packaged().values())]
    assert len({each.fingerprint for each in recipes}) == len(recipes)
