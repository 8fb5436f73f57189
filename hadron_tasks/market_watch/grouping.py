"""Keeping groups of markets up to date: an event whose market changed is grouped anew."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

from psycopg2.extensions import connection as PgConnection  # noqa: N812
from psycopg2.extensions import cursor as Cursor  # noqa: N812

from hadron_tasks.markets.arbitrage import Claim
from hadron_tasks.markets.facts import MarketFacts
from hadron_tasks.markets.groups import event_memberships
from hadron_tasks.markets.prices import Side
from hadron_tasks.markets.priority import PREDICTION_VENUE
from hadron_tasks.store.instruments import instrument_id
from hadron_tasks.store.mapping import names_mapped_elsewhere
from hadron_tasks.store.market_groups import (
    Listed,
    ListedMarket,
    Member,
    grouped_until,
    markets_of,
    replace_groups,
    take_changed,
)
from hadron_tasks.tickers import ParsedTicker, TickerError, parse_ticker

VENUE = PREDICTION_VENUE
"""Whose markets are grouped."""


class Grouped(NamedTuple):
    """What a round of grouping did."""

    markets: int
    """That were listed or had changed."""
    changed: int
    """Rows of groups."""
    instrument_ids: list[str]
    """Of the markets."""


def group_changed(connection: PgConnection) -> Grouped:
    """One round: the markets that changed since the last, with all others of their events."""
    with connection, connection.cursor() as cursor:
        listed, until = take_changed(cursor, VENUE)
        changed = 0
        if listed:
            changed = _group(cursor, listed)
        grouped_until(cursor, VENUE, until, changed=bool(changed))
    return Grouped(len(listed), changed, [one.instrument_id for one in listed])


def group_all_changed(connection: PgConnection) -> int:
    """Rounds until nothing is left; returns how many markets were grouped."""
    markets = 0
    while (done := group_changed(connection)).markets:
        markets += done.markets
    return markets


def _group(cursor: Cursor, listed: Sequence[Listed]) -> int:
    readings = {one.ticker: _read(one.ticker) for one in listed}
    events = sorted(
        {one.event_ticker or _event_of(one.ticker, readings[one.ticker]) for one in listed}
    )
    markets = markets_of(cursor, VENUE, events, [one.instrument_id for one in listed])
    mapped = {
        name: ticker
        for name, (venue, ticker) in names_mapped_elsewhere(cursor, VENUE).items()
        if venue != VENUE
    }
    return replace_groups(cursor, events, _members(markets, readings, mapped))


def _members(
    markets: Sequence[ListedMarket],
    readings: dict[str, ParsedTicker | None],
    mapped: dict[str, str],
) -> Iterator[Member]:
    ids = {market.ticker: market.instrument_id for market in markets}
    facts = [_facts(market, readings) for market in markets]
    facts.sort(key=lambda one: (one.event_ticker, one.ticker))
    for event_ticker, group in groupby(facts, key=lambda one: one.event_ticker):
        seen: set[tuple[str, str, str, str]] = set()
        for found in event_memberships(list(group), mapped):
            row = (found.kind.value, found.key, found.ticker, found.side.value)
            if row in seen:  # a leg that is named twice
                continue
            seen.add(row)
            member_id = ids.get(found.ticker) or str(instrument_id(VENUE, found.ticker))
            yield Member(*row, member_id, found.position, event_ticker)


def _facts(market: ListedMarket, readings: dict[str, ParsedTicker | None]) -> MarketFacts:
    parsed = readings[market.ticker] if market.ticker in readings else _read(market.ticker)
    return MarketFacts(
        market.ticker,
        market.event_ticker or _event_of(market.ticker, parsed),
        parsed,
        market.mutually_exclusive,
        market.strike_type,
        market.floor_strike,
        market.cap_strike,
        tuple(
            Claim(leg["market_ticker"], Side.NO if leg.get("side") == "no" else Side.YES)
            for leg in market.legs or ()
        ),
    )


def _read(ticker: str) -> ParsedTicker | None:
    try:
        return parse_ticker(ticker)
    except TickerError:
        return None


def _event_of(ticker: str, parsed: ParsedTicker | None) -> str:
    """The event of a market whose description was not fetched yet."""
    return (parsed and parsed.event_ticker) or ticker.rpartition("-")[0] or ticker
