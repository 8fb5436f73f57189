"""A storm of faults over the whole fleet, after which every message is accounted for."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import redis
from chaos.accounting import Account, Fate, account
from chaos.books import compare_books
from chaos.evidence import gather, keep
from chaos.storm import brew
from chaos.strikes import Striker
from fleet.running_fleet import RunningFleet

from hadron_tasks.feed_health import ConnectionState

pytestmark = pytest.mark.fleet

SEEDS = [int(seed) for seed in os.environ.get("CHAOS_SEEDS", "20").split(",")]
MINUTES = float(os.environ.get("CHAOS_MINUTES", "1.2"))
KEPT_IN = os.environ.get("CHAOS_KEEP")
"""Where to put what tells of a message that nothing explains."""
FAULTS_A_MINUTE = 20
RATE = 500.0

CONNECTIONS = 8
"""Four Kalshi keys, and a Polygon connection each for stocks, indices, crypto and forex."""
SHOWN_BY = {"lifecycle": 8, "trade": 8, "book_delta": 300}
"""So many messages of each kind reach every subscription that is numbered."""
CALM_WITHIN_S = 120.0
SETTLED_WITHIN_S = 400.0

StartFleet = Callable[..., RunningFleet]


@pytest.mark.parametrize("seed", SEEDS)
def test_everything_is_explained_after_a_storm(
    start_fleet: StartFleet, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    monkeypatch.setenv("HADRON_LEASE_TTL_S", "4")
    fleet = start_fleet(
        workers=2, concurrency=1, streamers=2, rate=RATE, seed=seed, simulated_markets=150
    )
    fleet.wait_until_flowing()
    duration_s = MINUTES * 60
    storm = brew(seed, duration_s, int(MINUTES * FAULTS_A_MINUTE))
    striker = Striker(fleet)
    try:
        striker.rage(storm, duration_s)
    finally:
        print(f"Storm of seed {seed}, {len(storm)} faults:", *striker.told, sep="\n")
    raged = time.monotonic()
    fleet.wait_for(lambda: is_calm(fleet), CALM_WITHIN_S, "all connections whole again")
    # A message that was held back is missed when the next one of its subscription comes.
    before = striker.sent()
    fleet.wait_for(
        lambda: all(striker.sent()[kind] >= before[kind] + n for kind, n in SHOWN_BY.items()),
        CALM_WITHIN_S,
        "messages by every subscription",
    )
    fleet.pause_exchanges()
    fleet.wait_for(lambda: is_settled(fleet), SETTLED_WITHIN_S, "every gap settled")
    books = compare_books(fleet)
    problems = fleet.finish()
    made = account(gather(fleet))
    if made.unexplained and KEPT_IN:
        keep(fleet, Path(KEPT_IN) / f"storm-{seed}")
    print(report(made, fleet, time.monotonic() - raged))
    print(f"Books compared with the exchange's own: {books}")
    assert problems == []
    assert made.unexplained == []
    assert len(striker.told) == len(storm)
    assert made.total(Fate.STORED) > made.fates.total() / 2
    assert made.total(Fate.BACKFILLED), "the storm took no trades"
    assert made.total(Fate.IN_GAP), "the storm took nothing for good"
    assert made.total(Fate.DEAD_LETTER), "no broken frame arrived"
    assert dead_tasks(fleet) == []
    assert books.drifted == 0
    assert books.agreed


def is_calm(fleet: RunningFleet) -> bool:
    """Whether every connection is live and whole."""
    try:
        streams = fleet.streams()
    except redis.RedisError:
        return False
    whole = [
        one
        for stream in streams
        for one in stream.connections
        if one.state is ConnectionState.LIVE and one.hole_from_ns is None
    ]
    return len(whole) == CONNECTIONS


def is_settled(fleet: RunningFleet) -> bool:
    """Whether everything received is stored, and no gap is open."""
    try:
        backlog = sum(stream.backlog for stream in fleet.streams())
    except redis.RedisError:
        return False
    ((unsettled,),) = fleet.query(
        "SELECT (SELECT count(*) FROM feed_gaps WHERE state = 'open')"
        " + (SELECT count(*) FROM backfills WHERE state = 'running')"
    )
    return backlog == 0 and unsettled == 0


def dead_tasks(fleet: RunningFleet) -> list[tuple[str, str, str]]:
    """Tasks that were given up. What died is redelivered, what is away is waited for: none."""
    return fleet.query(
        "SELECT task_name, error_type, message FROM dead_letters WHERE kind = 'task'"
    )


def report(made: Account, fleet: RunningFleet, settled_s: float) -> str:
    """What became of it all, for people."""
    lines = [f"Settled and accounted for in {settled_s:.0f} s."]
    causes = "SELECT venue, cause, state, count(*) FROM feed_gaps GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"
    lines += ["Gaps:", *("  " + "  ".join(map(str, row)) for row in fleet.query(causes))]
    lines += ["Dead tasks:", *("  " + "  ".join(map(str, row)) for row in dead_tasks(fleet))]
    restarts = {name: process.restarts for name, process in fleet.processes.items()}
    lines.append("Restarts: " + ", ".join(f"{name} {n}" for name, n in restarts.items() if n))
    lines.append("Messages:")
    for (venue, kind, fate), count in sorted(made.fates.items()):
        lines.append(f"  {venue:8} {kind:14} {fate.value:30} {count:>9,}")
    lines += [f"UNEXPLAINED {words}" for words in made.unexplained[:20]]
    return "\n".join(lines)
