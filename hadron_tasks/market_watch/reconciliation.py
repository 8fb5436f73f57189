"""Reconciliation of the markets on an underlying, every few seconds, over the newest quotes."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import redis
from psycopg2.extensions import connection as PgConnection  # noqa: N812
from psycopg2.extensions import cursor as Cursor  # noqa: N812

from hadron_tasks.market_watch.grouping import VENUE
from hadron_tasks.market_watch.quotes import Feed, confirmed_at, read_feed
from hadron_tasks.markets.model import Observation, realised_volatility
from hadron_tasks.markets.prices import STALE_AFTER
from hadron_tasks.markets.reconciliation import MarketPrice, Spot, Volatility, reconcile
from hadron_tasks.markets.underlyings import Observed, underlying_of
from hadron_tasks.store.instruments import instrument_id
from hadron_tasks.store.market_quotes import Standing, standings_of
from hadron_tasks.store.reconciliations import (
    Reconciliation,
    markets_to_reconcile,
    prices_since,
    write_reconciliations,
)

EVERY_S = 5.0
VOLATILITY_EVERY_S = 60.0
HORIZON = timedelta(days=2)
"""Only markets that close so soon: over longer times the model's assumptions say little."""

_WINDOWS = ((timedelta(hours=6), 60.0), (timedelta(hours=1), 5.0), (timedelta(minutes=10), 1.0))
"""Where the volatility is taken from: the first that has enough prices, and its steps' seconds."""


class Reconciler:
    """Compares, and stores what changed since it last did."""

    def __init__(self) -> None:
        self._next_at = 0.0
        self._volatility: dict[str, tuple[float, Volatility | None]] = {}
        self._before: dict[str, tuple[object, ...]] = {}
        """Of each market what its newest row was computed from, but for the time."""

    def run(self, connection: PgConnection, client: redis.Redis) -> int:
        """Compare, if it is time; returns how many rows were stored."""
        if time.monotonic() < self._next_at:
            return 0
        self._next_at = time.monotonic() + EVERY_S
        now = datetime.now(UTC)
        feed = read_feed(client, VENUE)
        with connection, connection.cursor() as cursor:
            groups = markets_to_reconcile(cursor, now, now + HORIZON)
            rows: list[Reconciliation] = []
            for underlying, ids in groups.items():
                rows += self.compare(cursor, underlying, ids, feed, now)
            write_reconciliations(cursor, rows)
        if len(self._before) > 100_000:
            self._before.clear()
        return len(rows)

    def compare(
        self,
        cursor: Cursor,
        underlying: str,
        ids: Sequence[str],
        feed: Feed | None,
        now: datetime,
        *,
        every: bool = False,
    ) -> list[Reconciliation]:
        """Rows of the markets on an underlying; unless ``every``, those of which something moved.

        Args:
            underlying: ``polygon:I:SPX``.
            ids: Instruments.
        """
        venue, _, ticker = underlying.partition(":")
        underlying_id = str(instrument_id(venue, ticker))
        standings = {one.instrument_id: one for one in standings_of(cursor, [*ids, underlying_id])}
        carrier = standings.pop(underlying_id, None)
        spot = None
        if carrier is not None and carrier.price is not None and carrier.received_at is not None:
            spot = Spot(carrier.price, carrier.received_at)
        volatility = self._volatility_of(cursor, underlying_id, now)
        rows = []
        for one in standings.values():
            market = _price(one, feed)
            if market is None:
                continue
            moved = (one.bid, one.ask, spot and spot.price)
            if not every and self._before.get(one.instrument_id) == moved:
                continue
            self._before[one.instrument_id] = moved
            done = reconcile(market, spot, volatility, now, STALE_AFTER)
            rows.append(
                Reconciliation(
                    one.instrument_id,
                    now,
                    underlying_id,
                    None if spot is None else spot.price,
                    done.market,
                    done.model,
                    done.difference,
                    done.inputs | {"ticker": one.ticker, "underlying": underlying},
                )
            )
        return rows

    def _volatility_of(self, cursor: Cursor, underlying: str, now: datetime) -> Volatility | None:
        measured_at, known = self._volatility.get(underlying, (0.0, None))
        if time.monotonic() - measured_at < VOLATILITY_EVERY_S and known is not None:
            return known
        measured = _measure(cursor, underlying, now)
        self._volatility[underlying] = (time.monotonic(), measured)
        return measured


def _measure(cursor: Cursor, underlying: str, now: datetime) -> Volatility | None:
    for window, step_s in _WINDOWS:
        prices = prices_since(cursor, underlying, now - window, now, step_s)
        a_year = realised_volatility([Observation(*price) for price in prices])
        if a_year is not None:
            return Volatility(a_year, len(prices), step_s, prices[0][0])
    return None


def _is_touch(ticker: str) -> bool:
    """Whether it is about the highest or lowest the number ever is: the model is not of that."""
    found = underlying_of(ticker.partition("-")[0])
    return found is not None and found.observed is not Observed.AT_CLOSE


def _price(one: Standing, feed: Feed | None) -> MarketPrice | None:
    """The market's price; None for one that the model is not of."""
    if one.close_time is None or one.strike_type is None or _is_touch(one.ticker):
        return None
    return MarketPrice(
        one.strike_type,
        one.floor_strike,
        one.cap_strike,
        one.close_time,
        one.bid,
        one.ask,
        None if one.received_at is None else confirmed_at(one.received_at, feed),
    )
