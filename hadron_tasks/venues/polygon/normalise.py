"""Polygon's (Massive's) WebSocket events as ticks. A frame is an array of events, mixed.

Source: the vendor's description of its WebSocket channels. Short names are the vendor's: ``p``
price, ``s`` size or window start, ``x`` exchange, ``t`` time in Unix milliseconds (some channels
send micro- or nanoseconds: told by magnitude), ``q`` a sequence number that rises but is not
gapless.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from hadron_tasks.errors import MalformedFrame
from hadron_tasks.ingest.normalised import Normalised
from hadron_tasks.tick import HadronTick, TickType, content_key
from hadron_tasks.venues import wire
from hadron_tasks.venues.extras import extras
from hadron_tasks.venues.polygon.symbols import crypto_ticker, forex_ticker, listed_ticker

VENUE = "polygon"

_MAX_TYPE = 64
_DAY_US = 86_400_000_000
_NIGHT_US = 5 * 3_600_000_000
"""05:00 UTC: no US stock or option trades then, in summer or winter."""

Event = Mapping[str, Any]
_Reader = Callable[[Event, str, int], HadronTick]


def normalise(data: bytes, received_ns: int, into: Normalised) -> None:
    """Add what a Polygon frame says to ``into``; see :class:`Normaliser`.

    Raises:
        MalformedFrame: It is no array of events, or an event has a missing or absurd value; the
            other events were added.
    """
    frame = wire.decode(data)
    if type(frame) is not list:
        raise MalformedFrame(f"should be a JSON array, is {wire.shown(frame)}")
    fault: MalformedFrame | None = None
    for index, event in enumerate(frame):
        try:
            _normalise_event(event, f"[{index}]", received_ns, into)
        except MalformedFrame as error:
            fault = fault or error
    if fault is not None:
        raise fault


def _normalise_event(event: Any, place: str, received_ns: int, into: Normalised) -> None:
    if type(event) is not dict:
        raise MalformedFrame(f"should be an object, is {wire.shown(event)}", place=place)
    kind = event.get("ev")
    if type(kind) is not str:
        raise MalformedFrame(f"should be a text, is {wire.shown(kind)}", place=f"{place}.ev")
    reader = _READERS.get(kind)
    if reader is not None:
        into.ticks.append(reader(event, place, received_ns))
    elif kind == "status":
        into.control += 1
    else:
        into.count_unknown(kind[:_MAX_TYPE])


def listed_trade_key(exchange: object, facility: object, trade_id: str, event_us: int) -> int:
    """The identity of a stock or option trade within its symbol.

    Ids are unique for an exchange and trade reporting facility, and may begin anew each day; the
    day turns while US markets are closed.
    """
    day = (event_us - _NIGHT_US) // _DAY_US
    return content_key("trade", exchange, facility, trade_id, day)


def crypto_trade_key(exchange: object, trade_id: str) -> int:
    """The identity of a crypto trade within its pair: ids are the exchange's own, for ever."""
    return content_key("trade", exchange, trade_id)


def _required(event: Event, name: str, place: str) -> Decimal:
    return wire.number(event.get(name), f"{place}.{name}")


def _price(event: Event, name: str, place: str) -> Decimal:
    price = _required(event, name, place)
    if price < 0 and not _may_be_negative(event):
        raise MalformedFrame(f"should not be negative, is {price}", place=f"{place}.{name}")
    return price


def _may_be_negative(event: Event) -> bool:
    """Futures and spreads, and rates among the indices, have traded below zero."""
    symbol = event.get("sym") or event.get("T")
    return isinstance(symbol, str) and symbol.startswith("I:")


def _best(
    event: Event, price_name: str, size_name: str | None, place: str
) -> tuple[Decimal | None, Decimal | None]:
    """A side of a quote; a price of 0 is an empty side."""
    price = wire.quantity(event.get(price_name), f"{place}.{price_name}")
    if not price:
        return None, None
    if size_name is None:
        return price, None
    return price, wire.quantity(event.get(size_name), f"{place}.{size_name}")


def _mid(bid: Decimal | None, ask: Decimal | None) -> Decimal | None:
    return None if bid is None or ask is None else (bid + ask) / 2


