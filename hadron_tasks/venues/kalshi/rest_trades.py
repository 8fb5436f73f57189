"""Trades of the REST API as ticks: the same that the WebSocket's messages of them become.

A trade is written as the message that told it and read by the same reader, so that identity, price
and side cannot differ. The time is more exact here (microseconds), which makes no difference to a
trade's identity.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from hadron_tasks.errors import MalformedFrame
from hadron_tasks.tick import HadronTick
from hadron_tasks.times import to_ns
from hadron_tasks.venues.kalshi.rest_models import Trade
from hadron_tasks.venues.kalshi.trades import read_trade
from hadron_tasks.venues.rest.pages import Rejected


def tick_of(trade: Trade, received_ns: int) -> HadronTick:
    """A trade as a tick.

    Args:
        trade: As the REST API told it.
        received_ns: When that was: nanoseconds since the Unix epoch.

    Raises:
        MalformedFrame: It has no time, no price, no count or an absurd value.
    """
    if trade.created_time is None:
        raise MalformedFrame("a trade without a time", place="created_time")
    more = trade.model_extra or {}
    said: dict[str, Any] = {
        "trade_id": trade.trade_id,
        "market_ticker": trade.ticker,
        "yes_price_dollars": _text(trade.yes_price_dollars),
        "no_price_dollars": _text(trade.no_price_dollars),
        "count_fp": _text(trade.count_fp),
        "taker_side": trade.taker_side,
        "taker_book_side": more.get("taker_book_side"),
        "is_block_trade": more.get("is_block_trade"),
        "ts": to_ns(trade.created_time) // 1000,
    }
    message = {name: value for name, value in said.items() if value is not None}
    return read_trade(message, None, received_ns)


def ticks_of(trades: Iterable[Trade], received_ns: int) -> tuple[list[HadronTick], list[Rejected]]:
    """The trades of one page as ticks, and those that cannot be read; see :func:`tick_of`."""
    ticks: list[HadronTick] = []
    rejected: list[Rejected] = []
    for trade in trades:
        try:
            ticks.append(tick_of(trade, received_ns))
        except MalformedFrame as error:
            rejected.append(Rejected(trade.model_dump(mode="json"), str(error)))
    return ticks, rejected


def _text(number: object) -> str | None:
    # As text, which is how the message has it, so that ``raw_price`` is the same.
    return None if number is None else str(number)
