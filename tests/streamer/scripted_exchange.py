"""A tiny Kalshi and Polygon that do what a test tells them, and remember what they sent.

They run in a thread of the test, so that streamer processes may be killed beside them. They are
not the simulators: those make a believable market, these make one exact fault at one exact time.
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections import defaultdict
from collections.abc import Coroutine
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, TypeVar

from cryptography.hazmat.primitives.asymmetric import rsa
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from hadron_tasks.venues.kalshi.signing import (
    KEY_HEADER,
    SIGNATURE_HEADER,
    TIMESTAMP_HEADER,
    verify_signature,
)

T = TypeVar("T")

CALL_WITHIN_S = 120.0
"""How long the exchange's thread may take on a machine that is slow or stands still."""


@dataclass
class Subscriber:
    """One open connection."""

    socket: ServerConnection
    key: str
    sids: dict[str, int] = field(default_factory=dict)
    seqs: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    markets: set[str] = field(default_factory=set)

    def next_seq(self, sid: int) -> int:
        self.seqs[sid] += 1
        return self.seqs[sid]


class Exchange:
    """The thread, its loop and its server."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._server: Server | None = None
        self.subscribers: list[Subscriber] = []
        self.commands: list[dict[str, Any]] = []
        self.sent: list[bytes] = []
        """Data frames handed to a socket, in order."""
        self.handshakes = 0
        self.doubled_keys = 0
        """Connections made on a key that had one already."""
        self.mute = False
        """Whether commands stay unanswered."""

    def __enter__(self) -> Exchange:
        self._thread.start()
        self.call(self._start())
        return self

    def __exit__(self, *_exc: object) -> None:
        self.call(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(CALL_WITHIN_S)
        self._loop.close()

    def call(self, work: Coroutine[Any, Any, T]) -> T:
        """Run ``work`` in the exchange's thread."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(CALL_WITHIN_S)

    @property
    def port(self) -> int:
        assert self._server is not None
        return int(self._server.sockets[0].getsockname()[1])

    def drop(self, key: str | None = None) -> None:
        """Cut connections without a closing handshake: all, or those of one key."""

        async def cut() -> None:
            for subscriber in list(self.subscribers):
                if key in (None, subscriber.key):
                    subscriber.socket.transport.abort()

        self.call(cut())

    async def _start(self) -> None:
        self._server = await serve(
            self._serve,
            "127.0.0.1",
            0,
            process_request=self._admit,
            compression=None,
            ping_interval=None,
        )

    async def _stop(self) -> None:
        assert self._server is not None
        self._server.close()
        await self._server.wait_closed()

    def _admit(self, socket: ServerConnection, request: Request) -> Response | None:
        return None

    def _key_of(self, socket: ServerConnection) -> str:
        return "any"

    async def _serve(self, socket: ServerConnection) -> None:
        subscriber = Subscriber(socket, self._key_of(socket))
        self.handshakes += 1
        self.doubled_keys += any(s.key == subscriber.key for s in self.subscribers)
        self.subscribers.append(subscriber)
        try:
            await self._greet(subscriber)
            async for text in socket:
                command = json.loads(text)
                self.commands.append(command)
                if not self.mute:
                    await self._answer(subscriber, command)
        except ConnectionClosed:
            pass
        finally:
            self.subscribers.remove(subscriber)

    async def _greet(self, subscriber: Subscriber) -> None:
        pass

    async def _answer(self, subscriber: Subscriber, command: dict[str, Any]) -> None:
        raise NotImplementedError


