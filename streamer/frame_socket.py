"""A WebSocket client connection that hands each message to a function, as bytes.

It takes messages where the library has just parsed them, before its own queue and coroutine,
which cost about as much as the parsing. The function must take every message at once and raise
nothing; back-pressure is between reads, by :class:`Sink`. Control frames (ping, pong, close) go
the library's way.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Protocol

from websockets.asyncio.client import ClientConnection
from websockets.frames import Frame, Opcode

_DATA = (Opcode.TEXT, Opcode.BINARY, Opcode.CONT)


class Sink(Protocol):
    """Where the messages go in the end."""

    @property
    def full(self) -> bool:
        """Whether nothing more should be read now."""

    def when_room(self, resume: Callable[[], None]) -> None:
        """Call ``resume`` when there is room again."""


class FrameSocket(ClientConnection):
    """See the module."""

    def __init__(
        self, *args: Any, take: Callable[[bytes], None], sink: Sink, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self._take = take
        self._sink = sink
        self._parts: list[bytes | bytearray | memoryview] = []
        self.heard_ns = time.time_ns()
        """When anything last came, pings and pongs included; nanoseconds since the epoch."""
        self.heard_at = time.monotonic()
        """The same by the monotonic clock, in seconds."""

    def data_received(self, data: bytes) -> None:
        """Bytes from the network."""
        self.heard_ns = time.time_ns()
        self.heard_at = time.monotonic()
        super().data_received(data)
        if self._sink.full:
            self.transport.pause_reading()
            self._sink.when_room(self._resume)

    def process_event(self, event: Any) -> None:
        """One parsed frame, or the handshake's answer."""
        if event.__class__ is not Frame or event.opcode not in _DATA:
            super().process_event(event)
        elif event.fin and not self._parts and event.data.__class__ is bytes:
            self._take(event.data)
        else:
            self._parts.append(event.data)
            if event.fin:
                whole, self._parts = b"".join(self._parts), []
                self._take(whole)

    def _resume(self) -> None:
        if not self.transport.is_closing():
            self.transport.resume_reading()