def _time(event: Event, place: str, name: str = "t") -> int:
    return wire.time_us(event.get(name), f"{place}.{name}")


def _sequence(event: Event, place: str) -> int | None:
    return wire.optional_integer(event.get("q"), f"{place}.q")


def _content(kind: str, event: Event) -> int:
    """The key of an event that has no id: everything it says."""
    return content_key(kind, *(f"{name}={event[name]}" for name in sorted(event)))


def _metadata(event: Event, used: frozenset[str], names: dict[str, str]) -> dict[str, Any] | None:
    """What the event says besides the columns: under readable names, the unknown apart."""
    kept = {label: event[name] for name, label in names.items() if event.get(name) is not None}
    if unknown := event.keys() - used - names.keys():
        kept["extra"] = extras(event, unknown)
    return kept or None


_TRADE_USED = frozenset({"ev", "sym", "p", "s", "t", "q"})
_TRADE_NAMES = {
    "i": "trade_id",
    "x": "exchange",
    "z": "tape",
    "c": "conditions",
    "trfi": "trf_id",
    "trft": "trf_time",
    "ds": "decimal_size",
}


def _trade(event: Event, place: str, received_ns: int) -> HadronTick:
    event_us = _time(event, place)
    price = _price(event, "p", place)
    trade_id = _trade_id(event, place)
    key = (
        _content("trade", event)
        if trade_id is None
        else listed_trade_key(event.get("x"), event.get("trfi"), trade_id, event_us)
    )
    return HadronTick(
        venue=VENUE,
        ticker=listed_ticker(event.get("sym"), f"{place}.sym"),
        tick_type=TickType.TRADE,
        event_us=event_us,
        event_key=key,
        received_ns=received_ns,
        price=price,
        raw_price=str(event["p"]),
        size=wire.quantity(event.get("s"), f"{place}.s"),
        sequence=_sequence(event, place),
        metadata=_metadata(event, _TRADE_USED, _TRADE_NAMES),
        trade_key=None if trade_id is None else key,
    )


_CRYPTO_TRADE_USED = frozenset({"ev", "pair", "p", "s", "t"})
_CRYPTO_TRADE_NAMES = {
    "i": "trade_id",
    "x": "exchange",
    "c": "conditions",
    "r": "vendor_received_ms",
}


def _crypto_trade(event: Event, place: str, received_ns: int) -> HadronTick:
    trade_id = _trade_id(event, place)
    key = (
        _content("trade", event) if trade_id is None else crypto_trade_key(event.get("x"), trade_id)
    )
    return HadronTick(
        venue=VENUE,
        ticker=crypto_ticker(event.get("pair"), f"{place}.pair"),
        tick_type=TickType.TRADE,
        event_us=_time(event, place),
        event_key=key,
        received_ns=received_ns,
        price=_price(event, "p", place),
        raw_price=str(event["p"]),
        size=wire.quantity(event.get("s"), f"{place}.s"),
        metadata=_metadata(event, _CRYPTO_TRADE_USED, _CRYPTO_TRADE_NAMES),
        trade_key=None if trade_id is None else key,
    )


def _trade_id(event: Event, place: str) -> str | None:
    value = event.get("i")
    if value is None or value == "":
        return None
    return str(value) if type(value) is int else wire.text(value, f"{place}.i")


_QUOTE_USED = frozenset({"ev", "sym", "bp", "bs", "ap", "as", "t", "q"})
_QUOTE_NAMES = {
    "bx": "bid_exchange",
    "ax": "ask_exchange",
    "c": "condition",
    "i": "indicators",
    "z": "tape",
}


def _quote(event: Event, place: str, received_ns: int) -> HadronTick:
    return _two_sided(
        event,
        place,
        received_ns,
        ticker=listed_ticker(event.get("sym"), f"{place}.sym"),
        bid=_best(event, "bp", "bs", place),
        ask=_best(event, "ap", "as", place),
        metadata=_metadata(event, _QUOTE_USED, _QUOTE_NAMES),
    )