class KalshiScript(Exchange):
    """Kalshi's protocol: signed handshake, sids, sequence numbers."""

    def __init__(self, keys: dict[str, rsa.RSAPublicKey]) -> None:
        super().__init__()
        self._keys = keys
        self.refuse_authentication = False
        self.refused_at: list[float] = []
        """When (monotonic seconds) it refused credentials."""
        self.refused_markets: set[str] = set()
        self._number = 0
        self._next_sid = 0

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/trade-api/ws/v2"

    def carriers(self, channel: str) -> list[str]:
        """Keys whose connection is subscribed to the channel."""
        return sorted(s.key for s in list(self.subscribers) if channel in s.sids)

    def send(self, channel: str, count: int, *, skip: int = 0, burst: int = 50) -> list[bytes]:
        """Send numbered messages on a channel, after leaving out ``skip`` sequence numbers."""

        async def send() -> list[bytes]:
            frames = []
            for subscriber in [s for s in self.subscribers if channel in s.sids]:
                sid = subscriber.sids[channel]
                subscriber.seqs[sid] += skip
                for n in range(count):
                    frame = self._message(channel, sid, subscriber.next_seq(sid))
                    frames.append(frame)
                    self.sent.append(frame)
                    await subscriber.socket.send(frame, text=True)
                    if n % burst == burst - 1:
                        await asyncio.sleep(0)
            return frames

        return self.call(send())

    def send_text(self, channel: str, text: str | bytes) -> None:
        """Send one frame as it is to the subscribers of a channel."""

        async def send() -> None:
            for subscriber in self.subscribers:
                if channel in subscriber.sids:
                    await subscriber.socket.send(text, text=True)

        self.call(send())

    def end_subscription(self, channel: str, code: int) -> None:
        """Code 10 or 25: the exchange ends a subscription."""

        async def end() -> None:
            for subscriber in self.subscribers:
                sid = subscriber.sids.pop(channel, None)
                if sid is not None:
                    message = {"type": "error", "sid": sid, "msg": {"code": code, "msg": "ended"}}
                    await subscriber.socket.send(json.dumps(message))

        self.call(end())

    def _message(self, channel: str, sid: int, seq: int) -> bytes:
        self._number += 1
        kind = channel
        body = f'"market_ticker":"KXTEST-26-{self._number % 7}","n":{self._number}'
        if channel == "market_lifecycle_v2":
            body += ',"event_type":"created"'
        head = f'{{"type":"{kind}","sid":{sid},'
        if channel != "ticker":
            head += f'"seq":{seq},'
        return f'{head}"msg":{{{body}}}}}'.encode()

    def _admit(self, socket: ServerConnection, request: Request) -> Response | None:
        headers = request.headers
        public = self._keys.get(headers.get(KEY_HEADER, ""))
        good = public is not None and verify_signature(
            public,
            headers.get(SIGNATURE_HEADER, ""),
            headers.get(TIMESTAMP_HEADER, ""),
            "GET",
            request.path,
        )
        if good and not self.refuse_authentication:
            return None
        self.refused_at.append(time.monotonic())
        return socket.respond(HTTPStatus.UNAUTHORIZED, "no\n")

    def _key_of(self, socket: ServerConnection) -> str:
        assert socket.request is not None
        return socket.request.headers[KEY_HEADER]

    async def _answer(self, subscriber: Subscriber, command: dict[str, Any]) -> None:
        params, number = command["params"], command["id"]
        bad = self.refused_markets.intersection(params.get("market_tickers", ()))
        if bad:
            error = {"id": number, "type": "error", "msg": {"code": 11, "msg": "Invalid parameter"}}
            await subscriber.socket.send(json.dumps(error))
            return
        match command["cmd"]:
            case "subscribe":
                for channel in params["channels"]:
                    self._next_sid += 1
                    subscriber.sids[channel] = self._next_sid
                    subscriber.markets.update(params.get("market_tickers", ()))
                    body = {"channel": channel, "sid": self._next_sid}
                    answer = {"id": number, "type": "subscribed", "msg": body}
                    await subscriber.socket.send(json.dumps(answer))
            case "unsubscribe":
                for channel, sid in list(subscriber.sids.items()):
                    if sid in params["sids"]:
                        del subscriber.sids[channel]
                        await self._acknowledge(subscriber, number, sid, "unsubscribed")
            case "update_subscription":
                (sid,) = params["sids"]
                if params["action"] == "add_markets":
                    subscriber.markets.update(params["market_tickers"])
                elif params["action"] == "delete_markets":
                    subscriber.markets.difference_update(params["market_tickers"])
                await self._acknowledge(subscriber, number, sid, "ok")

    async def _acknowledge(self, who: Subscriber, number: int, sid: int, kind: str) -> None:
        answer = {"id": number, "sid": sid, "seq": who.next_seq(sid), "type": kind, "msg": {}}
        await who.socket.send(json.dumps(answer))


class PolygonScript(Exchange):
    """Polygon's protocol: greeting, auth, subscriptions, arrays."""

    def __init__(self, api_key: str) -> None:
        super().__init__()
        self._api_key = api_key
        self.unauthorised: set[str] = set()

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}"

    def send(self, count: int) -> list[bytes]:
        """Send arrays of two trades each to every connection that subscribed to anything."""

        async def send() -> list[bytes]:
            frames = []
            for subscriber in self.subscribers:
                if not subscriber.sids:
                    continue
                for n in range(count):
                    frame = (
                        f'[{{"ev":"T","sym":"MSFT","i":"{n}","p":1.5,"s":1,"t":1}},'
                        f'{{"ev":"Q","sym":"MSFT","bp":1,"ap":2,"t":{n}}}]'
                    ).encode()
                    frames.append(frame)
                    self.sent.append(frame)
                    await subscriber.socket.send(frame, text=True)
            return frames

        return self.call(send())

    async def _greet(self, subscriber: Subscriber) -> None:
        await self._status(subscriber, "connected", "Connected Successfully")

    async def _answer(self, subscriber: Subscriber, command: dict[str, Any]) -> None:
        params = command["params"]
        if command["action"] == "auth":
            if params == self._api_key:
                await self._status(subscriber, "auth_success", "authenticated")
            else:
                await self._status(subscriber, "auth_failed", "authentication failed")
                await subscriber.socket.close()
            return
        if params in self.unauthorised:
            await self._status(subscriber, "error", f"not authorized: {params}")
            return
        subscriber.sids[params] = 1
        await self._status(subscriber, "success", f"subscribed to: {params}")

    async def _status(self, subscriber: Subscriber, status: str, message: str) -> None:
        event = {"ev": "status", "status": status, "message": message}
        await subscriber.socket.send(json.dumps([event]))
