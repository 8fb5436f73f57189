"""Gaps and what becomes of them: taken to be filled, settled, read by people."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg2.extensions import connection as PgConnection  # noqa: N812
from psycopg2.extensions import cursor as Cursor  # noqa: N812
from psycopg2.extras import Json, execute_values


@dataclass(frozen=True, slots=True)
class Gap:
    """A row of ``feed_gaps``."""

    id: str
    venue: str
    connection: str
    channel: str | None
    carried: list[str] | None
    tickers: list[str] | None
    sid: int | None
    cause: str
    from_time: datetime
    to_time: datetime
    from_seq: int | None
    to_seq: int | None
    missing: int | None
    state: str
    backfill_id: int | None
    detail: str
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class ChannelOfGap:
    """A row of ``gap_channels``."""

    gap_id: str
    channel: str
    state: str
    reason: str = ""
    fetched: int = 0
    stored: int = 0


@dataclass(frozen=True, slots=True)
class FoundGap:
    """A gap that a comparison found; it has no connection of its own."""

    id: UUID
    venue: str
    channel: str
    tickers: Sequence[str] | None
    """None for all."""
    cause: str
    from_time: datetime
    to_time: datetime
    missing: int
    detail: str


@dataclass(frozen=True, slots=True)
class Recovered:
    """What a page brought for one gap."""

    gap_id: str
    fetched: int
    stored: int


_COLUMNS = (
    "id::text, venue, connection, channel, carried, tickers, sid, cause, from_time, to_time,"
    " from_seq, to_seq, missing, state, backfill_id, detail, created_at, updated_at"
)
# Those with nobody at work on them; two that look at once take different ones.
_TAKE_OPEN = f"""
    SELECT {_COLUMNS} FROM feed_gaps
    WHERE venue = %s AND state = 'open' AND backfill_id IS NULL AND to_time <= %s
    ORDER BY to_time LIMIT %s FOR UPDATE SKIP LOCKED
"""  # noqa: S608 - column names are this module's own
_ADD_CHANNELS = """
    INSERT INTO gap_channels (gap_id, channel, state, reason) VALUES %s
    ON CONFLICT (gap_id, channel) DO UPDATE
        SET state = EXCLUDED.state, reason = EXCLUDED.reason, fetched = 0
"""
_ATTACH = """
    UPDATE feed_gaps SET backfill_id = %s, updated_at = now() WHERE id = ANY(%s::uuid[])
"""
_SETTLE = """
    UPDATE feed_gaps g SET state = given.state, updated_at = now()
    FROM (VALUES %s) AS given (id, state) WHERE g.id = given.id::uuid
"""
_ADD_RECOVERED = """
    UPDATE gap_channels c SET fetched = c.fetched + given.fetched, stored = c.stored + given.stored
    FROM (VALUES %s) AS given (gap_id, fetched, stored)
    WHERE c.gap_id = given.gap_id::uuid AND c.state = 'open'
"""
_OF_BACKFILL = f"SELECT {_COLUMNS} FROM feed_gaps WHERE backfill_id = %s"  # noqa: S608 - as above
_END_CHANNELS = """
    UPDATE gap_channels SET reason = why.reason,
        state = CASE WHEN why.reason = '' THEN 'backfilled' ELSE 'unrecoverable' END
    FROM (
        SELECT gap_id, channel,
               concat_ws('; ', nullif(%(reason)s, ''), nullif(reason, '')) AS reason
        FROM gap_channels WHERE state = 'open' AND gap_id = ANY(%(ids)s::uuid[])
    ) AS why
    WHERE gap_channels.gap_id = why.gap_id AND gap_channels.channel = why.channel
"""
_CHANNELS = """
    SELECT gap_id::text, channel, state, reason, fetched, stored FROM gap_channels
    WHERE gap_id = ANY(%s::uuid[]) ORDER BY gap_id, channel
"""
_ADD_FOUND = """
    INSERT INTO feed_gaps (id, venue, connection, channel, tickers, cause, from_time, to_time,
                           missing, detail)
    VALUES %s ON CONFLICT (id) DO NOTHING
"""
_LIST = f"""
    SELECT {_COLUMNS} FROM feed_gaps
    WHERE (%(venue)s::text IS NULL OR venue = %(venue)s)
        AND (%(state)s::text IS NULL OR state = %(state)s)
        AND (%(since)s::timestamptz IS NULL OR to_time >= %(since)s)
    ORDER BY to_time DESC, id LIMIT %(limit)s
"""  # noqa: S608 - column names are this module's own
_COUNT = """
    SELECT count(*) FROM feed_gaps
    WHERE (%(venue)s::text IS NULL OR venue = %(venue)s)
        AND (%(state)s::text IS NULL OR state = %(state)s)
        AND (%(since)s::timestamptz IS NULL OR to_time >= %(since)s)
"""
_FIND = f"""
    SELECT {_COLUMNS} FROM feed_gaps WHERE id::text LIKE %s ORDER BY to_time DESC LIMIT 2
