"""The simulated Kalshi's WebSocket: signed handshakes, one connection a key, heartbeats."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from http import HTTPStatus

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConcurrencyError, ConnectionClosed
from websockets.http11 import Request, Response

from hadron_tasks.venues.kalshi.signing import (
    KEY_HEADER,
    SIGNATURE_HEADER,
    TIMESTAMP_HEADER,
    verify_signature,
)
from streamer.simulator.connections import LiveConnection, transport_of
from streamer.simulator.kalshi_exchange import KalshiExchange
from streamer.simulator.kalshi_session import KalshiSession, SessionLimits
from streamer.simulator.keys import SimulatedKey
from streamer.simulator.outbox import Outbox, Records
from streamer.simulator.websocket_server import WebSocketServer

PATH = "/trade-api/ws/v2"
_CLOCK_SKEW_MS = 30_000
_MISSED_PONGS = 3
_HEARTBEAT = b"heartbeat"


class KalshiServer(WebSocketServer):
    """Kalshi's conduct: who is admitted, and what is talked."""

    def __init__(
        self,
        exchange: KalshiExchange,
        keys: Sequence[SimulatedKey],
        limits: SessionLimits,
        records: Records,
        heartbeat_s: float,
    ) -> None:
        super().__init__(records)
        self.exchange = exchange
        self._keys = {key.key_id: key for key in keys}
        self._limits = limits
        self._heartbeat_s = heartbeat_s

    def _admit(self, websocket: ServerConnection, request: Request) -> Response | None:
        """Answer the handshake: None admits, a response refuses."""
        if request.path.partition("?")[0] != PATH:
            return self._refuse(websocket, HTTPStatus.NOT_FOUND, "unknown path")
        if self.refusals.is_away:
            return self._refuse(websocket, HTTPStatus.SERVICE_UNAVAILABLE, "away")
        if self.refusals.refuse_one():
            return self._refuse(websocket, HTTPStatus.UNAUTHORIZED, "refused by fault")
        key = self._keys.get(request.headers.get(KEY_HEADER, ""))
        if key is None:
            return self._refuse(websocket, HTTPStatus.UNAUTHORIZED, "unknown key")
        if not _is_signed(request, key):
            return self._refuse(websocket, HTTPStatus.UNAUTHORIZED, "bad signature")
        if self._is_held(key):
            self._records.stats.second_connections += 1
            return self._refuse(websocket, HTTPStatus.TOO_MANY_REQUESTS, "second connection")
        return None

    def _refuse(self, websocket: ServerConnection, status: HTTPStatus, reason: str) -> Response:
        self._records.stats.refused[f"kalshi: {reason}"] += 1
        return websocket.respond(status, f'{{"error":{{"code":{status.value}}}}}\n')

    def _is_held(self, key: SimulatedKey) -> bool:
        return any(connection.key == key.name for connection in self.connections)

    async def _converse(self, websocket: ServerConnection) -> None:
        assert websocket.request is not None
        key = self._keys[websocket.request.headers[KEY_HEADER]]
        if self._is_held(key):  # two handshakes at the same moment
            self._records.stats.second_connections += 1
            await websocket.close(1008, "one connection a key")
            return
        name = f"{key.name}#{next(self._ordinals)}"
        outbox = Outbox(name, "kalshi", transport_of(websocket), self._records)
        session = KalshiSession(self.exchange, outbox, self._limits, time.monotonic)
        connection = LiveConnection("kalshi", key.name, websocket, outbox, session)
        self.connections.append(connection)
        stats = self._records.stats
        stats.connected["kalshi"] += 1
        stats.opened(key.name)
        heartbeat = asyncio.create_task(self._beat(connection))
        try:
            async for message in websocket:
                session.handle(message)
                outbox.flush()
        except ConnectionClosed:
            pass  # a client that went without a close frame
        finally:
            heartbeat.cancel()
            session.close()
            self.connections.remove(connection)
            stats.closed(key.name)

    async def _beat(self, connection: LiveConnection) -> None:
        """Ping as the exchange does; a client that never answers is cut off."""
        missed = 0
        while True:
            await asyncio.sleep(self._heartbeat_s)
            if connection.outbox.stalled:
                continue
            try:
                await connection.websocket.ping(_HEARTBEAT)
                missed = 0
            except ConcurrencyError:  # the last one has not been answered
                missed += 1
                if missed >= _MISSED_PONGS:
                    connection.outbox.transport.abort()
            except ConnectionClosed:
                return


def _is_signed(request: Request, key: SimulatedKey) -> bool:
    timestamp = request.headers.get(TIMESTAMP_HEADER, "")
    signature = request.headers.get(SIGNATURE_HEADER, "")
    if not (timestamp.isascii() and timestamp.isdecimal() and len(timestamp) < 20):
        return False
    if abs(time.time_ns() // 1_000_000 - int(timestamp)) > _CLOCK_SKEW_MS:
        return False
    return verify_signature(key.public_key, signature, timestamp, "GET", PATH)
