"""The content hash: equal frames hash equal however they are stored, and any other frame hashes differently."""

from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from mootech.errors import MootechError
from mootech.lake import canonical
from mootech.lake.canonical import combined_hash, content_hash
from mootech.lake.parquet import write

SCHEMA: dict[str, pl.DataType] = {
    "text": pl.String(),
    "number": pl.Int64(),
    "share": pl.Float64(),
    "flag": pl.Boolean(),
    "day": pl.Date(),
    "moment": pl.Datetime("us"),
    "money": pl.Decimal(18, 4),
    "items": pl.List(pl.String),
    "visit": pl.Struct({"high": pl.String, "hits": pl.List(pl.Int32)}),
}
TEXT = st.text(max_size=3)
VALUES: dict[str, st.SearchStrategy[object]] = {
    "text": TEXT,
    "number": st.integers(-(2**63), 2**63 - 1),
    "share": st.floats(allow_nan=False),
    "flag": st.booleans(),
    "day": st.dates(date(1900, 1, 1), date(2100, 1, 1)),
    "moment": st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1)),  # noqa: DTZ001  # a column without a zone
    "money": st.decimals(Decimal(-(10**9)), Decimal(10**9), places=4),
    "items": st.lists(st.none() | TEXT, max_size=3),
    "visit": st.fixed_dictionaries(
        {"high": st.none() | TEXT, "hits": st.none() | st.lists(st.integers(0, 9), max_size=2)}
    ),
}
ROWS = st.lists(st.fixed_dictionaries({name: st.none() | values for name, values in VALUES.items()}), max_size=12)


def frame_of(rows: list[dict[str, object]]) -> pl.DataFrame:
    """Build a frame of SCHEMA."""
    return pl.DataFrame(rows, schema=SCHEMA)


@given(ROWS, st.integers(0, 12))
def test_the_hash_does_not_see_chunks_or_slices(rows: list[dict[str, object]], cut: int) -> None:
    """A frame hashes like itself cut in two and put together again, and like a slice of a larger frame."""
    frame = frame_of(rows)
    whole = content_hash(frame)
    pieces = pl.concat([frame.head(cut), frame.slice(cut)], rechunk=False)
    assert content_hash(pieces) == whole
    assert content_hash(pieces.rechunk()) == whole
    larger = pl.concat([frame_of(rows), frame, frame_of(rows)])
    assert content_hash(larger.slice(len(rows), len(rows))) == whole


@given(ROWS, st.integers(1, 5))
@settings(max_examples=30)
def test_the_hash_survives_parquet(
    tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, object]], group: int
) -> None:
    """A frame read back from Parquet hashes the same, whatever its row groups."""
    file = tmp_path_factory.mktemp("canonical") / "file.parquet"
    frame = frame_of(rows)
    frame.write_parquet(file, row_group_size=group)
    assert content_hash(pl.read_parquet(file)) == content_hash(frame)


@given(ROWS, ROWS)
def test_frames_hash_equal_exactly_when_they_are_equal(
    one: list[dict[str, object]], other: list[dict[str, object]]
) -> None:
    """Two frames have one hash when Polars calls them equal, and two when it does not."""
    try:
        assert_frame_equal(frame_of(one), frame_of(other), check_exact=True)
        equal = True
    except AssertionError:
        equal = False
    assert (content_hash(frame_of(one)) == content_hash(frame_of(other))) == equal


@given(ROWS.filter(bool), st.data())
def test_one_changed_cell_changes_the_hash(rows: list[dict[str, object]], data: st.DataObject) -> None:
    """Another value in any one cell, null included, gives another hash."""
    row = data.draw(st.integers(0, len(rows) - 1))
    column = data.draw(st.sampled_from(sorted(VALUES)))
    value = data.draw((st.none() | VALUES[column]).filter(lambda new: new != rows[row][column]))
    changed = [*rows[:row], {**rows[row], column: value}, *rows[row + 1 :]]
    assert content_hash(frame_of(changed)) != content_hash(frame_of(rows))


DIFFERENT: list[tuple[object, object, pl.DataType]] = [
    ([None], [""], pl.String()),
    (["ab", "c"], ["a", "bc"], pl.String()),
    (["a", "b"], ["b", "a"], pl.String()),
    ([["a", "b"]], [["ab"]], pl.List(pl.String())),
    ([["a"], ["b"]], [["a", "b"], []], pl.List(pl.String())),
    ([None], [[]], pl.List(pl.String())),
    ([[None]], [[]], pl.List(pl.String())),
    ([None], [0], pl.Int64()),
    ([None, 1], [1, None], pl.Int64()),
    ([1], [1, 1], pl.Int64()),
    ([None], [False], pl.Boolean()),
    ([0.0], [5e-324], pl.Float64()),
    ([float("nan")], [None], pl.Float64()),
    ([Decimal("1.1")], [Decimal("1.10001")], pl.Decimal(18, 5)),
    ([None], [{"x": None}], pl.Struct({"x": pl.Int64})),
]


