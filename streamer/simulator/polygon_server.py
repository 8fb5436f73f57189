"""The simulated Polygon's WebSocket: one path an asset class, key in a message, status events."""

from __future__ import annotations

import asyncio
import hmac
import json
from http import HTTPStatus
from random import Random
from typing import Any

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from streamer.simulator.connections import LiveConnection, transport_of
from streamer.simulator.outbox import PolygonOutbox, Records
from streamer.simulator.polygon_exchange import (
    CHANNELS,
    EVERY_SYMBOL,
    PolygonExchange,
    plain_symbol,
)
from streamer.simulator.websocket_server import WebSocketServer

_AUTHENTICATE_WITHIN_S = 30.0
_POLICY_VIOLATION = 1008


class PolygonServer(WebSocketServer):
    """Polygon's conduct: who is admitted, and what is talked."""

    def __init__(
        self, exchange: PolygonExchange, api_key: str, records: Records, rng: Random
    ) -> None:
        super().__init__(records)
        self.exchange = exchange
        self._api_key = api_key
        self._rng = rng

    def _admit(self, websocket: ServerConnection, request: Request) -> Response | None:
        if self.refusals.is_away:
            self._records.stats.refused["polygon: away"] += 1
            return websocket.respond(HTTPStatus.SERVICE_UNAVAILABLE, "away\n")
        if _asset_class(request.path) in CHANNELS:
            return None
        self._records.stats.refused["polygon: unknown path"] += 1
        return websocket.respond(HTTPStatus.NOT_FOUND, "no such asset class\n")

    async def _converse(self, websocket: ServerConnection) -> None:
        assert websocket.request is not None
        asset_class = _asset_class(websocket.request.path)
        key = f"polygon-{asset_class}"
        outbox = PolygonOutbox(
            f"{key}#{next(self._ordinals)}", transport_of(websocket), self._records, self._rng
        )
        connection = LiveConnection("polygon", key, websocket, outbox)
        self._tell(outbox, "connected", "Connected Successfully")
        outbox.flush()
        try:
            async with asyncio.timeout(_AUTHENTICATE_WITHIN_S):
                admitted = await self._authenticate(connection)
        except (ConnectionClosed, TimeoutError):
            admitted = False
        if not admitted:
            await websocket.close(_POLICY_VIOLATION)
            return
        await self._serve(connection, asset_class)

    async def _authenticate(self, connection: LiveConnection) -> bool:
        """Wait for the key; False when it is no good or its connection is taken."""
        outbox = connection.outbox
        while True:
            command = _parse(await connection.websocket.recv())
            if command.get("action") == "auth":
                break
            self._tell(outbox, "auth_required", "authentication required")
            outbox.flush()
        refused = self._records.stats.refused
        given = str(command.get("params", "")).encode()
        if self.refusals.refuse_one() or not hmac.compare_digest(given, self._api_key.encode()):
            refused["polygon: authentication"] += 1
            self._tell(outbox, "auth_failed", "authentication failed")
        elif any(other.key == connection.key for other in self.connections):
            refused["polygon: second connection"] += 1
            self._records.stats.second_connections += 1
            self._tell(
                outbox, "max_connections", "Maximum number of websocket connections exceeded."
            )
        else:
            self._tell(outbox, "auth_success", "authenticated")
            outbox.flush()
            return True
        outbox.flush()
        return False

    async def _serve(self, connection: LiveConnection, asset_class: str) -> None:
        outbox = connection.outbox
        assert isinstance(outbox, PolygonOutbox)
        stats = self._records.stats
        self.connections.append(connection)
        stats.connected["polygon"] += 1
        stats.opened(connection.key)
        try:
            async for message in connection.websocket:
                self._carry_out(outbox, asset_class, _parse(message))
                outbox.flush()
        except ConnectionClosed:
            pass  # a client that went without a close frame
        finally:
            self.exchange.forget(outbox)
            self.connections.remove(connection)
            stats.closed(connection.key)

    def _carry_out(self, outbox: PolygonOutbox, asset_class: str, command: dict[str, Any]) -> None:
        action, params = command.get("action"), command.get("params")
        if action not in ("subscribe", "unsubscribe") or not isinstance(params, str):
            self._tell(outbox, "error", f"unknown action {str(action)[:40]}")
            return
        answers = []
        for asked in filter(None, (part.strip() for part in params.split(","))):
            channel, _, symbol = asked.partition(".")
            if asked == EVERY_SYMBOL:
                channels = sorted(CHANNELS[asset_class])
                symbol = EVERY_SYMBOL
            elif channel in CHANNELS[asset_class] and symbol:
                channels = [channel]
            else:
                answers.append(_status("error", f"not authorized to subscribe to: {asked}"))
                continue
            for name in channels:
                change = self.exchange.subscribe
                if action == "unsubscribe":
                    change = self.exchange.unsubscribe
                change(outbox, asset_class, name, plain_symbol(asset_class, symbol))
            answers.append(_status("success", f"{action}d to: {asked}"))
        if answers:
            outbox.control(json.dumps(answers, separators=(",", ":")).encode())

    def _tell(self, outbox: PolygonOutbox | Any, status: str, message: str) -> None:
        outbox.control(json.dumps([_status(status, message)], separators=(",", ":")).encode())


def _status(status: str, message: str) -> dict[str, str]:
    return {"ev": "status", "status": status, "message": message}


def _asset_class(path: str) -> str:
    return path.partition("?")[0].strip("/")


def _parse(message: str | bytes) -> dict[str, Any]:
    """A command; an empty one when it cannot be read."""
    try:
        command = json.loads(message)
    except (ValueError, RecursionError):
        return {}
    return command if isinstance(command, dict) else {}
