"""Kalshi's WebSocket messages as ticks and lifecycle events, in both of its price eras.

Today prices are dollars as text (``yes_bid_dollars: "0.4500"``) and counts are text with two
decimals (``count_fp``); until 2025 they were cents and whole contracts (``yes_bid: 45``). Recorded
data holds both, and mixtures. Source: Kalshi's AsyncAPI document of its WebSocket.

Both sides of a book are bids: a NO bid at q is a YES ask at 1 - q.

Nothing on a side of a quote is sent as a bid of 0 and an ask of 1 (or 0), because every contract
can be had for those; such a side is absent here, and the text stays in ``metadata``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from hadron_tasks.errors import MalformedFrame
from hadron_tasks.ingest.normalised import LifecycleEvent, Normalised
from hadron_tasks.tick import HadronTick, TickType, content_key
from hadron_tasks.venues import wire
from hadron_tasks.venues.extras import extras
from hadron_tasks.venues.kalshi.lifecycle import LIFECYCLE_TYPES, check_payload, stable_text

VENUE = "kalshi"

_ONE = Decimal(1)
_CONTROL = frozenset(
    {"subscribed", "unsubscribed", "ok", "error", "list_subscriptions", "subscriptions"}
)
_MAX_TYPE = 64

Message = Mapping[str, Any]


def normalise(data: bytes, received_ns: int, into: Normalised) -> None:
    """Add what a Kalshi frame says to ``into``; see :class:`Normaliser`.

    Raises:
        MalformedFrame: It is no Kalshi message, or one with a missing or absurd value.
    """
    frame = wire.decode(data)
    if type(frame) is not dict:
        raise MalformedFrame(f"should be a JSON object, is {wire.shown(frame)}")
    kind = frame.get("type")
    if type(kind) is not str:
        raise MalformedFrame(f"should be a text, is {wire.shown(kind)}", place="type")
    reader = _TICKS.get(kind)
    if reader is not None:
        into.ticks.append(reader(_body(frame), _sequence(frame), received_ns))
    elif kind in LIFECYCLE_TYPES:
        into.lifecycle.append(_lifecycle(kind, _body(frame), _sequence(frame), received_ns))
    elif kind in _CONTROL:
        into.control += 1
    else:
        into.count_unknown(kind[:_MAX_TYPE])


def trade_event_key(trade_id: str) -> int:
    """The key of a trade by the exchange's id: the same over WebSocket and REST."""
    return content_key("trade", trade_id)


def _body(frame: Message) -> Message:
    body = frame.get("msg")
    if type(body) is not dict:
        raise MalformedFrame(f"should be an object, is {wire.shown(body)}", place="msg")
    return body


def _sequence(frame: Message) -> int | None:
    return wire.optional_integer(frame.get("seq"), "seq")


def _time_us(msg: Message, received_ns: int) -> int:
    """``ts_ms`` where there is one, else ``ts``, else the receive time.

    ``ts_ms`` first even where ``ts`` has more digits: the time is part of a tick's identity, and
    this field is in every current message.
    """
    if (stated := msg.get("ts_ms")) is not None:
        return wire.time_us(stated, "msg.ts_ms")
    if (stated := msg.get("ts")) is not None:
        return wire.time_us(stated, "msg.ts")
    return received_ns // 1000


def _price(msg: Message, dollars: str, cents: str) -> tuple[Decimal | None, str | None]:
    """A price in dollars, and the text it was sent as; None where none was sent."""
    value = msg.get(dollars)
    if value is not None and value != "":
        place = f"msg.{dollars}"
        found = wire.number(value, place)
    else:
        value = msg.get(cents)
        if value is None or value == "":
            return None, None
        place = f"msg.{cents}"
        found = wire.number(value, place).scaleb(-2)
    if not 0 <= found <= _ONE:
        raise MalformedFrame(f"should be from 0 to 1 dollar, is {wire.shown(value)}", place=place)
    return found, str(value)


def _mid(bid: Decimal | None, ask: Decimal | None) -> Decimal | None:
    return None if bid is None or ask is None else (bid + ask) / 2


