"""The final account of a run: what was sent, what was stored, and whether the two agree.

With the simulators the ledger tells what was sent, and the comparison is message by message.
With the real exchanges nobody can tell, and the account says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from pathlib import Path

from psycopg2.extensions import connection as PgConnection  # noqa: N812

from hadron_tasks.local.ledger import LedgerLine
from hadron_tasks.store import accounts
from hadron_tasks.store.accounts import Counts
from hadron_tasks.times import from_ns

_COLUMN_TYPES = {"sent_ns": "bigint", "event_us": "bigint", "sequence": "bigint"} | dict.fromkeys(
    ("price", "size", "bid", "ask"), "numeric"
)
_LEDGER_COLUMNS = [field.name for field in fields(LedgerLine)]
_MAKE_LEDGER = "CREATE TEMPORARY TABLE ledger ({}) ON COMMIT DROP".format(
    ", ".join(f"{name} {_COLUMN_TYPES.get(name, 'text')}" for name in _LEDGER_COLUMNS)
)
_IDENTITY = "venue, kind, ticker, event_us, sequence, price, size, bid, ask, trade_id"

# Both sides reduced to what identifies a message (see LedgerLine); a bid of 0 and an ask of 0 or
# 1 at Kalshi are absence, however they are written. A message sent over two connections is one
# message: its count is that of the connection that sent it most often. A snapshot and a
# lifecycle message state no time, so each connection's is another: their count is the sum. A trade
# is itself by its id: over REST, where backfill finds it, it states its time more exactly.
_REDUCE_LEDGER = f"""
    CREATE TEMPORARY TABLE sent ON COMMIT DROP AS
    SELECT {_IDENTITY}, min(sent_ns) AS sent_ns,
        array_agg(DISTINCT split_part(connection, '#', 1)) AS connections,
        CASE WHEN kind IN ('book_snapshot', 'lifecycle') THEN sum(n) ELSE max(n) END AS sent
    FROM (
        SELECT venue, kind, ticker, CASE WHEN kind <> 'trade' THEN event_us END AS event_us,
               CASE WHEN kind IN ('book_snapshot', 'book_delta', 'lifecycle')
                   THEN sequence END AS sequence,
               price, size, NULLIF(bid, 0) AS bid,
               CASE WHEN venue = 'kalshi' AND ask IN (0, 1) THEN NULL ELSE ask END AS ask,
               trade_id, connection, count(*) AS n, min(sent_ns) AS sent_ns
        FROM ledger GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
    ) AS by_connection GROUP BY {_IDENTITY}
"""  # noqa: S608 - column names are this module's own
_COMPARE = f"""
    WITH stored AS (
        SELECT t.venue, t.tick_type AS kind, m.venue_instrument_id AS ticker,
            CASE WHEN t.tick_type NOT IN ('book_snapshot', 'trade')
                THEN (extract(epoch FROM t.event_time) * 1000000)::bigint END AS event_us,
            CASE WHEN t.tick_type IN ('book_snapshot', 'book_delta') THEN t.sequence END
                AS sequence,
            CASE WHEN t.tick_type IN ('trade', 'bar', 'index_value', 'book_delta')
                THEN t.price END AS price,
            CASE WHEN t.tick_type IN ('trade', 'bar', 'book_delta') THEN t.size END AS size,
            CASE WHEN t.tick_type = 'quote' THEN NULLIF(t.bid, 0) END AS bid,
            CASE WHEN t.tick_type = 'quote' THEN t.ask END AS ask,
            CASE WHEN t.tick_type = 'trade' THEN t.metadata->>'trade_id' END AS trade_id
        FROM ticks t JOIN instrument_venue_mapping m USING (instrument_id)
        WHERE t.received_at >= %(since)s AND t.event_time >= %(since)s - interval '1 day'
            AND m.venue = t.venue AND t.venue = ANY(%(venues)s)
        UNION ALL
        SELECT venue, 'lifecycle', coalesce(ticker, event_ticker), NULL, sequence,
               NULL, NULL, NULL, NULL, NULL
        FROM lifecycle_events WHERE received_at >= %(since)s AND venue = ANY(%(venues)s)
    ), both_sides AS (
        SELECT {_IDENTITY}, sum(sent) AS sent, sum(stored) AS stored, min(sent_ns) AS sent_ns,
               min(connections) AS connections
        FROM (
            SELECT {_IDENTITY}, sent, 0 AS stored, sent_ns, connections FROM sent
            UNION ALL
            SELECT {_IDENTITY}, 0, 1, NULL, NULL FROM stored
        ) AS sides GROUP BY {_IDENTITY}
    )
    SELECT venue, kind, ticker, event_us, sequence, sent, stored, sent_ns, connections
    FROM both_sides
    WHERE sent > 0 AND sent <> stored ORDER BY sent_ns
