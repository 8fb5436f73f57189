"""The benchmark's frames are real ones: all are read, none repeats, and the mix is as stated."""

from __future__ import annotations

import json
from collections import Counter

from hadron_tasks.bench.frames import FrameMix
from hadron_tasks.ingest.decode import decode
from hadron_tasks.venues.registry import rules_for

START_NS = 1_790_000_000_000_000_000


def test_every_frame_is_a_tick_of_its_own() -> None:
    mix = FrameMix(markets=50, start_ns=START_NS)
    frames = mix.take(3000) + mix.take(3000)
    decoded = decode(rules_for("kalshi"), frames)
    assert decoded.dead == []
    keys = {(tick.ticker, tick.event_us, tick.event_key) for tick in decoded.found.ticks}
    assert len(keys) == 6000
    assert len({tick.ticker for tick in decoded.found.ticks}) == 50


def test_the_mix_is_that_of_a_busy_connection() -> None:
    frames = FrameMix(markets=50, start_ns=START_NS).take(20_000)
    kinds = Counter(json.loads(frame.data)["type"] for frame in frames)
    shares = {kind: round(count / 200) for kind, count in kinds.items()}
    assert shares == {"ticker": 60, "orderbook_delta": 30, "trade": 8, "orderbook_snapshot": 2}


def test_the_same_frames_every_time() -> None:
    assert FrameMix(9, START_NS).take(100) == FrameMix(9, START_NS).take(100)
    assert FrameMix(9, START_NS, seed=2).take(100) != FrameMix(9, START_NS).take(100)


def test_a_ticker_of_each_market() -> None:
    mix = FrameMix(markets=7, start_ns=START_NS)
    parts = [*mix.tickers(3), mix.take(4)]
    assert [len(part) for part in parts] == [3, 3, 1, 4]
    ticks = decode(rules_for("kalshi"), [frame for part in parts for frame in part]).found.ticks
    assert len({tick.ticker for tick in ticks[:7] if tick.tick_type == "quote"}) == 7
    assert len({(tick.ticker, tick.event_us, tick.event_key) for tick in ticks}) == 11
