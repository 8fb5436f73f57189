"""The disk spool: its records, its order, its torn ends, its orphans."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.spool import Entry, Spool, encode, orphans, read_record

entries = st.tuples(
    st.binary(max_size=300),
    st.integers(0, 2**64 - 1),
    st.binary(max_size=40),
    st.sampled_from([b"", b"gap"]),
)


def entry(n: int, size: int = 20) -> Entry:
    return (f"{n:08d}".encode().ljust(size, b"."), n, b"kalshi-1", b"")


def drain(spool: Spool) -> list[Entry]:
    found: list[Entry] = []
    while batch := spool.peek(7, 1 << 20):
        found += batch
        spool.discard()
    return found


@given(st.lists(entries, max_size=20))
def test_records_come_back_as_they_went(given_entries: list[Entry]) -> None:
    file = io.BytesIO(b"".join(map(encode, given_entries)))
    found = []
    while (one := read_record(file)) is not None:
        found.append(one)
    assert found == given_entries


@given(st.lists(entries, min_size=1, max_size=5), st.data())
def test_a_record_cut_anywhere_is_noticed(given_entries: list[Entry], data: st.DataObject) -> None:
    """Reading a truncated file gives whole records only, then the end or an error, never junk."""
    whole = b"".join(map(encode, given_entries))
    cut = data.draw(st.integers(0, len(whole) - 1))
    file = io.BytesIO(whole[:cut])
    found = []
    clean = True
    try:
        while (one := read_record(file)) is not None:
            found.append(one)
    except ValueError:
        clean = False
    assert found == given_entries[: len(found)]
    assert clean == (cut == len(b"".join(map(encode, found))))


@given(entries, st.data())
def test_a_damaged_body_is_noticed(one: Entry, data: st.DataObject) -> None:
    record = bytearray(encode(one))
    place = data.draw(st.integers(4, len(record) - 1))
    record[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(ValueError):
        read_record(io.BytesIO(bytes(record)))


@settings(max_examples=40, deadline=None)
@given(
    steps=st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=12),
    segment=st.integers(40, 400),
)
def test_first_in_first_out_over_segments(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[int, int]], segment: int
) -> None:
    spool = Spool(tmp_path_factory.mktemp("spool") / "s", segment_bytes=segment)
    written = 0
    read: list[Entry] = []
    for appended, taken in steps:
        spool.append([entry(written + n) for n in range(appended)])
        written += appended
        for _ in range(taken):
            read += spool.peek(2, 1 << 20)
            spool.discard()
    read += drain(spool)
    assert read == [entry(n) for n in range(written)]
    assert spool.empty
    assert spool.bytes == 0
    spool.close()


def test_what_is_not_discarded_is_given_again(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "s")
    spool.append([entry(n) for n in range(5)])
    assert spool.peek(3, 1 << 20) == spool.peek(3, 1 << 20)
    spool.discard()
    assert spool.peek(9, 1 << 20) == [entry(3), entry(4)]
    spool.close()


def test_a_reopened_spool_goes_on_where_it_was_left(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "s", segment_bytes=100)
    spool.append([entry(n) for n in range(3)])
    spool.append([entry(n) for n in range(3, 9)])
    spool.close()
    again = Spool(tmp_path / "s")
    again.append([entry(9)])
    assert drain(again) == [entry(n) for n in range(10)]
    again.close()
    assert not (tmp_path / "s").exists()


def test_a_torn_end_is_cut_and_told(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "s")
    spool.append([entry(1), entry(2)])
    spool.close()
    (segment,) = (tmp_path / "s").glob("*.seg")
    with segment.open("ab") as file:
        file.write(encode(entry(3))[:-4])
    again = Spool(tmp_path / "s")
    assert drain(again) == [entry(1), entry(2)]
    (torn,) = again.torn
    assert torn.bytes_cut == len(encode(entry(3))) - 4
    assert torn.last == entry(2)
    again.append([entry(4)])
    assert drain(again) == [entry(4)]
    again.close()


def test_a_full_disk_leaves_no_half_written_records(tmp_path: Path) -> None:
    """A file size limit stands in for a full disk: both refuse the write half-way."""
    code = f"""
import resource, signal
from pathlib import Path
from streamer.spool import Spool
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
spool = Spool(Path({str(tmp_path / "s")!r}))
spool.append([(b"a" * 100, 1, b"c", b"")])
resource.setrlimit(resource.RLIMIT_FSIZE, (300, 300))
try:
    spool.append([(b"b" * 400, 2, b"c", b"")])
except OSError:
    pass
else:
    raise SystemExit("the write was not refused")
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
"""
    code = code.replace("(300, 300)", "(300, resource.RLIM_INFINITY)")
    repository = Path(__file__).parents[2]
    subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        env={**os.environ, "PYTHONPATH": str(repository)},
    )
    spool = Spool(tmp_path / "s")
    spool.append([(b"c", 3, b"c", b"")])
    assert [one[0][:1] for one in drain(spool)] == [b"a", b"c"]
    assert spool.torn == []
    spool.close()


def test_orphans_are_adopted_and_living_spools_are_not(tmp_path: Path) -> None:
    dead, alive = Spool(tmp_path / "dead"), Spool(tmp_path / "alive")
    dead.append([entry(1), entry(2)])
    alive.append([entry(9)])
    dead.close()
    own = Spool(tmp_path / "own")
    own.append([entry(0)])
    assert list(orphans(tmp_path, own.directory)) == [tmp_path / "dead"]
    assert own.adopt(tmp_path / "dead") > 0
    with pytest.raises(BlockingIOError):
        own.adopt(tmp_path / "alive")
    own.append([entry(3)])
    assert drain(own) == [entry(0), entry(1), entry(2), entry(3)]
    assert not (tmp_path / "dead").exists()
    own.close()
    alive.close()