_TICKER_KNOWN = frozenset(
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


def _ticker(msg: Message, sequence: int | None, received_ns: int) -> HadronTick:
    last, raw_last = _price(msg, "price_dollars", "price")
    bid, raw_bid = _price(msg, "yes_bid_dollars", "yes_bid" if "yes_bid" in msg else "bid")
    ask, raw_ask = _price(msg, "yes_ask_dollars", "yes_ask" if "yes_ask" in msg else "ask")
    bid_size = wire.quantity(msg.get("yes_bid_size_fp"), "msg.yes_bid_size_fp")
    ask_size = wire.quantity(msg.get("yes_ask_size_fp"), "msg.yes_ask_size_fp")
    size = wire.quantity(msg.get("last_trade_size_fp"), "msg.last_trade_size_fp")
    volume = _either(msg, "volume_fp", "volume")
    open_interest = _either(msg, "open_interest_fp", "open_interest")
    dollar_volume = wire.quantity(msg.get("dollar_volume"), "msg.dollar_volume")
    dollar_open = wire.quantity(msg.get("dollar_open_interest"), "msg.dollar_open_interest")
    metadata = {
        "market_id": wire.optional_text(msg.get("market_id"), "msg.market_id"),
        "volume": volume,
        "open_interest": open_interest,
        "dollar_volume": dollar_volume,
        "dollar_open_interest": dollar_open,
    }
    if not bid and raw_bid is not None:
        metadata["bid_sent"] = raw_bid
        bid = bid_size = None
    if raw_ask is not None and (not ask or ask == _ONE):
        metadata["ask_sent"] = raw_ask
        ask = ask_size = None
    return HadronTick(
        venue=VENUE,
        ticker=wire.text(msg.get("market_ticker"), "msg.market_ticker"),
        tick_type=TickType.QUOTE,
        event_us=_time_us(msg, received_ns),
        event_key=content_key(
            *("ticker", raw_last, raw_bid, raw_ask, bid_size, ask_size, size),
            *(volume, open_interest, dollar_volume, dollar_open),
        ),
        received_ns=received_ns,
        # Nothing has traded where the last price is 0.
        price=last or _mid(bid, ask),
        raw_price=raw_last,
        size=size,
        bid=bid,
        ask=ask,
        bid_size=bid_size,
        ask_size=ask_size,
        sequence=sequence,
        metadata=_with_extras(metadata, msg, _TICKER_KNOWN),
    )


def _either(msg: Message, now: str, then: str) -> Decimal | None:
    """A count in today's form, else in that of 2025."""
    name = now if msg.get(now) not in (None, "") else then
    return wire.quantity(msg.get(name), f"msg.{name}")


_TRADE_KNOWN = frozenset(
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


def _trade(msg: Message, sequence: int | None, received_ns: int) -> HadronTick:
    price, raw_price = _price(msg, "yes_price_dollars", "yes_price")
    no_price, raw_no_price = _price(msg, "no_price_dollars", "no_price")
    if price is None and no_price is not None:
        price, raw_price = _ONE - no_price, raw_no_price
    if price is None:
        raise MalformedFrame("a trade without a price", place="msg.yes_price_dollars")
    size = _either(msg, "count_fp", "count")
    if size is None:
        raise MalformedFrame("a trade without a count", place="msg.count_fp")
    ticker = wire.text(msg.get("market_ticker"), "msg.market_ticker")
    trade_id = wire.optional_text(msg.get("trade_id"), "msg.trade_id")
    side_name = "taker_outcome_side" if msg.get("taker_outcome_side") else "taker_side"
    side = wire.optional_text(msg.get(side_name), f"msg.{side_name}")
    event_us = _time_us(msg, received_ns)
    if trade_id is None:
        # The oldest form. Two trades may be alike to the second, so the sequence number, and
        # where there is none the receive time, tells them apart.
        witness = sequence if sequence is not None else received_ns
        event_key, trade_key = content_key("trade", raw_price, size, side, witness), None
    else:
        event_key = trade_key = trade_event_key(trade_id)
    metadata = {
        "trade_id": trade_id,
        "market_id": wire.optional_text(msg.get("market_id"), "msg.market_id"),
        "no_price": no_price,
        "taker_book_side": wire.optional_text(msg.get("taker_book_side"), "msg.taker_book_side"),
        "is_block_trade": msg.get("is_block_trade") or None,
    }
    return HadronTick(
        venue=VENUE,
        ticker=ticker,
        tick_type=TickType.TRADE,
        event_us=event_us,
        event_key=event_key,
        received_ns=received_ns,
        price=price,
        raw_price=raw_price,
        size=size,
        side=side,
        sequence=sequence,
        metadata=_with_extras(metadata, msg, _TRADE_KNOWN),
        trade_key=trade_key,
    )


_DELTA_KNOWN = frozenset(
    {
        "market_ticker",
        "market_id",
        "price_dollars",
        "price",
        "delta_fp",
        "delta",
        "side",
        "ts",
        "ts_ms",
        "time",
    }
)


def _delta(msg: Message, sequence: int | None, received_ns: int) -> HadronTick:
    price, raw_price = _price(msg, "price_dollars", "price")
    if price is None:
        raise MalformedFrame("a delta without a price", place="msg.price_dollars")
    name = "delta_fp" if msg.get("delta_fp") not in (None, "") else "delta"
    change = wire.number(msg.get(name), f"msg.{name}")
    side = msg.get("side")
    if side not in ("yes", "no"):
        raise MalformedFrame(f"should be yes or no, is {wire.shown(side)}", place="msg.side")
    market_id = wire.optional_text(msg.get("market_id"), "msg.market_id")
    return HadronTick(
        venue=VENUE,
        ticker=wire.text(msg.get("market_ticker"), "msg.market_ticker"),
        tick_type=TickType.BOOK_DELTA,
        event_us=_time_us(msg, received_ns),
        event_key=_book_key("delta", sequence, received_ns, side, raw_price, change),
        received_ns=received_ns,
        price=price,
        raw_price=raw_price,
        size=change,
        side=side,
        sequence=sequence,
        metadata=_with_extras({"market_id": market_id}, msg, _DELTA_KNOWN),
    )


_SNAPSHOT_KNOWN = frozenset(
    {
        "market_ticker",
        "market_id",
        "yes_dollars_fp",
        "no_dollars_fp",
        "yes_dollars",
        "no_dollars",
        "yes",
        "no",
        "ts",
        "ts_ms",
        "time",
    }
)


def _snapshot(msg: Message, sequence: int | None, received_ns: int) -> HadronTick:
    yes, no = _levels(msg, "yes"), _levels(msg, "no")
    bid, bid_size = max(yes, default=(None, None))
    no_bid, ask_size = max(no, default=(None, None))
    ask = None if no_bid is None else _ONE - no_bid
    metadata = {
        "market_id": wire.optional_text(msg.get("market_id"), "msg.market_id"),
        "yes": [[str(price), str(size)] for price, size in yes],
        "no": [[str(price), str(size)] for price, size in no],
    }
    return HadronTick(
        venue=VENUE,
        ticker=wire.text(msg.get("market_ticker"), "msg.market_ticker"),
        tick_type=TickType.BOOK_SNAPSHOT,
        event_us=_time_us(msg, received_ns),
        event_key=_book_key("snapshot", sequence, received_ns, metadata["yes"], metadata["no"]),
        received_ns=received_ns,
        price=_mid(bid, ask),
        bid=bid,
        ask=ask,
        bid_size=bid_size,
        ask_size=ask_size,
        sequence=sequence,
        metadata=_with_extras(metadata, msg, _SNAPSHOT_KNOWN),
    )


def _book_key(kind: str, sequence: int | None, received_ns: int, *content: object) -> int:
    # Content alone repeats: the same level may change by the same amount twice in a millisecond.
    witness = sequence if sequence is not None else f"received {received_ns}"
    return content_key(kind, witness, *content)


def _levels(msg: Message, side: str) -> list[tuple[Decimal, Decimal]]:
    """One side's levels as price in dollars and size; a side without orders is left out."""
    for name, in_cents in ((f"{side}_dollars_fp", False), (f"{side}_dollars", False), (side, True)):
        listed = msg.get(name)
        if listed is None:
            continue
        if type(listed) is not list:
            raise MalformedFrame(f"should be a list, is {wire.shown(listed)}", place=f"msg.{name}")
        return [_level(level, f"msg.{name}", in_cents=in_cents) for level in listed]
    return []


def _level(level: Any, place: str, *, in_cents: bool) -> tuple[Decimal, Decimal]:
    if type(level) is not list or len(level) != 2:
        raise MalformedFrame(
            f"a level should be price and size, is {wire.shown(level)}", place=place
        )
    price, size = wire.number(level[0], place), wire.quantity(level[1], place)
    if in_cents:
        price = price.scaleb(-2)
    if size is None or not 0 <= price <= _ONE:
        raise MalformedFrame(f"no price and size: {wire.shown(level)}", place=place)
    return price, size


def _with_extras(
    metadata: dict[str, Any], msg: Message, known: frozenset[str]
) -> dict[str, Any] | None:
    kept = {name: value for name, value in metadata.items() if value is not None}
    if unknown := msg.keys() - known:
        kept["extra"] = extras(msg, unknown)
    return kept or None


def _lifecycle(kind: str, msg: Message, sequence: int | None, received_ns: int) -> LifecycleEvent:
    check_payload(kind, msg)
    event_type = wire.optional_text(msg.get("event_type"), "msg.event_type")
    return LifecycleEvent(
        venue=VENUE,
        ticker=wire.optional_text(msg.get("market_ticker"), "msg.market_ticker"),
        event_ticker=wire.optional_text(msg.get("event_ticker"), "msg.event_ticker"),
        kind=event_type if event_type is not None else kind,
        # A market may be deactivated more than once in the same words, and sequence numbers begin
        # anew with a connection: the receive time tells such messages apart.
        event_key=content_key(kind, sequence, received_ns, stable_text(msg)),
        received_ns=received_ns,
        sequence=sequence,
        payload={"type": kind, **msg},
    )


_TICKS: dict[str, Callable[[Message, int | None, int], HadronTick]] = {
    "ticker": _ticker,
    "trade": _trade,
    "trades": _trade,  # the 2025 name
    "orderbook_delta": _delta,
    "orderbook_snapshot": _snapshot,
}
