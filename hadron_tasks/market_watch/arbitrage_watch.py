"""Looking for arbitrage where something changed, and keeping account of what was found."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from hashlib import blake2b
from typing import Any, NamedTuple

from psycopg2.extensions import connection as PgConnection  # noqa: N812
from psycopg2.extensions import cursor as Cursor  # noqa: N812

from hadron_tasks.market_watch.grouping import VENUE
from hadron_tasks.market_watch.quotes import Feed, quotes_of, results_of
from hadron_tasks.markets import arbitrage
from hadron_tasks.markets.arbitrage import Claim, Finding, Kind, Quotes
from hadron_tasks.markets.certainty import Results, follows
from hadron_tasks.markets.groups import GroupKind
from hadron_tasks.markets.prices import STALE_AFTER, Quote, Side
from hadron_tasks.markets.underlyings import Observed, has_touched
from hadron_tasks.store.arbitrage import FoundNow, Recorded, record
from hadron_tasks.store.instruments import instrument_id
from hadron_tasks.store.market_groups import grouping_version
from hadron_tasks.store.market_quotes import (
    Group,
    GroupMember,
    Standing,
    groups_of,
    keys_of,
    members_of,
    standings_of,
)

_PRICED = {
    kind.value: kind
    for kind in (
        GroupKind.EXCLUSIVE,
        GroupKind.EXHAUSTIVE,
        GroupKind.LADDER,
        GroupKind.DEADLINES,
        GroupKind.COMBO,
        GroupKind.TOUCH,
    )
}
"""The groups from which something follows for prices."""

_MARKET = "market"
"""In place of a group's kind: one market by itself."""

_ONE_A_SCOPE = frozenset({Kind.CROSSED, Kind.EXHAUSTIVE_SET, Kind.EXCLUSIVE_SET, Kind.COMBO_FLOOR})
"""Kinds of which a group has one at most, whichever of its markets take part just now."""

MOST_REMEMBERED = 150_000
"""Instruments kept in memory, a kilobyte each; beyond it all are forgotten and read again."""

FORGET_AFTER_S = 60.0
"""However many there are: a change that nobody told of is found by then."""


class Looked(NamedTuple):
    """What one look found."""

    scopes: int
    recorded: Recorded


class _Seen:
    """What one look sees."""

    def __init__(self, standings: Sequence[Standing], feed: Feed | None, now: datetime) -> None:
        self.now = now
        self.by_id = {one.instrument_id: one for one in standings}
        self.quotes: Quotes = quotes_of(standings, feed, now)
        self.results: Results = results_of(standings)


class ArbitrageWatch:
    """Finds arbitrage; remembers groups and quotes from one look to the next.

    What it remembers holds as long as it is told of every change: call :meth:`forget` when
    somebody else may have been told.
    """

    def __init__(self) -> None:
        self._version = -1
        self._standings: dict[str, Standing] = {}
        self._forget_at = 0.0
        self._groups: dict[str, list[Group]] = {}
        """By instrument."""
        self._members: dict[Group, list[GroupMember]] = {}
        self._touched_by: dict[str, list[Group]] = {}
        """By underlying's instrument: the markets on the highest or lowest it ever is."""

    def forget(self) -> None:
        """Read everything again."""
        self._version = -1

    def look(
        self,
        connection: PgConnection,
        instrument_ids: Collection[str],
        again: Collection[str],
        feed: Feed | None,
        now: datetime,
    ) -> Looked:
        """Look where instruments changed, and in the scopes to look at again; store what is found.

        Args:
            instrument_ids: Their quote or their outcome changed.
            again: Scopes, as :attr:`~hadron_tasks.store.arbitrage.Opportunity.scope` has them.
            feed: Of Kalshi, now.
        """
        with connection, connection.cursor() as cursor:
            self._learn(cursor, instrument_ids)
            groups = {group for one in instrument_ids for group in self._groups.get(one, ())}
            changed = set(instrument_ids) | {
                str(instrument_id(VENUE, key))
                for kind, key in map(_group, again)
                if kind == _MARKET
            }
            groups |= {group for one in instrument_ids for group in self._touched_by.get(one, ())}
            groups |= {group for group in map(_group, again) if group[0] in _PRICED}
            self._learn_members(cursor, groups)
            wanted = changed | {
                member.instrument_id for group in groups for member in self._members.get(group, ())
            }
            wanted |= {_underlying(group) for group in groups if group[0] == GroupKind.TOUCH}
            standings = self._stand(cursor, wanted, changed)
            seen = _Seen(standings, feed, now)
            alone = {(_MARKET, one.ticker) for one in standings if one.instrument_id in changed}
            found = [
                _found(scope, finding, seen.quotes)
                for scope in (*alone, *groups)
                for finding in self._findings(scope, seen)
            ]
            scopes = [":".join(scope) for scope in (*alone, *groups)]
            return Looked(len(scopes), record(cursor, scopes, found, now))

    def _findings(self, scope: Group, seen: _Seen) -> Iterator[Finding]:
        kind, key = scope
        if kind == _MARKET:
            crossed = arbitrage.crossed(seen.quotes, key, seen.now)
            if crossed is not None:
                yield crossed
            return
        members = self._members.get(scope, ())
        if kind == GroupKind.TOUCH:
            yield from _touched(scope, members, seen)
        else:
            yield from _in_group(_PRICED[kind], members, seen)

    def _stand(
        self, cursor: Cursor, wanted: Collection[str], changed: Collection[str]
    ) -> list[Standing]:
        """The instruments as they stand; only what changed or is not remembered is read."""
        remembered = self._standings
        to_read = [one for one in wanted if one in changed or one not in remembered]
        remembered.update((one.instrument_id, one) for one in standings_of(cursor, to_read))
        return [remembered[one] for one in wanted if one in remembered]

    def _learn(self, cursor: Cursor, instrument_ids: Collection[str]) -> None:
        version = grouping_version(cursor, VENUE)
        much = max(len(self._groups), len(self._standings)) > MOST_REMEMBERED
        if version != self._version or much or time.monotonic() > self._forget_at:
            self._forget_at = time.monotonic() + FORGET_AFTER_S
            self._standings.clear()
            self._groups.clear()
            self._members.clear()
            self._touched_by.clear()
            for key in keys_of(cursor, GroupKind.TOUCH):
                group = (GroupKind.TOUCH.value, key)
                self._touched_by.setdefault(_underlying(group), []).append(group)
            self._version = version
        unknown = [one for one in instrument_ids if one not in self._groups]
        if unknown:
            known = groups_of(cursor, unknown, _PRICED)
            self._groups.update((one, known.get(one, [])) for one in unknown)

    def _learn_members(self, cursor: Cursor, groups: Collection[Group]) -> None:
        unknown = [group for group in groups if group not in self._members]
        if unknown:
            self._members.update(members_of(cursor, unknown))


