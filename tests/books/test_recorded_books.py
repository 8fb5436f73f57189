"""Books rebuilt from the database are the simulated exchange's own, and say so when not."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace
from psycopg2.extensions import connection as PgConnection  # noqa: N812
from recorded_session import BOOKS, QUIET, Recorder, books_of, moment_between, rebuilt_books, store
from simulator.exchange_clients import kalshi, run

from hadron_tasks.books.feed_now import FeedNow
from hadron_tasks.books.order_book import OrderBook
from hadron_tasks.books.trust import Doubt
from hadron_tasks.raw_stream import RawFrame, connection_life
from hadron_tasks.store.book_checks import BookCheck, write_checks
from streamer.simulator.config import KalshiMix
from streamer.simulator.simulator import Simulator

NO_SNAPSHOTS = KalshiMix(ticker=10, delta=70, trade=20, snapshot=0)
"""Only the first is sent, as at the exchange."""


def test_every_book_of_a_session_is_the_exchanges_at_every_moment(
    tmp_path: Path, connection: PgConnection
) -> None:
    tickers: list[str] = []
    moments: list[tuple[datetime, dict[str, OrderBook]]] = []
    recorders: list[Recorder] = []

    async def session(sim: Simulator) -> None:
        tickers.extend(market.ticker for market in list(sim.kalshi.open_markets)[:30])
        async with kalshi(sim) as client:
            recorder = Recorder(client)
            recorders.append(recorder)
            await client.command("subscribe", channels=["ticker"])
            await client.command("subscribe", channels=[BOOKS], market_tickers=tickers)
            for _ in range(3):
                await recorder.take(400)
                await sim.pause()
                await recorder.take_rest()
                moments.append((await moment_between(sim), books_of(sim, tickers)))
                sim.resume()

    run(tmp_path, session, mix=NO_SNAPSHOTS, rate=1500, lifecycle_every_s=0)
    store(connection, recorders[0].entries)
    for at, truth in moments:
        found = rebuilt_books(connection, tickers, at)
        assert {ticker: one.rebuilt.book for ticker, one in found.items()} == truth
        assert all(one.rebuilt.trust.exact for one in found.values())
    latest = rebuilt_books(connection, tickers)
    assert {ticker: one.rebuilt.book for ticker, one in latest.items()} == moments[-1][1]
    assert sum(len(one.rebuilt.chain.changes) for one in latest.values()) > 300


def test_lost_messages_are_told_until_a_fresh_snapshot_mends_the_book(
    tmp_path: Path, connection: PgConnection
) -> None:
    tickers: list[str] = []
    recorders: list[Recorder] = []
    truth: dict[str, OrderBook] = {}
    broken_at: list[datetime] = []

    async def session(sim: Simulator) -> None:
        tickers.extend(market.ticker for market in list(sim.kalshi.open_markets)[:4])
        async with kalshi(sim) as client:
            recorder = Recorder(client)
            recorders.append(recorder)
            (sid,) = await recorder.subscribe(BOOKS, market_tickers=tickers)
            await recorder.take(100)
            await sim.pause()
            await recorder.take_rest()
            await moment_between(sim)  # what is lost is later than what was received before
            # So many that each book misses some.
            sim.faults.skip(40, channel=BOOKS)
            sim.resume()
            while sim.stats.skipped["kalshi"] < 40:
                await asyncio.sleep(0.01)
            await recorder.take_rest()
            await recorder.take(100)
            await sim.pause()
            await recorder.take_rest()
            broken_at.append(await moment_between(sim))
            await recorder.command(
                "update_subscription", sids=[sid], action="get_snapshot", market_tickers=tickers[:2]
            )
            await recorder.take_rest()
            sim.resume()
            await recorder.take(100)
            await sim.pause()
            await recorder.take_rest()
            truth.update(books_of(sim, tickers))

    run(tmp_path, session, mix=NO_SNAPSHOTS, rate=500, lifecycle_every_s=0)
    store(connection, recorders[0].entries)
    for found in rebuilt_books(connection, tickers, broken_at[0]).values():
        first, *more = found.rebuilt.trust.reasons
        assert first.doubt is Doubt.HOLE
        assert "40 messages missing on kalshi-1" in first.words
        assert {reason.doubt for reason in more} <= {Doubt.CORRUPT}  # a level below nothing
    latest = rebuilt_books(connection, tickers)
    for ticker in tickers[:2]:
        assert latest[ticker].rebuilt.trust.exact
        assert latest[ticker].rebuilt.book == truth[ticker]
    for ticker in tickers[2:]:
        assert not latest[ticker].rebuilt.trust.exact
    assert any(latest[ticker].rebuilt.book != truth[ticker] for ticker in tickers[2:])


# A book by hand

TICKER = "KXTEST-26NOV21-A"
LIFE, OLD_LIFE = connection_life("kalshi-1", 2 * 10**18), connection_life("kalshi-2", 10**18)
START = (datetime.now(UTC) - timedelta(days=11)).replace(
    hour=23, minute=59, second=0, microsecond=0
)
"""A minute before midnight: the next minute's ticks are in another partition."""


