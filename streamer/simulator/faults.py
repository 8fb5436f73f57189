"""Faults on demand: what goes wrong at exchanges, for whoever is to withstand it.

``venue`` and ``connection`` narrow a fault: ``kalshi`` or ``polygon``; a key's name (``kalshi-2``,
``polygon-stocks``) or one connection's name in the ledger (``kalshi-2#7``). Left out, a fault is
for all. Each method returns how many connections, subscriptions or frames it struck.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Literal, Protocol

from streamer.simulator.authentication import Refusals
from streamer.simulator.connections import GOING_AWAY, Ending, LiveConnection
from streamer.simulator.kalshi_exchange import Subscription
from streamer.simulator.kalshi_session import BUFFER_OVERFLOW, CHANNEL_ERROR, KalshiSession
from streamer.simulator.rest_faults import RestFaults

Malformation = Literal["not_json", "wrong_type", "not_utf8"]
"""``not_json``: text cut off in the middle; ``wrong_type``: a price that is an object;
``not_utf8``: a text frame whose bytes are not UTF-8."""

_KALSHI_WHOLE = (
    b'{"type":"ticker","sid":%d,"msg":{"market_ticker":"KXMALFORMED-%d","price_dollars":"0.4800",'
    b'"yes_bid_dollars":%b,"yes_ask_dollars":"0.5300","ts_ms":1700000000000}}'
)
_POLYGON_WHOLE = (
    b'[{"ev":"T","sym":"MALFORMED%d","x":4,"i":"%d","z":3,"p":%b,"s":100,"t":1700000000000,"q":1}]'
)


def malformed_frame(venue: str, kind: Malformation, number: int, sid: int) -> bytes:
    """A broken frame, each with its own number so that no two are the same."""
    price = {"not_json": b'"0.4500"', "wrong_type": b'{"amount":[]}', "not_utf8": b'"\xff\xfe"'}
    if venue == "kalshi":
        whole = _KALSHI_WHOLE % (sid, number, price[kind])
    else:
        whole = _POLYGON_WHOLE % (number, number, price[kind])
    return whole[:-9] if kind == "not_json" else whole


class Exchange(Protocol):
    """What of an exchange goes on although its connections are gone."""

    def go_on_unheard(self, goes_on: bool) -> None:
        """Let happen what happens now, whether or not anybody is still subscribed to it."""


class Faults:
    """Strikes the live connections of both exchanges."""

    def __init__(
        self,
        connections: Callable[[], Iterable[LiveConnection]],
        refusals: dict[str, Refusals],
        rest: dict[str, RestFaults],
        exchanges: dict[str, Exchange],
    ) -> None:
        self.rest_of = rest
        """Those of the REST sides, which strike requests, by venue."""
        self._connections = connections
        self._refusals = refusals
        self._exchanges = exchanges
        self._malformed = 0
        self._stalls: set[asyncio.Task[None]] = set()
        self._absences: set[asyncio.Task[None]] = set()

    async def drop(
        self,
        how: Ending = "close",
        *,
        venue: str | None = None,
        connection: str | None = None,
        code: int = GOING_AWAY,
    ) -> int:
        """Drop connections; ``code`` goes into the close frame of ``how="close"``."""
        struck = self._struck(venue, connection)
        await asyncio.gather(*(each.drop(how, code) for each in struck))
        return len(struck)

    async def away(self, seconds: float, *, venue: str | None = None) -> int:
        """Drop all connections and let nobody in for ``seconds`` (503), while trading goes on."""
        absent = [name for name in self._exchanges if venue in (None, name)]
        for name in absent:
            self._exchanges[name].go_on_unheard(True)
            self._refusals[name].turn_away(seconds)
        struck = await self.drop("eof", venue=venue)
        task = asyncio.create_task(self._come_back(absent, seconds))
        self._absences.add(task)
        task.add_done_callback(self._absences.discard)
        return struck

    def skip(self, count: int, *, channel: str | None = None, connection: str | None = None) -> int:
        """Keep back the next ``count`` messages of each Kalshi subscription that is numbered.

        They take their sequence numbers with them: the client sees a jump. One that has sent
        nothing yet is let be: the exchange does not promise which number is the first, so nobody
        could see it. They are not in the ledger but in the file of skipped messages. Returns the
        subscriptions struck.
        """
        struck = [s for _, s in self._subscriptions(channel, connection) if s.numbered and s.seq]
        for subscription in struck:
            subscription.skip_next += count
        return len(struck)

    def malformed(
        self,
        kind: Malformation,
        count: int = 1,
        *,
        venue: str | None = None,
        connection: str | None = None,
    ) -> int:
        """Send ``count`` broken frames, dealt out in turn; returns how many were sent."""
        struck = self._struck(venue, connection)
        if not struck:
            return 0
        for number in range(count):
            each = struck[number % len(struck)]
            self._malformed += 1
            sids = each.session.subscriptions if each.session else {}
            frame = malformed_frame(each.venue, kind, self._malformed, next(iter(sids), 1))
            each.outbox.malformed(kind, frame)
        for each in struck:
            each.outbox.flush()
        return count

    def refuse_authentication(
        self, *, count: int = 0, seconds: float = 0.0, venue: str | None = None
    ) -> int:
        """Refuse the next ``count`` handshakes, and all for ``seconds``; good keys too.

        Kalshi answers 401, Polygon ``auth_failed``. Returns the venues struck.
        """
        struck = [r for name, r in self._refusals.items() if venue in (None, name)]
        for refusals in struck:
            refusals.refuse(count=count, seconds=seconds)
        return len(struck)

    def stall(
        self, seconds: float, *, venue: str | None = None, connection: str | None = None
    ) -> int:
        """Fall silent for ``seconds``: no data, no pings, no answers; then send what gathered."""
        struck = self._struck(venue, connection)
        for each in struck:
            each.stall()
        task = asyncio.create_task(self._end_stall(struck, seconds))
        self._stalls.add(task)
        task.add_done_callback(self._stalls.discard)
        return len(struck)

    def overflow(self, *, channel: str | None = None, connection: str | None = None) -> int:
        """End Kalshi subscriptions with error 25, subscription buffer overflow."""
        return self._end_subscriptions(BUFFER_OVERFLOW, channel, connection)

    def channel_error(self, *, channel: str | None = None, connection: str | None = None) -> int:
        """End Kalshi subscriptions with error 10, channel error."""
        return self._end_subscriptions(CHANNEL_ERROR, channel, connection)

    def clear(self) -> None:
        """End stalls, absences and refusals, and what waits for messages or requests."""
        for _, subscription in self._subscriptions(None, None):
            subscription.skip_next = 0
        for faults in self.rest_of.values():
            faults.clear()
        for task in self._stalls:
            task.cancel()
        for each in self._connections():
            if each.outbox.stalled:
                each.end_stall()
        for refusals in self._refusals.values():
            refusals.clear()
        for task in self._absences:
            task.cancel()

    async def _come_back(self, absent: Iterable[str], seconds: float) -> None:
        try:
            await asyncio.sleep(seconds)
        finally:
            for name in absent:
                self._exchanges[name].go_on_unheard(False)

    async def _end_stall(self, struck: list[LiveConnection], seconds: float) -> None:
        await asyncio.sleep(seconds)
        for each in struck:
            each.end_stall()

    def _end_subscriptions(self, code: int, channel: str | None, connection: str | None) -> int:
        struck = list(self._subscriptions(channel, connection))
        for session, subscription in struck:
            session.end(subscription, code)
        for each in self._struck("kalshi", connection):
            each.outbox.flush()
        return len(struck)

    def _subscriptions(
        self, channel: str | None, connection: str | None
    ) -> Iterable[tuple[KalshiSession, Subscription]]:
        for each in self._struck("kalshi", connection):
            if each.session is None:
                continue
            for subscription in list(each.session.subscriptions.values()):
                if channel is None or subscription.channel == channel:
                    yield each.session, subscription

    def _struck(self, venue: str | None, connection: str | None) -> list[LiveConnection]:
        return [each for each in self._connections() if each.matches(venue, connection)]
