"""Kalshi: what a gap loses, and its trades by REST."""

from __future__ import annotations

import time
from collections.abc import Collection
from datetime import datetime, timedelta

from hadron_tasks.backfill.losses import Loss, Told
from hadron_tasks.backfill.sources import Answer, Ask, marked
from hadron_tasks.venues.kalshi.rest import KalshiRest
from hadron_tasks.venues.kalshi.rest_listings import HISTORICAL_TRADES, TRADES, TradeFilter
from hadron_tasks.venues.kalshi.rest_trades import ticks_of
from hadron_tasks.venues.rest.errors import NotFound

TRADE = "trade"
BOOKS = "orderbook_delta"
_WHY_NOT = {
    "ticker": "the exchange keeps no quotes; a market's next one tells its state again",
    BOOKS: (
        "the exchange keeps no changes of books; fresh snapshots after the gap begin them anew"
    ),
    "market_lifecycle_v2": (
        "the exchange keeps no such messages; the crawl brings the markets' state up to date"
    ),
}
_UNKNOWN = "the exchange's REST API does not tell what this channel does"
_EDGE = timedelta(seconds=1)
"""Asked for on both sides: whether the bounds themselves are included is not documented."""


def losses(gap: Told, recorded: Collection[str]) -> list[Loss]:
    """The channels of a gap; trades can be had again, nothing else."""
    channels = [gap.channel] if gap.channel is not None else sorted(gap.carried or recorded)
    tickers = None if gap.tickers is None else tuple(gap.tickers)
    return [
        Loss(channel, is_fetched=True, tickers=tickers)
        if channel == TRADE
        else Loss(channel, _WHY_NOT.get(channel, _UNKNOWN))
        for channel in channels
    ]


def channel_of(_ticker: str) -> str:
    """All trades come by one channel."""
    return TRADE


class KalshiTrades:
    """``/markets/trades``, and ``/historical/trades`` for what has moved to the archive."""

    def __init__(self, rest: KalshiRest) -> None:
        self._rest = rest

    def page(self, ask: Ask) -> Answer:
        """Up to a thousand trades, the newest first.

        Raises:
            RestError: They could not be had.
        """
        listing = HISTORICAL_TRADES if ask.archived else TRADES
        since, until = ask.window
        narrow = TradeFilter(ticker=ask.ticker, min_ts=since - _EDGE, max_ts=until + _EDGE)
        page = self._rest.page(listing, narrow, ask.cursor)
        ticks, rejected = ticks_of(page.items, time.time_ns())
        unreadable = [each.reason for each in (*page.rejected, *rejected)]
        return Answer([marked(tick) for tick in ticks], unreadable, page.cursor)

    def archived_before(self) -> datetime | None:
        """The cutoff of trades.

        Raises:
            RestError: It could not be asked.
        """
        try:
            return self._rest.historical_cutoff().trades_created_ts
        except NotFound:  # an exchange that has no archive yet
            return None
