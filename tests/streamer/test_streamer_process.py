"""A streamer process from start to end, against scripted exchanges and a real Redis."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

import pytest
from scripted_exchange import KalshiScript, PolygonScript
from streamer_harness import (
    PATIENCE_S,
    Launch,
    Recorded,
    wait_for,
    wait_until_live,
    wait_until_lived,
    wait_until_subscribed,
)

from hadron_tasks.book_requests import SNAPSHOTS_WANTED_KEY, ask_for_snapshots
from hadron_tasks.feed_health import ConnectionState
from hadron_tasks.local.redis_server import RedisServer
from hadron_tasks.raw_stream import GapCause, connection_of


def test_streams_every_frame_in_order_and_stops_clean(
    kalshi: KalshiScript, launch: Launch, recorded: Recorded
) -> None:
    streamer = launch()
    wait_until_subscribed(kalshi)
    sent = kalshi.send("trade", 500) + kalshi.send("ticker", 500)
    wait_for(lambda: recorded.holds(sent))
    assert [frame for frame in recorded.frames() if frame in set(sent)] == sent
    assert recorded.gaps() == []
    last = kalshi.send("trade", 200)
    wait_for(lambda: recorded.holds(last[:1]))
    assert streamer.terminate() == 0
    assert recorded.holds(last)
    assert recorded.client.keys("hadron:lease:*") == []
    assert recorded.reports()["kalshi-1"].state is ConnectionState.STOPPED


def test_acknowledgements_are_recorded_as_received(
    kalshi: KalshiScript, launch: Launch, recorded: Recorded
) -> None:
    launch()
    wait_until_live(recorded, "kalshi-1")
    wait_until_subscribed(kalshi)
    odd = b'{"type":"trade","sid":1,"seq":1,"msg":\xff'
    kalshi.send_text("trade", odd)
    wait_for(lambda: odd in recorded.frames())
    # Of the life of the connection by which it came; what Redis did not acknowledge in time may
    # be there twice.
    (life,) = {e.connection for e in recorded.entries() if e.data == odd}
    frames = list(dict.fromkeys(e.data for e in recorded.entries() if e.connection == life))
    assert len(frames) == 4
    assert sum(b'"subscribed"' in frame for frame in frames) == 3
    assert frames[-1] == odd


def test_a_dropped_connection_comes_back_with_a_gap(
    kalshi: KalshiScript, launch: Launch, recorded: Recorded
) -> None:
    launch()
    wait_until_subscribed(kalshi)
    before = kalshi.send("trade", 10)
    wait_for(lambda: recorded.holds(before))
    dropped_ns = time.time_ns()
    kalshi.drop()
    gone_ns = time.time_ns()
    wait_for(lambda: kalshi.handshakes == 2)
    wait_for(lambda: bool(recorded.gaps()))
    after = kalshi.send("trade", 10)
    wait_for(lambda: recorded.holds(after))
    (gap,) = recorded.gaps()
    assert (gap.connection, gap.channel, gap.cause) == ("kalshi-1", None, GapCause.DISCONNECT)
    last_before = max(e.received_ns for e in recorded.entries() if e.data in before)
    first_after = min(e.received_ns for e in recorded.entries() if e.data in after)
    assert last_before <= gap.from_ns <= gone_ns
    assert dropped_ns < gap.to_ns < first_after
    wait_for(lambda: recorded.reports()["kalshi-1"].reconnects == 1)
    (first_life,) = {e.connection for e in recorded.entries() if e.data in before}
    (second_life,) = {e.connection for e in recorded.entries() if e.data in after}
    assert first_life != second_life
    assert connection_of(first_life) == connection_of(second_life) == "kalshi-1"


def test_a_sequence_jump_is_recorded_and_books_are_asked_for_afresh(
    kalshi: KalshiScript, launch: Launch, recorded: Recorded
) -> None:
    launch(HADRON_KALSHI_BOOKS="KXTEST-26-1,KXTEST-26-2")
    wait_for(lambda: kalshi.carriers("orderbook_delta"))
    wait_until_live(recorded, "kalshi-1")
    before = kalshi.send("orderbook_delta", 5)
    kalshi.send("ticker", 5)
    kalshi.send("orderbook_delta", 5, skip=3)
    wait_for(lambda: bool(recorded.gaps()))
    (gap,) = recorded.gaps()
    assert (gap.cause, gap.channel, gap.missing) == (
        GapCause.SEQUENCE_JUMP,
        "orderbook_delta",
        3,
    )
    assert gap.to_seq is not None
    assert gap.from_seq is not None
    assert gap.to_seq - gap.from_seq == 4
    # What is missing may have been sent before the other messages that came meanwhile.
    assert gap.from_ns == max(e.received_ns for e in recorded.entries() if e.data in before)
    wait_for(lambda: any(c["params"].get("action") == "get_snapshot" for c in kalshi.commands))
    (asked,) = [c for c in kalshi.commands if c["params"].get("action") == "get_snapshot"]
    assert asked["params"]["market_tickers"] == ["KXTEST-26-1", "KXTEST-26-2"]
    ask_for_snapshots(recorded.client, ["KXTEST-26-2", "KXOTHER-26-1"])
    wait_for(lambda: recorded.client.smembers(SNAPSHOTS_WANTED_KEY) == {b"KXOTHER-26-1"})
    wait_for(lambda: kalshi.commands[-1]["params"].get("market_tickers") == ["KXTEST-26-2"])
    assert kalshi.commands[-1]["params"]["action"] == "get_snapshot"


def test_books_are_asked_for_afresh_after_frames_found_no_room(
    kalshi: KalshiScript,
    launch: Launch,
    recorded: Recorded,
    redis_server: RedisServer,
    tmp_path: Path,
) -> None:
    room = 20_000
    books = {"HADRON_KALSHI_BOOKS": "KXTEST-26-1,KXTEST-26-2"}
    streamer = launch(HADRON_SPOOL_MAX_BYTES=str(room), **books)
    wait_for(lambda: kalshi.carriers("orderbook_delta"))
    wait_until_live(recorded, "kalshi-1")
    redis_server.stop()
    kept = kalshi.send("trade", 50)
    kalshi.send("ticker", 300)
    segments = tmp_path / "data"
    wait_for(lambda: sum(file.stat().st_size for file in segments.rglob("*.seg")) >= room)
    lost = kalshi.send("orderbook_delta", 200)
    wait_for(lambda: "the spool is full" in streamer.log)
    assert not any(c["params"].get("action") == "get_snapshot" for c in kalshi.commands)
    redis_server.start()
    wait_for(lambda: any(c["params"].get("action") == "get_snapshot" for c in kalshi.commands))
    (asked,) = [c for c in kalshi.commands if c["params"].get("action") == "get_snapshot"]
    assert asked["params"]["market_tickers"] == ["KXTEST-26-1", "KXTEST-26-2"]
    wait_for(lambda: recorded.holds(kept))
    assert not recorded.holds(lost)
    assert {gap.cause for gap in recorded.gaps()} == {GapCause.SPOOL_LOSS}


@pytest.mark.parametrize(
    ("code", "cause"), [(25, GapCause.BUFFER_OVERFLOW), (10, GapCause.CHANNEL_ERROR)]
)
def test_an_ended_subscription_is_taken_again_with_a_gap(
    kalshi: KalshiScript, launch: Launch, recorded: Recorded, code: int, cause: GapCause
) -> None:
    launch()
    wait_until_subscribed(kalshi)
    sent = kalshi.send("trade", 5)
    wait_for(lambda: recorded.holds(sent))
    kalshi.end_subscription("trade", code)
    wait_for(lambda: kalshi.carriers("trade"))
    wait_for(lambda: bool(recorded.gaps()))
    (gap,) = recorded.gaps()
    assert (gap.cause, gap.channel, gap.connection) == (cause, "trade", "kalshi-1")
    assert kalshi.handshakes == 1
    more = kalshi.send("trade", 5)
    wait_for(lambda: recorded.holds(more))


def test_refused_credentials_are_told_apart_and_not_tried_again_soon(
    kalshi: KalshiScript, launch: Launch, recorded: Recorded
) -> None:
    kalshi.refuse_authentication = True
    streamer = launch()
    wait_for(lambda: "kalshi-1" in recorded.reports())
    wait_for(lambda: recorded.reports()["kalshi-1"].state is ConnectionState.AUTHENTICATION_REFUSED)
    wait_until_lived(recorded, 1.0, "kalshi-1")
    report = recorded.reports()["kalshi-1"]
    tries = kalshi.refused_at
    # Whoever looks late may find that it has tried again; then it had waited.
    assert 1 <= report.authentication_failures <= len(tries)
    assert all(later - earlier > 20 for earlier, later in pairwise(tries))
    assert report.reconnects == 0
    refusal = re.search(r"failures=(\d+) .*next_try_s=([\d.]+)", streamer.log)
    assert refusal is not None
    assert refusal[1] == "1"
    assert 22.5 <= float(refusal[2]) <= 30
    assert "KALSHI_PRIVATE_KEY_1_PATH" in streamer.log
    assert "key-1" not in streamer.log
    assert streamer.terminate() == 0


def test_a_silent_exchange_is_left_and_the_hole_recorded(
    kalshi: KalshiScript, launch: Launch, recorded: Recorded
) -> None:
    launch(HADRON_STALE_AFTER_S="1.5")
    wait_until_live(recorded, "kalshi-1")
    kalshi.send("trade", 1)
    wait_for(lambda: kalshi.handshakes >= 2)
    wait_for(lambda: bool(recorded.gaps()))
    wait_for(lambda: "nothing received" in recorded.reports()["kalshi-1"].last_error)


def test_books_follow_the_markets_that_open_and_close(
    kalshi: KalshiScript, launch: Launch, recorded: Recorded
) -> None:
    launch(HADRON_KALSHI_BOOKS="KXNEW")
    wait_until_subscribed(kalshi)

    def tell(market: str, kind: str) -> None:
        kalshi.send_text(
            "market_lifecycle_v2",
            f'{{"type":"market_lifecycle_v2","sid":1,"msg":{{"market_ticker":"{market}",'
            f'"event_type":"{kind}"}}}}',
        )

    def books() -> set[str]:
        return set().union(*(subscriber.markets for subscriber in list(kalshi.subscribers)))

    tell("KXNEW-26-A", "created")
    tell("KXOLD-26-A", "created")
    wait_for(lambda: books() == {"KXNEW-26-A"})
    kalshi.send_text("ticker", '{"type":"ticker","sid":9,"msg":{"market_ticker":"KXNEW-26-B"}}')
    wait_for(lambda: books() == {"KXNEW-26-A", "KXNEW-26-B"})
    tell("KXNEW-26-A", "settled")
    wait_for(lambda: books() == {"KXNEW-26-B"})
    wait_for(
        lambda: (
            recorded.client.hgetall("hadron:kalshi:open_markets") == {b"KXNEW-26-B": b"KXNEW-26"}
        )
    )
    assert recorded.gaps() == []


def test_polygon_streams_and_leaves_out_what_the_plan_does_not_include(
    polygon: PolygonScript, launch: Launch, recorded: Recorded
) -> None:
    polygon.unauthorised = {"Q.*"}
    streamer = launch(
        "--venue",
        "polygon",
        POLYGON_API_KEY="test-polygon-key",
        HADRON_POLYGON_WS_URL=polygon.url,
        HADRON_POLYGON_SUBSCRIPTIONS="stocks:T.*,stocks:Q.*,crypto:XT.*",
    )
    wait_until_live(recorded, "polygon-stocks", "polygon-crypto")
    sent = polygon.send(50)
    wait_for(lambda: recorded.holds(sent, "polygon"))
    assert recorded.reports()["polygon-stocks"].subscriptions == 1
    assert "Q.*" in recorded.reports()["polygon-stocks"].last_error
    assert streamer.terminate() == 0
    assert "test-polygon-key" not in streamer.log


def test_a_wrong_polygon_key_is_refused_credentials(
    polygon: PolygonScript, launch: Launch, recorded: Recorded
) -> None:
    launch(
        "--venue",
        "polygon",
        POLYGON_API_KEY="wrong",
        HADRON_POLYGON_WS_URL=polygon.url,
        HADRON_POLYGON_SUBSCRIPTIONS="stocks:T.*",
    )
    wait_for(lambda: "polygon-stocks" in recorded.reports())
    wait_for(
        lambda: recorded.reports()["polygon-stocks"].state is ConnectionState.AUTHENTICATION_REFUSED
    )


def check_health(environment: Mapping[str, str], *arguments: str) -> tuple[int, str]:
    done = subprocess.run(
        [Path(sys.executable).with_name("hadron"), "health", "streamer", *arguments],
        env=dict(environment),
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )
    return done.returncode, done.stdout + done.stderr


def test_health_tells_live_refused_and_gone(
    kalshi: KalshiScript, launch: Launch, recorded: Recorded, environment: dict[str, str]
) -> None:
    code, told = check_health(environment)
    assert code == 1
    assert "HADRON_REDIS_URL" in told
    streamer = launch()
    wait_until_live(recorded, "kalshi-1")
    assert check_health(environment)[0] == 0
    waiting = launch()
    wait_for(lambda: any(name.startswith("kalshi@") for name in recorded.reports()))
    assert check_health(environment)[0] == 0
    waiting.terminate()
    time.sleep(0.2)
    code, told = check_health(environment, "--max-age-s", "0.05")
    assert code == 1
    assert "kalshi-1: nothing received" in told
    kalshi.refuse_authentication = True
    kalshi.drop()
    wait_for(lambda: recorded.reports()["kalshi-1"].state is ConnectionState.AUTHENTICATION_REFUSED)
    code, told = check_health(environment)
    assert code == 1
    assert "refused the credentials" in told
    streamer.terminate()
    assert check_health({**environment, "HADRON_REDIS_URL": "redis://127.0.0.1:1/0"})[0] == 1


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"KALSHI_PRIVATE_KEY_1_PATH": "/nowhere.pem"}, "KALSHI_PRIVATE_KEY_1_PATH"),
        ({"KALSHI_PRIVATE_KEY_1_PATH": ""}, "KALSHI_PRIVATE_KEY_1_PATH"),
        ({"HADRON_VENUES": "polygon"}, "POLYGON_API_KEY"),
        ({"HADRON_VENUES": "nasdaq"}, "nasdaq"),
        ({"HADRON_LEASE_TTL_S": "soon"}, "HADRON_LEASE_TTL_S"),
    ],
)
def test_unusable_settings_are_one_clear_line_and_exit_code_2(
    launch: Launch, changes: dict[str, str], expected: str
) -> None:
    streamer = launch(**changes)
    assert streamer.exit_code() == 2
    assert expected in streamer.log
    assert "Traceback" not in streamer.log
    assert len(streamer.log.strip().splitlines()) == 1
