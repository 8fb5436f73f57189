"""Reading the fields of Polygon's events. Places are named within the event (``p``)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from hadron_tasks.errors import MalformedFrame
from hadron_tasks.tick import content_key
from hadron_tasks.venues import wire
from hadron_tasks.venues.extras import extras
from hadron_tasks.venues.polygon.symbols import may_be_negative

VENUE = "polygon"

Event = Mapping[str, Any]

Side = tuple[Decimal | None, Decimal | None]
"""Price and size of one side of a quote; both None when nobody is there."""


@dataclass(frozen=True)
class Fields:
    """The fields of one kind of event: those of a tick's columns, and the others by what they mean.

    Args:
        columns: Fields that have a column.
        names: Every other field and its readable name in ``metadata``.
    """

    columns: frozenset[str]
    names: dict[str, str]
    known: frozenset[str] = field(init=False)
    in_order: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        known = self.columns | self.names.keys()
        object.__setattr__(self, "known", known)
        object.__setattr__(self, "in_order", tuple(sorted(known)))

    def metadata(self, event: Event) -> dict[str, Any] | None:
        """What the event says besides the columns: under readable names, the unknown apart."""
        kept = {
            label: wire.plain(event[name], name)
            for name, label in self.names.items()
            if event.get(name) is not None
        }
        if not self.known.issuperset(event):
            kept["extra"] = extras(event, event.keys() - self.known)
        return kept or None

    def content(self, kind: str, event: Event) -> int:
        """The key of an event that has no id: everything it says, fields we do not know apart."""
        # !s: formatting a Decimal takes three times as long as str().
        return content_key(
            kind, *[f"{name}={event[name]!s}" for name in self.in_order if name in event]
        )


def price(event: Event, name: str, ticker: str) -> Decimal:
    """A price that must be there; below zero only where that has happened."""
    found = wire.number(event.get(name), name)
    if found < 0 and not may_be_negative(ticker):
        raise MalformedFrame(f"should not be negative, is {found}", place=name)
    return found


def side(event: Event, price_name: str, size_name: str | None, ticker: str) -> Side:
    """A side of a quote; a price of 0, or none, is an empty side."""
    found = wire.optional_number(event.get(price_name), price_name)
    size = None if size_name is None else wire.quantity(event.get(size_name), size_name)
    if not found:
        return None, None
    if found < 0 and not may_be_negative(ticker):
        raise MalformedFrame(f"should not be negative, is {found}", place=price_name)
    return found, size


def time_us(event: Event, name: str = "t") -> int:
    """When it happened, in microseconds; sent in milli-, micro- or nanoseconds."""
    return wire.time_us(event.get(name), name)


def sequence(event: Event) -> int | None:
    """``q``: rising within a symbol and day, not gapless."""
    return wire.optional_integer(event.get("q"), "q")
