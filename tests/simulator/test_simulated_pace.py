"""Rate, pause, and what a message costs."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest
from exchange_clients import (
    PATH,
    Client,
    connected,
    kalshi,
    polygon,
    run,
    said,
    said_by_kalshi,
    signer,
)
from simulator.hand_clock import HandClock

from streamer.simulator.ledger_file import read_ledger
from streamer.simulator.simulator import Simulator

MESSAGE = {
    "type": "ticker",
    "sid": 1,
    "msg": {
        "market_ticker": "KXBTCD-26NOV2317-T98249.99",
        "price_dollars": "0.4800",
        "yes_bid_dollars": "0.4700",
        "yes_ask_dollars": "0.4900",
        "volume_fp": "1200.00",
        "ts_ms": 1795306990719,
    },
}
COSTS_AT_MOST = 8.0
"""Times what encoding and decoding a message's JSON takes; measured about 2. Where that takes 5 us,
25,000 messages a second then take a core."""


@pytest.mark.parametrize("late_s", [0.0, 0.15])
@pytest.mark.parametrize("rate", [40.0, 1500.0])
def test_the_rate_is_kept_over_both_venues_however_late_turns_come(
    tmp_path: Path, rate: float, late_s: float
) -> None:
    clock = HandClock(late_s)

    async def test(sim: Simulator) -> None:
        async with kalshi(sim) as one, polygon(sim, "stocks", "*") as two:
            await one.subscribe("ticker", "trade")
            readers = [asyncio.create_task(c.take(10**9)) for c in (one, two)]
            before, started = sent_by_venue(sim), clock.now
            while clock.now < started + 4:
                await asyncio.sleep(0)
            counts = sent_by_venue(sim) - before
            sent = counts.total()
            expected = rate * (clock.now - started)
            for reader in readers:
                reader.cancel()
            assert sent == pytest.approx(expected, rel=0.1)
            if rate > 1000:
                assert counts["polygon"] / sent == pytest.approx(0.2, abs=0.05)

    run(tmp_path, test, rate=rate, lifecycle_every_s=0.0, clock=clock)


def sent_by_venue(sim: Simulator) -> Counter[str]:
    return Counter({venue: kinds.total() for venue, kinds in sim.stats.sent.items()})


def test_a_trickle_comes_one_by_one(tmp_path: Path) -> None:
    clock = HandClock()

    async def test(sim: Simulator) -> None:
        async with kalshi(sim) as client:
            await client.subscribe("ticker")
            times: list[float] = []
            before = sim.stats.total_sent()
            while len(times) < 6:
                await asyncio.sleep(0)
                if sim.stats.total_sent() > before + len(times):
                    times.append(clock.now)
                    assert sim.stats.total_sent() == before + len(times)
            pauses = [b - a for a, b in pairwise(times)]
            assert all(0.2 < pause < 0.45 for pause in pauses[1:]), pauses
            sim.rate, faster_since = 1000.0, clock.now
            before = sim.stats.total_sent()
            while sim.stats.total_sent() < before + 500:
                await asyncio.sleep(0)
            assert clock.now - faster_since == pytest.approx(0.5, abs=0.1)
            await client.take(500)

    run(tmp_path, test, rate=3.3, clock=clock)


def test_a_pause_hands_everything_over_and_sends_nothing_more(tmp_path: Path) -> None:
    async def test(sim: Simulator) -> None:
        async with kalshi(sim) as client:
            await client.subscribe("ticker", "trade")
            for _ in range(3):
                await client.take(200)
                await sim.pause()
                told = sim.stats.total_sent()
                ledger = [said(line) for line in read_ledger(sim.ledger_path)]
                assert len(ledger) == told
                await client.take_rest()
                assert [s for f in client.frames for s in said_by_kalshi(f)] == ledger
                assert sim.stats.total_sent() == told
                assert sim.is_paused
                sim.resume()

    run(tmp_path, test, rate=0.0)


def test_a_message_costs_little(tmp_path: Path) -> None:
    async def test(sim: Simulator) -> None:
        headers = signer(sim.keys[0]).headers("GET", PATH)
        client = Client(await connected(sim.kalshi_ws_url, additional_headers=headers))
        tickers = [m.ticker for m in sim.kalshi.open_markets]
        await client.subscribe("ticker", "trade")
        await client.subscribe("orderbook_delta", market_tickers=tickers)
        transport = client.websocket.transport
        transport.set_protocol(Swallow())
        transport.resume_reading()
        sim.rate = 0.0
        rounds, sent, spent, beside = 10, 0, 0.0, 0.0
        # In turns, so that what slows one slows the other.
        for _ in range(rounds):
            before, cpu = sim.stats.total_sent(), time.process_time()
            while sim.stats.total_sent() < before + 5000:
                await asyncio.sleep(0)
            sent += sim.stats.total_sent() - before
            spent += time.process_time() - cpu
            beside += json_cpu_s(2000)
        assert spent / sent < COSTS_AT_MOST * beside / (rounds * 2000)
        transport.abort()

    run(tmp_path, test, rate=10.0, markets=400)


def json_cpu_s(messages: int) -> float:
    """What encoding and decoding a message so often takes of a core."""
    began = time.process_time()
    for _ in range(messages):
        json.loads(json.dumps(MESSAGE))
    return time.process_time() - began


class Swallow(asyncio.Protocol):
    """Reads and forgets."""
