"""Writing ticks exactly once: plain COPY, and a staging table when a row is there already."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from psycopg2 import errors
from psycopg2.extensions import cursor as Cursor  # noqa: N812

from hadron_tasks.store import copy_text
from hadron_tasks.store.tick_rows import TickRows, Trade, text_of

TradeId = tuple[str, int]
"""Instrument's id and the trade's key."""

_COLUMNS = ", ".join(copy_text.TICK_COLUMNS)
_COPY_TICKS = f"COPY ticks ({_COLUMNS}) FROM STDIN"
_COPY_STAGING = f"COPY ticks_staging ({_COLUMNS}) FROM STDIN"
_MAKE_STAGING = (
    "CREATE TEMPORARY TABLE IF NOT EXISTS ticks_staging (LIKE ticks) ON COMMIT DELETE ROWS"
)
# In key order, so that two workers with overlapping rows wait for each other and never deadlock.
_FROM_STAGING = f"""
    INSERT INTO ticks ({_COLUMNS}) SELECT {_COLUMNS} FROM ticks_staging
    ORDER BY instrument_id, event_time, event_key ON CONFLICT DO NOTHING
"""  # noqa: S608 - constants only
_TRADES_FROM_STAGING = f"{_FROM_STAGING} RETURNING instrument_id::text, event_key"
_CLAIM_TRADES = """
    INSERT INTO trade_keys (instrument_id, trade_key, event_time)
    SELECT * FROM unnest(%s::uuid[], %s::bigint[], %s::timestamptz[]) ORDER BY 1, 2
    ON CONFLICT DO NOTHING RETURNING instrument_id::text, trade_key
"""
# Of the ids given: those that are claimed although there is no such tick.
_ORPHANS = """
    SELECT k.instrument_id::text, k.trade_key
    FROM unnest(%s::uuid[], %s::bigint[]) AS given (instrument_id, trade_key)
    JOIN trade_keys k USING (instrument_id, trade_key)
    LEFT JOIN ticks t ON t.instrument_id = k.instrument_id AND t.event_time = k.event_time
        AND t.event_key = k.trade_key
    WHERE t.instrument_id IS NULL
"""
_MOVE_CLAIMS = """
    UPDATE trade_keys k SET event_time = given.event_time
    FROM unnest(%s::uuid[], %s::bigint[], %s::timestamptz[])
        AS given (instrument_id, trade_key, event_time)
    WHERE k.instrument_id = given.instrument_id AND k.trade_key = given.trade_key
"""


def write_ticks(cursor: Cursor, rows: TickRows) -> int:
    """Write the ticks that are not stored yet, in the cursor's open transaction.

    Returns:
        How many were written; the others were stored before, or stand twice in ``rows``.
    """
    fresh = _without_known_trades(cursor, rows)
    if not fresh:
        return 0
    text = text_of(fresh)
    cursor.execute("SAVEPOINT before_copy")
    try:
        copy_text.copy_in(cursor, _COPY_TICKS, text)
    except errors.UniqueViolation:
        # Some rows are stored already, or stand twice in this batch: delivered again, or a feed
        # received by two connections.
        cursor.execute("ROLLBACK TO SAVEPOINT before_copy")
        return _write_by_staging(cursor, text)
    return len(fresh)


def _without_known_trades(cursor: Cursor, rows: TickRows) -> list[str]:
    """The lines without those of trades whose ids are stored; claims the ids of the others."""
    trades = _by_id(rows.trades)
    claimed = _claim(cursor, trades)
    if len(claimed) == len(rows.trades):
        return rows.lines  # nearly always: none is known, and none came twice
    # Of one trade that came twice with different times, the one claimed is kept.
    kept = {trades[one].at for one in claimed}
    dropped = {trade.at for trade in rows.trades} - kept
    return [line for at, line in enumerate(rows.lines) if at not in dropped]


def _by_id(trades: Iterable[Trade]) -> dict[TradeId, Trade]:
    return {(trade.instrument_id, trade.trade_key): trade for trade in trades}


def _claim(cursor: Cursor, trades: Mapping[TradeId, Trade]) -> Collection[TradeId]:
    """Claim the ids of trades for this transaction; returns those that were not known."""
    if not trades:
        return ()
    cursor.execute(
        _CLAIM_TRADES,
        (
            copy_text.array(trade.instrument_id for trade in trades.values()),
            copy_text.array(str(trade.trade_key) for trade in trades.values()),
            copy_text.array(copy_text.timestamp(trade.event_us) for trade in trades.values()),
        ),
    )
    if cursor.rowcount == len(trades):
        return trades.keys()
    return set(cursor.fetchall())


def write_trades(cursor: Cursor, rows: TickRows) -> set[TradeId]:
    """Write the trades that are not stored yet, in the cursor's open transaction.

    A trade whose id is known although its tick is gone is written again: unlike
    :func:`write_ticks`, which must be quick, this looks.

    Args:
        rows: All of trades with an id.

    Returns:
        Those that were written.
    """
    trades = _by_id(rows.trades)
    fresh = set(_claim(cursor, trades))
    known = {one: trade for one, trade in trades.items() if one not in fresh}
    fresh |= _lost_ones(cursor, known)
    if not fresh:
        return set()
    cursor.execute(_MAKE_STAGING)
    lines = (rows.lines[trades[one].at] for one in fresh)
    copy_text.copy_in(cursor, _COPY_STAGING, text_of(lines))
    cursor.execute(_TRADES_FROM_STAGING)
    return set(cursor.fetchall())


def _lost_ones(cursor: Cursor, known: Mapping[TradeId, Trade]) -> set[TradeId]:
    """Of trades whose ids are known, those whose ticks are gone; the claims move to these."""
    if not known:
        return set()
    cursor.execute(_ORPHANS, _identities(known))
    lost = set(cursor.fetchall())
    if lost:
        times = copy_text.array(copy_text.timestamp(known[one].event_us) for one in lost)
        cursor.execute(_MOVE_CLAIMS, (*_identities(lost), times))
    return lost


def _identities(trades: Collection[TradeId]) -> tuple[str, str]:
    """As two arrays, in one order."""
    ids, keys = zip(*trades, strict=True)
    return copy_text.array(ids), copy_text.array(map(str, keys))


def _write_by_staging(cursor: Cursor, text: bytes) -> int:
    cursor.execute(_MAKE_STAGING)
    copy_text.copy_in(cursor, _COPY_STAGING, text)
    cursor.execute(_FROM_STAGING)
    return int(cursor.rowcount)
