"""The disk spool: where frames wait, in order, while Redis takes none.

A spool is a directory of append-only segment files of records, each with its length and checksum,
and a ``lock`` file held (flock) by the process that writes it. The kernel drops the lock when the
process dies, so a spool whose lock is free belongs to nobody and may be adopted.

A record survives the death of the process once ``append`` returned, but not a power cut: segments
are handed to the kernel, not forced to the disk.
"""

from __future__ import annotations

import fcntl
import os
import struct
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

SEGMENT_BYTES = 64 * 1024**2
_SUFFIX = ".seg"
_LOCK = "lock"
_HEAD = struct.Struct("<II")
"""Length of the body, CRC-32 of the body."""
_BODY = struct.Struct("<QBB")
"""Receive time, length of the kind, length of the connection; both and the data follow."""


Entry = tuple[bytes, int, bytes, bytes]
"""What goes to the stream: data, receive time in nanoseconds, connection and its life, and a kind
that is empty for a frame. A bare tuple, because one is made for every frame and it is the cheapest
there is."""


class TornSegment(NamedTuple):
    """A segment whose end could not be read; it was cut."""

    path: Path
    bytes_cut: int
    last: Entry | None
    """The last whole record before the cut."""
    written_ns: int
    """When the segment was last written, nanoseconds since the Unix epoch."""


def encode(entry: Entry) -> bytes:
    """An entry as a record."""
    data, received_ns, connection, kind = entry
    body = b"".join((_BODY.pack(received_ns, len(kind), len(connection)), kind, connection, data))
    return _HEAD.pack(len(body), zlib.crc32(body)) + body


def decode_body(body: bytes) -> Entry:
    """The entry of a record's body.

    Raises:
        ValueError: It is no body of a record.
    """
    if len(body) < _BODY.size:
        raise ValueError("a spool record is shorter than its own head")
    received_ns, kind_length, connection_length = _BODY.unpack_from(body)
    kind_end = _BODY.size + kind_length
    connection_end = kind_end + connection_length
    if len(body) < connection_end:
        raise ValueError("a spool record is shorter than it says")
    return (
        body[connection_end:],
        received_ns,
        body[kind_end:connection_end],
        body[_BODY.size : kind_end],
    )


def read_record(file: BinaryIO) -> Entry | None:
    """The next record of a segment; None at the clean end.

    Raises:
        ValueError: The record is torn or damaged.
    """
    head = file.read(_HEAD.size)
    if not head:
        return None
    if len(head) < _HEAD.size:
        raise ValueError("the head of a spool record is torn")
    length, checksum = _HEAD.unpack(head)
    body = file.read(length)
    if len(body) < length or zlib.crc32(body) != checksum:
        raise ValueError("a spool record is torn or damaged")
    return decode_body(body)


