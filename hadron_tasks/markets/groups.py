"""Which markets belong together, and what that says of their prices.

A market says by itself which groups it is in: its event, the game it is about, the ladder of
strikes or dates it is a rung of, the combo it is a leg of. So a group is found by its key, no pair
of markets is ever compared, and one that opens or ends changes nothing but its own rows. What
follows from a group (implies, excludes, complements ...) follows from its kind and its order.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from enum import StrEnum
from itertools import pairwise
from typing import NamedTuple

from hadron_tasks.markets.arbitrage import Claim
from hadron_tasks.markets.exhaustive import covers_everything
from hadron_tasks.markets.facts import MarketFacts
from hadron_tasks.markets.prices import Side
from hadron_tasks.markets.underlyings import VENUE as UNDERLYING_VENUE
from hadron_tasks.markets.underlyings import Observed, underlying_of
from hadron_tasks.tickers import ParsedTicker
from hadron_tasks.tickers.parsed import Direction, Family, MarketType, OutcomeKind

_GREATER = {"greater": 1, "greater_or_equal": 0}
"""Strike types whose YES is the upper side; 1 where the strike itself is not part of it."""
_LESS = {"less": 0, "less_or_equal": 1}
"""Those whose YES is the lower side; 1 where the strike itself is part of it."""
_UP = {Direction.ABOVE: 1, Direction.AT_LEAST: 0}
_DOWN = {Direction.BELOW: 0, Direction.AT_MOST: 1}


_NEXT_TO = Decimal("1e-12")
"""Closer than any two strikes."""


class GroupKind(StrEnum):
    """What the markets of a group have in common."""

    EVENT = "event"
    """One event of the exchange: one question with several answers."""
    EXCLUSIVE = "exclusive"
    """An event of which at most one market settles YES; the exchange says so."""
    GAME = "game"
    """One game, across series: winner, spreads, totals, halves, props."""
    LADDER = "ladder"
    """Strikes on one number at one time, each of which implies every one after it."""
    DEADLINES = "deadlines"
    """One question by several dates: by March implies by June."""
    COMBO = "combo"
    """A combo, at the front, and its legs."""
    EXHAUSTIVE = "exhaustive"
    """An exclusive event of which one market settles YES for sure: nothing else can happen."""
    UNDERLYING = "underlying"
    """Markets on a number that another venue carries."""
    TOUCH = "touch"
    """Those of them that are about the highest, or the lowest, it ever is."""


class EdgeKind(StrEnum):
    """What one market says of another."""

    IMPLIES = "implies"
    EXCLUDES = "excludes"
    SAME_GAME = "same_game"
    SAME_EVENT = "same_event"
    COMPLEMENTS = "complements"
    LEG_OF = "leg_of"
    UNDERLYING_OF = "underlying_of"


_FROM_THE_FIRST = {
    GroupKind.EXCLUSIVE: EdgeKind.EXCLUDES,
    GroupKind.GAME: EdgeKind.SAME_GAME,
    GroupKind.EVENT: EdgeKind.SAME_EVENT,
}
"""What each pair of a group's members has: named from the first to the others."""


class Membership(NamedTuple):
    """A market's place in a group."""

    kind: GroupKind
    key: str
    """The same for all members."""
    ticker: str
    side: Side
    """Of a leg of a combo, the side that the combo needs; YES everywhere else."""
    position: Decimal
    """Members stand in this order: on a ladder each implies those after it."""


class Edge(NamedTuple):
    """What follows from a group for two of its members."""

    kind: EdgeKind
    source: Claim
    target: Claim


def event_memberships(
    markets: Sequence[MarketFacts], mapped: Mapping[str, str] | None = None
) -> Iterator[Membership]:
    """The groups that the markets of one event are in.

    Args:
        markets: All of the event: whether one of them has to come true depends on all.
        mapped: See :func:`~hadron_tasks.markets.underlyings.underlying_of`.
    """
    for market in markets:
        yield from memberships(market, mapped)
    if markets and markets[0].mutually_exclusive and covers_everything(markets):
        for market in markets:
            yield Membership(
                GroupKind.EXHAUSTIVE, market.event_ticker, market.ticker, Side.YES, Decimal(0)
            )


