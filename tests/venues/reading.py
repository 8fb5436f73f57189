"""What a normaliser makes of one frame, and the frames of the fixtures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hadron_tasks.ingest.normalised import LifecycleEvent, Normalised
from hadron_tasks.tick import HadronTick
from hadron_tasks.venues.registry import rules_for

RECEIVED_NS = 1_795_262_400_123_456_789  # 2026-11-21 12:00:00.123456789 UTC
RECEIVED_US = RECEIVED_NS // 1000

_FIXTURES = Path(__file__).parent / "fixtures"


def frames(venue: str) -> list[bytes]:
    """Real frames of a venue, old and new forms mixed."""
    return (_FIXTURES / f"{venue}-frames.jsonl").read_bytes().splitlines()


def read(venue: str, frame: bytes | str | dict[str, Any] | list[Any]) -> Normalised:
    """What one frame holds."""
    if isinstance(frame, str):
        frame = frame.encode()
    elif not isinstance(frame, bytes):
        frame = json.dumps(frame).encode()
    found = Normalised()
    rules_for(venue).normalise(frame, RECEIVED_NS, found)
    return found


def one_tick(venue: str, frame: bytes | str | dict[str, Any] | list[Any]) -> HadronTick:
    """The only thing in a frame, which is a tick."""
    found = read(venue, frame)
    assert (len(found.ticks), len(found.lifecycle), found.control, found.unknown) == (1, 0, 0, {})
    return found.ticks[0]


def one_event(frame: bytes | str | dict[str, Any]) -> LifecycleEvent:
    """The only thing in a Kalshi frame, which is a lifecycle event."""
    found = read("kalshi", frame)
    assert (len(found.ticks), len(found.lifecycle), found.control) == (0, 1, 0)
    return found.lifecycle[0]


COLUMNS = ("price", "raw_price", "size", "side", "bid", "ask", "bid_size", "ask_size", "sequence")


def assert_tick(venue: str, line: int, ticker: str, event_us: int, columns: dict[str, Any]) -> None:
    """The fixture's line is this tick; columns that are not named are empty."""
    tick = one_tick(venue, frames(venue)[line])
    assert (tick.venue, tick.ticker, tick.event_us) == (venue, ticker, event_us)
    for name in (*COLUMNS, "metadata"):
        assert getattr(tick, name) == columns.get(name), name
