"""Readings of PostgreSQL: the accounts of frames, dead letters, gaps, crawls, and its size.

Every query is bounded by :data:`STATEMENT_TIMEOUT_MS` and reads little: the account of closed
minutes is summed once and remembered.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

from psycopg2.extensions import cursor as Cursor  # noqa: N812

from hadron_tasks.markets.arbitrage import Kind as ArbitrageKind
from hadron_tasks.metrics.exposition import Reading, Sample
from hadron_tasks.raw_stream import GapCause
from hadron_tasks.store.partitions import partition_name

STATEMENT_TIMEOUT_MS = 4000

SETTLED_AFTER = timedelta(minutes=10)
"""Minutes this old get no more counts: workers count in the minute of their commit."""

_COUNTED = ("frames", "ticks", "duplicates", "lifecycle", "control", "dead_letters")
_ACCOUNTS = f"""
    SELECT venue, minute < %(cutoff)s,
           {", ".join(f"sum({column})::bigint" for column in _COUNTED)}
    FROM ingest_counts WHERE venue = ANY(%(venues)s) AND minute >= %(since)s
    GROUP BY 1, 2
"""  # noqa: S608 - column names are this module's own
_UNKNOWN = "SELECT venue, message_type, count FROM unknown_messages ORDER BY 1, 2"
_LETTERS = """
    SELECT coalesce(venue, ''), kind, status, count(*) FROM dead_letters
    GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
"""
_GAPS = """
    SELECT venue, cause, state, count(*), coalesce(sum(missing), 0)::bigint FROM feed_gaps
    GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
"""
_GAP_STATES = ("open", "backfilled", "unrecoverable")
_ARBITRAGE = """
    SELECT kind, count(*), count(*) FILTER (WHERE closed_at IS NULL),
        coalesce(sum(profit) FILTER (WHERE closed_at IS NULL), 0)
    FROM arbitrage_opportunities GROUP BY kind
"""
_CRAWLS = """
    WITH whole AS (
        SELECT * FROM crawl_runs WHERE scope = ''
    ), newest AS (
        SELECT DISTINCT ON (venue, kind) * FROM whole ORDER BY venue, kind, started_at DESC, id DESC
    ), ended AS (
        SELECT venue, kind,
               max(finished_at) FILTER (WHERE status = 'complete') AS well_at,
               max(finished_at) FILTER (WHERE status = 'incomplete') AS ill_at
        FROM whole GROUP BY venue, kind
    ), read AS (
        SELECT run_id, sum(pages)::bigint AS pages, sum(seen)::bigint AS seen,
               sum(changed)::bigint AS changed, sum(requests)::bigint AS requests
        FROM crawl_parts WHERE run_id IN (SELECT id FROM newest) GROUP BY run_id
    )
    SELECT n.venue, n.kind, n.status = 'running',
           extract(epoch FROM now() - n.started_at)::float8,
           extract(epoch FROM now() - e.well_at)::float8,
           coalesce(e.ill_at > coalesce(e.well_at, '-infinity'), false),
           coalesce(r.pages, 0), coalesce(r.seen, 0), coalesce(r.changed, 0),
           coalesce(r.requests, 0)
    FROM newest n JOIN ended e USING (venue, kind) LEFT JOIN read r ON r.run_id = n.id
    ORDER BY 1, 2
"""
_STORAGE = """
    SELECT pg_database_size(current_database()),
           (SELECT count(*) FROM pg_inherits WHERE inhparent = 'ticks'::regclass),
           current_setting('max_connections')::int
"""
_DAYS_READY = """
    SELECT relname FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
    WHERE inhparent = 'ticks'::regclass AND relname > %s
"""
_CONNECTIONS = """
    SELECT coalesce(state, 'none'), count(*) FROM pg_stat_activity
    WHERE datname = current_database() GROUP BY 1 ORDER BY 1
