"""The next address in a Link header, in every spelling that RFC 8288 allows."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mootech.source.links import next_of

NEXT = "https://shop.example/orders?page=2"


@pytest.mark.parametrize(
    "header",
    [
        f'<{NEXT}>; rel="next"',
        f"<{NEXT}>; rel=next",
        f"<{NEXT}>;rel=next",
        f'<{NEXT}>; REL="Next"',
        f'<{NEXT}>; rel="prefetch NEXT"',
        f'<{NEXT}>; rel="next\tlast"',
        f'<{NEXT}> ; title="a, b; c" ; rel = "next"',
        f'<{NEXT}>; title="say \\"next\\", please"; rel="next"',
        f'<https://shop.example/a,b;c>; rel="first", <{NEXT}>; rel="next"',
        f', <https://shop.example/>; rel="first",, <{NEXT}>; rel="next",',
        f'<{NEXT}>; rel="next", <{NEXT}>; rel="last next"',
        f'<{NEXT}>; results="true"; rel="next"; rel="last"',
        f'<{NEXT}>; crossorigin; rel="n\\ext";',
    ],
)
def test_the_relation_is_a_word_of_a_list_in_any_case(header: str) -> None:
    """Quoted or not, alone or among others, first or last, after commas in addresses and titles."""
    assert next_of(header) == NEXT


@pytest.mark.parametrize(
    "header",
    [
        "",
        " , ",
        f'<{NEXT}>; rel="prev"',
        f'<{NEXT}>; rel="next-archive nextpage"',
        f'<{NEXT}>; rev="next"',
        f'<{NEXT}>; title="rel=next"',
        f'<{NEXT}>; rel="last"; rel="next"',
        f"<{NEXT}>; rel",
        f"<{NEXT}>",
    ],
)
def test_what_only_looks_like_a_next_page_is_none(header: str) -> None:
    """Longer words, other parameters, a second `rel`: no next page is named."""
    assert next_of(header) is None


@pytest.mark.parametrize(
    "header",
    [
        f'{NEXT}; rel="next"',
        f'<{NEXT}; rel="next"',
        f'<{NEXT}> rel="next"',
        f'<{NEXT}>; rel="next',
        f'<{NEXT}>; rel="next", <https://shop.example/orders?page=3>; rel="next"',
    ],
)
def test_a_header_that_cannot_be_read_is_no_end(header: str) -> None:
    """A torn header, or one with two next pages, is an error, because a missing next page ends the day."""
    with pytest.raises(msgspec.ValidationError, match="Link header"):
        next_of(header)


RELATIONS = st.lists(st.sampled_from(["first", "prev", "last", "next", "nextish"]), min_size=1, max_size=3)
LINKS = st.lists(st.tuples(RELATIONS, st.sampled_from(['; title="x, <y>; rel=next"', "; hreflang=de", ""])), max_size=4)


@given(LINKS, st.randoms(use_true_random=False))
def test_the_next_link_is_found_wherever_it_stands(links: list[tuple[list[str], str]], random: object) -> None:
    """Among any links, in any case and order of parameters, the address is that of the one with the word next."""
    has_next = [number for number, (relations, _) in enumerate(links) if "next" in relations]
    parts = []
    for number, (relations, more) in enumerate(links):
        words = " ".join(word.upper() if random.random() < 0.5 else word for word in relations)  # type: ignore[attr-defined] # hypothesis' Random
        rel = f'; rel="{words}"'
        parts.append(f"<https://shop.example/?p={number},;>" + (more + rel if random.random() < 0.5 else rel + more))  # type: ignore[attr-defined] # the same
    if len(has_next) > 1:
        with pytest.raises(msgspec.ValidationError):
            next_of(", ".join(parts))
    else:
        assert next_of(", ".join(parts)) == (f"https://shop.example/?p={has_next[0]},;" if has_next else None)
