"""The guards of pagination as functions of the pages so far."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mootech.errors import IncompleteError
from mootech.source.guards import MOST_PAGES, START, Page, PagePosition, TotalChangedError
from mootech.source.pages import parse_page
from tests.rows import page_body


def page(number: int, rows: list[object], more: str | None = None, total: int | None = None) -> Page:
    """Return a page that asks for `more`."""
    return parse_page(page_body(rows, more, total), number, None)


def after(*pages: Page) -> PagePosition:
    """Return where one stands after these pages."""
    progress = START
    for each in pages:
        progress = progress.after(each)
    return progress


@pytest.mark.parametrize("total", [None, 9])
def test_a_page_that_comes_again_is_refused(total: int | None) -> None:
    """The same rows under a fresh cursor are a stuck source, whether it declares a total or not."""
    with pytest.raises(IncompleteError, match="same rows as a page before"):
        after(page(1, [1, 2], "b", total), page(2, [3, 4], "c", total), page(3, [1, 2], "d", total))


def test_exact_duplicates_are_no_repeated_page() -> None:
    """Pages of one row, or of one row again and again, may be equal: shops hand out the same row twice."""
    assert after(page(1, [1], "b"), page(2, [1], "c"), page(3, [1])).rows == 3
    assert after(page(1, [1, 1], "b"), page(2, [1, 1])).rows == 4


def test_a_page_is_known_again_by_its_middle_when_its_ends_are_equal() -> None:
    """Pages that begin and end with the same row are one page only when all their rows are the same."""
    assert after(page(1, [1, 2, 1], "b"), page(2, [1, 3, 1])).rows == 6
    with pytest.raises(IncompleteError, match="same rows"):
        after(page(1, [1, 2, 1], "b"), page(2, [1, 2, 1]))


def test_pages_without_end_are_bounded() -> None:
    """A source that always has one more page, with new rows and new cursors and no total, is stopped."""
    nearly = replace(START, pages=MOST_PAGES - 1, rows=10, next_cursor="z")
    assert nearly.after(page(MOST_PAGES, [1, 2])).pages == MOST_PAGES
    with pytest.raises(IncompleteError, match="10,000 pages") as caught:
        nearly.after(page(MOST_PAGES, [1, 2], "more"))
    assert "page_size" in caught.value.hint


def test_a_total_may_be_declared_once_but_not_changed() -> None:
    """The first page's total holds for pages that declare none; another one is a change."""
    first = page(1, [1, 2], "b", 4)
    assert after(first, page(2, [3, 4])).total == 4
    with pytest.raises(IncompleteError, match="only 3 rows came of 4"):
        after(first, page(2, [3]))
    with pytest.raises(TotalChangedError, match="declares 5"):
        after(first, page(2, [3, 4], None, 5))


@pytest.mark.parametrize(
    ("second", "overlaps"),
    [
        pytest.param([4, 5, 6], False, id="in step"),
        pytest.param([3, 4, 5], True, id="a row was put in before"),
        pytest.param([1, 2, 3, 4], True, id="several rows were put in before"),
        pytest.param([5, 6, 3], True, id="the row before comes again"),
        pytest.param([], False, id="nothing"),
    ],
)
def test_neighbouring_pages_that_share_a_row_at_their_seam_are_noticed(second: list[object], overlaps: bool) -> None:  # noqa: FBT001  # a parameter of the test
    """Rows that moved between two pages show as a row on both sides of the seam."""
    assert after(page(1, [1, 2, 3], "b"), page(2, second)).overlaps is overlaps


@given(st.lists(st.integers(0, 50), unique=True, min_size=1, max_size=30), st.integers(1, 7))
def test_any_honest_day_passes_every_guard(rows: list[int], size: int) -> None:
    """However many different rows in pages of whatever size: all are counted, and nothing is suspected."""
    cut = [rows[at : at + size] for at in range(0, len(rows), size)]
    pages = [
        page(number, list(part), str(number) if number < len(cut) else None, len(rows))
        for number, part in enumerate(cut, start=1)
    ]
    progress = after(*pages)
    assert (progress.rows, progress.overlaps, progress.next_cursor, progress.before) == (len(rows), False, None, ())


@given(
    st.lists(st.integers(), unique=True, min_size=6, max_size=30),
    st.integers(2, 5),
    st.integers(1, 29),
    st.sampled_from([-1, 1]),
)
def test_a_page_that_slipped_by_a_row_is_never_taken_for_whole(
    rows: list[int], size: int, which: int, slip: int
) -> None:
    """One page read a row too early or too late: refused by its counts, or noticed at its seam."""
    starts = list(range(0, len(rows), size))
    number = 1 + which % (len(starts) - 1)
    cut = [rows[at : at + size] for at in starts]
    at = starts[number] + slip
    cut[number] = rows[at : at + len(cut[number])]
    try:
        progress = after(
            *(page(n, list(part), str(n) if n < len(cut) else None, len(rows)) for n, part in enumerate(cut, start=1))
        )
    except IncompleteError:
        return
    assert progress.overlaps
