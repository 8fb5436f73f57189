"""Which instruments a crawl has listed, and which open ones it has not: those have vanished.

Nothing is written to an instrument because it was seen: each page leaves one row with the tickers
it listed, a few kilobytes that are compressed, in the transaction that stores the page. What has
vanished is worked out once, when all lists are through, by a join whose memory PostgreSQL bounds.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from psycopg2.extensions import cursor as Cursor  # noqa: N812

_MARK = """
    INSERT INTO crawl_seen (run_id, part, page, tickers) VALUES (%s, %s, %s, %s)
    ON CONFLICT (run_id, part, page) DO UPDATE SET tickers = EXCLUDED.tickers
"""
_FIND = """
    INSERT INTO crawl_vanished (run_id, ticker)
    SELECT %(run)s, i.ticker FROM instruments i
    WHERE i.primary_source = %(venue)s AND i.created_at < %(began)s
        AND (i.status IS NULL OR i.status <> ALL(%(ended)s))
        AND i.ticker NOT LIKE ALL(%(unlisted)s)
        AND NOT EXISTS (
            SELECT FROM crawl_seen s CROSS JOIN unnest(s.tickers) AS listed(ticker)
            WHERE s.run_id = %(run)s AND listed.ticker = i.ticker)
    ON CONFLICT DO NOTHING
"""
_NEXT = """
    SELECT ticker FROM crawl_vanished WHERE run_id = %s AND ticker > %s ORDER BY ticker LIMIT %s
"""


def mark_seen(cursor: Cursor, run_id: int, part: str, page: int, tickers: Sequence[str]) -> None:
    """Note what a page of a run listed; the same page again replaces what it said before."""
    if tickers:
        cursor.execute(_MARK, (run_id, part, page, list(tickers)))


def find_vanished(
    cursor: Cursor,
    run_id: int,
    venue: str,
    began: datetime,
    *,
    ended: Collection[str],
    unlisted: Collection[str] = (),
) -> int:
    """Note the instruments that should have been listed and were not.

    Args:
        run_id: The crawl, all of whose lists are through.
        venue: Whose instruments.
        began: When the crawl began: what was made later may stand on a page read before.
        ended: The statuses of instruments that lists leave out.
        unlisted: Beginnings of tickers that the crawl did not ask for, such as combos.

    Returns:
        How many there are, to be taken with :func:`next_vanished`.
    """
    # A nested loop would read every page's row once for every instrument.
    cursor.execute("SET LOCAL enable_nestloop = off")
    cursor.execute(
        _FIND,
        {
            "run": run_id,
            "venue": venue,
            "began": began,
            "ended": list(ended),
            "unlisted": [_pattern(beginning) for beginning in unlisted],
        },
    )
    found = int(cursor.rowcount)
    cursor.execute("SET LOCAL enable_nestloop = on")
    return found


def next_vanished(cursor: Cursor, run_id: int, after: str, limit: int) -> list[str]:
    """The next tickers in their order, behind ``after`` (empty for the first)."""
    cursor.execute(_NEXT, (run_id, after, limit))
    return [ticker for (ticker,) in cursor.fetchall()]


def forget_run(cursor: Cursor, run_id: int) -> None:
    """Drop what is noted of a run that has ended."""
    cursor.execute("DELETE FROM crawl_seen WHERE run_id = %s", (run_id,))
    cursor.execute("DELETE FROM crawl_vanished WHERE run_id = %s", (run_id,))


def _pattern(beginning: str) -> str:
    return beginning.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
