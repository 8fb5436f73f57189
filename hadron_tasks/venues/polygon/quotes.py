"""Quotes of stocks, options and futures (``Q``), crypto (``XQ``) and forex (``C``); crypto books.

Bid and ask may be crossed: they are stored as sent.
"""

from __future__ import annotations

from decimal import Decimal

from msgspec.structs import replace

from hadron_tasks.errors import MalformedFrame
from hadron_tasks.tick import HadronTick, TickType
from hadron_tasks.venues import wire
from hadron_tasks.venues.exact import mid
from hadron_tasks.venues.polygon.fields import VENUE, Event, Fields, Side, sequence, side, time_us
from hadron_tasks.venues.polygon.symbols import crypto_ticker, forex_ticker, listed_ticker

_EMPTY: Side = (None, None)

_LISTED = Fields(
    columns=frozenset({"ev", "sym", "bp", "bs", "ap", "as", "t", "q"}),
    names={
        "bx": "bid_exchange",
        "ax": "ask_exchange",
        "c": "condition",
        "i": "indicators",
        "z": "tape",
        "bt": "bid_time",
        "at": "ask_time",
    },
)
_CRYPTO = Fields(
    columns=frozenset({"ev", "pair", "bp", "bs", "ap", "as", "t"}),
    names={"x": "exchange", "c": "conditions", "r": "vendor_received_ms"},
)
_FOREX = Fields(
    columns=frozenset({"ev", "p", "b", "a", "t"}),
    names={"x": "exchange", "i": "indicators"},
)
_BOOK = Fields(
    columns=frozenset({"ev", "pair", "t", "b", "a"}),
    names={"x": "exchange", "r": "vendor_received_ms"},
)


def read_listed_quote(event: Event, received_ns: int) -> HadronTick:
    """A ``Q``; futures add the times of bid and ask (``bt``, ``at``)."""
    ticker = listed_ticker(event.get("sym"), "sym")
    bid, ask = side(event, "bp", "bs", ticker), side(event, "ap", "as", ticker)
    return _two_sided(_LISTED, event, received_ns, ticker, bid, ask)


def read_crypto_quote(event: Event, received_ns: int) -> HadronTick:
    """An ``XQ``."""
    ticker = crypto_ticker(event.get("pair"), "pair")
    bid, ask = side(event, "bp", "bs", ticker), side(event, "ap", "as", ticker)
    return _two_sided(_CRYPTO, event, received_ns, ticker, bid, ask)


def read_forex_quote(event: Event, received_ns: int) -> HadronTick:
    """A ``C``; it has no sizes."""
    ticker = forex_ticker(event.get("p"), "p")
    bid, ask = side(event, "b", None, ticker), side(event, "a", None, ticker)
    return _two_sided(_FOREX, event, received_ns, ticker, bid, ask)


def read_crypto_book(event: Event, received_ns: int) -> HadronTick:
    """An ``XL2``: every level in ``metadata``, the best that hold anything in the columns."""
    ticker = crypto_ticker(event.get("pair"), "pair")
    bids, asks = _levels(event, "b"), _levels(event, "a")
    bid: Side = max((level for level in bids if all(level)), default=_EMPTY)
    ask: Side = min((level for level in asks if all(level)), default=_EMPTY)
    tick = _two_sided(_BOOK, event, received_ns, ticker, bid, ask)
    levels = {
        "bids": [[str(price), str(size)] for price, size in bids],
        "asks": [[str(price), str(size)] for price, size in asks],
    }
    return replace(
        tick, tick_type=TickType.BOOK_SNAPSHOT, metadata={**(tick.metadata or {}), **levels}
    )


def _two_sided(
    fields: Fields, event: Event, received_ns: int, ticker: str, bid: Side, ask: Side
) -> HadronTick:
    return HadronTick(
        venue=VENUE,
        ticker=ticker,
        tick_type=TickType.QUOTE,
        event_us=time_us(event),
        event_key=fields.content("quote", event),
        received_ns=received_ns,
        price=mid(bid[0], ask[0]),
        bid=bid[0],
        ask=ask[0],
        bid_size=bid[1],
        ask_size=ask[1],
        sequence=sequence(event),
        metadata=fields.metadata(event),
    )


def _levels(event: Event, name: str) -> list[tuple[Decimal, Decimal]]:
    listed = event.get(name)
    if listed is None:
        return []
    if type(listed) is not list:
        raise MalformedFrame(f"should be a list, is {wire.shown(listed)}", place=name)
    levels = []
    for level in listed:
        if type(level) is not list or len(level) != 2:
            raise MalformedFrame(f"no price and size: {wire.shown(level)}", place=name)
        price, size = wire.number(level[0], name), wire.number(level[1], name)
        if price < 0 or size < 0:
            raise MalformedFrame(f"should not be negative: {wire.shown(level)}", place=name)
        levels.append((price, size))
    return levels
