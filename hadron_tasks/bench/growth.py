"""Whether writing slows down as the table grows, or as there are more and more markets."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

from psycopg2 import sql
from psycopg2.extensions import connection as PgConnection  # noqa: N812

from hadron_tasks.bench.frames import FrameMix, market_ticker
from hadron_tasks.bench.measure import Bound, Figure, Ratio, Report
from hadron_tasks.bench.pipeline import VENUE, Workers
from hadron_tasks.bench.plan import Plan
from hadron_tasks.bench.services import Services
from hadron_tasks.store.instruments import InstrumentCache, resolve_instruments
from hadron_tasks.store.partitions import partition_name
from hadron_tasks.venues.registry import rules_for

WANTED = 0.8
CACHES_MB = 400.0
_A_STATEMENT = 1_000_000
_MAKE_FULL = "CREATE TABLE ticks_full (LIKE ticks INCLUDING DEFAULTS)"
_FILL = """
    INSERT INTO ticks_full (instrument_id, event_time, event_key, received_at, venue, tick_type,
                            price, raw_price, size, bid, ask, bid_size, ask_size, metadata)
    SELECT known.ids[1 + n %% cardinality(known.ids)], at, n, at + interval '20 ms', 'kalshi',
           'quote', 0.48, '0.4800', 25.00, 0.47, 0.49, 300.00, 150.00,
           '{"volume": "33896.00", "open_interest": "20422.00"}'::jsonb
    FROM (SELECT array_agg(id ORDER BY ticker) AS ids FROM instruments) AS known,
         generate_series(%s::bigint, %s::bigint) AS n,
         LATERAL (SELECT %s::timestamptz + n * interval '1 ms' AS at) AS placed
"""


def growth(plan: Plan, services: Services) -> Report:
    """Writing to a table that is full already, and about more and more markets."""
    report = _of_rows(plan, services)
    report.add(_of_markets(plan, services))
    return report


def _of_rows(plan: Plan, services: Services) -> Report:
    """Stream to committed rows with so many rows in the partition that is written to."""
    report = Report()
    workers = Workers(services, 1)
    with workers.running(), services.connect() as connection:
        # Not today: the rows that fill the partition and those that are measured must not meet.
        noon = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)
        mix = FrameMix(plan.markets, int((noon + timedelta(days=1)).timestamp() * 1e9))
        workers.drain(None, mix.take(plan.frames))
        for size in plan.rows:
            plan.say(f"growth: {size:,} rows in the partition")
            _fill(connection, noon + timedelta(days=1), size)
            figure = Figure(f"1 worker, {size:,} rows in the partition")
            for _ in range(plan.rounds):
                workers.drain(figure, mix.take(plan.frames))
            report.figures.append(figure)
    first, *others = report.figures
    report.verdicts += [Ratio(f"{one.name} / {first.name}", one, first, WANTED) for one in others]
    return report


def _of_markets(plan: Plan, services: Services) -> Report:
    """Stream to committed rows about so many distinct markets: as they trade, and all alike."""
    report = Report()
    by_way: dict[bool, list[Figure]] = {True: [], False: []}
    for count in plan.distinct:
        with services.connect() as connection:
            _make_instruments(connection, count)
        for skewed, figures in by_way.items():
            name = f"1 worker, {count:,} markets, {'as they trade' if skewed else 'all alike'}"
            plan.say(f"growth: {name}")
            services.empty_tables()
            workers = Workers(services, 1)
            mix = FrameMix(count, time.time_ns(), skewed=skewed)
            figure = Figure(name)
            with workers.running():
                # Until the caches hold what they can hold.
                for _ in range(1 + 3 * count // plan.frames):
                    workers.drain(None, mix.take(plan.frames))
                for _ in range(plan.rounds):
                    workers.drain(figure, mix.take(plan.frames))
                memory = Figure(f"memory: {name}", "MB")
                memory.rounds = [workers.peak_memory_mb()]
            figures.append(figure)
            report.figures += [figure, memory]
            report.verdicts.append(Bound(memory.name, memory, CACHES_MB))
    for first, *others in by_way.values():
        report.verdicts += [
            Ratio(f"{one.name} / {first.name}", one, first, WANTED) for one in others
        ]
    return report


def _fill(connection: PgConnection, at: datetime, rows: int) -> None:
    """Put a partition of ``rows`` rows in the place of the day's own."""
    day = at.replace(hour=0)
    name = sql.Identifier(partition_name(at.date()))
    with connection, connection.cursor() as cursor:
        cursor.execute(sql.SQL("DROP TABLE {}").format(name))
        cursor.execute(_MAKE_FULL)
    for start in range(0, rows, _A_STATEMENT):
        with connection, connection.cursor() as cursor:
            cursor.execute(_FILL, (start + 1, min(rows, start + _A_STATEMENT), day))
    with connection, connection.cursor() as cursor:
        cursor.execute(
            "ALTER TABLE ticks_full ADD PRIMARY KEY (instrument_id, event_time, event_key)"
        )
        cursor.execute(sql.SQL("ALTER TABLE ticks_full RENAME TO {}").format(name))
        cursor.execute(
            sql.SQL("ALTER TABLE ticks ATTACH PARTITION {} FOR VALUES FROM (%s) TO (%s)").format(
                name
            ),
            (day, day + timedelta(days=1)),
        )
    connection.rollback()
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("VACUUM ANALYZE {}").format(name))
        cursor.execute("CHECKPOINT")
    connection.autocommit = False


def _make_instruments(connection: PgConnection, count: int) -> None:
    cache = InstrumentCache(1)
    describe = rules_for(VENUE).describe
    for start in range(0, count, 20_000):
        tickers = [market_ticker(number) for number in range(start, min(count, start + 20_000))]
        resolve_instruments(connection, cache, VENUE, tickers, describe)
