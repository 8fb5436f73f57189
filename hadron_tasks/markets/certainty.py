"""What is settled already, and what follows from it for the other markets of a group."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from hadron_tasks.markets.arbitrage import Claim
from hadron_tasks.markets.groups import GroupKind
from hadron_tasks.markets.prices import Side


class Certain(NamedTuple):
    """A claim that will pay."""

    claim: Claim
    why: str


Results = Mapping[str, Side]
"""The markets whose outcome the exchange has told, by ticker: the side that won."""


def follows(kind: GroupKind, claims: Sequence[Claim], results: Results) -> Iterator[Certain]:
    """What is certain of a group's other markets.

    Args:
        kind: Of the group.
        claims: Its members in their order.
        results: What is known of them.
    """
    known = [results.get(claim.ticker) for claim in claims]
    if not any(known):
        return
    match kind:
        case GroupKind.EXCLUSIVE:
            yield from _the_others_lost(claims, known)
        case GroupKind.EXHAUSTIVE:
            yield from _the_last_one_wins(claims, known)
        case GroupKind.LADDER | GroupKind.DEADLINES:
            yield from _along_the_ladder(claims, known)
        case GroupKind.COMBO:
            yield from _of_a_combo(claims, known)


def _the_others_lost(claims: Sequence[Claim], known: Sequence[Side | None]) -> Iterator[Certain]:
    for winner, side in zip(claims, known, strict=True):
        if side is Side.YES:
            for claim, told in zip(claims, known, strict=True):
                if told is None:
                    why = f"{winner.ticker} came true, and at most one of them does"
                    yield Certain(claim.opposite, why)
            return


def _the_last_one_wins(claims: Sequence[Claim], known: Sequence[Side | None]) -> Iterator[Certain]:
    left = [claim for claim, side in zip(claims, known, strict=True) if side is not Side.NO]
    if len(left) == 1 and known[claims.index(left[0])] is None:
        yield Certain(left[0], f"the other {len(claims) - 1} did not come true, and one has to")


def _along_the_ladder(claims: Sequence[Claim], known: Sequence[Side | None]) -> Iterator[Certain]:
    # Each implies every one after it: what holds at the first that came true holds for all after
    # it, what holds at the last that did not for all before it.
    first_yes = next((at for at, side in enumerate(known) if side is Side.YES), None)
    last_no = next((at for at in reversed(range(len(known))) if known[at] is Side.NO), None)
    for at, claim in enumerate(claims):
        if known[at] is not None:
            continue
        if first_yes is not None and at > first_yes:
            yield Certain(claim, f"{claims[first_yes].ticker} came true, and implies it")
        elif last_no is not None and at < last_no:
            why = f"{claims[last_no].ticker} did not come true, and it would imply that"
            yield Certain(claim.opposite, why)


def _of_a_combo(claims: Sequence[Claim], known: Sequence[Side | None]) -> Iterator[Certain]:
    combo, legs = claims[0], claims[1:]
    if known[0] is not None or not legs:
        return
    for leg, side in zip(legs, known[1:], strict=True):
        if side is not None and side is not leg.side:
            yield Certain(combo.opposite, f"its leg {leg.ticker} {leg.side} did not come true")
            return
    if all(side is leg.side for leg, side in zip(legs, known[1:], strict=True)):
        yield Certain(combo, f"all its {len(legs)} legs came true")
