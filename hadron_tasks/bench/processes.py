"""What the system says of a process: CPU time, memory, children. Linux only."""

from __future__ import annotations

import os
from pathlib import Path

_TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")


def children(pid: int) -> list[int]:
    """The processes that a process started."""
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def with_children(pid: int) -> list[int]:
    """A process and those it started."""
    return [pid, *children(pid)]


def cpu_s(pid: int) -> float:
    """CPU seconds that a process has used, its ended children not counted."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_A_SECOND


def resident_mb(pid: int) -> float:
    """Megabytes of memory that a process holds now."""
    return _status_mb(pid, "VmRSS:")


def peak_mb(pid: int) -> float:
    """The most megabytes of memory that a process has held."""
    return _status_mb(pid, "VmHWM:")


def _status_mb(pid: int, field: str) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1]) / 1024
    return 0.0
