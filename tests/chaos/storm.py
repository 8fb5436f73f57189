"""A storm: which faults strike when, all from one seed. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of fault."""

    name: str
    targets: tuple[str, ...] = ("",)
    longest_s: float = 0.0
    """How long it lasts at most; 0 for what happens in an instant."""
    service: str = ""
    """What of the fleet it takes away: two such faults of one service do not overlap."""


WORKERS = ("worker-1", "worker-2", "worker-rest", "worker-markets")
STREAMERS = ("streamer-kalshi-1", "streamer-kalshi-2", "streamer-polygon-1")
KEYS = ("kalshi-1", "kalshi-2", "kalshi-3", "kalshi-4")
CONNECTIONS = (*KEYS, "polygon-stocks", "polygon-crypto", "polygon-forex", "polygon-indices")
VENUES = ("kalshi", "polygon")
SERVICES = ("redis", "postgres")

KINDS = (
    # Processes killed with SIGKILL.
    Kind("kill pool process", WORKERS),
    Kind("kill", WORKERS, service="worker"),
    Kind("kill", STREAMERS, service="streamer"),
    Kind("kill", ("beat",)),
    Kind("kill", ("redis",), 1.0, "redis"),
    Kind("kill", ("postgres",), 1.0, "postgres"),
    Kind("kill backend", ("postgres",), 1.0, "postgres"),
    # Services stopped in order, and started again.
    Kind("restart", ("redis",), 6.0, "redis"),
    Kind("restart", ("postgres",), 6.0, "postgres"),
    Kind("slow", ("postgres",), 6.0, "postgres"),
    Kind("full disk", ("spool",), 5.0, "redis"),
    # What exchanges do.
    Kind("drop close", CONNECTIONS),
    Kind("drop eof", CONNECTIONS),
    Kind("drop reset", CONNECTIONS),
    Kind("drop reset", VENUES),
    Kind("skip", KEYS),
    Kind("malformed not_json", VENUES),
    Kind("malformed wrong_type", VENUES),
    Kind("malformed not_utf8", VENUES),
    Kind("stall", CONNECTIONS, 5.0),
    Kind("overflow", KEYS),
    Kind("channel_error", KEYS),
    Kind("refuse_authentication", CONNECTIONS),
    Kind("rest 429", VENUES),
    Kind("rest 500", VENUES),
    Kind("rest truncate", VENUES),
    Kind("rest hang", VENUES, 4.0),
    Kind("clock", ("-4.0", "-0.5", "0.7", "2.0"), 8.0),
)

SETTLES_S = 2.0
"""Between two faults of one service: it is to come back before it goes again."""
SHORTEST_S = 0.5


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault of a storm."""

    at_s: float
    """After the storm's beginning."""
    kind: Kind
    target: str
    for_s: float = 0.0
    count: int = 1
    """Of messages held back, broken frames, failing requests."""

    def __str__(self) -> str:
        lasting = f" for {self.for_s:.1f} s" if self.for_s else ""
        return f"{self.kind.name} {self.target}{lasting}"


def brew(seed: int, duration_s: float, faults: int) -> list[Fault]:
    """A storm of so many faults, evenly spread with jitter; every kind strikes before one repeats.

    The same arguments give the same storm.
    """
    rng = Random(seed)
    pace_s = duration_s / faults
    kinds = _in_turn(rng)
    free_at: dict[str, float] = {}
    waiting: list[Kind] = []
    storm = []
    for number in range(faults):
        at_s = (number + rng.random() * 0.8) * pace_s
        kind = _next(kinds, waiting, free_at, at_s)
        for_s = 0.0
        if kind.longest_s:
            longest = min(kind.longest_s, duration_s - at_s)
            for_s = rng.uniform(min(SHORTEST_S, longest), longest)
        if kind.service:
            free_at[kind.service] = at_s + for_s + SETTLES_S
        storm.append(Fault(at_s, kind, rng.choice(kind.targets), for_s, rng.randint(1, 5)))
    return storm


def _in_turn(rng: Random) -> Iterator[Kind]:
    while True:
        yield from rng.sample(KINDS, len(KINDS))


def _next(
    kinds: Iterator[Kind], waiting: list[Kind], free_at: dict[str, float], at_s: float
) -> Kind:
    """The next kind whose service is there; others wait, and go first later."""
    for kind in waiting:
        if free_at.get(kind.service, 0.0) <= at_s:
            waiting.remove(kind)
            return kind
    for kind in kinds:
        if free_at.get(kind.service, 0.0) <= at_s:
            return kind
        waiting.append(kind)
    raise AssertionError("kinds never end")