"""  # noqa: S608 - column names are this module's own

_GAPS = """
    SELECT connection, from_time, to_time FROM feed_gaps WHERE venue = %s AND created_at >= %s
"""

IN_FLIGHT = timedelta(seconds=5)
"""A gap begins when the last message before it was received: what was lost after that one may have
been sent so much earlier, while that one was still on its way."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One message on which ledger and database disagree."""

    venue: str
    kind: str
    ticker: str
    event_us: int | None
    sequence: int | None
    sent: int
    stored: int
    sent_at: datetime
    connections: tuple[str, ...]
    """That it was sent over."""
    in_gap: bool = False
    """Sent while a recorded gap of each of them was open: lost, and the record says so."""


@dataclass(frozen=True, slots=True)
class VenueAccount:
    """What became of a venue's messages in one run."""

    venue: str
    sent: int | None
    """By the simulator's ledger, each message once; None for a real exchange."""
    frames_received: int
    stored: int
    """Ticks and lifecycle messages."""
    redelivered: int
    """Received again and recognised: stored once all the same."""
    control: int
    unknown: int
    dead_letters: int
    gaps: int
    differences: tuple[Difference, ...]

    @property
    def missing(self) -> int:
        """Messages sent and not stored."""
        return sum(max(0, one.sent - one.stored) for one in self.differences)

    @property
    def missing_unexplained(self) -> int:
        """Messages missing outside every recorded gap."""
        return sum(max(0, one.sent - one.stored) for one in self.differences if not one.in_gap)

    @property
    def duplicates(self) -> int:
        """Messages stored more often than sent."""
        return sum(max(0, one.stored - one.sent) for one in self.differences)


def settle(
    connection: PgConnection,
    venues: Sequence[str],
    since: datetime,
    before: Mapping[str, Counts],
    ledger: Path | None,
) -> list[VenueAccount]:
    """The account of every venue since ``since``.

    Args:
        before: Each venue's :func:`~hadron_tasks.store.accounts.total_counts` at that moment.
        ledger: The simulators' ledger, when there are simulators; compared with what is stored.
    """
    sent: dict[str, int] = {}
    differences: list[Difference] = []
    with connection, connection.cursor() as cursor:
        if ledger is not None:
            cursor.execute(_MAKE_LEDGER)
            with ledger.open() as lines:
                cursor.copy_expert("COPY ledger FROM STDIN", lines)
            cursor.execute(_REDUCE_LEDGER)
            cursor.execute("SELECT venue, sum(sent)::bigint FROM sent GROUP BY 1")
            sent = dict(cursor.fetchall())
            cursor.execute(_COMPARE, {"since": since, "venues": list(sent)})
            differences = [
                Difference(
                    venue=venue,
                    kind=kind,
                    ticker=ticker,
                    event_us=event_us,
                    sequence=sequence,
                    sent=int(sent_n),
                    stored=int(stored_n),
                    sent_at=from_ns(sent_ns),
                    connections=tuple(connections),
                )
                for (
                    venue,
                    kind,
                    ticker,
                    event_us,
                    sequence,
                    sent_n,
                    stored_n,
                    sent_ns,
                    connections,
                ) in cursor
            ]
        settled = []
        for venue in venues:
            counts = accounts.total_counts(cursor, venue).minus(before[venue])
            cursor.execute(_GAPS, (venue, since))
            gaps = cursor.fetchall()
            settled.append(
                VenueAccount(
                    venue=venue,
                    sent=sent.get(venue),
                    frames_received=counts.frames,
                    stored=counts.ticks + counts.lifecycle,
                    redelivered=counts.duplicates,
                    control=counts.control,
                    unknown=counts.unknown,
                    dead_letters=counts.dead_letters,
                    gaps=len(gaps),
                    differences=tuple(
                        _explained(one, gaps) for one in differences if one.venue == venue
                    ),
                )
            )
    return settled


def _explained(one: Difference, gaps: list[tuple[str, datetime, datetime]]) -> Difference:
    silent = {name for name, start, end in gaps if start - IN_FLIGHT <= one.sent_at <= end}
    return replace(one, in_gap=silent.issuperset(one.connections))