"""  # noqa: S608 - as above
_REOPEN = """
    UPDATE feed_gaps SET state = 'open', backfill_id = NULL, updated_at = now()
    WHERE state = 'unrecoverable' AND (%(ids)s::uuid[] IS NULL OR id = ANY(%(ids)s::uuid[]))
        AND backfill_id IN (SELECT id FROM backfills WHERE state = 'refused')
    RETURNING venue
"""


def take_open(cursor: Cursor, venue: str, ended_before: datetime, most: int) -> list[Gap]:
    """Open gaps that nobody is at work on, locked until the transaction ends."""
    cursor.execute(_TAKE_OPEN, (venue, ended_before, most))
    return [Gap(*row) for row in cursor.fetchall()]


def add_channels(cursor: Cursor, channels: Iterable[ChannelOfGap]) -> None:
    """Say what a gap lost, channel by channel; what was said before counts no more."""
    rows = [(each.gap_id, each.channel, each.state, each.reason) for each in channels]
    if rows:
        execute_values(cursor, _ADD_CHANNELS, rows)


def attach(cursor: Cursor, gap_ids: Sequence[str], backfill_id: int) -> None:
    """Say which run fetches the trades of some gaps."""
    cursor.execute(_ATTACH, (backfill_id, list(gap_ids)))


def gaps_of(cursor: Cursor, backfill_id: int) -> list[Gap]:
    """The gaps whose trades a run fetches."""
    cursor.execute(_OF_BACKFILL, (backfill_id,))
    return [Gap(*row) for row in cursor.fetchall()]


def add_recovered(cursor: Cursor, recovered: Sequence[Recovered]) -> None:
    """Count what a page brought towards the channels that are being filled."""
    if recovered:
        rows = [(each.gap_id, each.fetched, each.stored) for each in recovered]
        execute_values(cursor, _ADD_RECOVERED, rows)


def end_channels(cursor: Cursor, gap_ids: Sequence[str], reason: str = "") -> None:
    """Settle the channels of some gaps that are still open.

    One is recovered unless there is a reason why not all of it is: ``reason``, or its own.
    """
    cursor.execute(_END_CHANNELS, {"ids": list(gap_ids), "reason": reason})


def settle(cursor: Cursor, states: Iterable[tuple[str, str]]) -> None:
    """Set the states of gaps, given by their ids."""
    rows = list(states)
    if rows:
        execute_values(cursor, _SETTLE, rows)


def channels_of(cursor: Cursor, gap_ids: Sequence[str]) -> dict[str, list[ChannelOfGap]]:
    """Gap id to its channels; nothing is known of a gap that has not been looked at."""
    found: dict[str, list[ChannelOfGap]] = {gap_id: [] for gap_id in gap_ids}
    if gap_ids:
        cursor.execute(_CHANNELS, (list(gap_ids),))
        for row in cursor.fetchall():
            found[row[0]].append(ChannelOfGap(*row))
    return found


def add_found(cursor: Cursor, gaps: Sequence[FoundGap]) -> None:
    """Record gaps that a comparison found; one that is there already stays as it is."""
    if gaps:
        execute_values(
            cursor,
            _ADD_FOUND,
            [
                (
                    str(gap.id),
                    gap.venue,
                    gap.cause,
                    gap.channel,
                    None if gap.tickers is None else Json(list(gap.tickers)),
                    gap.cause,
                    gap.from_time,
                    gap.to_time,
                    gap.missing,
                    gap.detail,
                )
                for gap in gaps
            ],
        )


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which gaps are meant; what is left None does not matter."""

    venue: str | None = None
    state: str | None = None
    since: datetime | None = None
    """Those that ended since."""

    def values(self) -> dict[str, Any]:
        """For a query."""
        return {"venue": self.venue, "state": self.state, "since": self.since}


def listed(
    connection: PgConnection, wanted: Wanted, most: int
) -> tuple[list[tuple[Gap, list[ChannelOfGap]]], int]:
    """Gaps with their channels, the newest first, and how many there are in all."""
    with connection, connection.cursor() as cursor:
        cursor.execute(_LIST, {**wanted.values(), "limit": most})
        gaps = [Gap(*row) for row in cursor.fetchall()]
        cursor.execute(_COUNT, wanted.values())
        (count,) = cursor.fetchone() or (0,)
        channels = channels_of(cursor, [gap.id for gap in gaps])
    return [(gap, channels[gap.id]) for gap in gaps], int(count)


def found_by(connection: PgConnection, beginning: str) -> list[tuple[Gap, list[ChannelOfGap]]]:
    """Up to two gaps whose id begins so."""
    literally = beginning.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    with connection, connection.cursor() as cursor:
        cursor.execute(_FIND, (f"{literally}%",))
        gaps = [Gap(*row) for row in cursor.fetchall()]
        channels = channels_of(cursor, [gap.id for gap in gaps])
    return [(gap, channels[gap.id]) for gap in gaps]


def reopen(connection: PgConnection, gap_ids: Sequence[str] | None) -> list[str]:
    """Let gaps be filled whose trades the exchange refused to give; None for all of them.

    Returns:
        The venue of each.
    """
    with connection, connection.cursor() as cursor:
        cursor.execute(_REOPEN, {"ids": None if gap_ids is None else list(gap_ids)})
        return [venue for (venue,) in cursor.fetchall()]
