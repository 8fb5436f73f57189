"""Rate, pause, and what a message costs."""

from __future__ import annotations

import asyncio
import time
from itertools import pairwise
from pathlib import Path

import pytest
from exchange_clients import PATH, Client, kalshi, polygon, run, said, said_by_kalshi, signer
from websockets.asyncio.client import connect

from streamer.simulator.ledger_file import read_ledger
from streamer.simulator.simulator import Simulator

MOST_CPU_S_PER_100_000 = 6.0
"""15,000 messages a second then take less than a core; measured about 1.2."""


@pytest.mark.parametrize("rate", [40.0, 1500.0])
def test_the_rate_is_kept_over_both_venues(tmp_path: Path, rate: float) -> None:
    async def test(sim: Simulator) -> None:
        async with kalshi(sim) as one, polygon(sim, "stocks", "*") as two:
            await one.subscribe("ticker", "trade")
            await asyncio.sleep(0.3)
            before, started = sim.stats.total_sent(), time.monotonic()
            readers = [asyncio.create_task(c.take(10**9)) for c in (one, two)]
            await asyncio.sleep(2)
            sent = sim.stats.total_sent() - before
            expected = rate * (time.monotonic() - started)
            for reader in readers:
                reader.cancel()
            assert sent == pytest.approx(expected, rel=0.1)
            venues = {venue: sum(kinds.values()) for venue, kinds in sim.stats.sent.items()}
            if rate > 1000:
                share = venues["polygon"] / sum(venues.values())
                assert share == pytest.approx(0.2, abs=0.05)

    run(tmp_path, test, rate=rate, lifecycle_every_s=0.0)


def test_a_trickle_comes_one_by_one(tmp_path: Path) -> None:
    async def test(sim: Simulator) -> None:
        async with kalshi(sim) as client:
            await client.subscribe("ticker")
            times = []
            for _ in range(4):
                await client.receive()
                times.append(time.monotonic())
            pauses = [b - a for a, b in pairwise(times)]
            assert all(0.2 < pause < 0.45 for pause in pauses[1:]), pauses
            sim.rate = 1000.0
            await client.take(500)

    run(tmp_path, test, rate=3.3)


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
        client = Client(await connect(sim.kalshi_ws_url, additional_headers=headers))
        tickers = [m.ticker for m in sim.kalshi.open_markets]
        await client.subscribe("ticker", "trade")
        await client.subscribe("orderbook_delta", market_tickers=tickers)
        transport = client.websocket.transport
        transport.set_protocol(Swallow())
        transport.resume_reading()
        before, cpu = sim.stats.total_sent(), time.process_time()
        sim.rate = 0.0
        await asyncio.sleep(1.5)
        sent = sim.stats.total_sent() - before
        spent = time.process_time() - cpu
        assert spent / sent * 100_000 < MOST_CPU_S_PER_100_000
        transport.abort()

    run(tmp_path, test, rate=10.0, markets=400)


class Swallow(asyncio.Protocol):
    """Reads and forgets."""
