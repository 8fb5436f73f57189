"""Whether one of a set of markets has to come true.

The exchange says of an event that at most one of its markets settles YES, never that one does.
That follows only where the markets cover everything that can happen: strikes without a hole from
nothing to infinity, or each competitor of a game that cannot end level.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from hadron_tasks.markets.facts import MarketFacts
from hadron_tasks.tickers import Family, MarketType
from hadron_tasks.tickers.parsed import OutcomeKind

_BELOW = frozenset({"less", "less_or_equal"})
_ABOVE = frozenset({"greater", "greater_or_equal"})

_NEVER_LEVEL = frozenset({"basketball", "hockey", "baseball", "tennis"})
"""Sports that are played on until somebody has won."""
_NEVER_LEVEL_LEAGUES = frozenset({"NCAA football"})
"""Leagues that are, of a sport that is not: an NFL game can end level."""


def covers_everything(markets: Sequence[MarketFacts]) -> bool:
    """Whether one of an event's markets settles YES whatever happens.

    A game that is called off is not thought of: the exchange then settles by its rules.

    Args:
        markets: All of an event of which at most one settles YES.
    """
    if len(markets) < 2:
        return False
    return _strikes_cover(markets) or _competitors_cover(markets)


def _strikes_cover(markets: Sequence[MarketFacts]) -> bool:
    lowest, highest = [], []
    ranges: list[tuple[Decimal, Decimal]] = []
    for market in markets:
        floor, cap = market.floor_strike, market.cap_strike
        if market.strike_type in _BELOW and cap is not None:
            lowest.append(cap)
        elif market.strike_type in _ABOVE and floor is not None:
            highest.append(floor)
        elif market.strike_type == "between" and floor is not None and cap is not None:
            ranges.append((floor, cap))
        else:
            return False
    if len(lowest) != 1 or len(highest) != 1:
        return False
    reached = lowest[0]
    for floor, cap in sorted(ranges):
        if not _meets(reached, floor) or cap < floor:
            return False
        reached = cap
    return _meets(reached, highest[0])


def _meets(cap: Decimal, floor: Decimal) -> bool:
    """Whether nothing lies between: 53 and 54 where whole degrees are told, 4499.99 and 4500."""
    digits = min(int(cap.normalize().as_tuple().exponent), 0)
    return 0 <= floor - cap <= Decimal(1).scaleb(digits)


def _competitors_cover(markets: Sequence[MarketFacts]) -> bool:
    sides = set()
    parsed = None
    for market in markets:
        parsed = market.parsed
        if parsed is None or parsed.family is not Family.GAME or len(parsed.teams) != 2:
            return False
        if parsed.market_type is not MarketType.MONEYLINE or parsed.outcome is None:
            return False
        tie = parsed.outcome.kind is OutcomeKind.TIE
        sides.add("" if tie else parsed.outcome.code)
    if parsed is None:
        return False
    everybody = {team.code for team in parsed.teams}
    if sides == {*everybody, ""}:
        return True
    never_level = parsed.sport in _NEVER_LEVEL or parsed.league in _NEVER_LEVEL_LEAGUES
    return never_level and sides == everybody
