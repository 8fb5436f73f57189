"""The simulated Kalshi's endpoints for trades and order books (Kalshi, OpenAPI 3.13)."""

from __future__ import annotations

from itertools import islice

from tornado.web import HTTPError

from streamer.simulator.rest_catalogue import LIVE
from streamer.simulator.rest_forms import second
from streamer.simulator.rest_queries import (
    DEFAULT_PAGE,
    MOST_MARKETS_A_PAGE,
    WrongQuery,
    cursor_after,
    limit,
    read_cursor,
    seconds,
)
from streamer.simulator.rest_server import RestHandler

MOST_BOOKS = 100


class TradesView(RestHandler):
    """Trades of the WebSocket's markets, the newest first."""

    route = "/markets/trades"
    archived = False

    async def get(self) -> None:
        size = limit(self.argument, DEFAULT_PAGE, MOST_MARKETS_A_PAGE)
        start = read_cursor(self.argument, (LIVE,))[1] if self.argument("cursor") else None
        first = seconds(self.argument, "min_ts")
        last = seconds(self.argument, "max_ts")
        cutoff_us = self.rest.catalogue.cutoff_s * 1_000_000
        from_us = None if first is None else first * 1_000_000
        # A trade within the last second asked for is one that is asked for.
        until_us = None if last is None else (last + 1) * 1_000_000
        if self.archived:
            until_us = cutoff_us if until_us is None else min(until_us, cutoff_us)
        else:
            from_us = cutoff_us if from_us is None else max(from_us, cutoff_us)
        trades = self.rest.exchange.tape.newest_first(
            ticker=self.argument("ticker"), before=start, from_us=from_us, until_us=until_us
        )
        found = [(LIVE, trade.number, trade) for trade in islice(trades, size + 1)]
        bodies = [self.rest.form.trade(trade) for _, _, trade in found[:size]]
        await self.answer({"trades": bodies, "cursor": cursor_after(found, size)})


class HistoricalTradesView(TradesView):
    """Trades that have moved to the archive."""

    route = "/historical/trades"
    archived = True


class CutoffView(RestHandler):
    """Where the archive begins."""

    route = "/historical/cutoff"

    async def get(self) -> None:
        moment = second(self.rest.catalogue.cutoff_s)
        names = ("market_settled_ts", "trades_created_ts", "orders_updated_ts")
        await self.answer(dict.fromkeys(names, moment))


class OrderbookView(RestHandler):
    """One market's book."""

    route = "/markets/{ticker}/orderbook"
    needs_key = True

    async def get(self, ticker: str) -> None:
        if self.rest.catalogue.market(ticker) is None:
            raise HTTPError(404, "no such market")
        said = self.argument("depth") or "0"
        if not (said.isascii() and said.isdecimal()) or int(said) > MOST_BOOKS:
            raise WrongQuery("depth must be 0 to 100")
        await self.answer(self.rest.form.book(self.book(ticker), int(said)))

    def book(self, ticker: str) -> tuple[dict[int, int], dict[int, int]]:
        """The book of a market; one that does not trade on the WebSocket has one level a side."""
        live = self.rest.exchange.markets.get(ticker)
        if live is not None:
            return live.yes, live.no
        market = self.rest.catalogue.market(ticker)
        if market is None:
            return {}, {}
        no_bid = 1000 - market.yes_ask
        return {market.yes_bid: market.yes_bid_size}, {no_bid: market.yes_ask_size}


class OrderbooksView(OrderbookView):
    """The books of up to a hundred markets."""

    route = "/markets/orderbooks"

    async def get(self) -> None:  # type: ignore[override]
        tickers = self.get_query_arguments("tickers")
        if not 1 <= len(tickers) <= MOST_BOOKS:
            raise WrongQuery("tickers must name 1 to 100 markets")
        known = [t for t in tickers if self.rest.catalogue.market(t) is not None]
        books = [{"ticker": t, **self.rest.form.book(self.book(t), 0)} for t in known]
        await self.answer({"orderbooks": books})
