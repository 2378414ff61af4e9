"""Which answers the sandbox spoils: mixes of faults, and draws that are the same every time."""

from collections import Counter

import pytest

from mootech.errors import UsageError
from mootech.sandbox.faults import EXPORT_FAULTS, LEAKS, Draw, Fault, FaultMix


def test_a_mix_is_a_list_of_names_with_shares() -> None:
    """A group's share is divided among its faults; a later item replaces an earlier one; 0 takes a fault out."""
    assert FaultMix.parse("resets=0.2, drip=0.1").shares == {Fault.RESETS: 0.2, Fault.DRIP: 0.1}
    assert FaultMix.parse("resets,resets=0.5").shares == {Fault.RESETS: 0.5}
    rough = FaultMix.parse("rough,bomb=0")
    assert Fault.BOMB not in rough.shares
    assert FaultMix.parse("rough").total == pytest.approx(0.4)
    assert FaultMix.parse("flaky").total == pytest.approx(0.1)
    assert FaultMix.parse("bad-json=0.6").shares[Fault.HTML] == pytest.approx(0.1)


def test_rough_has_every_fault_that_a_later_run_can_overcome() -> None:
    """All but the source that never comes back, the slow one, the one that keeps rows to itself, and the jobs' own."""
    assert FaultMix.parse("rough").shares.keys() == set(Fault) - {Fault.GONE, Fault.SLOW, *LEAKS, *EXPORT_FAULTS}


@pytest.mark.parametrize("text", ["", "tidy", "resets=", "resets=much", "resets=2", "resets=-1", "drip=nan"])
def test_a_mix_that_is_none_is_a_usage_error(text: str) -> None:
    """An unknown name lists those there are; a share is a number from 0 to 1."""
    with pytest.raises(UsageError) as caught:
        FaultMix.parse(text)
    if text in {"", "tidy"}:
        assert all(name in caught.value.hint for name in ("flaky", "rough", *Fault))


def test_more_faults_than_answers_are_a_usage_error() -> None:
    """Shares add up to 1 at most."""
    with pytest.raises(UsageError, match=r"add up to 1\.2"):
        FaultMix.parse("resets=0.6,drip=0.6")


def test_the_same_requests_get_the_same_faults_in_any_order() -> None:
    """What a request meets depends on the seed, on itself, and on how often it was sent; on nothing else."""
    requests = [f"GET /v1/users?n={n}" for n in range(50)] * 3
    mix = FaultMix.parse("rough")

    def drawn(order: list[str], seed: int) -> dict[str, list[tuple[Fault | None, int]]]:
        draw = Draw(mix, seed)
        answers: dict[str, list[tuple[Fault | None, int]]] = {}
        for request in order:
            answers.setdefault(request, []).append(draw.fault(request, set(Fault)))
        return answers

    assert drawn(requests, 1) == drawn(requests[::-1], 1)
    assert drawn(requests, 1) != drawn(requests, 2)


@pytest.mark.parametrize("possible", [set(Fault), {Fault.RESETS, Fault.DRIP}])
def test_as_many_answers_are_spoiled_as_the_mix_says(possible: set[Fault]) -> None:
    """Faults that an answer cannot have leave their share to the others; all that can come do."""
    draw = Draw(FaultMix.parse("rough"))
    drawn = Counter(draw.fault(f"{n}", possible)[0] for n in range(5_000))
    assert 0.37 < 1 - drawn[None] / 5_000 < 0.43
    assert set(drawn) - {None} == possible - {Fault.GONE, Fault.SLOW, *LEAKS, *EXPORT_FAULTS}


def test_an_answer_that_can_have_no_fault_of_the_mix_is_good() -> None:
    """A mix of faults in pages spoils nothing else."""
    draw = Draw(FaultMix.parse("repeated-page=1"))
    assert draw.fault("GET /v1/metrics/hits", {Fault.RESETS})[0] is None
