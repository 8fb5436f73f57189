"""Kalshi's WebSocket messages as ticks and lifecycle events. A frame is one message.

Data messages have a ``type``, a ``sid`` (the connection's number of the subscription, which is no
part of what is said), mostly a ``seq``, and a ``msg``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hadron_tasks.errors import MalformedFrame
from hadron_tasks.ingest.normalised import Normalised
from hadron_tasks.tick import HadronTick
from hadron_tasks.venues import wire
from hadron_tasks.venues.kalshi.books import (
    read_delta,
    read_delta_record,
    read_snapshot,
    read_snapshot_record,
)
from hadron_tasks.venues.kalshi.fields import VENUE, Message
from hadron_tasks.venues.kalshi.lifecycle import LIFECYCLE_TYPES, read_lifecycle
from hadron_tasks.venues.kalshi.quotes import read_ticker, read_ticker_record
from hadron_tasks.venues.kalshi.records import (
    DeltaFrame,
    Frame,
    SnapshotFrame,
    TickerFrame,
    TradeFrame,
    record_of,
)
from hadron_tasks.venues.kalshi.trades import read_trade, read_trade_record, trade_event_key

__all__ = ["VENUE", "normalise", "trade_event_key"]

_READERS: dict[str, Callable[[Message, int | None, int], HadronTick]] = {
    "ticker": read_ticker,
    "trade": read_trade,
    "trades": read_trade,  # the 2025 name
}
_BOOK_READERS: dict[str, Callable[[Message, int | None, int, str | None], HadronTick]] = {
    "orderbook_delta": read_delta,
    "orderbook_snapshot": read_snapshot,
}
_CONTROL = frozenset(
    {"subscribed", "unsubscribed", "ok", "error", "list_subscriptions", "subscriptions"}
)
_MAX_TYPE = 64
_SID_LIMIT = 2**63


def normalise(data: bytes, received_ns: int, into: Normalised, connection: str = "") -> None:
    """Add what a Kalshi frame says to ``into``; see :class:`Normaliser`.

    Raises:
        MalformedFrame: It is no Kalshi message, or one with a missing or absurd value.
    """
    record = record_of(data)
    if record is not None:
        try:
            into.ticks.append(_RECORD_READERS[type(record)](record, received_ns, connection))
        except MalformedFrame as error:
            raise _within_frame(error) from None
        return
    frame = wire.decode(data)
    if type(frame) is not dict:
        raise MalformedFrame(f"should be a JSON object, is {wire.shown(frame)}")
    if wire.may_hold_nul(data):
        wire.reject_nul(frame)
    kind = frame.get("type")
    if type(kind) is not str:
        raise MalformedFrame(f"should be a text, is {wire.shown(kind)}", place="type")
    if (reader := _READERS.get(kind)) is not None:
        body, sequence = _body(frame), _sequence(frame)
        try:
            into.ticks.append(reader(body, sequence, received_ns))
        except MalformedFrame as error:
            raise _within_frame(error) from None
    elif (book_reader := _BOOK_READERS.get(kind)) is not None:
        body, sequence = _body(frame), _sequence(frame)
        try:
            via = _via(connection, frame.get("sid"))
            into.ticks.append(book_reader(body, sequence, received_ns, via))
        except MalformedFrame as error:
            raise _within_frame(error) from None
    elif kind in LIFECYCLE_TYPES:
        body, sequence = _body(frame), _sequence(frame)
        try:
            into.lifecycle.append(read_lifecycle(kind, body, sequence, received_ns))
        except MalformedFrame as error:
            raise _within_frame(error) from None
    elif kind in _CONTROL:
        into.control += 1
    else:
        into.count_unknown(kind[:_MAX_TYPE])


def _ticker(frame: TickerFrame, received_ns: int, _connection: str) -> HadronTick:
    return read_ticker_record(frame.msg, frame.seq, received_ns)


def _delta(frame: DeltaFrame, received_ns: int, connection: str) -> HadronTick:
    return read_delta_record(frame.msg, frame.seq, received_ns, _via(connection, frame.sid))


def _snapshot(frame: SnapshotFrame, received_ns: int, connection: str) -> HadronTick:
    return read_snapshot_record(frame.msg, frame.seq, received_ns, _via(connection, frame.sid))


def _trade(frame: TradeFrame, received_ns: int, _connection: str) -> HadronTick:
    return read_trade_record(frame.msg, frame.seq, received_ns)


_RECORD_READERS: dict[type[Frame], Callable[[Any, int, str], HadronTick]] = {
    TickerFrame: _ticker,
    DeltaFrame: _delta,
    SnapshotFrame: _snapshot,
    TradeFrame: _trade,
}


def _body(frame: Message) -> Message:
    body = frame.get("msg")
    if type(body) is not dict:
        raise MalformedFrame(f"should be an object, is {wire.shown(body)}", place="msg")
    return body


def _within_frame(error: MalformedFrame) -> MalformedFrame:
    return MalformedFrame(error.reason, place=f"msg.{error.place}")


def _via(connection: str, sid: object) -> str | None:
    """The subscription a message came by: its sid is one connection's, in one of its lives."""
    if not connection:
        return None
    return f"{connection}/{sid}" if type(sid) is int and 0 <= sid < _SID_LIMIT else connection


def _sequence(frame: Message) -> int | None:
    return wire.optional_integer(frame.get("seq"), "seq")
