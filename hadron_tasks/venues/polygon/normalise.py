"""Polygon's (Massive's) WebSocket events as ticks. A frame is an array of events, mixed.

Source: the vendor's description of its WebSocket channels. Short names are the vendor's: ``p``
price, ``s`` size or window start, ``x`` exchange, ``t`` time in Unix milliseconds (some channels
send micro- or nanoseconds: told by magnitude), ``q`` a sequence number that rises but is not
gapless.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hadron_tasks.errors import MalformedFrame
from hadron_tasks.ingest.normalised import Normalised
from hadron_tasks.tick import HadronTick
from hadron_tasks.venues import wire
from hadron_tasks.venues.polygon.bars import read_crypto_bar, read_forex_bar, read_listed_bar
from hadron_tasks.venues.polygon.fields import VENUE, Event
from hadron_tasks.venues.polygon.quotes import (
    read_crypto_book,
    read_crypto_quote,
    read_forex_quote,
    read_listed_quote,
)
from hadron_tasks.venues.polygon.trades import (
    crypto_trade_key,
    listed_trade_key,
    read_crypto_trade,
    read_listed_trade,
)
from hadron_tasks.venues.polygon.values import read_imbalance, read_price_band, value_reader

__all__ = ["VENUE", "crypto_trade_key", "listed_trade_key", "normalise"]

_MAX_TYPE = 64

_READERS: dict[str, Callable[[Event, int], HadronTick]] = {
    "T": read_listed_trade,
    "Q": read_listed_quote,
    "A": read_listed_bar,
    "AM": read_listed_bar,
    "LULD": read_price_band,
    "NOI": read_imbalance,
    "V": value_reader("T", "val", {}),
    "FMV": value_reader("sym", "fmv", {"ev": "kind"}),
    "LV": value_reader("sym", "val", {"ev": "kind"}),
    "XT": read_crypto_trade,
    "XQ": read_crypto_quote,
    "XL2": read_crypto_book,
    "XA": read_crypto_bar,
    "XAS": read_crypto_bar,
    "C": read_forex_quote,
    "CA": read_forex_bar,
    "CAS": read_forex_bar,
}


def normalise(
    data: bytes,
    received_ns: int,
    into: Normalised,
    connection: str = "",  # noqa: ARG001 - no event here is one of a sequence
) -> None:
    """Add what a Polygon frame says to ``into``; see :class:`Normaliser`.

    Raises:
        MalformedFrame: It is no array of events, or an event has a missing or absurd value; the
            other events were added. The place is the first such event's.
    """
    frame = wire.decode(data)
    if type(frame) is not list:
        raise MalformedFrame(f"should be a JSON array, is {wire.shown(frame)}")
    look_for_nul = wire.may_hold_nul(data)
    fault: MalformedFrame | None = None
    for index, event in enumerate(frame):
        try:
            if look_for_nul:
                wire.reject_nul(event)
            _normalise_event(event, received_ns, into)
        except MalformedFrame as error:
            fault = fault or _within_frame(error, index)
    if fault is not None:
        raise fault


def _normalise_event(event: Any, received_ns: int, into: Normalised) -> None:
    if type(event) is not dict:
        raise MalformedFrame(f"should be an object, is {wire.shown(event)}")
    kind = event.get("ev")
    if type(kind) is not str:
        raise MalformedFrame(f"should be a text, is {wire.shown(kind)}", place="ev")
    reader = _READERS.get(kind)
    if reader is not None:
        into.ticks.append(reader(event, received_ns))
    elif kind == "status":
        into.control += 1
    else:
        into.count_unknown(kind[:_MAX_TYPE])


def _within_frame(error: MalformedFrame, index: int) -> MalformedFrame:
    place = f"[{index}].{error.place}" if error.place else f"[{index}]"
    return MalformedFrame(error.reason, place=place)