def frame(seconds: float, life: str, seq: int, change: str | None = None) -> RawFrame:
    """A snapshot with 10 at 0.40, or a change there."""
    at = START + timedelta(seconds=seconds)
    body: dict[str, object] = {"market_ticker": TICKER}
    if change is None:
        kind = "orderbook_snapshot"
        body |= {"yes_dollars_fp": [["0.4000", "10.00"]], "no_dollars_fp": [["0.5000", "1.00"]]}
    else:
        kind = "orderbook_delta"
        body |= {"price_dollars": "0.4000", "delta_fp": change, "side": "yes"}
        body["ts_ms"] = int(at.timestamp() * 1000)
    document = {"type": kind, "sid": 2, "seq": seq, "msg": body}
    received_ns = int(at.timestamp() * 1000) * 1_000_000 + 20_000_000
    return RawFrame(json.dumps(document).encode(), received_ns, life)


@pytest.fixture
def by_hand(connection: PgConnection) -> PgConnection:
    """A snapshot before midnight, and changes before and after it."""
    store(
        connection,
        [frame(0, LIFE, 1), frame(30, LIFE, 5, "2.00"), frame(90, LIFE, 9, "-4.00")],
    )
    return connection


def sizes(connection: PgConnection, at: datetime | None = None) -> tuple[str, list[Doubt]]:
    found = rebuilt_books(connection, [TICKER], at)[TICKER].rebuilt
    doubts = [reason.doubt for reason in found.trust.reasons]
    return str(found.book.bids("yes")[0].size), doubts


def test_a_book_is_as_of_the_time_asked_for(by_hand: PgConnection) -> None:
    at = [START + timedelta(seconds=seconds) for seconds in (29, 30, 89, 90, 86_400)]
    assert [sizes(by_hand, moment) for moment in at] == [
        ("10.00", []),
        ("12.00", []),
        ("12.00", []),
        ("8.00", []),
        ("8.00", []),
    ]
    assert rebuilt_books(by_hand, [TICKER], START - timedelta(seconds=1)) == {}


def test_a_change_that_states_a_time_before_the_snapshots_counts(by_hand: PgConnection) -> None:
    # The snapshot waited in a socket for two minutes; its time is that of receiving it.
    store(by_hand, [frame(300, LIFE, 20), frame(200, LIFE, 21, "5.00")])
    assert sizes(by_hand) == ("15.00", [])


def test_an_older_chain_is_fetched_when_the_newest_one_died(by_hand: PgConnection) -> None:
    # Another connection took the market on for a moment, an hour later; then this one went on.
    store(by_hand, [frame(3600, OLD_LIFE, 3), frame(3700, LIFE, 40, "1.00")])
    feed = FeedNow({"kalshi-1": None, "kalshi-2": None}, QUIET.stored_until)
    found = rebuilt_books(by_hand, [TICKER], feed=feed)[TICKER].rebuilt
    assert (found.chain.connection, len(found.chain.changes)) == ("kalshi-1", 3)
    assert str(found.book.bids("yes")[0].size) == "9.00"
    assert found.trust.exact


def test_a_message_of_the_book_that_could_not_be_read_is_told(by_hand: PgConnection) -> None:
    good = frame(60, LIFE, 7, "1.00")
    store(by_hand, [replace(good, data=good.data.replace(b'"1.00"', b'"one"'))])
    assert sizes(by_hand, START + timedelta(seconds=40)) == ("12.00", [])
    assert sizes(by_hand) == ("8.00", [Doubt.UNREAD_FRAMES])
    other = replace(good, data=good.data.replace(b"-A", b"-B").replace(b'"1.00"', b'"one"'))
    with by_hand, by_hand.cursor() as cursor:
        cursor.execute("DELETE FROM dead_letters")
    store(by_hand, [other])
    assert sizes(by_hand) == ("8.00", [])
    store(by_hand, [replace(good, data=good.data[:40])])
    assert sizes(by_hand) == ("8.00", [Doubt.UNREAD_FRAMES])


