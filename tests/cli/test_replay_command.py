"""``hadron replay`` beside a live feed that never leaves the stream empty."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from click.testing import CliRunner

from hadron_tasks.cli import main
from hadron_tasks.local.redis_server import RedisServer
from hadron_tasks.raw_stream import RawFrame, frame_fields, parse_entries, stream_key
from hadron_tasks.settings import get_settings

STREAM = stream_key("kalshi")
LIVE = frame_fields(RawFrame(b"{}", 1, "kalshi-1"))


@pytest.fixture
def live(client: redis.Redis) -> Iterator[list[bytes]]:
    """A feed and a worker that is always three frames behind it; what it took is listed."""
    taken: list[bytes] = []
    ended = threading.Event()

    def feed() -> None:
        while not ended.wait(0.01):
            client.xadd(STREAM, LIVE)  # type: ignore[arg-type]
            for entry_id, fields in client.xrange(STREAM)[:-3]:  # type: ignore[index]
                taken.extend(entry.data for entry in parse_entries(fields))
                client.xdel(STREAM, entry_id)

    thread = threading.Thread(target=feed)
    thread.start()
    yield taken
    ended.set()
    thread.join()


def test_it_waits_for_its_own_frames_alone(
    live: list[bytes],
    shared_redis: RedisServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HADRON_REDIS_URL", shared_redis.url)
    get_settings.cache_clear()
    recording = tmp_path / "recording.jsonl"
    recording.write_bytes(b"first\nsecond\n")
    done = CliRunner().invoke(main, ["replay", str(recording), "--venue", "kalshi"])
    get_settings.cache_clear()
    assert "2 frames stored" in done.output
    assert [data for data in live if data != b"{}"] == [b"first", b"second"]
