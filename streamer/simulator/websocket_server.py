"""What the simulated exchanges' WebSocket servers have in common: listening, and who is there."""

from __future__ import annotations

from abc import ABC, abstractmethod
from itertools import count

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.http11 import Request, Response

from streamer.simulator.authentication import Refusals
from streamer.simulator.connections import LiveConnection
from streamer.simulator.outbox import Records

_OPEN_WITHIN_S = 60.0
"""A machine that stands still for a while is no reason to turn a client away."""


class WebSocketServer(ABC):
    """Accepts clients and holds their conversations; data is sent by the emitter."""

    def __init__(self, records: Records) -> None:
        self.refusals = Refusals()
        self.connections: list[LiveConnection] = []
        self._records = records
        self._ordinals = count(1)
        self._server: Server | None = None

    async def start(self, host: str, port: int) -> int:
        """Listen; returns the port."""
        self._server = await serve(
            self._converse,
            host,
            port,
            process_request=self._admit,
            compression=None,
            ping_interval=None,
            open_timeout=_OPEN_WITHIN_S,
            close_timeout=2,
        )
        chosen: int = next(iter(self._server.sockets)).getsockname()[1]
        return chosen

    async def stop(self) -> None:
        """Close every connection with 1001 and stop listening."""
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    @abstractmethod
    def _admit(self, websocket: ServerConnection, request: Request) -> Response | None:
        """Answer the handshake: None admits, a response refuses."""

    @abstractmethod
    async def _converse(self, websocket: ServerConnection) -> None:
        """Talk with a client until it goes."""
