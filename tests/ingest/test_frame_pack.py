"""Frames side by side in one entry come out as they went in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hadron_tasks.frame_pack import MAX_FRAMES, pack_frames, unpack_frames

RECEIVED = st.integers(0, 2**63 - 1)


@given(st.lists(st.tuples(st.binary(max_size=200), RECEIVED), max_size=MAX_FRAMES))
def test_what_is_packed_is_unpacked(frames: list[tuple[bytes, int]]) -> None:
    packed = pack_frames([data for data, _ in frames], [at for _, at in frames])
    assert unpack_frames(packed) == frames


@given(st.binary(max_size=300))
def test_other_bytes_are_refused_or_are_a_pack(data: bytes) -> None:
    try:
        frames = unpack_frames(data)
    except ValueError:
        return
    assert pack_frames([frame for frame, _ in frames], [at for _, at in frames]) == data


@pytest.mark.parametrize("cut", [1, 3, 5, 30])
def test_a_torn_pack_is_refused(cut: int) -> None:
    packed = pack_frames([b"first frame", b"second frame"], [1, 2])
    with pytest.raises(ValueError, match="no pack of frames"):
        unpack_frames(packed[:-cut])
