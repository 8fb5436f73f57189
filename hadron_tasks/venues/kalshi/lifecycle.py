"""What Kalshi's lifecycle messages say of a market or event: pure folds over them.

Messages: ``market_lifecycle_v2``, ``multivariate_market_lifecycle`` (combos), ``event_lifecycle``
and ``event_fee_update``. Their ``event_type`` is an open set; one that is not known changes what
its fields say and leaves the status alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from pydantic_core import to_json

from hadron_tasks.errors import MalformedFrame
from hadron_tasks.ingest.normalised import LifecycleEvent, StateChange
from hadron_tasks.tick import content_key
from hadron_tasks.times import from_ns
from hadron_tasks.venues import wire
from hadron_tasks.venues.kalshi.fields import VENUE, Message

LIFECYCLE_TYPES = frozenset(
    {
        "market_lifecycle_v2",
        "multivariate_market_lifecycle",
        "event_lifecycle",
        "event_fee_update",
    }
)

_STATUS_AFTER = {
    "created": "initialized",
    "activated": "active",
    "deactivated": "inactive",
    "closed": "closed",
    "determined": "determined",
    "settled": "finalized",
}
"""Status by ``event_type``, in the words of the REST API's ``status`` field."""

_Read = Callable[[Any, str], Any]


def _long_text(value: Any, place: str) -> str | None:
    """Titles and rules: any length."""
    if value is None or type(value) is str:
        return value or None
    raise MalformedFrame(f"should be a text, is {wire.shown(value)}", place=place)


def _time(value: Any, place: str) -> datetime | None:
    return None if value in (None, "", 0) else from_ns(wire.time_us(value, place) * 1000)


_MARKET_COLUMNS: dict[str, tuple[str, _Read]] = {
    "event_ticker": ("event_ticker", wire.optional_text),
    "name": ("name", _long_text),
    "title": ("title", _long_text),
    "yes_sub_title": ("yes_sub_title", _long_text),
    "no_sub_title": ("no_sub_title", _long_text),
    "open_ts": ("open_time", _time),
    "close_ts": ("close_time", _time),
    "expected_expiration_ts": ("expected_expiration_time", _time),
    "strike_type": ("strike_type", wire.optional_text),
    "floor_strike": ("floor_strike", wire.optional_number),
    "cap_strike": ("cap_strike", wire.optional_number),
    "result": ("result", wire.optional_text),
    "settlement_value": ("settlement_value", wire.optional_number),
    "settlement_value_dollars": ("settlement_value", wire.optional_number),
}
"""A market message's field to the instrument's column, and how it is read."""

_MARKET_REFS = (
    "rules_primary",
    "rules_secondary",
    "can_close_early",
    "price_level_structure",
    "price_ranges",
    "custom_strike",
    "functional_strike",
    "determination_ts",
    "settled_ts",
)
"""A market message's fields that have no column: kept in ``external_ref``."""

_EVENT_COLUMNS: dict[str, tuple[str, _Read]] = {
    "title": ("title", _long_text),
    "subtitle": ("sub_title", _long_text),
    "series_ticker": ("series_ticker", wire.optional_text),
    "collateral_return_type": ("collateral_return_type", wire.optional_text),
    "fee_type_override": ("fee_type_override", wire.optional_text),
    "fee_multiplier_override": ("fee_multiplier_override", wire.optional_number),
}


def read_lifecycle(
    kind: str, msg: Message, sequence: int | None, received_ns: int
) -> LifecycleEvent:
    """A lifecycle message as an event, kept whole.

    Args:
        kind: The frame's ``type``, one of :data:`LIFECYCLE_TYPES`.

    Raises:
        MalformedFrame: A known field has an absurd value, or nothing says what it is about.
    """
    # Every field that a fold will read is read once here, so that folding does not fail later.
    if kind.startswith("event_"):
        ticker = None
        event_ticker: str | None = wire.text(msg.get("event_ticker"), "event_ticker")
        _columns(msg, _EVENT_COLUMNS)
    else:
        ticker = wire.text(msg.get("market_ticker"), "market_ticker")
        event_ticker = _columns(_flat(msg), _MARKET_COLUMNS).get("event_ticker")
    event_type = wire.optional_text(msg.get("event_type"), "event_type")
    return LifecycleEvent(
        venue=VENUE,
        ticker=ticker,
        event_ticker=event_ticker,
        kind=event_type if event_type is not None else kind,
        # A market may be deactivated more than once in the same words, and sequence numbers begin
        # anew with a connection: the receive time tells such messages apart. A second connection's
        # copy is kept too, and changes nothing: folding is idempotent.
        event_key=content_key(kind, sequence, received_ns, stable_text(msg)),
        received_ns=received_ns,
        sequence=sequence,
        payload={**msg, "type": kind},
    )


def fold_market(events: Iterable[LifecycleEvent]) -> StateChange:
    """A market's state from its messages, in the order received; only what they mention."""
    columns: dict[str, Any] = {}
    external_ref: dict[str, Any] = {}
    status: str | None = None
    status_ns = 0
    for event in events:
        try:
            msg = _flat(event.payload)
            columns |= _columns(msg, _MARKET_COLUMNS)
        except MalformedFrame:
            continue  # stored before a check that it would not pass today
        external_ref |= {
            name: msg[name] for name in _MARKET_REFS if not wire.is_absent(msg.get(name))
        }
        if event.kind in _STATUS_AFTER:
            status, status_ns = _STATUS_AFTER[event.kind], event.received_ns
    return StateChange(
        columns=columns,
        status=status,
        status_at=from_ns(status_ns) if status else None,
        external_ref=external_ref,
    )


def fold_event(events: Iterable[LifecycleEvent]) -> StateChange:
    """An event's state from its messages, in the order received; only what they mention."""
    columns: dict[str, Any] = {}
    for event in events:
        try:
            columns |= _columns(event.payload, _EVENT_COLUMNS)
        except MalformedFrame:
            continue  # as above
    return StateChange(columns=columns)


def stable_text(document: Any) -> str:
    """A document as text that does not depend on the order of its keys."""
    if isinstance(document, dict):
        parts = (f"{key}:{stable_text(document[key])}" for key in sorted(document))
        return "{" + ",".join(parts) + "}"
    if isinstance(document, list):
        return "[" + ",".join(map(stable_text, document)) + "]"
    return to_json(document).decode()


def _flat(msg: Message) -> dict[str, Any]:
    """The message with what stands in ``additional_metadata`` (on creation) beside the rest."""
    inner = msg.get("additional_metadata")
    if inner is None:
        return dict(msg)
    if type(inner) is not dict:
        raise MalformedFrame(
            f"should be an object, is {wire.shown(inner)}", place="additional_metadata"
        )
    return {**inner, **msg}


def _columns(msg: Message, known: dict[str, tuple[str, _Read]]) -> dict[str, Any]:
    found = {}
    for name, (column, read) in known.items():
        if name in msg and (value := read(msg[name], name)) is not None:
            found[column] = value
    return found
