"""Storms come from their seed alone, and strike with everything."""

from __future__ import annotations

import itertools

from chaos.storm import KINDS, SETTLES_S, brew
from hypothesis import given
from hypothesis import strategies as st


@given(st.integers(0, 2**32), st.floats(60, 700), st.integers(20, 150))
def test_a_storm(seed: int, duration_s: float, faults: int) -> None:
    storm = brew(seed, duration_s, faults)
    assert storm == brew(seed, duration_s, faults)
    assert len(storm) == faults
    assert [fault.at_s for fault in storm] == sorted(fault.at_s for fault in storm)
    assert all(fault.at_s >= 0 and fault.at_s + fault.for_s <= duration_s for fault in storm)
    assert all(fault.target in fault.kind.targets for fault in storm)
    assert all(bool(fault.for_s) == bool(fault.kind.longest_s) for fault in storm)
    for service in ("redis", "postgres", "streamer", "worker"):
        mine = [fault for fault in storm if fault.kind.service == service]
        for one, following in itertools.pairwise(mine):
            assert one.at_s + one.for_s + SETTLES_S <= following.at_s


def test_every_kind_strikes_before_one_repeats() -> None:
    storm = brew(1, 600, 2 * len(KINDS))
    first, second = storm[: len(KINDS) + 3], storm[len(KINDS) + 3 :]
    assert {fault.kind for fault in first} == set(KINDS)
    assert len(second) == len(KINDS) - 3


def test_storms_differ() -> None:
    assert brew(1, 100, 24) != brew(2, 100, 24)
