"""The whole fleet finds what is planted on the simulated exchange, and nothing that is spoiled."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from celery import Celery
from running_fleet import RunningFleet
from stall_meter import StallMeter

pytestmark = pytest.mark.fleet

KINDS = ("crossed", "exhaustive_set", "exclusive_set", "implication", "combo_floor", "certain")
NEAR_MISSES = [(kind, spoiler) for kind in KINDS for spoiler in ("fees", "size", "halt")] + [
    ("exhaustive_set", "hole")
]
GROUPED = """
    SELECT count(DISTINCT kind) = 6 FROM market_group_members
    WHERE kind IN ('exclusive', 'exhaustive', 'ladder', 'combo', 'game', 'underlying')
"""
CRAWLED = """
    SELECT count(*) FROM crawl_runs WHERE kind IN ('full', 'combos') AND status = 'complete'
"""
CLEARED = """
    SELECT count(*) FILTER (WHERE q.bid IS NULL AND q.ask IS NULL),
        count(*) FILTER (WHERE i.status = 'inactive')
    FROM instruments i JOIN latest_quotes q ON q.instrument_id = i.id WHERE i.ticker = ANY(%s)
"""
FOUND = """
    SELECT o.kind, o.profit, o.sets, extract(epoch FROM o.first_seen_at - quoted.at)
    FROM arbitrage_opportunities o, LATERAL (
        SELECT max(t.received_at) AS at FROM ticks t JOIN instruments i ON i.id = t.instrument_id
        WHERE i.ticker = ANY(%s) AND t.tick_type = 'quote' AND t.received_at <= o.first_seen_at
    ) AS quoted
    WHERE o.kind = %s AND (SELECT array_agg(DISTINCT leg ->> 'ticker' ORDER BY leg ->> 'ticker')
        FROM jsonb_array_elements(o.legs) AS leg) = %s AND o.first_seen_at > %s
"""


def plant(fleet: RunningFleet, kind: str, spoiled_by: str | None = None) -> dict[str, Any]:
    """Clear the stage for one, and wait until Hadron knows it."""
    planted = fleet.tell_exchanges("plants", kind=kind, spoiled_by=spoiled_by)
    tickers = sorted(set(planted["tickers"]))
    known = (len(tickers), int(spoiled_by == "halt"))
    fleet.wait_for(
        lambda: fleet.query(CLEARED, tickers) == [known], 120, f"a cleared stage for {planted}"
    )
    return planted


def found(fleet: RunningFleet, planted: dict[str, Any], since: object) -> list[tuple[Any, ...]]:
    tickers = sorted(set(planted["tickers"]))
    return fleet.query(FOUND, tickers, planted["kind"], tickers, since)


def test_all_that_is_planted_is_found_and_no_near_miss(
    start_fleet: Callable[..., RunningFleet], database_url: str
) -> None:
    fleet = start_fleet(
        rate=500.0, venues=("kalshi",), simulated_markets=1500, database_url=database_url
    )
    with Celery(broker=fleet.redis_url) as celery:
        for kind in ("full", "combos"):
            celery.send_task("hadron.crawl_start", args=[kind], queue="rest")
    fleet.wait_for(lambda: fleet.query(CRAWLED)[0][0] == 2, 300, "the end of the crawls")
    fleet.wait_for(lambda: fleet.query(GROUPED)[0][0], 120, "groups of every kind")
    fleet.run_for(5)
    ((since,),) = fleet.query("SELECT now()")
    near_misses = [plant(fleet, kind, spoiler) for kind, spoiler in NEAR_MISSES]
    planted = [plant(fleet, kind) for kind in KINDS]
    with StallMeter() as meter:
        fleet.tell_exchanges("plants/offers")
        for one in planted:
            fleet.wait_for(lambda one=one: found(fleet, one, since), 120, f"the planted {one}")
            ((_, profit, sets, after_s),) = found(fleet, one, since)
            assert (profit, sets) == (Decimal(one["profit_cents"]) / 100, one["sets"]), one
            assert float(after_s) - meter.stalled_s < 10, (
                f"{one['kind']} was found {after_s} s after its last quote,"
                f" of which the machine stood still for {meter.stalled_s:.1f} s"
            )
    for one in near_misses:
        assert found(fleet, one, since) == [], one
