"""``trade`` messages, and what identifies a trade."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from msgspec.structs import replace

from hadron_tasks.errors import MalformedFrame
from hadron_tasks.tick import HadronTick, TickType, content_key
from hadron_tasks.venues import wire
from hadron_tasks.venues.exact import complement
from hadron_tasks.venues.kalshi import fields
from hadron_tasks.venues.kalshi.fields import VENUE, Message, StatedPrice
from hadron_tasks.venues.kalshi.records import TradeRecord

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
_TRADE = TickType.TRADE


def trade_event_key(trade_id: str) -> int:
    """The key of a trade by the exchange's id: the same over WebSocket and REST."""
    return content_key("trade", trade_id)


def read_trade(msg: Message, sequence: int | None, received_ns: int) -> HadronTick:
    """A trade; its price is that of YES, which of NO follows from (a dollar less NO's)."""
    trade = _trade(
        fields.price(msg, "yes_price_dollars", "yes_price"),
        fields.price(msg, "no_price_dollars", "no_price"),
        fields.count(msg, "count_fp", "count"),
        fields.text(msg, "taker_outcome_side") or fields.text(msg, "taker_side"),
        fields.text(msg, "trade_id"),
        {
            "market_id": fields.text(msg, "market_id"),
            "taker_book_side": fields.text(msg, "taker_book_side"),
            "is_block_trade": wire.flag(msg.get("is_block_trade"), "is_block_trade") or None,
        },
        fields.ticker(msg),
        fields.event_us(msg, received_ns),
        received_ns,
        sequence,
    )
    if _KNOWN.issuperset(msg):
        return trade
    return replace(trade, metadata=fields.with_extras(trade.metadata or {}, msg, _KNOWN))


def read_trade_record(record: TradeRecord, sequence: int | None, received_ns: int) -> HadronTick:
    """The same of a message of today's form."""
    return _trade(
        fields.stated_price(record.yes_price_dollars, "yes_price_dollars"),
        fields.stated_price(record.no_price_dollars, "no_price_dollars"),
        wire.quantity(record.count_fp, "count_fp"),
        record.taker_outcome_side or record.taker_side or None,
        record.trade_id or None,
        {
            "market_id": record.market_id or None,
            "taker_book_side": record.taker_book_side or None,
            "is_block_trade": record.is_block_trade or None,
        },
        record.market_ticker,
        record.event_us(received_ns),
        received_ns,
        sequence,
    )


def _trade(
    of_yes: StatedPrice,
    of_no: StatedPrice,
    size: Decimal | None,
    side: str | None,
    trade_id: str | None,
    metadata: dict[str, Any],
    ticker: str,
    event_us: int,
    received_ns: int,
    sequence: int | None,
) -> HadronTick:
    price, raw_price = of_yes
    no_price, raw_no_price = of_no
    if price is None and no_price is not None:
        price, raw_price = complement(no_price), raw_no_price
    if price is None:
        raise MalformedFrame("a trade without a price", place="yes_price_dollars")
    if size is None:
        raise MalformedFrame("a trade without a count", place="count_fp")
    metadata |= {"trade_id": trade_id, "no_price": no_price}
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
        ticker=ticker,
        tick_type=_TRADE,
        event_us=event_us,
        event_key=event_key,
        received_ns=received_ns,
        price=price,
        raw_price=raw_price,
        size=size,
        side=side,
        sequence=sequence,
        metadata=fields.said(metadata) or None,
        trade_key=trade_key,
    )
