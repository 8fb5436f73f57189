"""Whether writing slows down as the table grows, or as there are more and more markets."""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import dataclass
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
    """Stream to committed rows with so many rows in the partition that is written to.

    In turns: each number of rows has a day of its own.
    """
    report = Report()
    noon = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)
    workers = Workers(services, 1)
    mixes = []
    with workers.running(), services.connect() as connection:
        _make_instruments(connection, plan.markets)
        for number, size in enumerate(plan.rows, start=1):
            plan.say(f"growth: {size:,} rows in a partition")
            # Not today: the rows that fill the partition and those that are measured must not meet.
            at = noon + timedelta(days=number)
            # A seed of its own: no two tell of the same trade.
            mixes.append(FrameMix(plan.markets, int(at.timestamp() * 1e9), seed=number))
            _fill(connection, at, size)
            report.figures.append(Figure(f"1 worker, {size:,} rows in the partition"))
        _by_itself(connection, sql.SQL("CHECKPOINT"))
        for mix in mixes:
            workers.drain(None, mix.take(plan.frames))
        for number in range(plan.rounds):
            plan.say(f"growth: round {number + 1} of {plan.rounds}, by rows")
            for mix, figure in zip(mixes, report.figures, strict=True):
                workers.drain(figure, mix.take(plan.frames))
    first, *others = report.figures
    report.verdicts += [Ratio(f"{one.name} / {first.name}", one, first, WANTED) for one in others]
    return report


@dataclass(frozen=True, slots=True)
class _Markets:
    """Frames about so many markets, and a worker that has met no others."""

    count: int
    workers: Workers
    mix: FrameMix
    figure: Figure

    @classmethod
    def of(cls, count: int, services: Services, *, skewed: bool) -> _Markets:
        way = "as they trade" if skewed else "all alike"
        return cls(
            count,
            Workers(services, 1),
            # A seed of its own: no two tell of the same message.
            FrameMix(count, time.time_ns(), seed=2 * count + skewed, skewed=skewed),
            Figure(f"1 worker, {count:,} markets, {way}"),
        )

    def warm_up(self, frames: int) -> None:
        """Until the worker knows every market, and PostgreSQL a newest quote of each."""
        for some in self.mix.tickers(frames):
            self.workers.drain(None, some)
        self.workers.drain(None, self.mix.take(frames))

    def memory(self) -> Figure:
        """The most that its worker has used."""
        return Figure(f"memory: {self.figure.name}", "MB", [self.workers.peak_memory_mb()])


def _of_markets(plan: Plan, services: Services) -> Report:
    """Stream to committed rows about so many distinct markets: as they trade, and all alike.

    In turns, on the same tables: what differs is how many markets the frames are about.
    """
    report = Report()
    plan.say(f"growth: making {max(plan.distinct):,} markets")
    with services.connect() as connection:
        _make_instruments(connection, max(plan.distinct))
    services.empty_tables()
    # A Redis database for each worker, so that it hears of no frames but its own.
    of_its_own = map(services.apart, range(1, 1 + 2 * len(plan.distinct)))
    all_alike = [_Markets.of(count, next(of_its_own), skewed=False) for count in plan.distinct]
    as_they_trade = [_Markets.of(count, next(of_its_own), skewed=True) for count in plan.distinct]
    both = all_alike + as_they_trade
    with ExitStack() as stack:
        for one in both:
            plan.say(f"growth: warming up {one.figure.name}")
            stack.enter_context(one.workers.running())
            one.warm_up(plan.frames)
        for number in range(plan.rounds):
            plan.say(f"growth: round {number + 1} of {plan.rounds}, by markets")
            for one in both:
                one.workers.drain(one.figure, one.mix.take(plan.frames))
        for one in both:
            memory = one.memory()
            report.figures += [one.figure, memory]
            report.verdicts.append(Bound(memory.name, memory, CACHES_MB))
    for first, *others in (all_alike, as_they_trade):
        report.verdicts += [
            Ratio(f"{one.figure.name} / {first.figure.name}", one.figure, first.figure, WANTED)
            for one in others
        ]
    return report


def _fill(connection: PgConnection, at: datetime, rows: int) -> None:
    """Put a partition of ``rows`` rows in the place of the day's own."""
    day = at.replace(hour=0)
    name = sql.Identifier(partition_name(at.date()))
    with connection, connection.cursor() as cursor:
        cursor.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(name))
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
    _by_itself(connection, sql.SQL("VACUUM ANALYZE {}").format(name))


def _by_itself(connection: PgConnection, statement: sql.Composable) -> None:
    """Run what cannot be part of a transaction."""
    connection.rollback()
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(statement)
    connection.autocommit = False


def _make_instruments(connection: PgConnection, count: int) -> None:
    cache = InstrumentCache(1)
    describe = rules_for(VENUE).describe
    for start in range(0, count, 20_000):
        tickers = [market_ticker(number) for number in range(start, min(count, start + 20_000))]
        resolve_instruments(connection, cache, VENUE, tickers, describe)
