"""Rebuilt books are compared with the exchange's own while the market moves."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg2
import pytest
import redis
from psycopg2.extensions import connection as PgConnection  # noqa: N812
from recorded_session import BOOKS, Recorder, rebuilt_books, store
from simulator.exchange_clients import WITHIN_S, kalshi, run, signer
from structlog.testing import capture_logs

from hadron_tasks.book_requests import OPEN_MARKETS_KEY, SNAPSHOTS_WANTED_KEY
from hadron_tasks.books.drift_check import BookChecker, Findings
from hadron_tasks.books.feed_now import FeedNow, read_feed_now
from hadron_tasks.books.trust import Doubt
from hadron_tasks.feed_health import HEALTH_KEY, ConnectionHealth, ConnectionState
from hadron_tasks.local.redis_server import RedisServer
from hadron_tasks.raw_stream import stream_key
from hadron_tasks.venues.kalshi.rate_limit import TokenBucket
from hadron_tasks.venues.kalshi.rest import KalshiRest
from streamer.simulator.config import KalshiMix
from streamer.simulator.simulator import Simulator

MIX = KalshiMix(ticker=10, delta=70, trade=20, snapshot=0)
STREAM = stream_key("kalshi")
WAIT_S = 0.05
FIRST = 200
"""Messages recorded before anything is asked."""


class Recording:
    """What streamer and workers do, as far as books depend on it, cycle after cycle."""

    def __init__(self, recorder: Recorder, database_url: str, client: redis.Redis) -> None:
        self._recorder = recorder
        self._database_url = database_url
        self._client = client
        self._changed = threading.Condition()
        self._begun = self._ended = 0
        self._stored_until = datetime.now(UTC)

    async def run(self) -> None:
        """Record until cancelled."""
        writing = psycopg2.connect(self._database_url)
        try:
            while True:
                await self._cycle(writing)
                await asyncio.sleep(WAIT_S)
        finally:
            writing.close()

    async def _cycle(self, writing: PgConnection) -> None:
        """Receive and store all that was sent until now."""
        recorder = self._recorder
        with self._changed:
            self._begun += 1
        await recorder.take_rest()
        received_until = datetime.now(UTC)
        entries, recorder.entries = recorder.entries, []
        await asyncio.to_thread(store, writing, entries)
        report = ConnectionHealth(
            venue="kalshi",
            connection="kalshi-1",
            streamer="here:1",
            state=ConnectionState.LIVE,
            reported_ns=time.time_ns(),
        )
        self._client.hset(HEALTH_KEY, "kalshi-1", report.model_dump_json())
        with self._changed:
            self._ended += 1
            self._stored_until = received_until
            self._changed.notify_all()

    def catch_up(self) -> datetime:
        """Wait until all that was sent before now is stored; returns until when it was received."""
        with self._changed:
            wanted = self._begun + 1
            assert self._changed.wait_for(lambda: self._ended >= wanted, WITHIN_S)
            return self._stored_until

    def feed_now(self, client: redis.Redis, venue: str) -> FeedNow | None:
        """What the product reads, once this recorder has caught up.

        Where the machine stands still, it is not as fast as the product counts on.
        """
        stored_until = self.catch_up()
        feed = read_feed_now(client, venue)
        return feed and replace(feed, stored_until=min(feed.stored_until, stored_until))


class Live:
    """A market that moves, recorded as it goes, and the checker beside it."""

    def __init__(
        self,
        simulator: Simulator,
        database_url: str,
        client: redis.Redis,
        feed_now: Callable[[redis.Redis, str], FeedNow | None],
    ) -> None:
        self.simulator = simulator
        self.feed_now = feed_now
        self.client = client
        self.connection: PgConnection = psycopg2.connect(database_url)
        self.tickers = [market.ticker for market in list(simulator.kalshi.open_markets)[:12]]
        signers = [signer(simulator.keys[0])]
        bucket = TokenBucket(client, "test")
        rest = KalshiRest(simulator.kalshi_rest_url, signers, bucket, patience_s=2 * WITHIN_S)
        self.checker = BookChecker(
            self.connection, client, rest, sleep=lambda _s: time.sleep(WAIT_S)
        )
        client.hset(OPEN_MARKETS_KEY, mapping=dict.fromkeys(self.tickers, "KXEVENT"))

    def add_an_order(self, ticker: str) -> None:
        """As if the message that took an order away had been lost without a trace."""
        with self.connection, self.connection.cursor() as cursor:
            cursor.execute(
                "UPDATE ticks SET metadata = jsonb_set(metadata, '{yes}',"
                " coalesce(metadata->'yes', '[]') || '[[\"0.0001\", \"7.00\"]]')"
                " FROM instrument_venue_mapping m WHERE m.instrument_id = ticks.instrument_id"
                " AND venue_instrument_id = %s AND tick_type = 'book_snapshot'",
                (ticker,),
            )
            assert cursor.rowcount == 1

    def wanted(self) -> set[str]:
        names: set[bytes] = self.client.smembers(SNAPSHOTS_WANTED_KEY)  # type: ignore[assignment]
        return {name.decode() for name in names}

    def doubts(self, ticker: str) -> list[Doubt]:
        feed = self.feed_now(self.client, "kalshi")
        found = rebuilt_books(self.connection, [ticker], feed=feed)[ticker]
        return [reason.doubt for reason in found.rebuilt.trust.reasons]


LiveTest = Callable[[Live], None]


@pytest.fixture(autouse=True)
def _on_one_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything is near: nothing is on its way for seconds. And there is time for everything."""
    near = timedelta(seconds=0.2)
    monkeypatch.setattr("hadron_tasks.books.feed_now.IN_MEMORY", near)
    monkeypatch.setattr("hadron_tasks.books.drift.TOLD_WITHIN", near)
    monkeypatch.setattr("hadron_tasks.books.drift_check.TOLD_WITHIN", near)
    monkeypatch.setattr("hadron_tasks.books.recorded._MOST_LAG", timedelta(seconds=WITHIN_S))
    monkeypatch.setattr("hadron_tasks.books.drift_check.STORED_WITHIN_S", WITHIN_S)
    monkeypatch.setattr("hadron_tasks.books.drift_check.BEGUN_WITHIN_S", 2 * WITHIN_S)


