"""Faults as they strike a running fleet, and how they end."""

from __future__ import annotations

import heapq
import json
import os
import resource
import signal
import time
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from typing import Any

import psutil
from chaos.storm import STREAMERS, WORKERS, Fault
from fleet.running_fleet import RunningFleet

SPOOL_BYTES = 64 * 1024
"""What a streamer may write into one file on a full disk, its log included."""
FROZEN_S, THAWED_S = 0.4, 0.1
"""A slow database works for a fifth of the time."""

Act = Callable[[], object]


@dataclass(order=True, slots=True)
class _Due:
    at: float
    number: int
    act: Act = field(compare=False)


class Striker:
    """Lets a storm's faults strike a fleet, each at its time, and ends those that last."""

    def __init__(self, fleet: RunningFleet) -> None:
        self.fleet = fleet
        self.told: list[str] = []
        """What happened, in words."""
        self._began = time.monotonic()
        self._due: list[_Due] = []
        self._numbers = count()
        self._slowed: set[int] = set()

    def rage(self, storm: list[Fault], duration_s: float) -> None:
        """Run a storm to its end; what died is started again meanwhile, as a supervisor does."""
        self._began = time.monotonic()
        for fault in storm:
            self._at(fault.at_s, partial(self._strike, fault))
        while self._due or self._elapsed < duration_s:
            while self._due and self._due[0].at <= self._elapsed:
                heapq.heappop(self._due).act()
            self.fleet.watch()
            time.sleep(0.02)
        self.fleet.tell_exchanges("clock", ahead_s=0)
        self.fleet.tell_exchanges("faults", fault="clear")

    def sent(self) -> dict[str, int]:
        """How many messages of each kind Kalshi has sent so far."""
        assert self.fleet.simulator is not None
        with urllib.request.urlopen(f"{self.fleet.simulator['control_url']}/stats") as reply:
            counts: dict[str, int] = json.load(reply)["sent"]["kalshi"]
        return counts

    @property
    def _elapsed(self) -> float:
        return time.monotonic() - self._began

    def _at(self, at_s: float, act: Act) -> None:
        heapq.heappush(self._due, _Due(at_s, next(self._numbers), act))

    def _strike(self, fault: Fault) -> None:
        what, _, how = fault.kind.name.partition(" ")
        act = getattr(self, f"_{what}")
        outcome = act(fault, how)
        self.told.append(f"{self._elapsed:6.1f} s  {fault}: {outcome}")

    def _kill(self, fault: Fault, whom: str) -> str:
        if whom:
            return self._kill_child(fault, whom)
        pid = self._pid(fault.target)
        if pid is None:
            return "was down already"
        os.kill(pid, signal.SIGKILL)
        return f"process {pid}"

    def _kill_child(self, fault: Fault, whom: str) -> str:
        """A pool process of a worker, or one of the processes that PostgreSQL serves us with."""
        children = _children(self._pid(fault.target))
        if whom == "backend":
            children = [one for one in children if _is_backend(one)]
        if not children:
            return "there was none"
        victim = children[fault.count % len(children)]
        with suppress(psutil.NoSuchProcess):
            victim.kill()
        return f"process {victim.pid}"

    def _restart(self, fault: Fault, _how: str) -> str:
        server = self._server(fault.target)
        server.stop()
        self._at(self._elapsed + fault.for_s, server.start)
        return "stopped"

    def _slow(self, fault: Fault, _how: str) -> str:
        until = self._elapsed + fault.for_s

        def freeze() -> None:
            if self._elapsed >= until:
                return
            self._slowed = set()
            for child in filter(_is_backend, _children(self._pid("postgres"))):
                with suppress(psutil.NoSuchProcess):
                    child.suspend()
                    self._slowed.add(child.pid)
            self._at(self._elapsed + FROZEN_S, thaw)

        def thaw() -> None:
            for frozen in self._slowed:
                with suppress(ProcessLookupError):
                    os.kill(frozen, signal.SIGCONT)
            self._at(self._elapsed + THAWED_S, freeze)

        freeze()
        return f"{len(self._slowed)} backends at a fifth of their speed"

    def _full(self, fault: Fault, _how: str) -> str:
        """Redis is away, and the disk that the spool is on takes next to nothing."""
        limited = [pid for name in STREAMERS if (pid := self._pid(name)) is not None]
        _limit_files(limited, lambda _most: SPOOL_BYTES)
        server = self._server("redis")
        server.stop()

        def mend() -> None:
            server.start()
            _limit_files(limited, lambda most: most)

        self._at(self._elapsed + fault.for_s, mend)
        return f"{len(limited)} streamers without Redis and without disk"

    def _drop(self, fault: Fault, how: str) -> str:
        return self._exchange("drop", how=how, **_whose(fault))

    def _skip(self, fault: Fault, _how: str) -> str:
        return self._exchange("skip", count=fault.count, **_whose(fault))

    def _malformed(self, fault: Fault, how: str) -> str:
        return self._exchange("malformed", kind=how, count=fault.count, **_whose(fault))

    def _stall(self, fault: Fault, _how: str) -> str:
        return self._exchange("stall", seconds=fault.for_s, **_whose(fault))

    def _overflow(self, fault: Fault, _how: str) -> str:
        return self._exchange("overflow", **_whose(fault))

    def _channel_error(self, fault: Fault, _how: str) -> str:
        return self._exchange("channel_error", **_whose(fault))

    def _refuse_authentication(self, fault: Fault, _how: str) -> str:
        # Somebody must come to be refused.
        self._exchange("refuse_authentication", count=1, venue=fault.target.partition("-")[0])
        return self._exchange("drop", how="eof", **_whose(fault))

    def _rest(self, fault: Fault, how: str) -> str:
        is_status = how.isdecimal()
        kind: dict[str, Any] = {"kind": "status" if is_status else how}
        if is_status:
            kind["status"] = int(how)
        if how == "hang":
            kind["seconds"] = fault.for_s
        return self._exchange("rest", count=fault.count, venue=fault.target, **kind)

    def _clock(self, fault: Fault, _how: str) -> str:
        ahead_s = float(fault.target)
        self.fleet.tell_exchanges("clock", ahead_s=ahead_s)
        self._at(
            self._elapsed + fault.for_s, partial(self.fleet.tell_exchanges, "clock", ahead_s=0)
        )
        return f"the exchanges' clocks {ahead_s:+} s"

    def _exchange(self, fault: str, **fields: Any) -> str:
        return f"struck {self.fleet.tell_exchanges('faults', fault=fault, **fields)['struck']}"

    def _server(self, target: str) -> Any:
        return getattr(self.fleet, f"{target}_server")

    def _pid(self, target: str) -> int | None:
        if target in (*WORKERS, *STREAMERS, "beat"):
            return self.fleet.processes[target].pid
        pid: int | None = self._server(target).pid
        return pid


def _whose(fault: Fault) -> dict[str, str]:
    is_venue = fault.target in ("kalshi", "polygon")
    return {"venue" if is_venue else "connection": fault.target}


def _children(pid: int | None) -> list[psutil.Process]:
    try:
        return [] if pid is None else psutil.Process(pid).children()
    except psutil.NoSuchProcess:  # it died this moment
        return []


def _is_backend(process: psutil.Process) -> bool:
    """Whether a child of PostgreSQL serves a connection, rather than the server itself."""
    try:
        return "hadron" in " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return False


def _limit_files(pids: list[int], limit: Callable[[int], int]) -> None:
    """Set the bytes that processes may write into one file, from the most that they may have."""
    for pid in pids:
        with suppress(ProcessLookupError):
            _, most = resource.prlimit(pid, resource.RLIMIT_FSIZE)
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (limit(most), most))