_CRYPTO_QUOTE_USED = frozenset({"ev", "pair", "bp", "bs", "ap", "as", "t"})
_CRYPTO_QUOTE_NAMES = {"x": "exchange", "c": "conditions", "r": "vendor_received_ms"}


def _crypto_quote(event: Event, place: str, received_ns: int) -> HadronTick:
    return _two_sided(
        event,
        place,
        received_ns,
        ticker=crypto_ticker(event.get("pair"), f"{place}.pair"),
        bid=_best(event, "bp", "bs", place),
        ask=_best(event, "ap", "as", place),
        metadata=_metadata(event, _CRYPTO_QUOTE_USED, _CRYPTO_QUOTE_NAMES),
    )


_FOREX_USED = frozenset({"ev", "p", "b", "a", "t"})
_FOREX_NAMES = {"x": "exchange", "i": "indicators"}


def _forex_quote(event: Event, place: str, received_ns: int) -> HadronTick:
    return _two_sided(
        event,
        place,
        received_ns,
        ticker=forex_ticker(event.get("p"), f"{place}.p"),
        bid=_best(event, "b", None, place),
        ask=_best(event, "a", None, place),
        metadata=_metadata(event, _FOREX_USED, _FOREX_NAMES),
    )


_Side = tuple[Decimal | None, Decimal | None]


def _two_sided(
    event: Event,
    place: str,
    received_ns: int,
    *,
    ticker: str,
    bid: _Side,
    ask: _Side,
    metadata: dict[str, Any] | None,
    tick_type: TickType = TickType.QUOTE,
) -> HadronTick:
    return HadronTick(
        venue=VENUE,
        ticker=ticker,
        tick_type=tick_type,
        event_us=_time(event, place),
        event_key=_content("quote", event),
        received_ns=received_ns,
        price=_mid(bid[0], ask[0]),
        bid=bid[0],
        ask=ask[0],
        bid_size=bid[1],
        ask_size=ask[1],
        sequence=_sequence(event, place),
        metadata=metadata,
    )


_BOOK_USED = frozenset({"ev", "pair", "t", "b", "a"})
_BOOK_NAMES = {"x": "exchange", "r": "vendor_received_ms"}


def _crypto_book(event: Event, place: str, received_ns: int) -> HadronTick:
    bids, asks = _levels(event, "b", place), _levels(event, "a", place)
    metadata = _metadata(event, _BOOK_USED, _BOOK_NAMES) or {}
    metadata["bids"] = [[str(price), str(size)] for price, size in bids]
    metadata["asks"] = [[str(price), str(size)] for price, size in asks]
    return _two_sided(
        event,
        place,
        received_ns,
        ticker=crypto_ticker(event.get("pair"), f"{place}.pair"),
        bid=max(bids, default=(None, None)),
        ask=min(asks, default=(None, None)),
        metadata=metadata,
        tick_type=TickType.BOOK_SNAPSHOT,
    )


def _levels(event: Event, name: str, place: str) -> list[tuple[Decimal, Decimal]]:
    listed = event.get(name, [])
    where = f"{place}.{name}"
    if type(listed) is not list:
        raise MalformedFrame(f"should be a list, is {wire.shown(listed)}", place=where)
    levels = []
    for level in listed:
        if type(level) is not list or len(level) != 2:
            raise MalformedFrame(f"no price and size: {wire.shown(level)}", place=where)
        price, size = wire.number(level[0], where), wire.number(level[1], where)
        if price < 0 or size < 0:
            raise MalformedFrame(f"should not be negative: {wire.shown(level)}", place=where)
        levels.append((price, size))
    return levels


_BAR_USED = frozenset({"ev", "sym", "pair", "c", "v"})
_BAR_NAMES = {
    "ev": "window",
    "s": "start_ms",
    "e": "end_ms",
    "o": "open",
    "h": "high",
    "l": "low",
    "vw": "vwap",
    "a": "day_vwap",
    "av": "day_volume",
    "op": "day_open",
    "z": "average_size",
    "otc": "otc",
    "dv": "decimal_volume",
    "dav": "decimal_day_volume",
}


