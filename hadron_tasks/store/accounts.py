"""What became of every frame, counted in the transaction that stored it; and the feed's gaps."""

from __future__ import annotations

from dataclasses import astuple, dataclass, fields
from datetime import datetime

from psycopg2.extensions import cursor as Cursor  # noqa: N812
from psycopg2.extras import Json, execute_values

from hadron_tasks.raw_stream import FeedGap
from hadron_tasks.times import from_ns


@dataclass(slots=True)
class Counts:
    """Frames read, and what their messages became. A Polygon frame holds several messages."""

    frames: int = 0
    ticks: int = 0
    """Written."""
    duplicates: int = 0
    """Not written, because they were stored already."""
    lifecycle: int = 0
    control: int = 0
    unknown: int = 0
    dead_letters: int = 0
    gaps: int = 0

    def add(self, other: Counts) -> None:
        """Add another's counts to these."""
        for field in fields(self):
            name = field.name
            setattr(self, name, getattr(self, name) + getattr(other, name))

    def minus(self, other: Counts) -> Counts:
        """What these counts are above another's."""
        return Counts(
            *(mine - theirs for mine, theirs in zip(astuple(self), astuple(other), strict=True))
        )


_COUNT_COLUMNS = [field.name for field in fields(Counts)]
_ADD_COUNTS = f"""
    INSERT INTO ingest_counts AS c (venue, minute, worker, {", ".join(_COUNT_COLUMNS)})
    VALUES ({", ".join(["%s"] * (3 + len(_COUNT_COLUMNS)))})
    ON CONFLICT (venue, minute, worker) DO UPDATE SET
    {", ".join(f"{name} = c.{name} + EXCLUDED.{name}" for name in _COUNT_COLUMNS)}
"""  # noqa: S608 - column names are this module's own
_TOTAL_COUNTS = f"""
    SELECT {", ".join(f"coalesce(sum({name}), 0)::bigint" for name in _COUNT_COLUMNS)}
    FROM ingest_counts WHERE venue = %s
"""  # noqa: S608 - column names are this module's own
_ADD_UNKNOWN = """
    INSERT INTO unknown_messages AS u
        (venue, message_type, count, first_seen_at, last_seen_at, sample)
    VALUES %s
    ON CONFLICT (venue, message_type) DO UPDATE SET
        count = u.count + EXCLUDED.count,
        last_seen_at = GREATEST(u.last_seen_at, EXCLUDED.last_seen_at)
"""
_COUNTED_SINCE = "SELECT min(minute) FROM ingest_counts WHERE venue = %s"
_ADD_GAPS = """
    INSERT INTO feed_gaps (id, venue, connection, channel, carried, sid, cause, from_time,
                           to_time, from_seq, to_seq, missing, detail)
    VALUES %s ON CONFLICT (id) DO NOTHING
"""


def add_counts(cursor: Cursor, venue: str, worker: str, now: datetime, counts: Counts) -> None:
    """Add a batch's counts to the account of this venue, minute and worker."""
    minute = now.replace(second=0, microsecond=0)
    cursor.execute(_ADD_COUNTS, (venue, minute, worker, *astuple(counts)))


def total_counts(cursor: Cursor, venue: str) -> Counts:
    """A venue's counts since the beginning of time."""
    cursor.execute(_TOTAL_COUNTS, (venue,))
    return Counts(*(cursor.fetchone() or ()))


def add_unknown(
    cursor: Cursor, venue: str, now: datetime, unknown: dict[str, tuple[int, bytes]]
) -> None:
    """Count messages of unknown types; keeps the first frame of each as a sample.

    Args:
        unknown: Message type to how many came and a frame that holds one.
    """
    if unknown:
        execute_values(
            cursor,
            _ADD_UNKNOWN,
            [
                (venue, name, count, now, now, sample)
                for name, (count, sample) in sorted(unknown.items())
            ],
        )


def counted_since(cursor: Cursor, venue: str) -> datetime | None:
    """The minute in which the venue's first frame was stored; None before that."""
    cursor.execute(_COUNTED_SINCE, (venue,))
    minute: datetime | None
    (minute,) = cursor.fetchone() or (None,)
    return minute


def add_gaps(cursor: Cursor, gaps: list[FeedGap]) -> None:
    """Record gaps; one that is there already stays as it is."""
    by_id = {str(gap.gap_id): gap for gap in gaps}
    if by_id:
        execute_values(
            cursor,
            _ADD_GAPS,
            [
                (
                    gap_id,
                    gap.venue,
                    gap.connection,
                    gap.channel,
                    None if gap.carried is None else Json(list(gap.carried)),
                    gap.sid,
                    gap.cause,
                    from_ns(gap.from_ns),
                    from_ns(gap.to_ns),
                    gap.from_seq,
                    gap.to_seq,
                    gap.missing,
                    gap.detail,
                )
                for gap_id, gap in sorted(by_id.items())
            ],
        )
