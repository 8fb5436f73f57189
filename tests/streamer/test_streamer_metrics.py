"""A streamer's own metrics, and how old frames are when they come."""

from __future__ import annotations

import json
import re
import time
import urllib.request

import pytest
from exporting import Scrape
from pydantic import SecretStr
from scripted_exchange import KalshiScript
from streamer_harness import PATIENCE_S, Launch, Recorded, StreamerProcess, wait_for

from hadron_tasks.ingest.latency import bucket_of
from hadron_tasks.metrics.definitions import METRICS, Endpoint, Kind
from streamer.kalshi_endpoint import KalshiEndpoint
from streamer.latency_sampler import LatencySampler
from streamer.polygon import PolygonEndpoint

MS = 1_000_000


def served(streamer: StreamerProcess) -> str:
    """Where its log says that it serves metrics."""
    wait_for(lambda: "metrics are served" in streamer.log)
    found = re.search(r"metrics are served\s.*port=(\d+)", streamer.log)
    assert found is not None
    return f"http://127.0.0.1:{found[1]}/metrics"


def scrape(url: str) -> Scrape:
    with urllib.request.urlopen(url, timeout=PATIENCE_S) as answer:
        return Scrape(answer.read().decode())


def test_a_streamer_serves_its_own_metrics(
    kalshi: KalshiScript, launch: Launch, recorded: Recorded
) -> None:
    streamer = launch("--metrics-port", "0")
    url = served(streamer)
    wait_for(lambda: "kalshi-1" in recorded.live())
    sent = kalshi.send("ticker", 300)
    now_ms = time.time_ns() // MS
    aged = json.dumps({"type": "ticker", "sid": 1, "msg": {"ts_ms": now_ms - 250}})
    kalshi.send_text("ticker", aged)
    wait_for(lambda: recorded.holds([*sent, aged.encode()]))
    first = {"venue": "kalshi", "connection": "kalshi-1"}

    histogram = "hadron_streamer_exchange_latency_seconds"
    wait_for(lambda: scrape(url).value(f"{histogram}_count", **first))
    # That Redis acknowledged them is known here a moment after they are there.
    published = "hadron_streamer_published_entries_total"
    wait_for(lambda: scrape(url).value(published, venue="kalshi") == 304)
    told = scrape(url)
    assert told.value("hadron_streamer_frames_total", **first, channel="ticker") == 301
    size = sum(map(len, sent)) + len(aged)
    assert told.value("hadron_streamer_bytes_total", **first, channel="ticker") == size
    assert told.value("hadron_streamer_connection_state", **first, state="live") == 1
    (received_ns,) = [e.received_ns for e in recorded.entries() if e.data == aged.encode()]
    age_s = (received_ns / MS - (now_ms - 250)) / 1000
    assert age_s >= 0.25
    # A bucket is a quarter of an octave wide.
    assert told.value(f"{histogram}_sum", **first) == pytest.approx(age_s, rel=0.1)
    assert told["process_open_fds"] > 0
    ours = {m.name for m in METRICS.values() if m.endpoint is Endpoint.STREAMER}
    counted = {m.name for m in METRICS.values() if m.kind is not Kind.HISTOGRAM}
    assert ours & counted <= told.names
    # What the fleet's exporter tells of the connection is the same.
    wait_for(lambda: recorded.reports()["kalshi-1"].bytes_by_type.get("ticker") == size)
    assert sum(recorded.reports()["kalshi-1"].exchange_latency.values()) >= 1
    assert streamer.terminate() == 0


def test_a_port_that_is_taken_is_one_clear_line(launch: Launch, kalshi: KalshiScript) -> None:
    streamer = launch("--metrics-port", str(kalshi.port))
    assert streamer.exit_code() == 2
    assert streamer.log.strip().splitlines()[-1].startswith("Metrics cannot be served on 127.0.0.1")


@pytest.mark.parametrize(
    ("frame", "sent_ns"),
    [
        (b'{"type":"trade","sid":1,"msg":{"ts":1669149841,"ts_ms":1669149841123}}', 1669149841123),
        (b'{"type":"trade","sid":1,"msg":{"ts_ms": 1669149841123, "x":1}}', 1669149841123),
        (b'{"type":"trade","sid":1,"msg":{"ts":1669149841}}', None),
        (b'{"type":"orderbook_snapshot","sid":1,"msg":{}}', None),
        (b"\xff", None),
    ],
)
def test_kalshis_own_time(frame: bytes, sent_ns: int | None) -> None:
    found = KalshiEndpoint.sent_ns(None, frame)  # type: ignore[arg-type]
    assert found == (None if sent_ns is None else sent_ns * MS)


@pytest.mark.parametrize(
    ("frame", "sent_ns"),
    [
        (b'[{"ev":"T","t":1536036818784,"q":1},{"ev":"T","t":1536036818999}]', 1536036818999 * MS),
        (b'[{"ev":"LULD","t":1601316752683746}]', 1601316752683746 * 1000),
        (b'[{"ev":"NOI","t":1601318039223013600,"at":930}]', 1601318039223013600),
        (b'[{"ev":"AM","s":1610144640000,"e":1610144700000}]', None),
        (b'[{"ev":"status","message":"hello"}]', None),
    ],
)
def test_polygons_own_time(frame: bytes, sent_ns: int | None) -> None:
    endpoint = PolygonEndpoint("stocks", SecretStr("key"), "ws://127.0.0.1:1")
    assert endpoint.sent_ns(frame) == sent_ns


def test_each_frame_is_sampled_once() -> None:
    sampler = LatencySampler(lambda frame: int(frame) if frame else None)
    sampler.sample(b"1000", 1000 + 50 * MS)
    sampler.sample(b"1000", 1000 + 50 * MS)
    sampler.sample(b"", 2000)
    sampler.sample(b"9000", 8000)  # the exchange's clock is ahead of ours
    assert sampler.buckets == {bucket_of(50 * MS): 1, bucket_of(0): 1}
