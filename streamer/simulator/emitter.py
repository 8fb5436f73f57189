"""The pace: lets things happen on the exchanges, at the rate asked for, and writes to sockets.

A turn lets a handful of things happen and then writes each connection once, so that a high rate
costs few system calls. Sockets that take no more hold everything back: nothing is lost because
the simulator was faster than its clients, unless a client is too slow for the exchange's patience.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from random import Random

from streamer.simulator.connections import LiveConnection
from streamer.simulator.kalshi_exchange import KalshiExchange
from streamer.simulator.kalshi_session import BUFFER_OVERFLOW
from streamer.simulator.lifecycle import Lifecycle
from streamer.simulator.outbox import Records
from streamer.simulator.polygon_exchange import PolygonExchange

_TURN_S = 0.005
_LONGEST_SLEEP_S = 0.05
_IDLE_S = 0.02
_MOST_A_TURN = 500
"""Messages between two looks at the sockets: about five milliseconds' work."""
_CATCH_UP_S = 0.25
"""A turn that came late makes up for at most so much."""
_FULL_BYTES = 1 << 20
_ROOM_BYTES = 1 << 18
DRAIN_WITHIN_S = 10.0
"""How long a pause waits for clients that do not read."""


class Emitter:
    """Runs as one task until cancelled; :meth:`pause` and :meth:`resume` from others."""

    def __init__(
        self,
        kalshi: KalshiExchange,
        lifecycle: Lifecycle,
        polygon: PolygonExchange,
        connections: Callable[[], Iterable[LiveConnection]],
        records: Records,
        rng: Random,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.rate = 0.0
        self.polygon_share = 0.0
        self.slow_client_after_s = 10.0
        self._kalshi = kalshi
        self._lifecycle = lifecycle
        self._polygon = polygon
        self._connections = connections
        self._records = records
        self._rng = rng
        self._monotonic = monotonic
        self._sleep = sleep
        self._running = asyncio.Event()
        self._running.set()
        self._idle = asyncio.Event()

    async def pause(self, drain_within_s: float = DRAIN_WITHIN_S) -> None:
        """Send nothing more; returns when the sockets have taken all and the ledger is written.

        Clients that do not read are waited for ``drain_within_s``, stalled ones not at all.
        """
        self._running.clear()
        await self._idle.wait()
        self.flush()
        give_up_at = self._monotonic() + drain_within_s
        while self._monotonic() < give_up_at and any(
            c.outbox.transport.get_write_buffer_size() > 0
            for c in self._connections()
            if not (c.outbox.stalled or c.outbox.is_closed)
        ):
            await self._sleep(0.002)
        self._records.ledger.flush()
        self._records.skipped.flush()

    def resume(self) -> None:
        """Go on after :meth:`pause`."""
        self._running.set()

    @property
    def is_paused(self) -> bool:
        """Whether :meth:`pause` is in force."""
        return not self._running.is_set()

    def flush(self) -> None:
        """Hand what waits to the sockets."""
        for connection in self._connections():
            connection.outbox.flush()

    async def run(self) -> None:
        """Emit until cancelled."""
        credit = 0.0
        last = self._monotonic()
        while True:
            if not self._running.is_set():
                self._idle.set()
                await self._running.wait()
                self._idle.clear()
                last = self._monotonic()
            now = self._monotonic()
            rate = self.rate
            if rate:
                credit = min(credit + (now - last) * rate, max(1.0, rate * _CATCH_UP_S))
            last = now
            sent = self._turn(min(int(credit), _MOST_A_TURN) if rate else _MOST_A_TURN)
            self.flush()
            await self._wait_for_clients()
            if not (self._kalshi.is_wanted or self._polygon.is_wanted):
                credit = 0.0
                await self._sleep(_IDLE_S)
            elif rate:
                credit -= sent
                await self._sleep(_pause_after(credit, rate))
            else:
                await self._sleep(0)

    def _turn(self, budget: int) -> int:
        """Let things happen until ``budget`` messages were sent; returns how many were."""
        sent = self._lifecycle.step(self.rate)
        kalshi, polygon = self._kalshi, self._polygon
        attempts = 0
        # Some steps send nothing (a fault keeps the message back): they end, too.
        while sent < budget and attempts < 2 * budget + 8:
            attempts += 1
            if polygon.is_wanted and (
                not kalshi.is_wanted or self._rng.random() < self.polygon_share
            ):
                sent += polygon.step()
            elif kalshi.is_wanted:
                sent += kalshi.step()
            else:
                break
        return sent

    async def _wait_for_clients(self) -> None:
        """Hold everything while a client's socket is full, up to the exchange's patience."""
        full = [c for c in self._connections() if _is_full(c, _FULL_BYTES)]
        if not full:
            return
        give_up_at = self._monotonic() + self.slow_client_after_s
        while any(_is_full(c, _ROOM_BYTES) for c in full):
            if not self._running.is_set():
                return
            if self._monotonic() > give_up_at:
                for connection in full:
                    if _is_full(connection, _ROOM_BYTES):
                        self._cut_off(connection)
                return
            await self._sleep(0.001)

    def _cut_off(self, connection: LiveConnection) -> None:
        """What an exchange does with a client that is too slow."""
        connection.is_too_slow = True
        self._records.stats.closed_as_slow += 1
        if connection.session is None:
            connection.outbox.transport.abort()
            return
        for subscription in list(connection.session.subscriptions.values()):
            connection.session.end(subscription, BUFFER_OVERFLOW)
        connection.outbox.flush()


def _is_full(connection: LiveConnection, limit: int) -> bool:
    size = connection.outbox.transport.get_write_buffer_size()
    if connection.is_too_slow and size < _ROOM_BYTES:
        connection.is_too_slow = False
    return not (connection.is_too_slow or connection.outbox.is_closed) and size > limit


def _pause_after(credit: float, rate: float) -> float:
    """Until the next message is due; a turn at least, unless the emitter is behind."""
    if credit >= _MOST_A_TURN / 2:
        return 0.0
    return min(max(_TURN_S, (1.0 - credit) / rate), _LONGEST_SLEEP_S)
