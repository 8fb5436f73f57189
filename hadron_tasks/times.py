"""Unix nanoseconds and aware UTC datetimes, converted without going through floats."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def from_ns(nanoseconds: int) -> datetime:
    """Nanoseconds since the Unix epoch as a UTC datetime, to the microsecond."""
    return EPOCH + timedelta(microseconds=nanoseconds // 1000)


def to_ns(moment: datetime) -> int:
    """An aware datetime as nanoseconds since the Unix epoch."""
    return (moment - EPOCH) // timedelta(microseconds=1) * 1000
