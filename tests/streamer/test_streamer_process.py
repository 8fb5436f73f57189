"""A streamer process from start to SIGTERM, against a scripted exchange and a real Redis."""

from __future__ import annotations

from scripted_exchange import KalshiScript
from streamer_harness import Launch, Recorded, wait_for

ALL_CHANNELS = ("ticker", "trade", "market_lifecycle_v2")


def test_streams_every_frame_in_order_and_stops_clean(
    kalshi: KalshiScript, launch: Launch, recorded: Recorded
) -> None:
    streamer = launch()
    wait_for(lambda: all(kalshi.carriers(channel) for channel in ALL_CHANNELS))
    sent = kalshi.send("trade", 500) + kalshi.send("ticker", 500)
    wait_for(lambda: recorded.holds(sent))
    assert [frame for frame in recorded.frames() if frame in set(sent)] == sent
    assert recorded.gaps() == []
    last = kalshi.send("trade", 200)
    assert streamer.terminate() == 0
    assert recorded.holds(last)
    assert recorded.client.keys("hadron:lease:*") == []
    assert recorded.reports()["kalshi-1"].state == "stopped"
