"""Trades of stocks, options and futures (``T``) and of crypto (``XT``): what identifies them."""

from __future__ import annotations

from hadron_tasks.tick import HadronTick, TickType, content_key
from hadron_tasks.venues import wire
from hadron_tasks.venues.polygon.fields import VENUE, Event, Fields, price, sequence, time_us
from hadron_tasks.venues.polygon.symbols import crypto_ticker, listed_ticker

_DAY_US = 86_400_000_000
_NIGHT_US = 5 * 3_600_000_000
"""05:00 UTC: no US stock or option trades then, in summer or winter."""

_LISTED = Fields(
    columns=frozenset({"ev", "sym", "p", "s", "t", "q"}),
    names={
        "i": "trade_id",
        "x": "exchange",
        "z": "tape",
        "c": "conditions",
        "trfi": "trf_id",
        "trft": "trf_time",
        "ds": "decimal_size",
    },
)
_CRYPTO = Fields(
    columns=frozenset({"ev", "pair", "p", "s", "t"}),
    names={"i": "trade_id", "x": "exchange", "c": "conditions", "r": "vendor_received_ms"},
)


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


def read_listed_trade(event: Event, received_ns: int) -> HadronTick:
    """A ``T``. One without an id (options) is identified by all it says."""
    ticker = listed_ticker(event.get("sym"), "sym")
    event_us = time_us(event)
    trade_id = _trade_id(event)
    key = None
    if trade_id is not None:
        # A facility of 0 is none, as where the field is left out.
        facility = event.get("trfi") or None
        key = listed_trade_key(event.get("x"), facility, trade_id, event_us)
    return _trade(_LISTED, event, received_ns, ticker, event_us, trade_id, key)


def read_crypto_trade(event: Event, received_ns: int) -> HadronTick:
    """An ``XT``; its id is optional."""
    ticker = crypto_ticker(event.get("pair"), "pair")
    trade_id = _trade_id(event)
    key = None if trade_id is None else crypto_trade_key(event.get("x"), trade_id)
    return _trade(_CRYPTO, event, received_ns, ticker, time_us(event), trade_id, key)


def _trade(
    fields: Fields,
    event: Event,
    received_ns: int,
    ticker: str,
    event_us: int,
    trade_id: str | None,
    trade_key: int | None,
) -> HadronTick:
    metadata = fields.metadata(event)
    if trade_id is not None and metadata is not None:
        metadata["trade_id"] = trade_id  # always text, as in the REST API
    return HadronTick(
        venue=VENUE,
        ticker=ticker,
        tick_type=TickType.TRADE,
        event_us=event_us,
        event_key=fields.content("trade", event) if trade_key is None else trade_key,
        received_ns=received_ns,
        price=price(event, "p", ticker),
        raw_price=str(event["p"]),
        size=wire.quantity(event.get("s"), "s"),
        sequence=sequence(event),
        metadata=metadata,
        trade_key=trade_key,
    )


def _trade_id(event: Event) -> str | None:
    value = event.get("i")
    if type(value) is int:
        return str(wire.optional_integer(value, "i"))
    return wire.optional_text(value, "i")