def _in_group(kind: GroupKind, members: Sequence[GroupMember], seen: _Seen) -> Iterator[Finding]:
    quotes, now = seen.quotes, seen.now
    claims = [Claim(member.ticker, Side(member.side)) for member in members]
    for certain in follows(kind, claims, seen.results):
        found = arbitrage.certain(quotes, certain.claim, certain.why, now)
        if found is not None:
            yield found
    tickers = [claim.ticker for claim in claims]
    one: Finding | None = None
    match kind:
        case GroupKind.EXCLUSIVE:
            one = arbitrage.exclusive_set(quotes, tickers, now)
        case GroupKind.EXHAUSTIVE:
            one = arbitrage.exhaustive_set(quotes, tickers, now)
        case GroupKind.LADDER | GroupKind.DEADLINES:
            yield from arbitrage.ladder(quotes, claims, now)
        case GroupKind.COMBO if claims and claims[0].ticker in quotes:
            yield from arbitrage.combo(quotes, claims[0].ticker, claims[1:], now)
    if one is not None:
        yield one


def _touched(group: Group, members: Sequence[GroupMember], seen: _Seen) -> Iterator[Finding]:
    """Markets that settle YES since their number has been where they need it."""
    spot = seen.by_id.get(_underlying(group))
    if spot is None or spot.price is None or spot.received_at is None:
        return
    if seen.now - spot.received_at > STALE_AFTER:
        return
    observed = Observed(group[1].partition(":")[0])
    for member in members:
        market = seen.by_id.get(member.instrument_id)
        if market is not None and has_touched(
            observed, spot.price, market.floor_strike, market.cap_strike
        ):
            why = f"{spot.ticker} was at {spot.price}, and the {observed} value counts"
            found = arbitrage.certain(seen.quotes, Claim(member.ticker, Side.YES), why, seen.now)
            if found is not None:
                yield found


def _underlying(group: Group) -> str:
    """The instrument that a group of markets on its highest or lowest value is about."""
    _, venue, ticker = group[1].split(":", 2)
    return str(instrument_id(venue, ticker))


def _group(scope: str) -> Group:
    kind, _, key = scope.partition(":")
    return kind, key


def _found(group: Group, finding: Finding, quotes: Mapping[str, Quote]) -> FoundNow:
    scope = ":".join(group)
    identity = [scope, finding.kind.value]
    if finding.kind not in _ONE_A_SCOPE:
        identity += [f"{leg.claim.ticker} {leg.claim.side}" for leg in finding.legs]
    return FoundNow(
        kind=finding.kind.value,
        fingerprint=blake2b("\n".join(identity).encode(), digest_size=12).hexdigest(),
        scope=scope,
        assumption=finding.assumption,
        legs=[_leg(leg, quotes[leg.claim.ticker]) for leg in finding.legs],
        pays=finding.pays,
        sets=finding.sets,
        fees=finding.fees,
        profit=finding.profit,
        profit_per_set=finding.profit_per_set,
    )


def _leg(leg: arbitrage.Leg, quote: Quote) -> dict[str, Any]:
    return {
        "ticker": leg.claim.ticker,
        "side": leg.claim.side.value,
        "price": str(leg.price),
        "size": str(leg.size),
        "quote": {
            "bid": _text(quote.bid),
            "ask": _text(quote.ask),
            "bid_size": _text(quote.bid_size),
            "ask_size": _text(quote.ask_size),
            "held_at": quote.received_at.isoformat(),
            "fee_type": quote.fees.fee_type,
            "fee_multiplier": str(quote.fees.multiplier),
        },
    }


def _text(value: object) -> str | None:
    return None if value is None else str(value)