"""


class Accounts:
    """What became of every frame. Remembers the sums of minutes that are over."""

    def __init__(self, venues: Sequence[str]) -> None:
        self._venues = list(venues)
        self._since = datetime.min.replace(tzinfo=UTC)
        self._settled: dict[str, list[int]] = {venue: [0] * len(_COUNTED) for venue in venues}

    def read(self, cursor: Cursor) -> Iterator[Reading]:
        """The accounts since the beginning of time."""
        cutoff = datetime.now(UTC) - SETTLED_AFTER
        cursor.execute(_ACCOUNTS, {"venues": self._venues, "since": self._since, "cutoff": cutoff})
        recent: dict[str, list[int]] = defaultdict(lambda: [0] * len(_COUNTED))
        for venue, is_settled, *counts in cursor.fetchall():
            _add(self._settled[venue] if is_settled else recent[venue], counts)
        self._since = cutoff
        for venue in self._venues:
            for name, settled, new in zip(
                _COUNTED, self._settled[venue], recent[venue], strict=True
            ):
                yield Sample(f"hadron_ingest_{name}_total", (venue,), settled + new)
        cursor.execute(_UNKNOWN)
        for venue, message_type, count in cursor.fetchall():
            yield Sample("hadron_ingest_unknown_total", (venue, message_type), count)


def read_letters(cursor: Cursor, venues: Sequence[str]) -> Iterator[Reading]:
    """Dead letters by state. What there are none of is told as 0: the first is then a growth."""
    cursor.execute(_LETTERS)
    found = {(venue, kind, status): n for venue, kind, status, n in cursor.fetchall()}
    kinds = {(venue, "message") for venue in venues} | {("", "task")}
    for venue, kind in sorted(kinds | {(venue, kind) for venue, kind, _ in found}):
        for status in ("dead", "retrying", "resolved", "discarded"):
            count = found.get((venue, kind, status), 0)
            yield Sample("hadron_dead_letters", (venue, kind, status), count)


def read_gaps(cursor: Cursor, venues: Sequence[str]) -> Iterator[Reading]:
    """Gap records by cause and state, and the messages known to be missing in them."""
    cursor.execute(_GAPS)
    counts = {
        (venue, cause.value, state): 0
        for venue in venues
        for cause in GapCause
        for state in _GAP_STATES
    }
    missing = {(venue, state): 0 for venue in venues for state in _GAP_STATES}
    for venue, cause, state, count, lost in cursor.fetchall():
        counts[venue, cause, state] = count
        missing[venue, state] = missing.get((venue, state), 0) + lost
    for labels, count in counts.items():
        yield Sample("hadron_feed_gaps", labels, count)
    for label, lost in missing.items():
        yield Sample("hadron_feed_gap_missing_messages", label, lost)


def read_arbitrage(cursor: Cursor) -> Iterator[Reading]:
    """Arbitrages by kind, those that live now and what these would earn."""
    cursor.execute(_ARBITRAGE)
    found = {kind: rest for kind, *rest in cursor.fetchall()}
    for kind in ArbitrageKind:
        total, live, profit = found.get(kind.value, (0, 0, 0))
        yield Sample("hadron_arbitrage_found_total", (kind.value,), total)
        yield Sample("hadron_arbitrage_live", (kind.value,), live)
        yield Sample("hadron_arbitrage_live_profit_dollars", (kind.value,), float(profit))


def read_crawls(cursor: Cursor) -> Iterator[Reading]:
    """How the newest crawl of every kind went, and when one last ended well."""
    cursor.execute(_CRAWLS)
    for venue, kind, is_running, began_s, well_s, failed, *progress in cursor.fetchall():
        label = (venue, kind)
        if well_s is not None:
            yield Sample("hadron_crawl_success_age_seconds", label, well_s)
        yield Sample("hadron_crawl_failed", label, failed)
        yield Sample("hadron_crawl_running", label, is_running)
        yield Sample("hadron_crawl_running_seconds", label, began_s if is_running else 0)
        for name, value in zip(("pages", "seen", "changed", "requests"), progress, strict=True):
            yield Sample(f"hadron_crawl_{name}", label, value)


def read_storage(cursor: Cursor) -> Iterator[Reading]:
    """The database's size, partitions and connections."""
    cursor.execute(_STORAGE)
    size, partitions, most = cursor.fetchone() or (0, 0, 0)
    yield Sample("hadron_database_size_bytes", (), size)
    yield Sample("hadron_database_partitions", (), partitions)
    yield Sample("hadron_database_connections_limit", (), most)
    yield Sample("hadron_database_partitions_ahead", (), _days_ready(cursor))
    cursor.execute(_CONNECTIONS)
    for state, count in cursor.fetchall():
        yield Sample("hadron_database_connections", (state,), count)


def _days_ready(cursor: Cursor) -> int:
    """Days after today, without a hole, whose partition is there."""
    today = datetime.now(UTC).date()
    cursor.execute(_DAYS_READY, (partition_name(today),))
    names = {name for (name,) in cursor.fetchall()}
    days = 0
    while partition_name(today + timedelta(days=days + 1)) in names:
        days += 1
    return days


def _add(total: list[int], counts: Sequence[int]) -> None:
    for place, count in enumerate(counts):
        total[place] += count
