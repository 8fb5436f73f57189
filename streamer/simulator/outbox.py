"""What a connection is about to send, in order, written to the socket once an event-loop turn.

Frames are built here rather than by the WebSocket library, which would make one write and
several objects of each: a text frame from a server is a header of two to ten bytes and the
payload as it is (RFC 6455, section 5.2). The library keeps the handshake, pings and closing.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field
from random import Random

from streamer.simulator.ledger_file import LedgerFile, MalformedRecord

_SHORT, _MEDIUM = 126, 1 << 16
_MEDIUM_HEADERS = tuple(b"\x81\x7e" + size.to_bytes(2, "big") for size in range(2048))
_MOST_EVENTS_A_FRAME = 5
STALL_LIMIT_FRAMES = 200_000
"""Frames a stalled connection keeps before it counts as broken."""


def text_frame(payload: bytes) -> bytes:
    """One unmasked, final text frame."""
    size = len(payload)
    if size < _SHORT:
        return b"\x81" + bytes((size,)) + payload
    if size < 2048:
        return _MEDIUM_HEADERS[size] + payload
    if size < _MEDIUM:
        return b"\x81\x7e" + size.to_bytes(2, "big") + payload
    return b"\x81\x7f" + size.to_bytes(8, "big") + payload


@dataclass(slots=True)
class Stats:
    """What the simulated exchanges counted since they started."""

    sent: dict[str, Counter[str]] = field(default_factory=dict)
    """By venue, then kind: data messages handed to a socket."""
    frames: Counter[str] = field(default_factory=Counter)
    """By venue: frames with data; one of Polygon's may hold several messages."""
    skipped: Counter[str] = field(default_factory=Counter)
    malformed: Counter[str] = field(default_factory=Counter)
    connected: Counter[str] = field(default_factory=Counter)
    """By venue: connections ever accepted."""
    refused: Counter[str] = field(default_factory=Counter)
    """Handshakes refused, by ``venue: reason``."""
    closed_as_slow: int = 0
    open_now: Counter[str] = field(default_factory=Counter)
    """By key (and asset class): connections at this moment."""
    open_at_most: Counter[str] = field(default_factory=Counter)
    second_connections: int = 0
    """Attempts to hold two connections where one is allowed."""

    def total_sent(self) -> int:
        """Data messages over all venues and kinds."""
        return sum(sum(kinds.values()) for kinds in self.sent.values())

    def opened(self, key: str) -> None:
        """Count a connection in."""
        self.open_now[key] += 1
        self.open_at_most[key] = max(self.open_at_most[key], self.open_now[key])

    def closed(self, key: str) -> None:
        """Count a connection out."""
        self.open_now[key] -= 1


@dataclass(frozen=True, slots=True)
class Records:
    """Where the simulator writes down what it did."""

    ledger: LedgerFile
    skipped: LedgerFile
    malformed: MalformedRecord
    stats: Stats


class Outbox:
    """The outgoing side of one connection. Subclasses say how messages become frames."""

    def __init__(
        self, name: str, venue: str, transport: asyncio.WriteTransport, records: Records
    ) -> None:
        self.name = name
        self.venue = venue
        self.transport = transport
        self.records = records
        self.stalled = False
        self.blocked_since: float | None = None
        self._ended = False
        self.head = f"\t{venue}\t{name}\t"
        """The columns that begin every ledger line of this connection."""
        self._frames: list[bytes] = []
        self._data_frames = 0
        self._tails: list[str] = []
        self._kinds: Counter[str] = Counter()

    def control(self, payload: bytes) -> None:
        """Send what is no data: an answer, a status."""
        self._frames.append(text_frame(payload))

    def data(self, payload: bytes, kind: str, tail: str) -> None:
        """Send a data message; ``tail`` is its ledger line from :attr:`head` on."""
        self._frames.append(text_frame(payload))
        self._data_frames += 1
        self._tails.append(tail)
        self._kinds[kind] += 1

    def skip(self, tail: str) -> None:
        """Record a message that a fault keeps from being sent."""
        self.records.skipped.add(time.time_ns(), (tail,))
        self.records.stats.skipped[self.venue] += 1

    def malformed(self, fault: str, payload: bytes) -> None:
        """Send a broken frame and record it."""
        self._frames.append(text_frame(payload))
        self.records.malformed.add(time.time_ns(), self.venue, self.name, fault, payload)
        self.records.stats.malformed[self.venue] += 1

    @property
    def waiting(self) -> int:
        """Frames not yet handed to the socket."""
        return len(self._frames)

    @property
    def is_closed(self) -> bool:
        """Whether nothing can be sent any more."""
        return self._ended or self.transport.is_closing()

    def end(self) -> None:
        """Send nothing more: what comes after a close frame no client reads."""
        self._ended = True

    def flush(self) -> None:
        """Hand everything to the socket and the ledger, unless the connection is stalled."""
        if self.stalled and not self.is_closed:
            if len(self._frames) > STALL_LIMIT_FRAMES:
                self.transport.abort()
            return
        if not self._frames:
            return
        frames, tails, kinds = self._frames, self._tails, self._kinds
        data_frames, self._data_frames = self._data_frames, 0
        self._frames, self._tails, self._kinds = [], [], Counter()
        if self.is_closed:  # never sent, so on no record: the client knows of the disconnect
            return
        now = time.time_ns()
        try:
            self.transport.write(b"".join(frames))
        except RuntimeError:
            # The client said goodbye and our side is shut for writing, though not yet closed.
            return
        if tails:
            self.records.ledger.add(now, tails)
            self.records.stats.frames[self.venue] += data_frames
            self.records.stats.sent.setdefault(self.venue, Counter()).update(kinds)


class PolygonOutbox(Outbox):
    """Sends events as Polygon does: arrays of one or more, of mixed kinds."""

    def __init__(
        self, name: str, transport: asyncio.WriteTransport, records: Records, rng: Random
    ) -> None:
        super().__init__(name, "polygon", transport, records)
        self._rng = rng
        self._events: list[bytes] = []

    def event(self, event: bytes, kind: str, tail: str) -> None:
        """Send one data event; ``tail`` is its ledger line from :attr:`head` on."""
        self._events.append(event)
        self._tails.append(tail)
        self._kinds[kind] += 1

    def flush(self) -> None:
        """Gather the waiting events into frames and hand them over."""
        events, self._events = self._events, []
        start = 0
        while start < len(events):
            end = start + 1 + int(self._rng.random() ** 2 * _MOST_EVENTS_A_FRAME)
            self._frames.append(text_frame(b"[" + b",".join(events[start:end]) + b"]"))
            self._data_frames += 1
            start = end
        super().flush()
