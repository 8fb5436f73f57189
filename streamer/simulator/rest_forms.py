"""The bodies of the simulated REST answers, in today's form and in that of 2025.

Today's is that of Kalshi's OpenAPI 3.13, field by field; the older one says prices in whole cents
and counts as numbers.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from streamer.simulator.kalshi_forms import PRICE_TEXT, contracts, iso_time
from streamer.simulator.market import DECI_CENT, ONE_DOLLAR, rules
from streamer.simulator.rest_market import RestEvent, RestMarket
from streamer.simulator.trade_tape import TapedTrade

Book = tuple[dict[int, int], dict[int, int]]
"""YES bids and NO bids: price in thousandths -> size in hundredths."""

_DAY_S = 86_400
_NOTHING = PRICE_TEXT[0]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def second(moment_s: int) -> str:
    """Unix seconds as ISO 8601."""
    return iso_time(moment_s * 1000)[:19] + "Z"


def microsecond(moment_us: int) -> str:
    """Unix microseconds as ISO 8601."""
    moment = _EPOCH + timedelta(microseconds=moment_us)
    return f"{moment:%Y-%m-%dT%H:%M:%S.%f}Z"


class RestForm(Protocol):
    """How an era writes what has prices in it."""

    def market(self, market: RestMarket) -> dict[str, Any]:
        """A market."""

    def trade(self, trade: TapedTrade) -> dict[str, Any]:
        """A trade."""

    def book(self, book: Book, depth: int) -> dict[str, Any]:
        """A book, each side from its best level down, ``depth`` levels or all for 0."""


class DollarRestForm:
    """Decimal strings, fractional contracts."""

    def market(self, market: RestMarket) -> dict[str, Any]:
        """A side without orders is bid at nothing and offered at a dollar."""
        return {
            **_terms(market),
            "settlement_value_dollars": _settlement(market),
            "notional_value_dollars": PRICE_TEXT[ONE_DOLLAR],
            "yes_bid_dollars": PRICE_TEXT[market.yes_bid],
            "yes_ask_dollars": PRICE_TEXT[market.yes_ask],
            "no_bid_dollars": PRICE_TEXT[ONE_DOLLAR - market.yes_ask],
            "no_ask_dollars": PRICE_TEXT[ONE_DOLLAR - market.yes_bid],
            "yes_bid_size_fp": contracts(market.yes_bid_size),
            "yes_ask_size_fp": contracts(market.yes_ask_size),
            "last_price_dollars": PRICE_TEXT[market.last_price],
            "previous_yes_bid_dollars": _NOTHING,
            "previous_yes_ask_dollars": _NOTHING,
            "previous_price_dollars": _NOTHING,
            "volume_fp": contracts(market.volume),
            "volume_24h_fp": contracts(market.volume),
            "liquidity_dollars": _NOTHING,
            "open_interest_fp": contracts(market.open_interest),
        }

    def trade(self, trade: TapedTrade) -> dict[str, Any]:
        """With the WebSocket's id, and a time more exact than the WebSocket's."""
        return {
            "trade_id": trade.trade_id,
            "ticker": trade.ticker,
            "count_fp": contracts(trade.size),
            "yes_price_dollars": PRICE_TEXT[trade.yes_price],
            "no_price_dollars": PRICE_TEXT[ONE_DOLLAR - trade.yes_price],
            "taker_side": trade.taker_side,
            "created_time": microsecond(trade.created_us),
        }

    def book(self, book: Book, depth: int) -> dict[str, Any]:
        """Levels as pairs of texts."""
        yes, no = (
            [[PRICE_TEXT[price], contracts(size)] for price, size in _levels(side, depth)]
            for side in book
        )
        return {"orderbook_fp": {"yes_dollars": yes, "no_dollars": no}}


class CentsRestForm:
    """Whole cents, whole contracts."""

    def market(self, market: RestMarket) -> dict[str, Any]:
        """With a ``title``, which the exchange still sent then."""
        body = {
            **_terms(market),
            "title": market.event.title,
            "subtitle": market.yes_sub_title,
            "expiration_time": second(market.close_s + 7 * _DAY_S),
            "response_price_units": "usd_cent",
            "notional_value": 100,
            "tick_size": 1,
            "yes_bid": market.yes_bid // 10,
            "yes_ask": market.yes_ask // 10,
            "no_bid": (ONE_DOLLAR - market.yes_ask) // 10,
            "no_ask": (ONE_DOLLAR - market.yes_bid) // 10,
            "last_price": market.last_price // 10,
            "previous_yes_bid": 0,
            "previous_yes_ask": 0,
            "previous_price": 0,
            "volume": market.volume // 100,
            "volume_24h": market.volume // 100,
            "liquidity": 0,
            "open_interest": market.open_interest // 100,
        }
        if market.result:
            body["settlement_value"] = 100 if market.result == "yes" else 0
        return body

    def trade(self, trade: TapedTrade) -> dict[str, Any]:
        """Both prices in cents."""
        return {
            "trade_id": trade.trade_id,
            "ticker": trade.ticker,
            "count": trade.size // 100,
            "yes_price": trade.yes_price // 10,
            "no_price": (ONE_DOLLAR - trade.yes_price) // 10,
            "taker_side": trade.taker_side,
            "created_time": microsecond(trade.created_us),
        }

    def book(self, book: Book, depth: int) -> dict[str, Any]:
        """A side without orders is null."""
        yes, no = (
            [[price // 10, size // 100] for price, size in _levels(side, depth)] or None
            for side in book
        )
        return {"orderbook": {"yes": yes, "no": no}}


def event_body(event: RestEvent) -> dict[str, Any]:
    """An event without its markets."""
    return {
        "event_ticker": event.ticker,
        "series_ticker": event.series_ticker,
        "title": event.title,
        "sub_title": event.sub_title,
        "collateral_return_type": "MECNET" if event.mutually_exclusive else "",
        "mutually_exclusive": event.mutually_exclusive,
        "strike_date": second(event.strike_s),
        "available_on_brokers": True,
        "product_metadata": {},
        "last_updated_ts": second(event.updated_s),
    }


def _terms(market: RestMarket) -> dict[str, Any]:
    """All of a market that is no price."""
    fine = market.tick == DECI_CENT
    body: dict[str, Any] = {
        "ticker": market.ticker,
        "event_ticker": market.event.ticker,
        "market_type": "binary",
        "yes_sub_title": market.yes_sub_title,
        "no_sub_title": market.yes_sub_title,
        "created_time": second(market.created_s),
        "updated_time": second(market.updated_s),
        "open_time": second(market.open_s),
        "close_time": second(market.close_s),
        "expected_expiration_time": second(market.close_s),
        "latest_expiration_time": second(market.close_s + 7 * _DAY_S),
        "settlement_timer_seconds": 60,
        "status": market.status,
        "result": market.result,
        "can_close_early": True,
        "fractional_trading_enabled": not market.whole_contracts,
        "expiration_value": "",
        "strike_type": market.strike_type,
        "rules_primary": rules(market.yes_sub_title),
        "rules_secondary": market.rules_secondary,
        "price_level_structure": "deci_cent" if fine else "linear_cent",
        "price_ranges": [
            {"start": "0.0000", "end": "1.0000", "step": f"{market.tick / ONE_DOLLAR:.4f}"}
        ],
    }
    if market.floor_strike is not None:
        body["floor_strike"] = market.floor_strike
    if market.cap_strike is not None:
        body["cap_strike"] = market.cap_strike
    if market.settled_s:
        body["settlement_ts"] = second(market.settled_s)
    if market.strike_type == "structured":
        body["custom_strike"] = {"outcome": market.yes_sub_title}
    if market.collection:
        body["mve_collection_ticker"] = market.collection
        body["mve_selected_legs"] = [leg._asdict() for leg in market.legs]
    return body


def _settlement(market: RestMarket) -> str | None:
    if not market.result:
        return None
    return PRICE_TEXT[ONE_DOLLAR] if market.result == "yes" else _NOTHING


def _levels(side: dict[int, int], depth: int) -> list[tuple[int, int]]:
    levels = sorted(side.items(), reverse=True)
    return levels[:depth] if depth else levels
