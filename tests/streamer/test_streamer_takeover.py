"""Who holds a key and carries its feed when streamers come and go, or Redis does."""

from __future__ import annotations

import signal
import socket
import time
from collections.abc import Mapping
from pathlib import Path

from scripted_exchange import KalshiScript
from stall_meter import StallMeter
from streamer_harness import (
    CHANNELS,
    Launch,
    Recorded,
    carriers,
    carriers_planned,
    kalshi_keys,
    wait_for,
    wait_until_live,
    wait_until_lived,
    wait_until_subscribed,
)

from hadron_tasks.local.redis_server import RedisServer
from hadron_tasks.raw_stream import GapCause, stream_key
from streamer.carriers import up_key
from streamer.leases import lease_key


def test_four_keys_are_shared_and_taken_over(
    kalshi: KalshiScript, launch: Launch, recorded: Recorded, key_files: Mapping[str, Path]
) -> None:
    keys = kalshi_keys(key_files, 4)
    names = [f"kalshi-{slot}" for slot in range(1, 5)]
    first = launch(**keys)
    wait_until_live(recorded, *names)
    wait_until_subscribed(kalshi)
    # The second gets its half of the keys, and no feed has a hole from that.
    second = launch(**keys)

    def holders() -> list[int]:
        return [int(recorded.reports()[name].streamer.rpartition(":")[2]) for name in names]

    wait_for(lambda: sorted(holders()) == sorted([first.process.pid, second.process.pid] * 2))
    wait_until_live(recorded, *names)
    wait_for(lambda: carriers(kalshi) == carriers_planned(names))
    assert recorded.gaps() == []
    kalshi.send("trade", 20)
    sent = kalshi.send("ticker", 20)
    wait_for(lambda: recorded.holds(sent))
    # Kill the one that carries the ticker channel.
    slot = kalshi.carriers("ticker")[0].rpartition("-")[2]
    owner = holders()[int(slot) - 1]
    victim, heir = (first, second) if first.process.pid == owner else (second, first)
    victim.kill()
    killed_ns = time.time_ns()
    with StallMeter() as standstill:
        recorded.run_out(victim)
        wait_for(lambda: kalshi.carriers("ticker"))
        wait_for(lambda: holders() == [heir.process.pid] * 4)
        wait_until_live(recorded, *names)
        took_s = (time.time_ns() - killed_ns) / 1e9
    assert took_s - standstill.stalled_s < 30
    assert kalshi.doubled_keys == 0
    assert all(kalshi.carriers(channel) for channel in CHANNELS)
    deaths = [gap for gap in recorded.gaps() if gap.cause is GapCause.STREAMER_DEATH]
    assert any(
        gap.from_ns <= killed_ns <= gap.to_ns and gap.channel in (None, "ticker") for gap in deaths
    )
    assert heir.terminate() == 0


def test_a_killed_streamer_leaves_a_gap_to_the_next(
    kalshi: KalshiScript, launch: Launch, recorded: Recorded
) -> None:
    first = launch()
    wait_until_subscribed(kalshi)
    sent = kalshi.send("trade", 50)
    wait_for(lambda: recorded.holds(sent))
    last_ns = recorded.entries()[-1].received_ns
    first.kill()
    assert 0 < recorded.client.pttl(lease_key("kalshi", "1")) <= 60_000
    recorded.run_out(first)
    launched_ns = time.time_ns()
    launch()
    wait_for(lambda: bool(recorded.gaps()))
    (gap,) = recorded.gaps()
    assert (gap.cause, gap.connection) == (GapCause.STREAMER_DEATH, "kalshi-1")
    assert last_ns <= gap.from_ns < launched_ns < gap.to_ns


def test_a_restart_in_order_leaves_a_gap_named_shutdown(
    kalshi: KalshiScript, launch: Launch, recorded: Recorded
) -> None:
    first = launch()
    wait_until_subscribed(kalshi)
    wait_until_live(recorded, "kalshi-1")
    sent = kalshi.send("trade", 5)
    wait_for(lambda: recorded.holds(sent))
    assert first.terminate() == 0
    launch()
    wait_for(lambda: bool(recorded.gaps()))
    (gap,) = recorded.gaps()
    assert gap.cause is GapCause.SHUTDOWN


