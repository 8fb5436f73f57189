"""What counts as having stood still."""

from __future__ import annotations

from streamer.standstill import STANDSTILL_S, Standstill


def test_a_step_that_comes_far_too_late_is_noticed_once() -> None:
    now = [100.0]
    standstill = Standstill(lambda: now[0])
    assert not standstill.noticed()
    now[0] += STANDSTILL_S
    assert not standstill.noticed()
    now[0] += STANDSTILL_S + 0.1
    assert standstill.noticed()
    assert not standstill.noticed()


def test_what_was_attended_to_meanwhile_did_not_stand_still() -> None:
    now = [100.0]
    standstill = Standstill(lambda: now[0])
    for _ in range(10):
        now[0] += STANDSTILL_S
        standstill.attend()
    assert not standstill.noticed()
