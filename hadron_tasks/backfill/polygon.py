"""Polygon: what a gap loses, and its trades by REST where the plan allows."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Collection
from datetime import datetime

from hadron_tasks.backfill.losses import Loss, Told
from hadron_tasks.backfill.sources import Answer, Ask, marked
from hadron_tasks.errors import MalformedFrame
from hadron_tasks.venues.polygon.rest import PolygonRest
from hadron_tasks.venues.polygon.rest_lists import TradeFilter
from hadron_tasks.venues.polygon.rest_trades import ticks_of
from hadron_tasks.venues.polygon.symbols import crypto_ticker, listed_ticker

TRADES_A_PAGE = 5_000
"""A tenth of what the exchange gives: a page is fetched and stored within a second or so."""

_TRADE_CHANNELS = {"stocks:T": "equity", "crypto:XT": "crypto"}
"""Channels whose trades have ids, and the asset class of their instruments."""
_NO_IDS = frozenset({"options:T", "futures:T"})
_EVERY = "*"
_WHY_NOT = "only trades are fetched again; what else the channel lost is not"
_WHY_NO_IDS = "its trades have no ids, so those that arrived cannot be told from those that did not"
_WHY_NOT_ALL = (
    "trades of instruments that did not trade within an hour of the gap, if there were any, are "
    "not known to be missing: the exchange has no list over all instruments"
)


def losses(gap: Told, recorded: Collection[str]) -> list[Loss]:
    """The channels of a gap (``stocks:T``), each with all its symbols."""
    asset_class = gap.connection.removeprefix("polygon-")
    items = [gap.channel] if gap.channel is not None else gap.carried
    if items is None:
        items = [item for item in recorded if item.startswith(f"{asset_class}:")]
    symbols: dict[str, list[str]] = defaultdict(list)
    for item in items:
        channel, _, symbol = item.partition(".")
        symbols[channel].append(symbol or _EVERY)
    return [_loss(channel, symbols[channel], gap.tickers) for channel in sorted(symbols)]


def _loss(channel: str, symbols: list[str], known: Collection[str] | None) -> Loss:
    if channel not in _TRADE_CHANNELS:
        return Loss(channel, _WHY_NO_IDS if channel in _NO_IDS else _WHY_NOT)
    if known is not None:
        return Loss(channel, is_fetched=True, tickers=tuple(sorted(known)))
    if _EVERY in symbols:
        return Loss(channel, _WHY_NOT_ALL, is_fetched=True, seen_of=_TRADE_CHANNELS[channel])
    tickers = sorted({_ticker(channel, symbol) for symbol in symbols})
    return Loss(channel, is_fetched=True, tickers=tuple(tickers))


def _ticker(channel: str, symbol: str) -> str:
    try:
        read = crypto_ticker if channel.startswith("crypto") else listed_ticker
        return read(symbol, "symbol")
    except MalformedFrame:
        return symbol


def channel_of(ticker: str) -> str:
    """Cryptocurrencies' tickers begin with ``X:``."""
    return "crypto:XT" if ticker.startswith("X:") else "stocks:T"


class PolygonTrades:
    """``/v3/trades/{ticker}``."""

    def __init__(self, rest: PolygonRest) -> None:
        self._rest = rest

    def page(self, ask: Ask) -> Answer:
        """A page of one instrument's trades, the oldest first.

        Raises:
            RestError: They could not be had.
            ValueError: No ticker is asked for.
        """
        if ask.ticker is None:
            raise ValueError("Polygon gives the trades of one instrument at a time")
        narrow = TradeFilter(ask.window.since, ask.window.until, TRADES_A_PAGE)
        page = self._rest.trades(ask.ticker, narrow, ask.cursor)
        ticks, rejected = ticks_of(ask.ticker, page.items, time.time_ns())
        unreadable = [each.reason for each in (*page.rejected, *rejected)]
        unreadable += ["a trade without an id"] * sum(tick.trade_key is None for tick in ticks)
        known = [marked(tick) for tick in ticks if tick.trade_key is not None]
        return Answer(known, unreadable, page.cursor)

    def archived_before(self) -> datetime | None:
        """There is no archive: the same list tells of all years."""
        return None
