"""``ticker`` messages: the last price, the best bid and ask, volume and open interest.

Nothing on a side of a quote is sent as a bid of 0 and an ask of 1 (or 0), because every contract
can be had for those; such a side is absent here, and what was sent stays in ``metadata``.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from hadron_tasks.tick import HadronTick, TickType, content_key
from hadron_tasks.venues import wire
from hadron_tasks.venues.exact import mid
from hadron_tasks.venues.kalshi import fields
from hadron_tasks.venues.kalshi.fields import VENUE, Message

_ONE = Decimal(1)
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
    last, raw_last = fields.price(msg, "price_dollars", "price")
    bid, raw_bid = fields.price(msg, "yes_bid_dollars", "yes_bid" if "yes_bid" in msg else "bid")
    ask, raw_ask = fields.price(msg, "yes_ask_dollars", "yes_ask" if "yes_ask" in msg else "ask")
    bid_size = wire.quantity(msg.get("yes_bid_size_fp"), "yes_bid_size_fp")
    ask_size = wire.quantity(msg.get("yes_ask_size_fp"), "yes_ask_size_fp")
    size = wire.quantity(msg.get("last_trade_size_fp"), "last_trade_size_fp")
    metadata: dict[str, Any] = {
        "market_id": fields.text(msg, "market_id"),
        "volume": fields.count(msg, "volume_fp", "volume"),
        "open_interest": fields.count(msg, "open_interest_fp", "open_interest"),
        "dollar_volume": wire.quantity(msg.get("dollar_volume"), "dollar_volume"),
        "dollar_open_interest": wire.quantity(
            msg.get("dollar_open_interest"), "dollar_open_interest"
        ),
    }
    totals = tuple(metadata.values())[1:]
    if not bid and raw_bid is not None:
        metadata |= {"bid_sent": raw_bid, "bid_size_sent": bid_size or None}
        bid = bid_size = None
    if raw_ask is not None and (not ask or ask == _ONE):
        metadata |= {"ask_sent": raw_ask, "ask_size_sent": ask_size or None}
        ask = ask_size = None
    return HadronTick(
        venue=VENUE,
        ticker=fields.ticker(msg),
        tick_type=TickType.QUOTE,
        event_us=fields.event_us(msg, received_ns),
        event_key=content_key(
            *("ticker", raw_last, raw_bid, raw_ask, bid_size, ask_size, size), *totals
        ),
        received_ns=received_ns,
        price=last or mid(bid, ask),
        raw_price=raw_last,
        size=size,
        bid=bid,
        ask=ask,
        bid_size=bid_size,
        ask_size=ask_size,
        sequence=sequence,
        metadata=fields.with_extras(metadata, msg, _KNOWN),
    )