def test_a_stolen_lease_closes_the_connection_at_once(
    kalshi: KalshiScript, launch: Launch, recorded: Recorded
) -> None:
    launch()
    wait_until_live(recorded, "kalshi-1")
    with StallMeter() as standstill:
        began = time.monotonic()
        recorded.client.set(lease_key("kalshi", "1"), "another", px=600_000)
        wait_for(lambda: not kalshi.subscribers)
        took_s = time.monotonic() - began
    assert took_s - standstill.stalled_s < 3
    wait_for(lambda: any(name.startswith("kalshi@") for name in recorded.reports()))
    assert recorded.client.get(lease_key("kalshi", "1")) == b"another"


def test_redis_restarted_empty_keeps_connections_and_leases(
    kalshi: KalshiScript, launch: Launch, recorded: Recorded, redis_server: RedisServer
) -> None:
    """A second replica waits for a key; Redis loses everything; the holder keeps its key."""
    holder = launch()
    wait_until_live(recorded, "kalshi-1")
    waiting = f"kalshi@{socket.gethostname()}:{launch().process.pid}"
    wait_for(lambda: waiting in recorded.reports())
    redis_server.kill()
    for file in redis_server.directory.rglob("*.aof*"):
        if file.is_file():
            file.unlink()
    sent = kalshi.send("trade", 100)
    time.sleep(1.0)
    redis_server.start()
    wait_for(lambda: recorded.holds(sent))
    wait_for(lambda: recorded.client.get(lease_key("kalshi", "1")) is not None)
    wait_for(lambda: {waiting, "kalshi-1"} <= recorded.reports().keys())
    wait_until_lived(recorded, 2.5, waiting, "kalshi-1")
    value = recorded.client.get(lease_key("kalshi", "1"))
    assert value is not None
    assert f":{holder.process.pid}:".encode() in value
    assert kalshi.handshakes == 1


def test_neither_an_empty_redis_nor_a_standstill_moves_anything_between_live_streamers(
    kalshi: KalshiScript,
    launch: Launch,
    recorded: Recorded,
    redis_server: RedisServer,
    key_files: Mapping[str, Path],
) -> None:
    keys = kalshi_keys(key_files, 2)
    streamers = [launch(**keys), launch(**keys)]
    names = ("kalshi-1", "kalshi-2")
    wait_until_live(recorded, *names)
    wait_for(lambda: len({r.streamer for r in recorded.reports().values() if r.frames}) == 2)
    wait_for(lambda: carriers(kalshi) == carriers_planned(names))
    handshakes = kalshi.handshakes

    def assert_nothing_moved() -> None:
        wait_until_live(recorded, *names)
        wait_until_lived(recorded, 3.0, *names)
        assert kalshi.handshakes == handshakes
        assert carriers(kalshi) == carriers_planned(names)
        assert recorded.gaps() == []

    # As if workers had stored it all.
    recorded.client.xtrim(stream_key("kalshi"), maxlen=0)
    recorded.wait_until_publishers_looked(2)
    redis_server.kill()
    for file in redis_server.directory.rglob("*.aof*"):
        if file.is_file():
            file.unlink()
    sent = kalshi.send("trade", 50) + kalshi.send("ticker", 50)
    redis_server.start()
    wait_for(lambda: recorded.holds(sent))
    assert_nothing_moved()
    # The machine sleeps, but for its clock and Redis: leases and notes run out.
    for streamer in streamers:
        streamer.process.send_signal(signal.SIGSTOP)
    for streamer in streamers:
        recorded.run_out(streamer)
    wait_for(lambda: not any(recorded.client.exists(up_key(name)) for name in names))
    for streamer in streamers:
        streamer.process.send_signal(signal.SIGCONT)
    assert_nothing_moved()


def test_redis_away_and_sigterm_the_next_streamer_finds_all(
    kalshi: KalshiScript,
    launch: Launch,
    recorded: Recorded,
    redis_server: RedisServer,
    tmp_path: Path,
) -> None:
    first = launch()
    wait_until_live(recorded, "kalshi-1")
    sent = kalshi.send("trade", 100)
    wait_for(lambda: recorded.holds(sent))
    redis_server.stop()
    sent += kalshi.send("trade", 300)
    segments = tmp_path / "data"
    wait_for(lambda: any(sent[-1] in file.read_bytes() for file in segments.rglob("*.seg")))
    assert first.terminate() == 0
    redis_server.start()
    recorded.run_out(first)
    launch()
    wait_for(lambda: recorded.holds(sent))
    assert recorded.data_in_order(sent)
    wait_for(lambda: bool(recorded.gaps()))
    (gap,) = recorded.gaps()
    spooled_ns = max(e.received_ns for e in recorded.entries() if e.data == sent[-1])
    assert gap.from_ns >= spooled_ns