@pytest.fixture
def beside_a_live_market(
    tmp_path: Path,
    database_url: str,
    redis_server: RedisServer,
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[[LiveTest], None]:
    def beside(test: LiveTest) -> None:
        async def session(simulator: Simulator) -> None:
            with redis.Redis.from_url(redis_server.url) as client:
                async with kalshi(simulator) as socket:
                    recorder = Recorder(socket)
                    recording = Recording(recorder, database_url, client)
                    monkeypatch.setattr(
                        "hadron_tasks.books.drift_check.read_feed_now", recording.feed_now
                    )
                    live = Live(simulator, database_url, client, recording.feed_now)
                    await recorder.subscribe(BOOKS, market_tickers=live.tickers)
                    await recorder.take(FIRST)
                    task = asyncio.create_task(recording.run())
                    try:
                        await asyncio.to_thread(recording.catch_up)
                        await asyncio.to_thread(test, live)
                    finally:
                        task.cancel()

        run(tmp_path, session, mix=MIX, rate=300, lifecycle_every_s=0)

    return beside


def test_books_that_are_the_exchanges_agree_while_they_move(
    beside_a_live_market: Callable[[LiveTest], None],
) -> None:
    def test(live: Live) -> None:
        before = datetime.now(UTC)
        assert live.checker.check_some() == Findings(compared=12, agreed=12)
        for found in rebuilt_books(live.connection, live.tickers).values():
            assert found.agreed_at is not None
            assert found.agreed_at > before
        assert live.wanted() == set()

    beside_a_live_market(test)


def test_a_change_that_was_lost_without_a_trace_is_found_and_a_fresh_snapshot_asked_for(
    beside_a_live_market: Callable[[LiveTest], None],
) -> None:
    def test(live: Live) -> None:
        victim = live.tickers[0]
        live.add_an_order(victim)
        assert live.doubts(victim) == []
        with capture_logs() as logs:
            found = live.checker.check(live.tickers)
        assert found == Findings(compared=12, agreed=11, drifted=1, refreshed=1)
        assert [entry["ticker"] for entry in logs if entry["log_level"] == "warning"] == [victim]
        assert live.wanted() == {victim}
        assert live.doubts(victim) == [Doubt.DRIFT]
        with live.connection, live.connection.cursor() as cursor:
            cursor.execute("SELECT differences FROM book_checks WHERE NOT agreed")
            assert cursor.fetchall() == [([["yes", "0.0001", "7.00", "0"]],)]
        # It is known now: nothing is gained by comparing it again before the snapshot came.
        again = live.checker.check([victim])
        assert again == Findings(doubted=1, refreshed=1)

    beside_a_live_market(test)


def test_books_that_cannot_be_compared_are_counted_and_refreshed(
    beside_a_live_market: Callable[[LiveTest], None],
) -> None:
    def test(live: Live) -> None:
        held, unrecorded = live.tickers[0], list(live.simulator.kalshi.markets)[-1]
        with live.connection, live.connection.cursor() as cursor:
            now = datetime.now(UTC)
            cursor.execute(
                "INSERT INTO feed_gaps (id, venue, connection, cause, from_time, to_time)"
                " VALUES (gen_random_uuid(), 'kalshi', 'kalshi-1', 'spool_loss', %s, %s)",
                (now - timedelta(milliseconds=10), now),
            )
        assert live.checker.check([held, unrecorded]) == Findings(
            doubted=1, unrecorded=1, refreshed=2
        )
        assert live.wanted() == {held, unrecorded}

    beside_a_live_market(test)


def test_frames_that_are_not_stored_in_time_leave_it_undecided(
    beside_a_live_market: Callable[[LiveTest], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    def test(live: Live) -> None:
        live.client.xadd(STREAM, {"f": b"waits", "t": time.time_ns(), "c": "kalshi-1"})
        with monkeypatch.context() as patch:
            # Twice what it takes where nothing waits.
            patch.setattr("hadron_tasks.books.drift_check.STORED_WITHIN_S", 1.0)
            assert live.checker.check(live.tickers) == Findings(undecided=12)
        live.client.delete(STREAM)
        assert live.checker.check(live.tickers) == Findings(compared=12, agreed=12)

    beside_a_live_market(test)
