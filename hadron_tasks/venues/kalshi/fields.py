"""Reading the fields of Kalshi's messages, in both of its price eras. Places are within ``msg``.

Today prices are dollars as text (``yes_bid_dollars: "0.4500"``) and counts are text with two
decimals (``count_fp``); until 2025 they were cents and whole contracts (``yes_bid: 45``). Recorded
data holds both, and mixtures. Source: Kalshi's AsyncAPI document of its WebSocket.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from functools import lru_cache
from typing import Any

from hadron_tasks.errors import MalformedFrame
from hadron_tasks.venues import wire
from hadron_tasks.venues.exact import from_cents
from hadron_tasks.venues.extras import extras

VENUE = "kalshi"

Message = Mapping[str, Any]
"""The ``msg`` of a frame."""

StatedPrice = tuple[Decimal | None, str | None]
"""A price in dollars and the text it was sent as."""


def ticker(msg: Message) -> str:
    """The market a message is about."""
    return wire.text(msg.get("market_ticker"), "market_ticker")


def text(msg: Message, name: str) -> str | None:
    """A text, or None where there is none."""
    return wire.optional_text(msg.get(name), name)


def event_us(msg: Message, received_ns: int) -> int:
    """When it happened, by :func:`first_time_us`."""
    return first_time_us(msg.get("ts_ms"), msg.get("ts"), msg.get("time"), received_ns)


def first_time_us(ts_ms: Any, ts: Any, time: Any, received_ns: int) -> int:
    """``ts_ms`` where there is one, else ``ts``, else ``time``, else the receive time.

    ``ts_ms`` first even where ``ts`` has more digits: the time is part of a tick's identity, and
    this field is in every current message.
    """
    if ts_ms is not None and ts_ms != "":
        return wire.time_us(ts_ms, "ts_ms")
    if not wire.is_absent(ts):
        return wire.time_us(ts, "ts")
    if not wire.is_absent(time):
        return wire.time_us(time, "time")
    return received_ns // 1000


def price(msg: Message, dollars: str, cents: str) -> StatedPrice:
    """A price in dollars, and the text it was sent as; None where none was sent.

    Args:
        dollars: The field of today.
        cents: The field of 2025, read where the other is missing or empty.
    """
    value = msg.get(dollars)
    if not wire.is_absent(value):
        return dollars_of(value, dollars), str(value)
    value = msg.get(cents)
    if not wire.is_absent(value):
        return dollars_of(value, cents, in_cents=True), str(value)
    return None, None


def stated_price(words: str | None, place: str) -> StatedPrice:
    """The same of a text in dollars: what :func:`price` says where ``place`` is such a text."""
    if not words:
        return None, None
    return written_price(words, place)[0], words


def written_price(words: str, place: str) -> wire.Written:
    """A price in dollars from its text, and how Decimal writes it."""
    found = _price_of(words)
    if found is None:
        price = dollars_of(words, place)  # says what is wrong
        return price, str(price)
    return found


def dollars_of(value: Any, place: str, *, in_cents: bool = False) -> Decimal:
    """A price in dollars.

    Raises:
        MalformedFrame: It is no number, or not from 0 to 1 dollar.
    """
    found = wire.number(value, place)
    if in_cents:
        found = from_cents(found)
    if not 0 <= found <= 1:
        raise MalformedFrame(f"should be from 0 to 1 dollar, is {wire.shown(value)}", place=place)
    return found


# There are few prices: 99 in whole cents, some thousands in the finest steps.
@lru_cache(maxsize=16_384)
def _price_of(words: str) -> tuple[Decimal, str] | None:
    """What the text says if it is a price in dollars as it should be; why not is told elsewhere."""
    try:
        price = dollars_of(words, "")
    except MalformedFrame:
        return None
    return price, str(price)


def count(msg: Message, now: str, then: str) -> Decimal | None:
    """A count in today's form (``now``), else in that of 2025 (``then``)."""
    name = then if wire.is_absent(msg.get(now)) else now
    return wire.quantity(msg.get(name), name)


def total(msg: Message, now: str, then: str) -> str | None:
    """The same of a count that grows, as text."""
    name = then if wire.is_absent(msg.get(now)) else now
    return wire.total(msg.get(name), name)


def with_extras(
    metadata: dict[str, Any], msg: Message, known: frozenset[str]
) -> dict[str, Any] | None:
    """Metadata without what was not said, with the fields we do not know under ``extra``."""
    kept = said(metadata)
    if not known.issuperset(msg):
        kept["extra"] = extras(msg, msg.keys() - known)
    return kept or None


def said(metadata: dict[str, Any]) -> dict[str, Any]:
    """Metadata without what was not said."""
    if None not in metadata.values():
        return metadata
    return {name: value for name, value in metadata.items() if value is not None}
