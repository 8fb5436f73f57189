"""Polygon's (Massive's) WebSocket protocol: authenticate, subscribe, read arrays of events.

Protocol: the server greets with status ``connected``; ``auth`` is answered by ``auth_success`` or
``auth_failed``; each ``subscribe`` by ``success`` or ``error``. Answers name no command, so one
subscription is asked for at a time.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from enum import Enum

from pydantic import BaseModel, SecretStr, TypeAdapter, ValidationError

from hadron_tasks.errors import ConfigurationError
from hadron_tasks.raw_stream import GapCause
from streamer.conversation import (
    ANSWER_WITHIN_S,
    Answered,
    CommandRefused,
    ConnectionUseless,
    CredentialsRefused,
    Event,
)
from streamer.plan import Target

ASSET_CLASSES = ("stocks", "options", "indices", "forex", "crypto", "futures")

_FIRST_EVENT = re.compile(rb'\[? ?\{"ev": ?"(\w+)"')


_EVENT_TIME = re.compile(rb'"t": ?(\d{13}|\d{16}|\d{19})\b')
"""Milliseconds, microseconds or nanoseconds: channels differ."""


class _Event(BaseModel):
    """An event, of which only status events matter here."""

    ev: str = ""
    status: str = ""
    message: str = ""


_Events = TypeAdapter(list[_Event])


class _Phase(Enum):
    GREETING = "the greeting"
    GREETED = "greeted"
    AUTHENTICATING = "the answer to auth"
    READY = "ready"


class PolygonConversation:
    """One connection's authentication and subscriptions.

    Items are as in the settings, ``stocks:T.AAPL``; what goes over the wire is ``T.AAPL``.
    """

    def __init__(self, api_key: SecretStr) -> None:
        self.frames_by_type: dict[str, int] = defaultdict(int)
        self.bytes_by_type: dict[str, int] = defaultdict(int)
        self._api_key = api_key
        self._phase = _Phase.GREETING
        self._since: float | None = None
        self._target: frozenset[str] = frozenset()
        self._have: set[str] = set()
        self._refused: set[str] = set()
        self._pending: tuple[str, str] | None = None

    @property
    def ready(self) -> bool:
        """Whether the exchange took the key."""
        return self._phase is _Phase.READY

    @property
    def confirmed(self) -> frozenset[str]:
        """The items of the target that the exchange acknowledged, or refused for good."""
        return self._target & (self._have | self._refused)

    @property
    def subscriptions(self) -> int:
        """Subscriptions acknowledged."""
        return len(self._have)

    @property
    def markets(self) -> int:
        """Polygon's subscriptions are not by market."""
        return 0

    def receive(self, data: bytes, _received_ns: int) -> Sequence[Event] | None:
        """Take one frame; only one that may hold a status event is parsed."""
        first = _FIRST_EVENT.match(data)
        kind = first[1].decode() if first else "unreadable"
        self.frames_by_type[kind] += 1
        self.bytes_by_type[kind] += len(data)
        if b'"status"' not in data:
            return None
        try:
            events = _Events.validate_json(data)
        except ValidationError:
            return None
        found: list[Event] = []
        for event in events:
            if event.ev == "status":
                found += self._status(event)
        return found or None

    def retarget(self, target: Target) -> None:
        """What to carry from now on."""
        self._target = target.items
        self._refused &= target.items

    def refresh(self, markets: Collection[str]) -> Collection[str]:  # noqa: ARG002 - the protocol's
        """Nothing: every book comes whole with each message."""
        return ()

    def next_command(self, now: float) -> str | None:
        """Authenticate once greeted; then the next step towards the target."""
        if self._since is None:
            self._since = now
        if self._phase is _Phase.GREETED:
            self._phase, self._since = _Phase.AUTHENTICATING, now
            return _action("auth", self._api_key.get_secret_value())
        if self._phase is not _Phase.READY or self._pending is not None:
            return None
        for item in sorted(self._target - self._have - self._refused):
            return self._send("subscribe", item, now)
        for item in sorted(self._have - self._target):
            return self._send("unsubscribe", item, now)
        return None

    def unanswered(self, now: float) -> str | None:
        """What the exchange owes us an answer to for too long."""
        if self._since is None or now - self._since < ANSWER_WITHIN_S:
            return None
        if self._pending is not None:
            return " ".join(self._pending)
        return None if self._phase is _Phase.READY else self._phase.value

    def _send(self, action: str, item: str, now: float) -> str:
        self._pending, self._since = (action, item), now
        return _action(action, item.partition(":")[2])

    def _status(self, event: _Event) -> list[Event]:
        match event.status:
            case "connected":
                if self._phase is _Phase.GREETING:
                    self._phase = _Phase.GREETED
                return [Answered()]
            case "auth_success":
                self._phase = _Phase.READY
                return [Answered()]
            case "auth_failed" | "auth_timeout":
                return [CredentialsRefused(event.message or event.status)]
            case "max_connections":
                reason = f"the key's connections are all in use ({event.message})"
                return [ConnectionUseless(GapCause.DISCONNECT, reason)]
            case "success":
                return self._granted()
            case "error":
                return self._denied(event.message)
        return []

    def _granted(self) -> list[Event]:
        if self._pending is None:
            return []
        action, item = self._pending
        self._pending = None
        if action == "subscribe":
            self._have.add(item)
        else:
            self._have.discard(item)
        return [Answered()]

    def _denied(self, reason: str) -> list[Event]:
        if self._pending is None:
            return [CommandRefused("an earlier command", reason)]
        _action_name, item = self._pending
        self._pending = None
        self._have.discard(item)
        self._refused.add(item)
        return [CommandRefused(item, reason)]


class PolygonEndpoint:
    """One asset class of one Polygon key."""

    venue = "polygon"
    remedy = "check POLYGON_API_KEY, and that its plan includes the real-time WebSocket"

    def __init__(self, asset_class: str, api_key: SecretStr, base_url: str) -> None:
        self.name = f"polygon-{asset_class}"
        self.lease = asset_class
        self.address = f"{base_url.rstrip('/')}/{asset_class}"
        self._api_key = api_key

    def __repr__(self) -> str:
        return f"PolygonEndpoint({self.name})"

    def headers(self) -> Mapping[str, str]:
        """Polygon authenticates in the connection, not in the handshake."""
        return {}

    def converse(self) -> PolygonConversation:
        """A conversation for a new connection."""
        return PolygonConversation(self._api_key)

    def sent_ns(self, data: bytes) -> int | None:
        """The time of the frame's last event that has one; bars have only those of their minute."""
        times: list[bytes] = _EVENT_TIME.findall(data)
        return int(times[-1]) * 10 ** (19 - len(times[-1])) if times else None


def subscriptions_by_class(subscriptions: Sequence[str]) -> dict[str, list[str]]:
    """``stocks:T.*`` entries grouped by their asset class.

    Raises:
        ConfigurationError: An entry has another form.
    """
    found: dict[str, list[str]] = {}
    for entry in subscriptions:
        asset_class, colon, item = entry.partition(":")
        if not colon or asset_class not in ASSET_CLASSES or "." not in item:
            raise ConfigurationError(
                f"HADRON_POLYGON_SUBSCRIPTIONS has {entry!r}. Write asset_class:CHANNEL.SYMBOL, "
                f"for example stocks:T.AAPL, with one of {', '.join(ASSET_CLASSES)}."
            )
        found.setdefault(asset_class, []).append(entry)
    return found


def _action(action: str, params: str) -> str:
    return json.dumps({"action": action, "params": params}, separators=(",", ":"))
