"""Holes and their records."""

from __future__ import annotations

from hadron_tasks.raw_stream import GapCause
from streamer.continuity import Continuity, Hole, gap_record
from streamer.sequence import Jump


def test_a_hole_keeps_its_beginning_through_further_breaks() -> None:
    continuity = Continuity("kalshi", "kalshi-1")
    continuity.broke(None, Hole(100, GapCause.DISCONNECT))
    continuity.broke(None, Hole(500, GapCause.BUFFER_OVERFLOW))
    assert continuity.open_since_ns == 100
    gap = continuity.whole(None, 900)
    assert gap is not None
    assert (gap.from_ns, gap.to_ns, gap.cause) == (100, 900, GapCause.DISCONNECT)
    assert continuity.open_since_ns is None
    assert continuity.whole(None, 950) is None


def test_a_channel_has_its_own_hole() -> None:
    continuity = Continuity("kalshi", "kalshi-1")
    continuity.broke("trade", Hole(300, GapCause.CHANNEL_ERROR, sid=4))
    continuity.broke(None, Hole(400, GapCause.DISCONNECT))
    assert continuity.channels == ["trade", None]
    assert continuity.open_since_ns == 300
    gap = continuity.whole("trade", 500)
    assert gap is not None
    assert (gap.channel, gap.sid) == ("trade", 4)


def test_the_same_hole_has_the_same_id_and_another_has_not() -> None:
    def record(from_ns: int, to_ns: int, jump: Jump | None = None) -> object:
        return gap_record(
            venue="kalshi",
            connection="kalshi-1",
            cause=GapCause.DISCONNECT,
            from_ns=from_ns,
            to_ns=to_ns,
            jump=jump,
        ).gap_id

    assert record(1, 2) == record(1, 3)
    assert record(1, 2) != record(2, 3)
    assert record(1, 2, Jump(1, 5, 8, 1)) != record(1, 2, Jump(1, 6, 8, 1))