@pytest.mark.parametrize(("one", "other", "dtype"), DIFFERENT)
def test_what_looks_alike_hashes_differently(one: list[object], other: list[object], dtype: pl.DataType) -> None:
    """Null is not empty, neighbours do not run together, order and number count."""
    assert content_hash(pl.DataFrame({"a": pl.Series(one, dtype=dtype)})) != content_hash(
        pl.DataFrame({"a": pl.Series(other, dtype=dtype)})
    )


def test_the_schema_counts() -> None:
    """The same values under another name, type or order of columns are another content."""
    frames = [
        pl.DataFrame({"a": [1], "b": [1]}),
        pl.DataFrame({"b": [1], "a": [1]}),
        pl.DataFrame({"a": [1], "c": [1]}),
        pl.DataFrame({"a": [1], "b": [1]}, schema_overrides={"b": pl.Int32}),
        pl.DataFrame({"a": [1]}),
        pl.DataFrame({"a": [1], "b": [1]}).clear(),
    ]
    assert len({content_hash(frame) for frame in frames}) == len(frames)


def test_equal_floats_hash_equal() -> None:
    """-0.0 is 0.0, and a NaN is a NaN, wherever its bits came from."""
    zeros = pl.DataFrame({"a": [0.0, -0.0]})
    assert content_hash(zeros.head(1)) == content_hash(zeros.tail(1))
    odd = pl.Series("a", [0x7FF8000000000001, 0xFFF8000000000000], dtype=pl.UInt64)
    nans = pl.DataFrame({"a": odd.to_numpy().view("f8")})
    assert content_hash(nans.head(1)) == content_hash(nans.tail(1)) == content_hash(pl.DataFrame({"a": [float("nan")]}))


def test_columns_can_be_left_out() -> None:
    """A column that is left out counts no more than one that is not there."""
    frame = pl.DataFrame({"a": [1], "last_modified": [date(2024, 2, 29)]})
    assert content_hash(frame, leave_out=("last_modified", "missing")) == content_hash(frame.select("a"))


def test_rows_beyond_the_first_block_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """A frame of several blocks is hashed to its last row."""
    monkeypatch.setattr(canonical, "BLOCK_ROWS", 3)
    numbers = pl.DataFrame({"a": range(10)})
    assert content_hash(numbers) != content_hash(numbers.with_columns(pl.col("a").replace(9, 99)))
    assert content_hash(numbers) != content_hash(numbers.head(9))


def test_the_definition_does_not_move() -> None:
    """The hash of this frame was written down when the format was made; another one means another format."""
    frame = pl.DataFrame(
        {"a": ["x", None, "é"], "n": [1, None, -3], "l": [["p", "p"], [], None], "f": [0.5, None, -0.0]}
    )
    assert content_hash(frame) == "86f666aef85c98a91c8355415eebdd4aaa84bec2756aeb694a8913b377314994"


def test_a_type_without_a_definition_is_refused() -> None:
    """A duration has no canonical bytes, and is a bug rather than a hash that may change."""
    with pytest.raises(MootechError):
        content_hash(pl.DataFrame({"a": pl.Series([1], dtype=pl.Duration("us"))}))


@given(st.lists(st.text("0123456789abcdef", min_size=64, max_size=64), max_size=4))
def test_combining_keeps_order_and_number(hashes: list[str]) -> None:
    """A combined hash changes with the order and the number of its parts."""
    assert combined_hash(hashes) != combined_hash([*hashes, "0" * 64])
    assert (combined_hash(hashes) == combined_hash(hashes[::-1])) == (hashes == hashes[::-1])


def test_the_same_frame_gives_the_same_parquet_bytes(tmp_path: Path) -> None:
    """Chunks, slices and sort flags of a frame leave no trace in the file that is written of it."""
    frame = pl.DataFrame({"a": range(1000), "b": [None, "x"] * 500}, schema={"a": pl.Int64, "b": pl.String})
    twins = [
        frame,
        pl.concat([frame.head(1), frame.slice(1)], rechunk=False),
        frame.with_columns(pl.col("a").set_sorted()),
    ]
    for number, twin in enumerate(twins):
        write(twin, tmp_path / str(number), {"mootech.receipt": "{}"})
    assert len({(tmp_path / str(number)).read_bytes() for number in range(len(twins))}) == 1
