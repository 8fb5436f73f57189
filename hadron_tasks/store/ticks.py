"""Writing ticks exactly once: plain COPY, and a staging table when a row is there already."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec.structs import astuple
from psycopg2 import errors
from psycopg2.extensions import cursor as Cursor  # noqa: N812

from hadron_tasks.store import copy_text
from hadron_tasks.tick import HadronTick

Row = tuple[str, HadronTick, str]
"""A tick with its instrument's id and, made once for all that is written of it, its line of COPY
text."""

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


def rows_of(ticks: Iterable[tuple[str, HadronTick]]) -> list[Row]:
    """Rows that are ready to be written.

    Args:
        ticks: Each with its instrument's id.
    """
    line = copy_text.tick_line
    return [
        (instrument_id, tick, line(instrument_id, *astuple(tick))) for instrument_id, tick in ticks
    ]


def write_ticks(cursor: Cursor, rows: list[Row]) -> int:
    """Write the ticks that are not stored yet, in the cursor's open transaction.

    Returns:
        How many were written; the others were stored before, or stand twice in ``rows``.
    """
    fresh = _without_known_trades(cursor, rows)
    if not fresh:
        return 0
    lines = text_of(fresh)
    cursor.execute("SAVEPOINT before_copy")
    try:
        copy_text.copy_in(cursor, _COPY_TICKS, lines)
    except errors.UniqueViolation:
        # Some rows are stored already, or stand twice in this batch: delivered again, or a feed
        # received by two connections.
        cursor.execute("ROLLBACK TO SAVEPOINT before_copy")
        return _write_by_staging(cursor, lines)
    return len(fresh)


def text_of(rows: Sequence[Row]) -> bytes:
    """Rows as COPY text, in the order of :data:`~hadron_tasks.store.copy_text.TICK_COLUMNS`.

    Sorted, so by instrument and time: PostgreSQL finds the place in the index of one row near that
    of the row before (measured: a fifth less of its time for a frame), and two batches with the
    same rows take them in one order.
    """
    return "".join(sorted([line for _, _, line in rows])).encode()


def _without_known_trades(cursor: Cursor, rows: list[Row]) -> list[Row]:
    """Drop trades whose id is stored; claim the ids of the others for this transaction."""
    given = [row for row in rows if row[1].trade_key is not None]
    trades = {(instrument_id, tick.trade_key): tick for instrument_id, tick, _ in given}
    if not trades:
        return rows
    cursor.execute(
        _CLAIM_TRADES,
        (
            _array(instrument_id for instrument_id, _ in trades),
            _array(str(trade_key) for _, trade_key in trades),
            _array(copy_text.timestamp(tick.event_us) for tick in trades.values()),
        ),
    )
    if cursor.rowcount == len(given):
        return rows  # nearly always: none is known, and none came twice
    claimed = set(cursor.fetchall())
    chosen = {key: tick for key, tick in trades.items() if key in claimed}
    # `is`: of one trade that came twice with different times, the one claimed is kept.
    return [
        row
        for row in rows
        if row[1].trade_key is None or chosen.get((row[0], row[1].trade_key)) is row[1]
    ]


def _array(values: Iterable[str]) -> str:
    """Ids, numbers or times as the text of an array.

    A list would be written out as an expression for each value, which PostgreSQL reads one by one.
    """
    return f"{{{','.join(values)}}}"


def write_trades(cursor: Cursor, rows: list[Row]) -> list[Row]:
    """Write the trades that are not stored yet, in the cursor's open transaction.

    A trade whose id is known although its tick is gone is written again: unlike
    :func:`write_ticks`, which must be quick, this looks.

    Args:
        rows: Each with a ``trade_key``.

    Returns:
        Those that were written.
    """
    given = {(row[0], row[1].trade_key): row for row in rows}
    fresh = _without_known_trades(cursor, list(given.values()))
    for instrument_id, tick, _ in fresh:
        del given[(instrument_id, tick.trade_key)]
    fresh += _lost_ones(cursor, given)
    if not fresh:
        return []
    cursor.execute(_MAKE_STAGING)
    copy_text.copy_in(cursor, _COPY_STAGING, text_of(fresh))
    cursor.execute(_TRADES_FROM_STAGING)
    written = set(cursor.fetchall())
    return [row for row in fresh if (row[0], row[1].event_key) in written]


def _lost_ones(cursor: Cursor, known: dict[tuple[str, int | None], Row]) -> list[Row]:
    """Of trades whose ids are known, those whose ticks are gone; the claims move to these."""
    if not known:
        return []
    cursor.execute(_ORPHANS, ([each for each, _ in known], [key for _, key in known]))
    lost = [known[identity] for identity in cursor.fetchall()]
    if lost:
        times = [copy_text.timestamp(tick.event_us) for _, tick, _ in lost]
        cursor.execute(
            _MOVE_CLAIMS, ([row[0] for row in lost], [row[1].trade_key for row in lost], times)
        )
    return lost


def _write_by_staging(cursor: Cursor, lines: bytes) -> int:
    cursor.execute(_MAKE_STAGING)
    copy_text.copy_in(cursor, _COPY_STAGING, lines)
    cursor.execute(_FROM_STAGING)
    return int(cursor.rowcount)