def _bar(ticker: str, event: Event, place: str, received_ns: int) -> HadronTick:
    for name in ("o", "h", "l"):
        _price(event, name, place)
    return HadronTick(
        venue=VENUE,
        ticker=ticker,
        tick_type=TickType.BAR,
        event_us=_time(event, place, "s"),
        event_key=_content("bar", event),
        received_ns=received_ns,
        price=_price(event, "c", place),
        raw_price=str(event["c"]),
        size=wire.quantity(event.get("v"), f"{place}.v"),
        metadata=_metadata(event, _BAR_USED - {"ev"}, _BAR_NAMES),
    )


def _listed_bar(event: Event, place: str, received_ns: int) -> HadronTick:
    return _bar(listed_ticker(event.get("sym"), f"{place}.sym"), event, place, received_ns)


def _forex_bar(event: Event, place: str, received_ns: int) -> HadronTick:
    return _bar(forex_ticker(event.get("pair"), f"{place}.pair"), event, place, received_ns)


def _crypto_bar(event: Event, place: str, received_ns: int) -> HadronTick:
    return _bar(crypto_ticker(event.get("pair"), f"{place}.pair"), event, place, received_ns)


def _value(symbol: str, value: str, names: dict[str, str]) -> _Reader:
    """A reader of events that state one value of one symbol."""
    used = frozenset({"ev", symbol, value, "t"})

    def read(event: Event, place: str, received_ns: int) -> HadronTick:
        return HadronTick(
            venue=VENUE,
            ticker=listed_ticker(event.get(symbol), f"{place}.{symbol}"),
            tick_type=TickType.INDEX_VALUE,
            event_us=_time(event, place),
            event_key=_content("value", event),
            received_ns=received_ns,
            price=_price(event, value, place),
            raw_price=str(event[value]),
            metadata=_metadata(event, used, names),
        )

    return read


_BAND_USED = frozenset({"ev", "T", "t", "q"})
_BAND_NAMES = {"h": "high", "l": "low", "i": "indicators", "z": "tape"}


def _price_band(event: Event, place: str, received_ns: int) -> HadronTick:
    for name in ("h", "l"):
        _price(event, name, place)
    return _without_price(event, place, received_ns, TickType.PRICE_BAND, _BAND_USED, _BAND_NAMES)


_IMBALANCE_USED = frozenset({"ev", "T", "t", "o"})
_IMBALANCE_NAMES = {
    "at": "auction_time",
    "a": "auction_type",
    "i": "symbol_sequence",
    "x": "exchange",
    "p": "paired_quantity",
    "b": "clearing_price",
}


def _imbalance(event: Event, place: str, received_ns: int) -> HadronTick:
    tick = _without_price(
        event, place, received_ns, TickType.IMBALANCE, _IMBALANCE_USED, _IMBALANCE_NAMES
    )
    return tick._replace(size=wire.optional_number(event.get("o"), f"{place}.o"))


def _without_price(
    event: Event,
    place: str,
    received_ns: int,
    tick_type: TickType,
    used: frozenset[str],
    names: dict[str, str],
) -> HadronTick:
    return HadronTick(
        venue=VENUE,
        ticker=listed_ticker(event.get("T"), f"{place}.T"),
        tick_type=tick_type,
        event_us=_time(event, place),
        event_key=_content(tick_type, event),
        received_ns=received_ns,
        sequence=_sequence(event, place) if "q" in used else None,
        metadata=_metadata(event, used, names),
    )


_READERS: dict[str, _Reader] = {
    "T": _trade,
    "Q": _quote,
    "A": _listed_bar,
    "AM": _listed_bar,
    "LULD": _price_band,
    "NOI": _imbalance,
    "V": _value("T", "val", {}),
    "FMV": _value("sym", "fmv", {"ev": "kind"}),
    "LV": _value("sym", "val", {"ev": "kind"}),
    "XT": _crypto_trade,
    "XQ": _crypto_quote,
    "XL2": _crypto_book,
    "XA": _crypto_bar,
    "XAS": _crypto_bar,
    "C": _forex_quote,
    "CA": _forex_bar,
    "CAS": _forex_bar,
}