def memberships(
    market: MarketFacts, mapped: Mapping[str, str] | None = None
) -> Iterator[Membership]:
    """The groups that a market is in by itself."""
    yes, first = Side.YES, Decimal(0)
    if market.legs:
        yield Membership(GroupKind.COMBO, market.ticker, market.ticker, yes, first)
        for number, leg in enumerate(market.legs, start=1):
            yield Membership(GroupKind.COMBO, market.ticker, leg.ticker, leg.side, Decimal(number))
        # A combo's event is a list of combos that have nothing to do with each other.
        return
    yield Membership(GroupKind.EVENT, market.event_ticker, market.ticker, yes, first)
    if market.mutually_exclusive:
        yield Membership(GroupKind.EXCLUSIVE, market.event_ticker, market.ticker, yes, first)
    parsed = market.parsed
    if parsed is None:
        return
    if (game := _game_key(parsed)) is not None:
        yield Membership(GroupKind.GAME, game, market.ticker, yes, first)
    if (rung := _rung(market, parsed, game)) is not None:
        key, position = rung
        yield Membership(GroupKind.LADDER, key, market.ticker, yes, position)
    if (underlying := underlying_of(parsed.series, mapped)) is not None:
        key = f"{UNDERLYING_VENUE}:{underlying.ticker}"
        yield Membership(GroupKind.UNDERLYING, key, market.ticker, yes, first)
        if underlying.observed is not Observed.AT_CLOSE:
            key = f"{underlying.observed}:{key}"
            yield Membership(GroupKind.TOUCH, key, market.ticker, yes, first)
    if parsed.family is Family.DEADLINE and parsed.deadline is not None:
        by = parsed.deadline
        # "By March" and "by March 15" are not compared: whether a month's first or last day is
        # meant is in the rules, not in the ticker.
        key = f"{parsed.series}:{parsed.scope or ''}:{_subject(parsed)}:{by.precision}"
        day = Decimal(f"{by.year:04}{by.month:02}{by.day:02}")
        yield Membership(GroupKind.DEADLINES, key, market.ticker, yes, day)


def edges(group: Sequence[Membership]) -> Iterator[Edge]:
    """What follows from one group for its members, in its order.

    On a ladder only neighbours are named: the rest follows from them.
    """
    members = sorted(group, key=lambda member: (member.position, member.ticker))
    claims = [Claim(member.ticker, member.side) for member in members]
    if not members:
        return
    match members[0].kind:
        case GroupKind.LADDER | GroupKind.DEADLINES:
            for (earlier, later), (source, target) in zip(
                pairwise(members), pairwise(claims), strict=True
            ):
                if earlier.position != later.position:
                    yield Edge(EdgeKind.IMPLIES, source, target)
        case GroupKind.COMBO:
            for leg in claims[1:]:
                yield Edge(EdgeKind.LEG_OF, leg, claims[0])
        case GroupKind.EXHAUSTIVE:
            if len(claims) == 2:
                yield Edge(EdgeKind.COMPLEMENTS, claims[0], claims[1])
        case kind if kind in _FROM_THE_FIRST:
            for one in claims[1:]:
                yield Edge(_FROM_THE_FIRST[kind], claims[0], one)


def rungs(group: Iterable[Membership]) -> list[Claim]:
    """A ladder as :func:`~hadron_tasks.markets.arbitrage.ladder` takes it."""
    members = sorted(group, key=lambda member: (member.position, member.ticker))
    return [Claim(member.ticker, member.side) for member in members]


def _game_key(parsed: ParsedTicker) -> str | None:
    if parsed.family is not Family.GAME or len(parsed.teams) != 2 or parsed.when is None:
        return None
    teams = "-".join(sorted(team.code for team in parsed.teams))
    return f"{parsed.league or parsed.sport or parsed.series}:{parsed.when.iso()}:{teams}"


def _rung(
    market: MarketFacts, parsed: ParsedTicker, game: str | None
) -> tuple[str, Decimal] | None:
    """The ladder a strike stands on, and where; the exchange's own strike first."""
    if game is not None and parsed.market_type is MarketType.MONEYLINE:
        # To win is to win by more than nothing: where the ladder of a team's spreads ends.
        wins = parsed.outcome is not None and parsed.outcome.kind is OutcomeKind.TEAM
        return (_margin_key(game, parsed), -_NEXT_TO) if wins else None
    if market.mutually_exclusive:
        return None
    strike = parsed.strike
    inclusive: int | None
    if (inclusive := _GREATER.get(market.strike_type or "")) is not None:
        upward, value = True, market.floor_strike
    elif (inclusive := _LESS.get(market.strike_type or "")) is not None:
        upward, value = False, market.cap_strike
    elif strike is not None and (inclusive := _UP.get(strike.direction)) is not None:
        upward, value = True, strike.value
    elif strike is not None and (inclusive := _DOWN.get(strike.direction)) is not None:
        upward, value = False, strike.value
    else:
        return None
    if value is None:
        return None
    # Of two rungs at one number, more than it implies at least it, and less than it at most it.
    edge = value + inclusive * _NEXT_TO
    if game is not None and upward and parsed.market_type is MarketType.SPREAD and value >= 0:
        return _margin_key(game, parsed), -edge
    direction = "up" if upward else "down"
    key = f"{market.event_ticker}:{direction}:{parsed.period or ''}:{_subject(parsed)}"
    return key, -edge if upward else edge


def _margin_key(game: str, parsed: ParsedTicker) -> str:
    return f"{game}:margin:{_subject(parsed)}"


def _subject(parsed: ParsedTicker) -> str:
    """Whose number it is, where an event has several: a team's spread, a player's points."""
    outcome = parsed.outcome
    return "" if outcome is None or outcome.kind == "number" else f"{outcome.kind}={outcome.code}"
