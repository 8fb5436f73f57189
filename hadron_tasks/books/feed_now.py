"""What the streamers are doing now, as far as a book's trust depends on it.

Gap records tell of the holes that are over. A hole that is still open, and frames that wait to be
stored, only Redis knows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import redis

from hadron_tasks.books.chain import Chain
from hadron_tasks.books.trust import IN_FLIGHT, Doubt, Reason
from hadron_tasks.feed_health import (
    HEALTH_KEY,
    ConnectionHealth,
    ConnectionState,
    is_fresh,
    parse_reports,
)
from hadron_tasks.raw_stream import parse_entries, stream_key
from hadron_tasks.times import from_ns

IN_MEMORY = timedelta(seconds=1)
"""How long a frame may be in a streamer's memory, on no record anywhere; longer, and the streamer
writes it to its spool and says so."""


@dataclass(frozen=True, slots=True)
class FeedNow:
    """A venue's feed at the moment of asking."""

    open_holes: Mapping[str, datetime | None]
    """Of each connection that reports or reported: since when something of it is missing."""
    stored_until: datetime
    """Every frame received before it was stored when this was asked."""
    spooling: frozenset[str] = frozenset()
    """Connections with frames on a streamer's disk: of these nobody knows how old they are."""


def read_feed_now(client: redis.Redis, venue: str) -> FeedNow | None:
    """The state of a venue's feed; None when Redis cannot be asked.

    Ask before reading the database: what is stored by then is what this tells of.
    """
    asked_at = datetime.now(UTC)
    try:
        stored: dict[bytes, bytes] = client.hgetall(HEALTH_KEY)  # type: ignore[assignment]
        oldest = client.xrange(stream_key(venue), count=1)
    except redis.RedisError:
        return None
    mine = [report for report in parse_reports(stored.values()) if report.venue == venue]
    return FeedNow(
        open_holes={report.connection: _open_since(report) for report in mine},
        stored_until=min(_received(oldest) or asked_at, asked_at - IN_MEMORY),
        spooling=frozenset(report.connection for report in mine if report.spool_bytes),
    )


def doubts_of_feed(
    chain: Chain, feed: FeedNow | None, last_stored: datetime | None, at: datetime
) -> list[Reason]:
    """What the state of the feed now casts doubt on.

    Args:
        chain: What the book is rebuilt from.
        feed: None when it could not be asked.
        last_stored: When something of the venue was last stored.
        at: The book's time.
    """
    name = chain.connection
    reasons = []
    if feed is None or name not in feed.open_holes:
        # Its streamer may live or not: what was stored is all that vouches for it.
        vouched = max(filter(None, (last_stored, chain.anchor.received_at)))
        if at > vouched:
            why = "Redis cannot be asked" if feed is None else f"{name} was never heard of"
            words = f"nothing was stored since, and {why}"
            reasons.append(Reason(Doubt.SILENCE, vouched, words))
    elif (hole := feed.open_holes[name]) is not None and at + IN_FLIGHT > hole:
        words = f"{name} is down, or its streamer is"
        reasons.append(Reason(Doubt.OPEN_HOLE, min(hole, at), words))
    if feed is not None and name in feed.spooling:
        words = f"frames of {name} wait on its streamer's disk"
        reasons.append(Reason(Doubt.WAITING_FRAMES, chain.last_received, words))
    return reasons


def _open_since(report: ConnectionHealth) -> datetime | None:
    if report.hole_from_ns is not None:
        return from_ns(report.hole_from_ns)
    if report.state is ConnectionState.LIVE and is_fresh(report):
        return None
    return from_ns(report.reported_ns)


def _received(oldest: object) -> datetime | None:
    """The receive time of the first frame in the reply to XRANGE; None for an empty stream."""
    if not isinstance(oldest, list) or not oldest:
        return None
    entry_id, fields = oldest[0]
    try:
        return from_ns(parse_entries(fields)[0].received_ns)
    except (KeyError, ValueError, IndexError):
        return from_ns(int(entry_id.partition(b"-")[0]) * 1_000_000)
