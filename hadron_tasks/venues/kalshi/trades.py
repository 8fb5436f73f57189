"""``trade`` messages, and what identifies a trade."""

from __future__ import annotations

from typing import Any

from hadron_tasks.errors import MalformedFrame
from hadron_tasks.tick import HadronTick, TickType, content_key
from hadron_tasks.venues import wire
from hadron_tasks.venues.exact import complement
from hadron_tasks.venues.kalshi import fields
from hadron_tasks.venues.kalshi.fields import VENUE, Message

_KNOWN = frozenset(
    {
        "trade_id",
        "market_ticker",
        "market_id",
        "yes_price_dollars",
        "yes_price",
        "no_price_dollars",
        "no_price",
        "count_fp",
        "count",
        "taker_side",
        "taker_outcome_side",
        "taker_book_side",
        "is_block_trade",
        "ts",
        "ts_ms",
        "time",
    }
)
_OUTCOMES = ("yes", "no")


def trade_event_key(trade_id: str) -> int:
    """The key of a trade by the exchange's id: the same over WebSocket and REST."""
    return content_key("trade", trade_id)


def read_trade(msg: Message, sequence: int | None, received_ns: int) -> HadronTick:
    """A trade; its price is that of YES, which of NO follows from (a dollar less NO's)."""
    price, raw_price = fields.price(msg, "yes_price_dollars", "yes_price")
    no_price, raw_no_price = fields.price(msg, "no_price_dollars", "no_price")
    if price is None and no_price is not None:
        price, raw_price = complement(no_price), raw_no_price
    if price is None:
        raise MalformedFrame("a trade without a price", place="yes_price_dollars")
    size = fields.count(msg, "count_fp", "count")
    if size is None:
        raise MalformedFrame("a trade without a count", place="count_fp")
    trade_id = fields.text(msg, "trade_id")
    side = fields.text(msg, "taker_outcome_side") or fields.text(msg, "taker_side")
    metadata: dict[str, Any] = {
        "trade_id": trade_id,
        "market_id": fields.text(msg, "market_id"),
        "no_price": no_price,
        "taker_book_side": fields.text(msg, "taker_book_side"),
        "is_block_trade": wire.flag(msg.get("is_block_trade"), "is_block_trade") or None,
    }
    if trade_id is None:
        # The oldest form. Two trades may be alike to the second, so the sequence number, and
        # where there is none the receive time, tells them apart.
        witness = sequence if sequence is not None else received_ns
        event_key, trade_key = content_key("trade", raw_price, size, side, witness), None
    else:
        event_key = trade_key = trade_event_key(trade_id)
    if side is not None and side not in _OUTCOMES:
        # A word of tomorrow does not make the trade unreadable.
        metadata["taker_side_sent"], side = side, None
    return HadronTick(
        venue=VENUE,
        ticker=fields.ticker(msg),
        tick_type=TickType.TRADE,
        event_us=fields.event_us(msg, received_ns),
        event_key=event_key,
        received_ns=received_ns,
        price=price,
        raw_price=raw_price,
        size=size,
        side=side,
        sequence=sequence,
        metadata=fields.with_extras(metadata, msg, _KNOWN),
        trade_key=trade_key,
    )
