"""A ticker that nobody has heard of: from its first message to its name, in a whole fleet."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from running_fleet import RunningFleet

pytestmark = pytest.mark.fleet

HADRON = str(Path(sys.executable).with_name("hadron"))


def test_what_the_stream_brings_is_named_without_a_crawl(
    start_fleet: Callable[..., RunningFleet], database_url: str
) -> None:
    fleet = start_fleet(
        venues=("kalshi",), rate=100.0, simulated_markets=40, database_url=database_url
    )
    # Or it would start the first crawl of this database, which names everything, too.
    _schedule(fleet, "disable", "crawl-watch")
    fleet.wait_for(lambda: _named(fleet, is_named=False) >= 20, 120, "markets on the stream")
    # Beat does this every minute by itself.
    _schedule(fleet, "run", "look-up-new")
    fleet.wait_for(lambda: _named(fleet, is_named=True) >= 20, 120, "their names")
    assert fleet.query(
        "SELECT count(*) FROM instruments i WHERE display_name IS NOT NULL AND NOT EXISTS"
        " (SELECT FROM events e JOIN series s ON s.ticker = e.series_ticker"
        " WHERE e.event_ticker = i.event_ticker AND e.title IS NOT NULL)"
    ) == [(0,)], "with their event and series"
    assert fleet.finish() == []


def _schedule(fleet: RunningFleet, *arguments: str) -> None:
    subprocess.run(
        [HADRON, "schedule", *arguments],
        env=os.environ | {"HADRON_REDIS_URL": fleet.redis_url},
        check=True,
        capture_output=True,
        timeout=120,
    )


def _named(fleet: RunningFleet, *, is_named: bool) -> int:
    rows = fleet.query(
        "SELECT count(*) FROM instruments WHERE (display_name IS NOT NULL) = %s", is_named
    )
    return int(rows[0][0])
