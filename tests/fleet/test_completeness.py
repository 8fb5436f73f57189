"""What a disconnect loses is told, filled and proven to be filled, by a fleet of real processes."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg2
import pytest
from fleet.running_fleet import RunningFleet

from hadron_tasks.feed_health import ConnectionState

pytestmark = pytest.mark.fleet

AWAY_S = 3.0
CONNECTIONS = 4
"""One for each simulated key."""
CONNECTIONS_WITH_GAPS = """
    SELECT count(DISTINCT connection) FROM feed_gaps WHERE cause = 'disconnect'
"""


@pytest.fixture(scope="module")
def fleet(
    start_shared_fleet: Callable[..., RunningFleet], module_database_url: str
) -> RunningFleet:
    started = start_shared_fleet(
        venues=("kalshi",), rate=200.0, concurrency=1, database_url=module_database_url
    )
    started.wait_until_flowing()
    return started


def live_connections(fleet: RunningFleet) -> int:
    (stream,) = fleet.streams()
    return sum(one.state is ConnectionState.LIVE for one in stream.connections)


def now(fleet: RunningFleet) -> str:
    """The time by which all that was received so far had been received."""
    ((moment,),) = fleet.query("SELECT max(received_at) FROM ticks")
    return str(moment.astimezone(UTC).isoformat())


def trade_gaps(fleet: RunningFleet, cause: str) -> list[dict[str, Any]]:
    """Gaps of that cause that lost trades, with what became of the trades as ``trades``."""
    found = []
    for gap in json.loads(fleet.hadron("gaps", "--json"))["gaps"]:
        trades = [each for each in gap["channels"] if each["channel"] == "trade"]
        if gap["cause"] == cause and trades:
            found.append(gap | {"trades": trades[0]})
    return found


def trades_since(fleet: RunningFleet, since: str) -> int:
    """How many trades of since then are stored that were made before the newest frame came."""
    ((count,),) = fleet.query(
        "SELECT count(*) FROM ticks WHERE tick_type = 'trade' AND event_time >= %s"
        " AND event_time < (SELECT max(received_at) FROM ticks)",
        since,
    )
    return int(count)


def lose_trades(fleet: RunningFleet, since: str, until: str, most: int) -> int:
    """Delete some stored trades of a time, as a disk would lose them."""
    statement = """
        WITH chosen AS (
            SELECT instrument_id, event_time, event_key FROM ticks
            WHERE tick_type = 'trade' AND event_time >= %s AND event_time < %s LIMIT %s
        )
        DELETE FROM ticks USING chosen
        WHERE (ticks.instrument_id, ticks.event_time, ticks.event_key)
            = (chosen.instrument_id, chosen.event_time, chosen.event_key)
    """
    with closing(psycopg2.connect(fleet.database_url)) as database:
        with database.cursor() as cursor:
            cursor.execute(statement, (since, until, most))
            lost = cursor.rowcount
        database.commit()
    return int(lost)


def audit(fleet: RunningFleet, since: str, until: str, exits: int = 0) -> dict[str, Any]:
    """What ``hadron audit`` reports of a time."""
    told = fleet.hadron("audit", "--from", since, "--to", until, "--json", exits=exits)
    (report,) = json.loads(told)
    assert report["state"] == "complete", report
    return dict(report)


def wait_until_filled(fleet: RunningFleet, cause: str) -> None:
    """Wait until there are gaps of that cause that lost trades, and none is still being filled."""
    states = """
        SELECT DISTINCT c.state FROM feed_gaps g JOIN gap_channels c ON c.gap_id = g.id
        WHERE g.cause = %s AND c.channel = 'trade'
    """
    fleet.wait_for(
        lambda: fleet.query(states, cause) == [("backfilled",)],
        120,
        f"the filling of a gap because of {cause}",
    )


def test_after_a_disconnect_all_trades_are_stored_and_an_audit_says_so(
    fleet: RunningFleet,
) -> None:
    fleet.wait_for(lambda: live_connections(fleet) == CONNECTIONS, 120, "all connections")
    since = now(fleet)
    fleet.strike("away", seconds=AWAY_S)
    fleet.wait_for(
        lambda: fleet.query(CONNECTIONS_WITH_GAPS) == [(CONNECTIONS,)],
        120,
        "a gap record for each connection",
    )
    wait_until_filled(fleet, "disconnect")
    # One, or more: the trades may have moved to a connection that came back sooner. Each counts
    # the trades of its own time, and two may be of the same.
    gaps = trade_gaps(fleet, "disconnect")
    assert {gap["trades"]["state"] for gap in gaps} == {"backfilled"}
    assert max(gap["seconds"] for gap in gaps) >= AWAY_S
    stored = max(gap["trades"]["stored"] for gap in gaps)
    assert stored > 0, "no trade was made meanwhile: this proves nothing"

    # Everything until the last gap's end, with trades before them, in them and after them.
    ends = [datetime.fromisoformat(gap["to_time"]) for gap in gaps]
    until = (max(ends) + timedelta(seconds=1)).isoformat()
    fleet.wait_for(lambda: now(fleet) > until, 120, "frames after the gaps")
    report = audit(fleet, since, until)
    assert report["compared"] > stored
    assert (report["missing"], report["extra"], report["different"]) == (0, 0, 0)
    # Quotes and changes of books are told by nobody again, and no one pretends they were.
    others = {
        channel: (state, bool(reason))
        for channel, state, reason in fleet.query("SELECT channel, state, reason FROM gap_channels")
    }
    assert others["ticker"] == others["orderbook_delta"] == ("unrecoverable", True)


def test_what_an_audit_finds_missing_is_fetched(fleet: RunningFleet) -> None:
    since = now(fleet)
    fleet.wait_for(lambda: trades_since(fleet, since) >= 5, 120, "five trades")
    until = now(fleet)
    assert lose_trades(fleet, since, until, 5) == 5
    report = audit(fleet, since, until, exits=1)
    assert (report["missing"], report["extra"], report["different"]) == (5, 0, 0)
    wait_until_filled(fleet, "audit")
    assert {gap["state"] for gap in trade_gaps(fleet, "audit")} == {"backfilled"}
    assert audit(fleet, since, until)["missing"] == 0


def test_a_page_that_is_refused_is_a_dead_letter_whose_retry_goes_on(fleet: RunningFleet) -> None:
    fleet.strike("rest", kind="status", status=404, count=1, path="/markets/trades")
    asked = ("backfill", "--venue", "kalshi", "--from", "20s", "--json")
    refused = json.loads(fleet.hadron(*asked, exits=1))
    assert refused["state"] == "refused"
    assert "HTTP 404" in refused["reason"]
    task = ("--task", "hadron.backfill_page")
    (letter,) = json.loads(fleet.hadron("dlq", "list", *task, "--json"))
    assert letter["count"] == 1
    fleet.hadron("dlq", "retry", *task)
    done = json.loads(fleet.hadron("backfill", "--follow", str(refused["id"]), "--json"))
    assert (done["state"], done["reason"]) == ("complete", "")
    assert done["fetched"] > 0


def test_rebuilt_books_are_compared_with_the_exchanges_own(fleet: RunningFleet) -> None:
    fleet.hadron("schedule", "run", "check-books")
    fleet.wait_for(
        lambda: fleet.query("SELECT 1 FROM book_checks WHERE agreed LIMIT 1"), 120, "books compared"
    )
    assert fleet.query("SELECT differences FROM book_checks WHERE NOT agreed") == []
