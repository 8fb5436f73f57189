"""Kalshi's WebSocket protocol: what a connection subscribes, and what each answer means.

Protocol: Kalshi, WebSockets (commands ``subscribe``, ``update_subscription``, ``unsubscribe``;
every answer carries the command's ``id``). One command is awaited at a time, one channel a
``subscribe``, so that every answer can be told apart.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from hadron_tasks.raw_stream import GapCause
from streamer.conversation import (
    ANSWER_WITHIN_S,
    Answered,
    CommandRefused,
    ConnectionUseless,
    CredentialsRefused,
    Event,
    SequenceJumped,
    SubscriptionEnded,
)
from streamer.kalshi_wire import (
    CHANNEL_OF_TYPE,
    CODE_AUTHENTICATION,
    ENDED_BY_CODE,
    HEAD,
    LIFECYCLE_CHANNEL,
    TRY_AGAIN_CODES,
    TYPES,
    Envelope,
    Refusal,
)
from streamer.plan import BOOKS_CHANNEL, Target, is_book_share
from streamer.selected_markets import SelectedMarkets
from streamer.sequence import SequenceTracker

TRY_AGAIN_AFTER_S = 1.0
MOST_TRIES = 5
BOOKS_A_COMMAND = 250


@dataclass(slots=True)
class _Subscription:
    channel: str
    markets: set[str] = field(default_factory=set)


@dataclass(slots=True)
class _Pending:
    """The command whose answer is awaited."""

    id: int
    verb: str
    """subscribe, add_markets, delete_markets or unsubscribe."""
    channel: str
    sent_at: float
    markets: tuple[str, ...] = ()

    def __str__(self) -> str:
        books = f" of {len(self.markets)} markets" if self.markets else ""
        return f"{self.verb} {self.channel}{books}"


class KalshiConversation:
    """One connection's subscriptions, sequence numbers and outstanding command."""

    def __init__(self, selection: Collection[str] = ()) -> None:
        """Begin, with nothing subscribed.

        Args:
            selection: Series, event and market tickers whose markets are reported as they open
                and close.
        """
        self.frames_by_type: dict[str, int] = defaultdict(int)
        self.bytes_by_type: dict[str, int] = defaultdict(int)
        self._selected = SelectedMarkets(selection)
        self._sequences = SequenceTracker()
        self._subscriptions: dict[int, _Subscription] = {}
        self._target = Target()
        self._refused: set[str] = set()
        self._pending: _Pending | None = None
        self._snapshots: set[str] = set()
        self._last_id = 0
        self._tries = 0
        self._not_before = 0.0
        self._now = 0.0
        self._books_a_command = BOOKS_A_COMMAND

    @property
    def ready(self) -> bool:
        """The handshake is the whole authentication."""
        return True

    @property
    def confirmed(self) -> frozenset[str]:
        """The items of the target that are subscribed in full, or were refused."""
        have = {held.channel for held in self._subscriptions.values()} | self._refused
        books = self._books | self._refused
        return frozenset(
            item
            for item in self._target.items
            if (
                self._target.books.get(item, frozenset()) <= books
                if is_book_share(item)
                else item in have
            )
        )

    @property
    def subscriptions(self) -> int:
        """Channels acknowledged."""
        return len(self._subscriptions)

    @property
    def markets(self) -> int:
        """Order books acknowledged."""
        return len(self._books)

    def receive(self, data: bytes, received_ns: int) -> Sequence[Event] | None:
        """Take one frame: cheaply where its head has the usual form, else by a full parse."""
        head = HEAD.match(data)
        if head is None:
            return self._receive_other(data, received_ns)
        kind, sid, seq = head.groups()
        name = TYPES.get(kind)
        if name is None or (seq is None and b'"seq"' in data):
            return self._receive_other(data, received_ns)
        self.frames_by_type[name] += 1
        self.bytes_by_type[name] += len(data)
        if seq is not None:
            jump = self._sequences.observe(int(sid), int(seq), received_ns)
            if jump is not None:
                return [self._jumped(name, jump), *self._selected.told(name, data)]
        if self._selected.are_any and (name in ("ticker", LIFECYCLE_CHANNEL)):
            return self._selected.told(name, data) or None
        return None

    def retarget(self, target: Target) -> None:
        """What to carry from now on. What was refused is asked again only after it was dropped."""
        self._target = target
        self._refused &= self._wanted_books | self._wanted_channels
        self._snapshots &= self._wanted_books

    def refresh(self, markets: Collection[str]) -> Collection[str]:
        """Ask for fresh snapshots of these markets' books; returns those carried here."""
        carried = self._books.intersection(markets)
        self._snapshots |= carried
        return carried

    def next_command(self, now: float) -> str | None:
        """The next step towards the target."""
        self._now = now
        if self._pending is not None or now < self._not_before:
            return None
        return self._step_channels() or self._step_books() or self._step_snapshots()

    def unanswered(self, now: float) -> str | None:
        """The command that has waited too long for its answer."""
        pending = self._pending
        if pending is None or now - pending.sent_at < ANSWER_WITHIN_S:
            return None
        return str(pending)

    # What to send

    @property
    def _wanted_channels(self) -> set[str]:
        return {item for item in self._target.items if not is_book_share(item)}

    @property
    def _wanted_books(self) -> set[str]:
        return set().union(*self._target.books.values())

    @property
    def _books(self) -> set[str]:
        sid = self._sid_of(BOOKS_CHANNEL)
        return set() if sid is None else self._subscriptions[sid].markets

    def _sid_of(self, channel: str) -> int | None:
        for sid, held in self._subscriptions.items():
            if held.channel == channel:
                return sid
        return None

    def _step_channels(self) -> str | None:
        wanted = self._wanted_channels
        have = {held.channel: sid for sid, held in self._subscriptions.items()}
        for channel in sorted(wanted - have.keys() - self._refused):
            return self._send("subscribe", channel, {"channels": [channel]})
        if self._wanted_books:
            wanted.add(BOOKS_CHANNEL)
        for channel in sorted(have.keys() - wanted):
            return self._send("unsubscribe", channel, {"sids": [have[channel]]})
        return None

    def _step_books(self) -> str | None:
        wanted = self._wanted_books
        sid, have = self._sid_of(BOOKS_CHANNEL), self._books
        missing = sorted(wanted - have - self._refused)[: self._books_a_command]
        if missing and sid is None:
            params = {"channels": [BOOKS_CHANNEL], "market_tickers": missing}
            return self._send("subscribe", BOOKS_CHANNEL, params, missing)
        if missing and sid is not None:
            return self._update(sid, "add_markets", missing)
        surplus = sorted(have - wanted)[: self._books_a_command]
        if surplus and sid is not None:
            return self._update(sid, "delete_markets", surplus)
        return None

    def _step_snapshots(self) -> str | None:
        """Fresh snapshots. Not awaited: a missing answer must not cost the connection."""
        sid = self._sid_of(BOOKS_CHANNEL)
        asked = sorted(self._snapshots & self._books)[:BOOKS_A_COMMAND]
        if sid is None or not asked:
            return None
        self._snapshots.difference_update(asked)
        self._last_id += 1
        params = {"sids": [sid], "action": "get_snapshot", "market_tickers": asked}
        return _command(self._last_id, "update_subscription", params)

    def _update(self, sid: int, action: str, markets: Sequence[str]) -> str:
        params = {"sids": [sid], "action": action, "market_tickers": list(markets)}
        return self._send(action, BOOKS_CHANNEL, params, markets)

    def _send(
        self, verb: str, channel: str, params: dict[str, Any], markets: Sequence[str] = ()
    ) -> str:
        self._last_id += 1
        self._pending = _Pending(self._last_id, verb, channel, self._now, tuple(markets))
        is_update = verb in ("add_markets", "delete_markets")
        return _command(self._last_id, "update_subscription" if is_update else verb, params)

    # What was received

    def _receive_other(self, data: bytes, received_ns: int) -> Sequence[Event] | None:
        """Answers, errors, unknown types, and data whose head has an unusual form."""
        try:
            message = Envelope.model_validate_json(data)
        except ValidationError:
            # It is recorded all the same, and becomes a dead letter where it is normalised.
            self.frames_by_type["unreadable"] += 1
            self.bytes_by_type["unreadable"] += len(data)
            return None
        self.frames_by_type[message.type] += 1
        self.bytes_by_type[message.type] += len(data)
        events: list[Event] = []
        if message.sid is not None and message.seq is not None:
            jump = self._sequences.observe(message.sid, message.seq, received_ns)
            if jump is not None:
                events.append(self._jumped(message.type, jump))
        if message.type in CHANNEL_OF_TYPE:
            events += self._selected.told(message.type, data)
        elif message.type == "error":
            events += self._refusal(message)
        elif message.type in ("subscribed", "ok", "unsubscribed"):
            events += self._answer(message)
        return events or None

    def _jumped(self, kind: str, jump: Any) -> SequenceJumped:
        held = self._subscriptions.get(jump.sid)
        channel = held.channel if held else CHANNEL_OF_TYPE.get(kind, kind)
        if held and channel == BOOKS_CHANNEL:
            self._snapshots |= held.markets
        return SequenceJumped(channel, jump)

    def _answer(self, message: Envelope) -> list[Event]:
        pending = self._pending
        if pending is None or pending.id != message.id:
            return []
        self._pending = None
        self._tries = 0
        self._books_a_command = min(BOOKS_A_COMMAND, self._books_a_command * 2)
        if pending.verb == "subscribe":
            sid = message.msg.get("sid") if isinstance(message.msg, dict) else None
            sid = sid if isinstance(sid, int) else message.sid
            if sid is None:
                return [ConnectionUseless(GapCause.DISCONNECT, "a subscription came without sid")]
            self._subscriptions[sid] = _Subscription(pending.channel, set(pending.markets))
            return [Answered()]
        held_sid = self._sid_of(pending.channel)
        if held_sid is None:
            return [Answered()]
        if pending.verb == "unsubscribe":
            del self._subscriptions[held_sid]
            self._sequences.forget(held_sid)
        elif pending.verb == "add_markets":
            self._subscriptions[held_sid].markets.update(pending.markets)
        else:
            self._subscriptions[held_sid].markets.difference_update(pending.markets)
        return [Answered()]

    def _refusal(self, message: Envelope) -> list[Event]:
        try:
            refusal = Refusal.model_validate(message.msg)
        except ValidationError:
            refusal = Refusal(msg=str(message.msg)[:200])
        reason = f"code {refusal.code}: {refusal.msg}"
        if refusal.code == CODE_AUTHENTICATION:
            return [CredentialsRefused(reason)]
        pending = self._pending
        if pending is not None and pending.id == message.id:
            self._pending = None
            return self._refused_command(pending, refusal.code, reason)
        if refusal.code in ENDED_BY_CODE:
            sid = message.sid if message.sid is not None else refusal.sid
            return [self._ended(sid, ENDED_BY_CODE[refusal.code], reason)]
        return [CommandRefused("an earlier command", reason)]

    def _refused_command(self, pending: _Pending, code: int, reason: str) -> list[Event]:
        if code in TRY_AGAIN_CODES and self._tries < MOST_TRIES:
            self._tries += 1
            self._not_before = self._now + TRY_AGAIN_AFTER_S
            return [Answered()]
        self._tries = 0
        if len(pending.markets) > 1:
            # One market in the list is at fault: halve the list until it is found.
            self._books_a_command = len(pending.markets) // 2
            return [Answered()]
        if pending.verb in ("unsubscribe", "delete_markets"):
            return [ConnectionUseless(GapCause.DISCONNECT, f"{pending} was refused: {reason}")]
        what = pending.markets[0] if pending.markets else pending.channel
        self._refused.add(what)
        return [CommandRefused(what, reason)]

    def _ended(self, sid: int | None, cause: GapCause, reason: str) -> Event:
        held = self._subscriptions.pop(sid, None) if sid is not None else None
        if sid is None or held is None:
            return ConnectionUseless(cause, reason)
        self._sequences.forget(sid)
        return SubscriptionEnded(held.channel, sid, cause, reason)


def _command(number: int, verb: str, params: Mapping[str, Any]) -> str:
    return json.dumps({"id": number, "cmd": verb, "params": params}, separators=(",", ":"))