class Spool:
    """First in, first out, on disk. Not for use by several threads."""

    def __init__(self, directory: Path, *, segment_bytes: int = SEGMENT_BYTES) -> None:
        """Open or create the spool in ``directory``, taking its lock.

        Raises:
            BlockingIOError: Another process holds it.
        """
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        self._segment_bytes = segment_bytes
        self._lock = _locked(directory)
        self._segments = sorted(directory.glob(f"*{_SUFFIX}"))
        self._sizes = {path: path.stat().st_size for path in self._segments}
        self._next_number = _number(self._segments[-1]) + 1 if self._segments else 1
        self._tail: int | None = None
        self._head: BinaryIO | None = None
        self._offset = 0
        self._last_read: Entry | None = None
        self.torn: list[TornSegment] = []
        """Segments found torn; whoever reads this reports them and clears it."""

    @property
    def bytes(self) -> int:
        """Bytes on disk, those of records taken but not yet discarded included."""
        return sum(self._sizes.values())

    @property
    def empty(self) -> bool:
        """Whether every record has been taken and discarded."""
        return not self._segments

    @property
    def begins_segment(self) -> bool:
        """Whether the next entries are the first of a segment."""
        return self._tail is None or not 0 < self._sizes[self._segments[-1]] < self._segment_bytes

    def append(self, entries: Iterable[Entry]) -> None:
        """Add entries at the end.

        Raises:
            OSError: The disk takes no more; none of ``entries`` is in the spool then.
        """
        blob = b"".join(map(encode, entries))
        if not blob:
            return
        if self._tail is None or self._sizes[self._segments[-1]] >= self._segment_bytes:
            self._start_segment()
        assert self._tail is not None
        path = self._segments[-1]
        before = self._sizes[path]
        try:
            view = memoryview(blob)
            while view:
                view = view[os.write(self._tail, view) :]
        except OSError:
            os.ftruncate(self._tail, before)
            raise
        self._sizes[path] = before + len(blob)

    def peek(self, most: int, most_bytes: int) -> list[Entry]:
        """The oldest entries, at most ``most`` and about ``most_bytes``, all of one segment.

        They stay in the spool until :meth:`discard`. A torn end of a segment is cut and noted in
        :attr:`torn`.
        """
        while self._segments:
            entries = self._read(most, most_bytes)
            if entries:
                return entries
            self._drop_head()
        return []

    def discard(self) -> None:
        """Drop what the last :meth:`peek` gave."""
        if self._head is None:
            return
        self._offset = self._head.tell()
        if self._offset >= self._sizes[self._segments[0]]:
            self._drop_head()

    def adopt(self, orphan: Path) -> int:
        """Take over the segments of a dead process' spool, as the newest; bytes taken over.

        Raises:
            BlockingIOError: The process lives.
        """
        lock = _locked(orphan)
        taken = 0
        try:
            self._close_tail()
            for segment in sorted(orphan.glob(f"*{_SUFFIX}")):
                path = self._path(self._next_number)
                self._next_number += 1
                segment.rename(path)
                self._segments.append(path)
                self._sizes[path] = path.stat().st_size
                taken += self._sizes[path]
            (orphan / _LOCK).unlink()
            orphan.rmdir()
        finally:
            os.close(lock)
        return taken

    def close(self) -> None:
        """Give the lock back; an empty spool leaves no directory."""
        self._close_tail()
        self._close_head()
        if self.empty:
            (self.directory / _LOCK).unlink(missing_ok=True)
            self.directory.rmdir()
        os.close(self._lock)

    def _read(self, most: int, most_bytes: int) -> list[Entry]:
        if self._head is None:
            self._head = self._segments[0].open("rb")
            self._offset = 0
        file = self._head
        file.seek(self._offset)
        entries: list[Entry] = []
        size = 0
        while len(entries) < most and size < most_bytes:
            good = file.tell()
            try:
                entry = read_record(file)
            except ValueError:
                self._cut(good)
                file.seek(good)
                break
            if entry is None:
                break
            entries.append(entry)
            self._last_read = entry
            size += len(entry[0])
        return entries

    def _cut(self, offset: int) -> None:
        path = self._segments[0]
        cut = self._sizes[path] - offset
        self.torn.append(TornSegment(path, cut, self._last_read, path.stat().st_mtime_ns))
        os.truncate(path, offset)
        self._sizes[path] = offset

    def _drop_head(self) -> None:
        path = self._segments.pop(0)
        if not self._segments:
            self._close_tail()
        self._close_head()
        del self._sizes[path]
        path.unlink()

    def _start_segment(self) -> None:
        self._close_tail()
        path = self._path(self._next_number)
        self._next_number += 1
        self._tail = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o640)
        self._segments.append(path)
        self._sizes[path] = 0

    def _close_tail(self) -> None:
        if self._tail is not None:
            os.close(self._tail)
            self._tail = None

    def _close_head(self) -> None:
        if self._head is not None:
            self._head.close()
            self._head = None

    def _path(self, number: int) -> Path:
        return self.directory / f"{number:08d}{_SUFFIX}"


def orphans(root: Path, own: Path) -> Iterator[Path]:
    """Spools under ``root`` whose process is dead, oldest first."""
    directories = [path for path in root.glob("*/") if path != own and (path / _LOCK).exists()]
    for directory in sorted(directories, key=lambda path: path.stat().st_mtime):
        try:
            lock = _locked(directory)
        except (BlockingIOError, FileNotFoundError):
            continue
        os.close(lock)
        yield directory


def _locked(directory: Path) -> int:
    lock = os.open(directory / _LOCK, os.O_RDWR | os.O_CREAT, 0o640)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        raise
    return lock


def _number(segment: Path) -> int:
    return int(segment.stem)
