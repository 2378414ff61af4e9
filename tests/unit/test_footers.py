"""Receipts and provenances as text: their bytes stay, newer names are ignored, and garbage is no receipt."""

import json
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mootech.lake.footers import PROVENANCE, RECEIPT, provenance_in, receipt_in
from mootech.model import Provenance, Receipt, Reconciled

PLAIN = Receipt("transactions", "2024-02-29", 5, 2, 2, 1, None, "0123456789abcdef.parquet", "hash")
FIGURES = Reconciled(source_hits=4, source_visitors=2, hits=4, visitors=2, passes=(4, 1), repeated=1)
COUNTED = replace(PLAIN, table="clickstream", source_total=1, reconciled=FIGURES)
MADE = Provenance("hash", "inputs")
Read = Callable[[str], Receipt | Provenance | None]


def _receipt(text: str) -> Receipt | None:
    return receipt_in({RECEIPT: text})


def _provenance(text: str) -> Provenance | None:
    return provenance_in({PROVENANCE: text})


def test_the_text_keeps_its_bytes() -> None:
    """A receipt and a provenance are written as ever: another text would rewrite every partition of a lake."""
    assert PLAIN.to_json() == (
        '{"content_hash": "hash", "duplicates": 1, "fetched": 5, "published": 2, '
        '"quarantine": "0123456789abcdef.parquet", "quarantined": 2, "schema_version": 1, "source_total": null, '
        '"table": "transactions", "utc_date": "2024-02-29"}'
    )
    assert COUNTED.to_json().replace("clickstream", "transactions") == PLAIN.to_json().replace(
        '"schema_version"',
        '"reconciled": {"hits": 4, "passes": [4, 1], "repeated": 1, "source_hits": 4, "source_visitors": 2, '
        '"visitors": 2}, "schema_version"',
    ).replace("null", "1")
    assert MADE.to_json() == '{"content_hash": "hash", "inputs_hash": "inputs", "schema_version": 1}'


@pytest.mark.parametrize("written", [PLAIN, COUNTED])
def test_what_was_written_is_read(written: Receipt) -> None:
    """A receipt, with figures and without, and a provenance survive their text; a footer without them has none."""
    assert _receipt(written.to_json()) == written
    assert _provenance(MADE.to_json()) == MADE
    assert receipt_in({}) is None
    assert provenance_in({}) is None


def test_names_that_a_newer_mootech_added_are_ignored() -> None:
    """Whatever stands under a name that this mootech does not know, the rest is read as ever."""
    figures = {**asdict(FIGURES), "bots": 7}
    newer = {**asdict(COUNTED), "reconciled": figures, "made_by": {"version": [2, 0]}}
    assert _receipt(json.dumps(newer)) == COUNTED
    assert _provenance(json.dumps({**asdict(MADE), "engine": "spark"})) == MADE


def _with(**changes: object) -> str:
    return json.dumps({**asdict(COUNTED), **changes})


def _figures(**changes: object) -> str:
    return _with(reconciled={**asdict(FIGURES), **changes})


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        "{}",
        "{",
        "\x00",
        "\ud800",
        '{"a":' * 100_000,
        f'{PLAIN.to_json()[:-1]}, "x": {"[" * 100_000}{"]" * 100_000}}}',
        f"{PLAIN.to_json()} x",
        PLAIN.to_json()[:-1],
        PLAIN.to_json().replace('"fetched": 5', '"fetched": NaN'),
        PLAIN.to_json().replace('"fetched": 5', f'"fetched": 1{"0" * 5000}'),
        PLAIN.to_json().replace('"fetched": 5, ', ""),
        _with(fetched="5"),
        _with(fetched=5.0),
        _with(fetched=True),
        _with(fetched=None),
        _with(fetched=[5]),
        _with(fetched=-1),
        _with(fetched=2**63),
        _with(source_total=10**400),
        _with(schema_version=10**30),
        _with(utc_date=20240229),
        _with(quarantine=7),
        _with(quarantine=""),
        _with(quarantine="../0123456789abcdef.parquet"),
        _with(reconciled=[]),
        _with(reconciled={}),
        _figures(passes=4),
        _figures(passes=[4, "1"]),
        _figures(hits=-4),
        _figures(hits=2**63),
        _figures(repeated=2),
    ],
)
def test_garbage_is_no_receipt(text: str) -> None:
    """Broken JSON, deep nesting, wrong types, impossible counts and names give no receipt, and no error."""
    assert _receipt(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"a":' * 100_000,
        *(json.dumps({**asdict(MADE), "schema_version": n}) for n in ("1", -1, 10**30)),
    ],
)
def test_garbage_is_no_provenance(text: str) -> None:
    """The same of a derived object's provenance."""
    assert _provenance(text) is None


NUMBERS = st.integers() | st.floats() | st.sampled_from([2**63 - 1, 2**63, -1, 10**400])
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(
    st.dictionaries(st.sampled_from(sorted(asdict(COUNTED))), VALUES, max_size=2),
    st.none() | st.dictionaries(st.sampled_from(sorted(asdict(FIGURES))), VALUES, max_size=2),
)
def test_whatever_is_read_can_be_worked_with(changes: dict[str, Any], inner: dict[str, Any] | None) -> None:
    """A receipt with any values in it is none, or one whose text is read again and whose properties can be asked."""
    fields = {**asdict(COUNTED), **({} if inner is None else {"reconciled": {**asdict(FIGURES), **inner}}), **changes}
    receipt = _receipt(json.dumps(fields))
    if receipt is not None:
        assert _receipt(receipt.to_json()) == receipt
        assert _receipt(receipt.of_one_pass.to_json()) == receipt.of_one_pass
        assert 0 <= receipt.fetched < 2**63
        assert receipt.reconciled is None or 0 <= receipt.reconciled.share <= 1
