"""A session with the simulated Kalshi, recorded as a streamer and a worker record it."""

from __future__ import annotations

import asyncio
import json
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from psycopg2.extensions import connection as PgConnection  # noqa: N812
from simulator.exchange_clients import Client

from hadron_tasks.books.feed_now import FeedNow
from hadron_tasks.books.order_book import Level, OrderBook
from hadron_tasks.books.recorded import Asked, RecordedBook, rebuild_recorded
from hadron_tasks.ingest.batch import BatchWriter
from hadron_tasks.raw_stream import Entry, GapCause, GapEntry, RawFrame, connection_life
from hadron_tasks.store.book_reader import find_recorded
from hadron_tasks.store.instruments import InstrumentCache
from hadron_tasks.times import from_ns
from hadron_tasks.venues.registry import rules_for
from streamer.continuity import gap_record
from streamer.sequence import SequenceTracker
from streamer.simulator.simulator import Simulator

BOOKS = "orderbook_delta"
QUIET = FeedNow({"kalshi-1": None}, datetime.now(UTC) + timedelta(days=1))
"""All is well, and everything is stored."""


class Recorder(Client):
    """Keeps what one connection receives, with times and gap records."""

    def __init__(self, client: Client, name: str = "kalshi-1") -> None:
        super().__init__(client.websocket)
        self.name = name
        self.life = connection_life(name, time.time_ns())
        self.entries: list[Entry] = []
        self._tracker = SequenceTracker()

    def keep(self, frame: bytes) -> None:
        """Note a frame as a streamer does."""
        received_ns = time.time_ns()
        self.entries.append(RawFrame(frame, received_ns, self.life))
        head = json.loads(frame)
        if "seq" not in head:
            return
        jump = self._tracker.observe(head["sid"], head["seq"], received_ns)
        if jump is not None:
            gap = gap_record(
                venue="kalshi",
                connection=self.name,
                cause=GapCause.SEQUENCE_JUMP,
                from_ns=jump.since_ns,
                to_ns=received_ns,
                channel=BOOKS,
                sid=jump.sid,
                jump=jump,
            )
            self.entries.append(GapEntry(gap.model_dump_json().encode(), gap.to_ns, self.name))


def store(connection: PgConnection, entries: list[Entry]) -> Any:
    """Write entries as a drain does."""
    writer = BatchWriter(rules_for("kalshi"), InstrumentCache(1000), "test")
    return writer.write(connection, entries)


def books_of(simulator: Simulator, tickers: list[str]) -> dict[str, OrderBook]:
    """The exchange's own books at this moment."""
    return {ticker: _book(simulator, ticker) for ticker in tickers}


async def moment_between(simulator: Simulator) -> datetime:
    """After all that was received or stated until now, and before all that is going to be.

    Several messages of a market within a millisecond state times a little ahead of the clock.
    """
    stated_ms = max(market.last_ms for market in simulator.kalshi.markets.values())
    past_ms = max(stated_ms, time.time_ns() // 1_000_000)
    while (now_ms := time.time_ns() // 1_000_000) <= past_ms:
        await asyncio.sleep(0.001)
    return from_ns(now_ms * 1_000_000) - timedelta(microseconds=1)


def rebuilt_books(
    connection: PgConnection,
    tickers: list[str],
    at: datetime | None = None,
    feed: FeedNow | None = QUIET,
) -> dict[str, RecordedBook]:
    """The books as recorded."""
    instruments = find_recorded(connection, tickers, "kalshi")
    asked = Asked(at, feed)
    return {
        found.instrument.ticker: found for found in rebuild_recorded(connection, instruments, asked)
    }


def _book(simulator: Simulator, ticker: str) -> OrderBook:
    market = simulator.kalshi.markets[ticker]
    return OrderBook.of(_levels(market.yes), _levels(market.no))


def _levels(levels: dict[int, int]) -> list[Level]:
    return [Level(Decimal(price) / 1000, Decimal(size) / 100) for price, size in levels.items()]
