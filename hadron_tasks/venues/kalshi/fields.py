"""Reading the fields of Kalshi's messages, in both of its price eras. Places are within ``msg``.

Today prices are dollars as text (``yes_bid_dollars: "0.4500"``) and counts are text with two
decimals (``count_fp``); until 2025 they were cents and whole contracts (``yes_bid: 45``). Recorded
data holds both, and mixtures. Source: Kalshi's AsyncAPI document of its WebSocket.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from hadron_tasks.errors import MalformedFrame
from hadron_tasks.venues import wire
from hadron_tasks.venues.exact import from_cents
from hadron_tasks.venues.extras import extras

VENUE = "kalshi"

Message = Mapping[str, Any]
"""The ``msg`` of a frame."""

_TIMES = ("ts_ms", "ts", "time")


def ticker(msg: Message) -> str:
    """The market a message is about."""
    return wire.text(msg.get("market_ticker"), "market_ticker")


def text(msg: Message, name: str) -> str | None:
    """A text, or None where there is none."""
    return wire.optional_text(msg.get(name), name)


def event_us(msg: Message, received_ns: int) -> int:
    """``ts_ms`` where there is one, else ``ts``, else ``time``, else the receive time.

    ``ts_ms`` first even where ``ts`` has more digits: the time is part of a tick's identity, and
    this field is in every current message.
    """
    for name in _TIMES:
        stated = msg.get(name)
        if not wire.is_absent(stated):
            return wire.time_us(stated, name)
    return received_ns // 1000


def price(msg: Message, dollars: str, cents: str) -> tuple[Decimal | None, str | None]:
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


def count(msg: Message, now: str, then: str) -> Decimal | None:
    """A count in today's form (``now``), else in that of 2025 (``then``)."""
    name = then if wire.is_absent(msg.get(now)) else now
    return wire.quantity(msg.get(name), name)


def with_extras(
    metadata: dict[str, Any], msg: Message, known: frozenset[str]
) -> dict[str, Any] | None:
    """Metadata without what was not said, with the fields we do not know under ``extra``."""
    kept = {name: value for name, value in metadata.items() if value is not None}
    if not known.issuperset(msg):
        kept["extra"] = extras(msg, msg.keys() - known)
    return kept or None
