"""Aggregates of a second or a minute, of every asset class. A bar's time is its window's start."""

from __future__ import annotations

from hadron_tasks.tick import HadronTick, TickType
from hadron_tasks.venues import wire
from hadron_tasks.venues.polygon.fields import VENUE, Event, Fields, price, time_us
from hadron_tasks.venues.polygon.symbols import (
    asset_class,
    crypto_ticker,
    forex_ticker,
    listed_ticker,
)

_COLUMNS = frozenset({"sym", "pair", "c", "v"})
_NAMES = {
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
_FIELDS = Fields(_COLUMNS, _NAMES)
_FUTURES = Fields(_COLUMNS, {**_NAMES, "dv": "dollar_volume", "n": "trades"})
"""Futures say ``dv`` for what was paid in all, and count the trades."""


def read_listed_bar(event: Event, received_ns: int) -> HadronTick:
    """``A`` and ``AM``: stocks, options, futures; indices, which have no volume."""
    ticker = listed_ticker(event.get("sym"), "sym")
    fields = _FUTURES if asset_class(ticker) == "future" else _FIELDS
    return _bar(fields, event, received_ns, ticker)


def read_forex_bar(event: Event, received_ns: int) -> HadronTick:
    """``CAS`` and ``CA``; volume is the number of quotes."""
    return _bar(_FIELDS, event, received_ns, forex_ticker(event.get("pair"), "pair"))


def read_crypto_bar(event: Event, received_ns: int) -> HadronTick:
    """``XAS`` and ``XA``."""
    return _bar(_FIELDS, event, received_ns, crypto_ticker(event.get("pair"), "pair"))


def _bar(fields: Fields, event: Event, received_ns: int, ticker: str) -> HadronTick:
    for name in ("o", "h", "l"):
        price(event, name, ticker)
    return HadronTick(
        venue=VENUE,
        ticker=ticker,
        tick_type=TickType.BAR,
        event_us=time_us(event, "s"),
        event_key=fields.content("bar", event),
        received_ns=received_ns,
        price=price(event, "c", ticker),
        raw_price=str(event["c"]),
        size=wire.quantity(event.get("v"), "v"),
        metadata=fields.metadata(event),
    )
