"""Watching prices: grouping many markets, and looking at those whose quotes changed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random

from psycopg2.extensions import connection as PgConnection  # noqa: N812
from psycopg2.extras import execute_values

from hadron_tasks.bench.measure import Figure, Ratio, Report
from hadron_tasks.bench.plan import Plan
from hadron_tasks.bench.services import Services
from hadron_tasks.market_watch.arbitrage_watch import ArbitrageWatch
from hadron_tasks.market_watch.grouping import VENUE, group_all_changed
from hadron_tasks.store.instruments import instrument_id
from hadron_tasks.store.market_quotes import standings_of

MARKETS = 100_000
A_LADDER = 10
A_LOOK = 1_000
"""Quotes that changed between two looks, of as many markets: 5,000 a second."""

_INSTRUMENTS = """
    INSERT INTO instruments (id, ticker, asset_class, primary_source, venue, name, event_ticker,
        status, strike_type, floor_strike) VALUES %s
"""
_EVENTS = "INSERT INTO events (event_ticker, series_ticker, mutually_exclusive) VALUES %s"
_QUOTES = """
    INSERT INTO latest_quotes (instrument_id, venue, bid, ask, bid_size, ask_size, received_at)
    VALUES %s
"""
_FIRST_DAY = datetime(2027, 1, 1, tzinfo=UTC)


def watch(plan: Plan, services: Services) -> Report:
    """Groups of 100,000 markets made at once, and 1,000 changed quotes looked at after another.

    Every third event is an exclusive set, the others are ladders; a changed quote is compared with
    all others of its event. As in a worker that has watched for a minute, each event was looked at
    before. The floor is to read the quotes of all these events by one statement.
    """
    grouped = Figure("markets grouped", "markets/s")
    floor = Figure("quotes read by one SELECT", "changes/s")
    ours = Figure("changed quotes looked at", "changes/s")
    plan.say(f"watch: {MARKETS:,} markets, {plan.rounds} rounds of 10 looks at {A_LOOK:,} changes")
    with services.connect() as connection:
        events = _list_markets(connection)
        with grouped.timing(MARKETS):
            group_all_changed(connection)
        detector, random = ArbitrageWatch(), Random(1)
        for start in range(0, len(events), A_LOOK):
            ids = [event[0] for event in events[start : start + A_LOOK]]
            detector.look(connection, ids, (), None, datetime.now(UTC))
        for number in range(plan.rounds + 1):
            looks = [random.sample(range(MARKETS), A_LOOK) for _ in range(10)]
            with floor.timing(A_LOOK * len(looks)):
                for changed in looks:
                    of_events = {one for at in changed for one in events[at // A_LADDER]}
                    with connection, connection.cursor() as cursor:
                        standings_of(cursor, of_events)
            with ours.timing(A_LOOK * len(looks)):
                for changed in looks:
                    ids = [events[at // A_LADDER][at % A_LADDER] for at in changed]
                    detector.look(connection, ids, (), None, datetime.now(UTC))
            if number == 0:
                floor.rounds.pop()
                ours.rounds.pop()
        _empty(connection)
    return Report([grouped, floor, ours], [Ratio("looking / reading", ours, floor)])


def _list_markets(connection: PgConnection) -> list[list[str]]:
    """Markets with quotes in which there is nothing to be found; their ids by event."""
    now = datetime.now(UTC)
    instruments, events, quotes = [], [], []
    ids: list[list[str]] = []
    for number in range(MARKETS // A_LADDER):
        day = _FIRST_DAY + timedelta(hours=number)
        series = ("KXBTCD", "KXETHD", "KXHIGHNY")[number % 3]
        event = f"{series}-{day:%y%b%d%H}".upper()
        is_set = number % 3 == 2
        events.append((event, series, is_set))
        ids.append([])
        for rung in range(A_LADDER):
            ticker = f"{event}-T{90_000 + 250 * rung}"
            key = str(instrument_id(VENUE, ticker))
            ids[-1].append(key)
            instruments.append(
                (
                    *(key, ticker, "other", VENUE, VENUE, ticker, event, "active"),
                    *("custom" if is_set else "greater", 90_000 + 250 * rung),
                )
            )
            bid = 0.05 if is_set else round(0.9 - 0.08 * rung, 2)
            quotes.append((key, VENUE, bid, round(bid + 0.04, 2), 100, 100, now))
    with connection, connection.cursor() as cursor:
        execute_values(cursor, _INSTRUMENTS, instruments, page_size=1000)
        execute_values(cursor, _EVENTS, events, page_size=1000)
        execute_values(cursor, _QUOTES, quotes, page_size=1000)
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE instruments, events, latest_quotes")
    connection.autocommit = False
    return ids


def _empty(connection: PgConnection) -> None:
    with connection, connection.cursor() as cursor:
        cursor.execute(
            "TRUNCATE instruments, events, latest_quotes, market_group_members, market_grouping,"
            " arbitrage_opportunities CASCADE"
        )
