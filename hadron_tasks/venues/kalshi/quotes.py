"""``ticker`` messages: the last price, the best bid and ask, volume and open interest.

Nothing on a side of a quote is sent as a bid of 0 and an ask of 1 (or 0), because every contract
can be had for those; such a side is absent here, and what was sent stays in ``metadata``.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from msgspec.structs import replace

from hadron_tasks.tick import HadronTick, TickType, content_key, joined_key
from hadron_tasks.venues import wire
from hadron_tasks.venues.exact import mid
from hadron_tasks.venues.kalshi import fields
from hadron_tasks.venues.kalshi.fields import VENUE, Message, StatedPrice
from hadron_tasks.venues.kalshi.records import TickerRecord

_ONE = Decimal(1)
_QUOTE = TickType.QUOTE  # looking a member up in its enum takes as long as making the tick
_KNOWN = frozenset(
    {
        "market_ticker",
        "market_id",
        "price_dollars",
        "price",
        "yes_bid_dollars",
        "yes_bid",
        "bid",
        "yes_ask_dollars",
        "yes_ask",
        "ask",
        "volume_fp",
        "volume",
        "open_interest_fp",
        "open_interest",
        "dollar_volume",
        "dollar_open_interest",
        "yes_bid_size_fp",
        "yes_ask_size_fp",
        "last_trade_size_fp",
        "ts",
        "ts_ms",
        "time",
        "Clock",
    }
)


def read_ticker(msg: Message, sequence: int | None, received_ns: int) -> HadronTick:
    """A quote. Its price is the last trade's; the mid where nothing has traded (a price of 0)."""
    last = fields.price(msg, "price_dollars", "price")
    bid = fields.price(msg, "yes_bid_dollars", "yes_bid" if "yes_bid" in msg else "bid")
    ask = fields.price(msg, "yes_ask_dollars", "yes_ask" if "yes_ask" in msg else "ask")
    bid_size = wire.quantity(msg.get("yes_bid_size_fp"), "yes_bid_size_fp")
    ask_size = wire.quantity(msg.get("yes_ask_size_fp"), "yes_ask_size_fp")
    size = wire.quantity(msg.get("last_trade_size_fp"), "last_trade_size_fp")
    metadata = {
        "market_id": fields.text(msg, "market_id"),
        "volume": fields.total(msg, "volume_fp", "volume"),
        "open_interest": fields.total(msg, "open_interest_fp", "open_interest"),
        "dollar_volume": wire.total(msg.get("dollar_volume"), "dollar_volume"),
        "dollar_open_interest": wire.total(msg.get("dollar_open_interest"), "dollar_open_interest"),
    }
    _market_id, *totals = metadata.values()
    quote = _quote(
        fields.ticker(msg),
        fields.event_us(msg, received_ns),
        content_key("ticker", last[1], bid[1], ask[1], bid_size, ask_size, size, *totals),
        received_ns,
        sequence,
        last,
        size,
        bid,
        bid_size,
        ask,
        ask_size,
        metadata,
    )
    if _KNOWN.issuperset(msg):
        return quote
    return replace(quote, metadata=fields.with_extras(quote.metadata or {}, msg, _KNOWN))


def read_ticker_record(record: TickerRecord, sequence: int | None, received_ns: int) -> HadronTick:
    """The same of a message of today's form."""
    last = fields.stated_price(record.price_dollars, "price_dollars")
    bid = fields.stated_price(record.yes_bid_dollars, "yes_bid_dollars")
    ask = fields.stated_price(record.yes_ask_dollars, "yes_ask_dollars")
    bid_size, written_bid_size = wire.written_quantity(record.yes_bid_size_fp, "yes_bid_size_fp")
    ask_size, written_ask_size = wire.written_quantity(record.yes_ask_size_fp, "yes_ask_size_fp")
    size, written_size = wire.written_quantity(record.last_trade_size_fp, "last_trade_size_fp")
    volume = wire.total(record.volume_fp, "volume_fp")
    open_interest = wire.total(record.open_interest_fp, "open_interest_fp")
    dollar_volume = wire.total(record.dollar_volume, "dollar_volume")
    dollar_open_interest = wire.total(record.dollar_open_interest, "dollar_open_interest")
    return _quote(
        record.market_ticker,
        record.event_us(received_ns),
        joined_key(
            f"ticker\x1f{last[1]}\x1f{bid[1]}\x1f{ask[1]}\x1f{written_bid_size}\x1f"
            f"{written_ask_size}\x1f{written_size}\x1f{volume}\x1f{open_interest}\x1f"
            f"{dollar_volume}\x1f{dollar_open_interest}"
        ),
        received_ns,
        sequence,
        last,
        size,
        bid,
        bid_size,
        ask,
        ask_size,
        {
            "market_id": record.market_id or None,
            "volume": volume,
            "open_interest": open_interest,
            "dollar_volume": dollar_volume,
            "dollar_open_interest": dollar_open_interest,
        },
    )


def _quote(
    ticker: str,
    event_us: int,
    event_key: int,
    received_ns: int,
    sequence: int | None,
    last: StatedPrice,
    size: Decimal | None,
    stated_bid: StatedPrice,
    bid_size: Decimal | None,
    stated_ask: StatedPrice,
    ask_size: Decimal | None,
    metadata: dict[str, Any],
) -> HadronTick:
    price, raw_price = last
    bid, raw_bid = stated_bid
    ask, raw_ask = stated_ask
    if not bid and raw_bid is not None:
        metadata |= {"bid_sent": raw_bid, "bid_size_sent": bid_size or None}
        bid = bid_size = None
    if raw_ask is not None and (not ask or ask == _ONE):
        metadata |= {"ask_sent": raw_ask, "ask_size_sent": ask_size or None}
        ask = ask_size = None
    return HadronTick(
        venue=VENUE,
        ticker=ticker,
        tick_type=_QUOTE,
        event_us=event_us,
        event_key=event_key,
        received_ns=received_ns,
        price=price or mid(bid, ask),
        raw_price=raw_price,
        size=size,
        bid=bid,
        ask=ask,
        bid_size=bid_size,
        ask_size=ask_size,
        sequence=sequence,
        metadata=fields.said(metadata) or None,
    )
