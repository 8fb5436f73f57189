"""What a settled market says of the others in its groups."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hadron_tasks.markets.arbitrage import Claim
from hadron_tasks.markets.certainty import follows
from hadron_tasks.markets.groups import GroupKind
from hadron_tasks.markets.prices import Side

YES, NO = Side.YES, Side.NO


def certain(kind: GroupKind, sides: str, results: str) -> str:
    """``sides`` and ``results`` a letter a market: y, n; - for nothing known. So is the answer."""
    names = {"y": YES, "n": NO}
    claims = [Claim(str(number), names[side]) for number, side in enumerate(sides)]
    known = {str(number): names[told] for number, told in enumerate(results) if told != "-"}
    answer = ["-"] * len(claims)
    for one in follows(kind, claims, known):
        assert answer[int(one.claim.ticker)] == "-", "said twice"
        assert one.why
        answer[int(one.claim.ticker)] = "y" if one.claim.side is YES else "n"
    return "".join(answer)


@pytest.mark.parametrize(
    ("kind", "results", "answer"),
    [
        (GroupKind.EXCLUSIVE, "-y-", "n-n"),
        (GroupKind.EXCLUSIVE, "-n-", "---"),
        (GroupKind.EXCLUSIVE, "ny-", "--n"),
        (GroupKind.EXHAUSTIVE, "nn-", "--y"),
        (GroupKind.EXHAUSTIVE, "n--", "---"),
        (GroupKind.EXHAUSTIVE, "nny", "---"),
        # Each implies those after it.
        (GroupKind.LADDER, "-y--", "--yy"),
        (GroupKind.LADDER, "--n-", "nn--"),
        (GroupKind.LADDER, "-n-y-", "n---y"),
        (GroupKind.DEADLINES, "y--", "-yy"),
        (GroupKind.EVENT, "y--", "---"),
        (GroupKind.GAME, "y--", "---"),
    ],
)
def test_what_follows(kind: GroupKind, results: str, answer: str) -> None:
    assert certain(kind, "y" * len(results), results) == answer


@pytest.mark.parametrize(
    ("results", "answer"),
    [("-n-", "n--"), ("--y", "n--"), ("-yn", "y--"), ("-y-", "---"), ("yyn", "---")],
)
def test_a_combo_needs_its_second_leg_to_fail(results: str, answer: str) -> None:
    assert certain(GroupKind.COMBO, "yyn", results) == answer


def possible(kind: GroupKind, outcome: Sequence[bool]) -> bool:
    match kind:
        case GroupKind.EXCLUSIVE:
            return sum(outcome) <= 1
        case GroupKind.EXHAUSTIVE:
            return sum(outcome) >= 1
        case _:
            return all(not one or later for one, later in pairwise(outcome))


@given(
    kind=st.sampled_from([GroupKind.EXCLUSIVE, GroupKind.EXHAUSTIVE, GroupKind.LADDER]),
    truth=st.lists(st.booleans(), min_size=2, max_size=6),
    told=st.lists(st.booleans(), min_size=6, max_size=6),
)
def test_it_is_all_that_follows_and_nothing_else(
    kind: GroupKind, truth: list[bool], told: list[bool]
) -> None:
    """Compared with every outcome that the group allows and that agrees with what is known."""
    if not possible(kind, truth):
        return
    results = "".join(
        ("y" if true else "n") if known else "-" for true, known in zip(truth, told, strict=False)
    )
    outcomes = [
        outcome
        for outcome in product([False, True], repeat=len(truth))
        if possible(kind, outcome)
        and all(r == "-" or (r == "y") is o for r, o in zip(results, outcome, strict=True))
    ]
    expected = "".join(
        "-"
        if results[at] != "-" or len({outcome[at] for outcome in outcomes}) > 1
        else ("y" if outcomes[0][at] else "n")
        for at in range(len(truth))
    )
    assert certain(kind, "y" * len(truth), results) == expected
