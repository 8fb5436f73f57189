"""Which keys a streamer hands over, and when."""

from __future__ import annotations

from streamer.sharing import HAND_OVER_AFTER_S, Surplus


def test_keys_above_the_share_are_handed_over_once_it_has_lasted() -> None:
    now = 0.0
    surplus = Surplus(lambda: now)
    assert surplus.choose(["1", "2", "3"], 2) == set()
    now = HAND_OVER_AFTER_S - 0.1
    assert surplus.choose(["1", "2", "3"], 2) == set()
    now = HAND_OVER_AFTER_S
    assert surplus.choose(["2", "3", "1"], 1) == {"2", "3"}
    assert surplus.choose(["1"], 1) == set()


def test_the_other_streamer_must_be_seen_all_the_while() -> None:
    now = 0.0
    surplus = Surplus(lambda: now)
    surplus.choose(["1", "2"], 1)
    now = HAND_OVER_AFTER_S / 2
    surplus.choose(["1", "2"], 2)
    now = HAND_OVER_AFTER_S
    assert surplus.choose(["1", "2"], 1) == set()
    now = HAND_OVER_AFTER_S * 2
    assert surplus.choose(["1", "2"], 1) == {"2"}
