"""A live connection of a simulated exchange, as faults and the emitter see it."""

from __future__ import annotations

import asyncio
import socket
import struct
from dataclasses import dataclass
from typing import Literal

from websockets.asyncio.server import ServerConnection

from streamer.simulator.kalshi_session import KalshiSession
from streamer.simulator.outbox import Outbox

Ending = Literal["close", "eof", "reset"]
"""``close``: a proper close frame; ``eof``: the socket just ends; ``reset``: it is torn down,
and what the system had not yet sent is lost."""

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)
GOING_AWAY = 1001


@dataclass(eq=False, slots=True)
class LiveConnection:
    """One accepted connection."""

    venue: str
    key: str
    """The API key's name; for Polygon with the asset class: ``polygon-stocks``."""
    websocket: ServerConnection
    outbox: Outbox
    session: KalshiSession | None = None
    """None for Polygon."""
    is_too_slow: bool = False

    @property
    def name(self) -> str:
        """The connection's name in the ledger: the key's name and an ordinal."""
        return self.outbox.name

    def matches(self, venue: str | None, wanted: str | None) -> bool:
        """Whether a fault for ``venue`` and ``wanted`` (a key or connection name) is for it."""
        return (venue is None or venue == self.venue) and (
            wanted is None or wanted in (self.key, self.name)
        )

    def stall(self) -> None:
        """Send nothing and answer nothing, not even pings."""
        self.outbox.stalled = True
        if not self.outbox.is_closed:
            transport_of(self.websocket).pause_reading()

    def end_stall(self) -> None:
        """Send what has gathered and read again."""
        self.outbox.stalled = False
        if not self.outbox.is_closed:
            transport_of(self.websocket).resume_reading()
        self.outbox.flush()

    async def drop(self, how: Ending, code: int) -> None:
        """End the connection; ``code`` is for a close frame."""
        self.outbox.flush()
        transport = transport_of(self.websocket)
        if how == "close":
            self.outbox.end()
            await self.websocket.close(code)
        elif how == "eof":
            transport.close()
        else:
            connected = transport.get_extra_info("socket")
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
            transport.abort()


def transport_of(websocket: ServerConnection) -> asyncio.Transport:
    """The connection's TCP transport."""
    transport: asyncio.Transport = websocket.transport
    return transport
