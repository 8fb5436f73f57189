"""Faults on demand, and what the records say about them."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from exchange_clients import (
    PATH,
    WITHIN_S,
    Client,
    Said,
    connected,
    kalshi,
    polygon,
    run,
    said,
    said_by_kalshi,
    said_by_polygon,
    signer,
)
from websockets.exceptions import ConnectionClosed, ConnectionClosedError, InvalidStatus

from streamer.simulator.connections import Ending
from streamer.simulator.faults import Malformation
from streamer.simulator.ledger_file import read_ledger, read_malformed
from streamer.simulator.simulator import Simulator


async def read_to_end(client: Client) -> ConnectionClosed:
    """Read until the connection ends; returns how it ended."""
    try:
        await client.until(lambda _message: False)
    except ConnectionClosed as closed:
        return closed
    raise AssertionError("the connection goes on for ever")


def said_in(frames: list[bytes]) -> list[Said]:
    return [one for frame in frames for one in said_by_kalshi(frame)]


def sent_to(sim: Simulator, connection: str) -> list[Said]:
    """What the ledger says that a connection was sent until now."""
    sim.records.ledger.flush()
    return [said(line) for line in read_ledger(sim.ledger_path) if line.connection == connection]


async def nobody_is_left(sim: Simulator) -> None:
    """A connection that its client has closed is so at the exchange a moment later."""
    async with asyncio.timeout(WITHIN_S):
        while sim.connections():
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("how", ["close", "eof"])
def test_a_dropped_connection_got_all_that_the_ledger_says(tmp_path: Path, how: Ending) -> None:
    frames: list[bytes] = []

    async def test(sim: Simulator) -> None:
        async with kalshi(sim, 1) as client, kalshi(sim, 2) as other:
            for each in (client, other):
                await each.subscribe("ticker", "trade")
            await client.take(300)
            assert await sim.faults.drop(how, connection="kalshi-1") == 1
            closed = await read_to_end(client)
            assert (closed.rcvd.code if closed.rcvd else None) == (1001 if how == "close" else None)
            frames.extend(client.frames)
            await other.take(300)
            assert [c.key for c in sim.connections()] == ["kalshi-2"]
        async with kalshi(sim, 1) as again:
            await again.subscribe("ticker")

    sim = run(tmp_path, test, keys=2)
    assert sent_to(sim, "kalshi-1#1") == said_in(frames)


def test_nothing_is_sent_to_a_client_that_is_slow_to_answer_a_goodbye(tmp_path: Path) -> None:
    async def test(sim: Simulator) -> None:
        async with kalshi(sim, 1) as client, kalshi(sim, 2) as other:
            for each in (client, other):
                await each.subscribe("ticker", "trade")
            await client.take(100)
            client.websocket.transport.pause_reading()
            dropping = asyncio.create_task(sim.faults.drop("close", connection="kalshi-1"))
            await other.take_rest()
            told = sent_to(sim, "kalshi-1#1")
            await other.take(300)
            assert sent_to(sim, "kalshi-1#1") == told
            client.websocket.transport.resume_reading()
            await read_to_end(client)
            assert said_in(client.frames) == told
            assert await dropping == 1

    run(tmp_path, test, keys=2)


def test_a_reset_connection(tmp_path: Path) -> None:
    async def test(sim: Simulator) -> None:
        async with kalshi(sim) as client, polygon(sim, "stocks", "T.*") as stocks:
            await client.subscribe("ticker")
            assert await sim.faults.drop("reset") == 2
            for each in (client, stocks):
                assert isinstance(await read_to_end(each), ConnectionClosedError)

    run(tmp_path, test)


def test_skipped_numbers_are_a_jump_and_on_record(tmp_path: Path) -> None:
    jumps: dict[int, list[tuple[int, int]]] = {}

    async def test(sim: Simulator) -> None:
        async with kalshi(sim) as client:
            tickers = [m.ticker for m in sim.kalshi.open_markets]
            await client.subscribe("ticker", "trade")
            await client.subscribe("orderbook_delta", market_tickers=tickers)
            await client.take(300)
            assert sim.faults.skip(7, channel="orderbook_delta") == 1
            assert sim.faults.skip(2, channel="ticker") == 0, "tickers are not numbered"
            await client.take(800)
            last: dict[int, int] = {}
            for frame in client.frames:
                message = json.loads(frame)
                if "seq" in message:
                    sid, seq = message["sid"], message["seq"]
                    if seq != last.get(sid, 0) + 1:
                        jumps.setdefault(sid, []).append((last[sid], seq))
                    last[sid] = seq

    sim = run(tmp_path, test)
    skipped = read_ledger(sim.skipped_path)
    assert list(jumps) == [3]
    ((before, after),) = jumps[3]
    assert after - before - 1 == 7 == len(skipped) == sim.stats.skipped["kalshi"]
    assert [line.sequence for line in skipped] == list(range(before + 1, after))
    assert {line.kind for line in skipped} <= {"book_delta", "book_snapshot"}
    sent = {(line.kind, line.sequence) for line in read_ledger(sim.ledger_path)}
    assert not any((line.kind, line.sequence) in sent for line in skipped)


def test_what_nobody_could_miss_is_not_skipped_and_clearing_forgets_the_rest(
    tmp_path: Path,
) -> None:
    async def test(sim: Simulator) -> None:
        async with kalshi(sim) as client:
            await client.subscribe("trade", "market_lifecycle_v2")
            await client.take(20)
            # No event ends here, so nothing was sent by lifecycle's subscription yet.
            assert sim.faults.skip(10_000) == 1
            sim.faults.clear()
            await client.take(20)

    sim = run(tmp_path, test, lifecycle_every_s=0)
    assert sim.stats.skipped["kalshi"] < 10_000


@pytest.mark.parametrize("ahead_s", [-3.0, 2.5])
def test_exchanges_whose_clocks_differ(tmp_path: Path, ahead_s: float) -> None:
    told: list[float] = []

    async def test(sim: Simulator) -> None:
        sim.clock_ahead_s = ahead_s
        async with kalshi(sim) as client:
            await client.subscribe("trade")
            await client.take(10)
            messages = [json.loads(frame)["msg"] for frame in client.frames]
            told.extend(message["ts_ms"] / 1000 for message in messages if "trade_id" in message)

    began = time.time()
    run(tmp_path, test)
    assert told
    # Milliseconds are cut off.
    assert all(began + ahead_s - 0.001 <= at <= time.time() + ahead_s for at in told)


@pytest.mark.parametrize("kind", ["not_json", "wrong_type", "not_utf8"])
@pytest.mark.parametrize("venue", ["kalshi", "polygon"])
def test_malformed_frames_arrive_as_recorded(
    tmp_path: Path, kind: Malformation, venue: str
) -> None:
    broken: list[bytes] = []

    async def test(sim: Simulator) -> None:
        async with kalshi(sim) as one, polygon(sim, "stocks", "T.*") as two:
            await one.subscribe("ticker")
            client = one if venue == "kalshi" else two
            await client.take(20)
            assert sim.faults.malformed(kind, 3, venue=venue) == 3
            while len(broken) < 3:
                frame = await client.receive_bytes()
                if b"MALFORMED" in frame:
                    broken.append(frame)
            await client.take(20)

    sim = run(tmp_path, test)
    assert read_malformed(sim.malformed_path) == broken
    assert len(set(broken)) == 3
    assert sim.stats.malformed[venue] == 3
    for frame in broken:
        reader = said_by_kalshi if venue == "kalshi" else said_by_polygon
        if kind == "wrong_type":
            json.loads(frame)
        with pytest.raises((ValueError, TypeError, ArithmeticError)):
            reader(frame)
    if kind == "not_utf8":
        with pytest.raises(UnicodeDecodeError):
            broken[0].decode()
    ledger = read_ledger(sim.ledger_path)
    assert not any("MALFORMED" in line.ticker for line in ledger)


def test_good_keys_are_refused_for_a_while(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    clock = SimpleNamespace(monotonic=lambda: now[0])
    monkeypatch.setattr("streamer.simulator.authentication.time", clock)

    async def status(sim: Simulator) -> int:
        try:
            headers = signer(sim.keys[0]).headers("GET", PATH)
            async with connected(sim.kalshi_ws_url, additional_headers=headers):
                return 101
        except InvalidStatus as refusal:
            return refusal.response.status_code

    async def test(sim: Simulator) -> None:
        sim.faults.refuse_authentication(count=2)
        assert [await status(sim) for _ in range(3)] == [401, 401, 101]
        with pytest.raises(AssertionError, match="auth_failed"):
            async with polygon(sim, "stocks"):
                pass
        await nobody_is_left(sim)
        sim.faults.refuse_authentication(seconds=0.5, venue="kalshi")
        assert await status(sim) == 401
        now[0] += 0.49
        assert await status(sim) == 401
        now[0] += 0.02
        assert await status(sim) == 101
        assert sim.stats.refused["kalshi: refused by fault"] == 4

    run(tmp_path, test)


def test_a_stalled_connection_is_silent_and_then_catches_up(tmp_path: Path) -> None:
    frames: list[bytes] = []

    async def test(sim: Simulator) -> None:
        async with kalshi(sim, 1) as client, kalshi(sim, 2) as other:
            for each in (client, other):
                await each.subscribe("ticker", "trade")
            await client.take(100)
            assert sim.faults.stall(3600, connection="kalshi-1") == 1
            told = len(sent_to(sim, "kalshi-1#1"))
            while len(said_in(client.frames)) < told:
                await client.receive_bytes()
            await other.take_rest()
            before = len(client.frames)
            pong = await client.websocket.ping()
            # What one is told meanwhile the other is not, nor is it answered.
            await other.take(450)
            await other.take_rest()
            await client.take_arrived()
            assert len(client.frames) == before
            assert not pong.done()
            sim.faults.clear()
            while not pong.done():
                await client.receive_bytes()
            await client.take_rest()
            assert len(client.frames) > before + 400

            # Without being cleared it ends when it was told to.
            began = time.monotonic()
            assert sim.faults.stall(0.1, connection="kalshi-1") == 1
            await client.take_rest()  # a ping is answered again
            assert time.monotonic() - began >= 0.1
            await sim.pause()
            await client.take_rest()
            frames.extend(client.frames)

    sim = run(tmp_path, test, keys=2)
    seqs = [m["seq"] for m in map(json.loads, frames) if m["type"] == "trade"]
    assert seqs == list(range(1, len(seqs) + 1))
    assert sent_to(sim, "kalshi-1#1") == said_in(frames)


@pytest.mark.parametrize(("fault", "code"), [("overflow", 25), ("channel_error", 10)])
def test_a_subscription_is_ended(tmp_path: Path, fault: str, code: int) -> None:
    async def test(sim: Simulator) -> None:
        async with kalshi(sim) as client:
            await client.subscribe("ticker", "trade")
            await client.take(50)
            assert getattr(sim.faults, fault)(channel="trade") == 1
            ended = await client.until(lambda m: m["type"] == "error")
            assert ended["sid"] == 2
            assert ended["msg"]["code"] == code
            seen = len(client.frames)
            await client.take(300)
            assert {json.loads(f)["type"] for f in client.frames[seen:]} == {"ticker"}
            assert await client.subscribe("trade") == [3]
            first = await client.until(lambda m: m["type"] == "trade")
            assert first["seq"] == 1, "a new subscription counts anew"

    run(tmp_path, test)


def test_faults_that_last_can_be_cleared(tmp_path: Path) -> None:
    async def test(sim: Simulator) -> None:
        async with kalshi(sim) as client:
            await client.subscribe("ticker")
            sim.faults.stall(3600)
            sim.faults.refuse_authentication(seconds=3600)
            sim.faults.clear()
            await client.take(200)
            async with kalshi(sim, 2):
                pass

    run(tmp_path, test, keys=2)


def test_an_exchange_that_is_away_trades_on(tmp_path: Path) -> None:
    async def test(sim: Simulator) -> None:
        async with kalshi(sim, 1) as client, polygon(sim, "stocks", "T.*") as stocks:
            await client.subscribe("trade")
            await client.take(20)
            assert await sim.faults.away(3600.0) == 2
            for each in (client, stocks):
                await read_to_end(each)
        began, trades = time.monotonic(), len(sim.kalshi.tape)
        of_stocks = sum(map(sim.polygon.tape.count, sim.polygon.instruments))
        for url in (sim.kalshi_ws_url, f"{sim.polygon_ws_url}/stocks"):
            with pytest.raises(InvalidStatus) as refused:
                async with connected(url):
                    pass
            assert refused.value.response.status_code == 503
        while len(sim.kalshi.tape) <= trades:
            await asyncio.sleep(0.05)
        while sum(map(sim.polygon.tape.count, sim.polygon.instruments)) <= of_stocks:
            await asyncio.sleep(0.05)
        # At the rate asked for, not as fast as it would be with nobody to wait for.
        elapsed = time.monotonic() - began
        assert len(sim.kalshi.tape) - trades < sim.config.rate * (elapsed + 1)
        sim.faults.clear()
        await asyncio.sleep(0)
        assert not sim.kalshi.is_wanted
        assert not sim.polygon.is_wanted
        async with kalshi(sim, 1) as again, polygon(sim, "stocks", "T.*"):
            await again.subscribe("trade")
            await again.take(5)

    run(tmp_path, test)
