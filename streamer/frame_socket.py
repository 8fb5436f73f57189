"""A WebSocket client connection that hands each message to a function, as bytes.

It takes messages where the library has just parsed them, before its own queue and coroutine,
which cost about as much as the parsing. In return there is no back-pressure: the function must
take every message at once and raise nothing. Control frames (ping, pong, close) go the library's
way.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from websockets.asyncio.client import ClientConnection
from websockets.frames import Frame, Opcode

_DATA = (Opcode.TEXT, Opcode.BINARY, Opcode.CONT)


class FrameSocket(ClientConnection):
    """See the module."""

    def __init__(self, *args: Any, take: Callable[[bytes], None], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._take = take
        self._parts: list[bytes] = []
        self.heard_ns = time.time_ns()
        """When anything last came, pings and pongs included; nanoseconds since the epoch."""
        self.heard_at = time.monotonic()
        """The same by the monotonic clock, in seconds."""

    def data_received(self, data: bytes) -> None:
        """Bytes from the network."""
        self.heard_ns = time.time_ns()
        self.heard_at = time.monotonic()
        super().data_received(data)

    def process_event(self, event: Any) -> None:
        """One parsed frame, or the handshake's answer."""
        if event.__class__ is not Frame or event.opcode not in _DATA:
            super().process_event(event)
        elif event.fin and not self._parts:
            self._take(bytes(event.data))
        else:
            self._parts.append(bytes(event.data))
            if event.fin:
                whole, self._parts = b"".join(self._parts), []
                self._take(whole)
