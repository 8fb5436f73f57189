"""What belongs together with a market: its groups, with the prices of all in them."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

from psycopg2.extensions import cursor as Cursor  # noqa: N812

from hadron_tasks.markets.groups import GroupKind
from hadron_tasks.store.instruments import instrument_id
from hadron_tasks.store.market_quotes import (
    Described,
    Group,
    GroupMember,
    Standing,
    described,
    groups_of,
    markets_called,
    members_of,
    standings_of,
)

_ORDER = (
    GroupKind.GAME,
    GroupKind.LADDER,
    GroupKind.DEADLINES,
    GroupKind.EXHAUSTIVE,
    GroupKind.EXCLUSIVE,
    GroupKind.COMBO,
    GroupKind.EVENT,
    GroupKind.UNDERLYING,
)


class RelatedMarket(NamedTuple):
    """A market of a group, as it stands."""

    ticker: str
    side: str
    name: str
    event_ticker: str
    event_title: str
    status: str | None
    bid: Decimal | None
    ask: Decimal | None
    price: Decimal | None


class RelatedGroup(NamedTuple):
    """A group that the market is in."""

    kind: GroupKind
    key: str
    markets: list[RelatedMarket]
    """In the group's order: strikes, dates; by event and strike where it has none."""


def related_groups(cursor: Cursor, name: str) -> list[RelatedGroup]:
    """The groups of a market, or of the markets of an event; none for a name nobody knows.

    A group that says no more than another one is left out: an event's list where the event is a
    set, a set where it is exhaustive. Of an underlying only itself is listed, not all that is
    about it.
    """
    ids = markets_called(cursor, name)
    every = {
        group
        for groups in groups_of(
            cursor, ids, [kind for kind in GroupKind if kind is not GroupKind.TOUCH]
        ).values()
        for group in groups
    }
    members = members_of(cursor, _telling(every))
    for group, found in members.items():
        if group[0] == GroupKind.UNDERLYING:
            venue, _, ticker = group[1].partition(":")
            found[:] = [GroupMember(ticker, "yes", str(instrument_id(venue, ticker)))]
    wanted = {member.instrument_id for found in members.values() for member in found}
    names = described(cursor, wanted)
    standings = {one.instrument_id: one for one in standings_of(cursor, wanted)}
    groups = [
        RelatedGroup(
            GroupKind(kind),
            key,
            _in_order(
                GroupKind(kind),
                [_market(one, names.get(one.instrument_id)) for one in found],
                [standings.get(one.instrument_id) for one in found],
            ),
        )
        for (kind, key), found in members.items()
    ]
    return sorted(groups, key=lambda group: (_ORDER.index(group.kind), group.key))


def _telling(groups: set[Group]) -> list[Group]:
    kinds_of: dict[str, set[str]] = {}
    for kind, key in groups:
        kinds_of.setdefault(key, set()).add(kind)
    return [
        (kind, key)
        for kind, key in groups
        if not (
            (kind == GroupKind.EXCLUSIVE and GroupKind.EXHAUSTIVE in kinds_of[key])
            or (kind == GroupKind.EVENT and len(kinds_of[key]) > 1)
        )
    ]


def _market(member: GroupMember, known: Described | None) -> RelatedMarket:
    return RelatedMarket(
        member.ticker,
        member.side,
        known.name if known else member.ticker,
        (known and known.event_ticker) or member.ticker.rpartition("-")[0],
        (known and known.event_title) or "",
        None,
        None,
        None,
        None,
    )


def _in_order(
    kind: GroupKind, markets: Sequence[RelatedMarket], standings: Sequence[Standing | None]
) -> list[RelatedMarket]:
    priced = [
        market
        if standing is None
        else market._replace(
            status=standing.status, bid=standing.bid, ask=standing.ask, price=standing.price
        )
        for market, standing in zip(markets, standings, strict=True)
    ]
    if kind in (GroupKind.LADDER, GroupKind.DEADLINES, GroupKind.COMBO):
        return priced
    strikes = {one.ticker: _strike(one) for one in standings if one is not None}
    lowest = (Decimal("-Infinity"), Decimal("-Infinity"))
    priced.sort(key=lambda one: (one.event_ticker, strikes.get(one.ticker, lowest), one.ticker))
    return priced


def _strike(one: Standing) -> tuple[Decimal, Decimal]:
    lowest, highest = Decimal("-Infinity"), Decimal("Infinity")
    floor = lowest if one.floor_strike is None else one.floor_strike
    return floor, highest if one.cap_strike is None else one.cap_strike