def test_frames_not_stored_yet_are_left_out_and_told(by_hand: PgConnection) -> None:
    until = START + timedelta(seconds=60)
    found = rebuilt_books(by_hand, [TICKER], feed=FeedNow({"kalshi-1": None}, until))[TICKER]
    assert str(found.rebuilt.book.bids("yes")[0].size) == "12.00"
    assert [r.doubt for r in found.rebuilt.trust.reasons] == [Doubt.WAITING_FRAMES]
    assert (found.rebuilt.at, found.rebuilt.trust.since) == (until, until)
    at = until + timedelta(seconds=1)
    found = rebuilt_books(by_hand, [TICKER], at, FeedNow({"kalshi-1": None}, until))[TICKER]
    assert [r.doubt for r in found.rebuilt.trust.reasons] == [Doubt.WAITING_FRAMES]


def test_a_connection_that_is_down_is_told(by_hand: PgConnection) -> None:
    down = START + timedelta(seconds=100)
    feed = FeedNow({"kalshi-1": down}, QUIET.stored_until, frozenset({"kalshi-1"}))
    latest = rebuilt_books(by_hand, [TICKER], feed=feed)[TICKER].rebuilt.trust
    assert [(r.doubt, r.since) for r in latest.reasons][-1] == (Doubt.OPEN_HOLE, down)
    assert latest.reasons[0].doubt is Doubt.WAITING_FRAMES  # in the spool
    before = rebuilt_books(by_hand, [TICKER], START + timedelta(seconds=94), feed)[TICKER]
    assert Doubt.OPEN_HOLE not in [r.doubt for r in before.rebuilt.trust.reasons]


@pytest.mark.parametrize("feed", [None, FeedNow({}, datetime.now(UTC) + timedelta(hours=1))])
def test_without_streamers_only_what_was_stored_vouches(
    by_hand: PgConnection, feed: FeedNow | None
) -> None:
    # Stored just now, so its past is vouched for, and its present is not.
    past = rebuilt_books(by_hand, [TICKER], START + timedelta(hours=1), feed)[TICKER]
    assert past.rebuilt.trust.exact
    now = rebuilt_books(by_hand, [TICKER], feed=feed)[TICKER]
    assert [r.doubt for r in now.rebuilt.trust.reasons] == [Doubt.SILENCE]


def test_a_difference_from_the_exchange_is_told_from_when_it_may_have_begun(
    by_hand: PgConnection,
) -> None:
    found = rebuilt_books(by_hand, [TICKER])[TICKER]
    one, via = found.instrument.instrument_id, found.rebuilt.chain.via
    noon = START + timedelta(hours=12)
    agreed = BookCheck(one, noon, agreed=True, via=via, since=START)
    later = noon + timedelta(minutes=5)
    differed = BookCheck(one, later, agreed=False, via=via, since=noon, differences=[["yes"]])
    write_checks(by_hand, [agreed, differed, agreed])
    assert sizes(by_hand, noon - timedelta(seconds=1))[1] == []
    assert sizes(by_hand, noon + timedelta(minutes=1))[1] == [Doubt.DRIFT]
    assert sizes(by_hand)[1] == [Doubt.DRIFT]
    again = rebuilt_books(by_hand, [TICKER])[TICKER]
    assert (again.agreed_at, again.rebuilt.trust.since) == (noon, noon)
    store(by_hand, [frame(24 * 3600, LIFE, 99)])
    assert sizes(by_hand) == ("10.00", [])


def test_many_books_take_as_many_queries_as_one(connection: PgConnection) -> None:
    tickers = [f"KXMANY-26NOV21-T{n}" for n in range(40)]
    frames = [
        replace(one, data=one.data.replace(TICKER.encode(), ticker.encode()))
        for ticker in tickers
        for one in (frame(0, LIFE, 1), frame(1, LIFE, 2, "3.00"))
    ]
    store(
        connection, [replace(one, received_ns=one.received_ns + n) for n, one in enumerate(frames)]
    )
    found = rebuilt_books(connection, tickers)
    assert {str(one.rebuilt.book.bids("yes")[0].size) for one in found.values()} == {"13.00"}
    assert sorted(found) == sorted(tickers)
