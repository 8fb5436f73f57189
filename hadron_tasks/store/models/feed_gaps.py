"""The holes in the feeds, and what became of each channel of them."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from hadron_tasks.store.models.base import Base, Dated


class FeedGapRow(Dated, Base):
    """A hole in what an exchange sent to us, and what became of it."""

    __tablename__ = "feed_gaps"
    __table_args__ = (
        CheckConstraint("state IN ('open', 'backfilled', 'unrecoverable')", name="state"),
        Index("ix_feed_gaps_venue_from", "venue", "from_time"),
        Index("ix_feed_gaps_open", "venue", "to_time", postgresql_where=text("state = 'open'")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    venue: Mapped[str]
    connection: Mapped[str]
    channel: Mapped[str | None]
    carried: Mapped[list[Any] | None]
    """What the connection carried, where the gap is of a whole connection and that is known."""
    tickers: Mapped[list[Any] | None]
    """The only instruments it concerns, where that is known."""
    sid: Mapped[int | None]
    cause: Mapped[str]
    from_time: Mapped[datetime]
    to_time: Mapped[datetime]
    from_seq: Mapped[int | None]
    to_seq: Mapped[int | None]
    missing: Mapped[int | None]
    state: Mapped[str] = mapped_column(server_default="open")
    """``backfilled`` when all that it lost was recovered; ``unrecoverable`` when some of it never
    will be, although its trades may have been: see ``gap_channels``."""
    backfill_id: Mapped[int | None] = mapped_column(ForeignKey("backfills.id"), index=True)
    """The run that fetches its trades."""
    detail: Mapped[str] = mapped_column(server_default="")


class GapChannel(Base):
    """One channel of a gap: whether what it lost was recovered, how much, or why not."""

    __tablename__ = "gap_channels"
    __table_args__ = (
        CheckConstraint("state IN ('open', 'backfilled', 'unrecoverable')", name="state"),
    )

    gap_id: Mapped[UUID] = mapped_column(
        ForeignKey("feed_gaps.id", ondelete="CASCADE"), primary_key=True
    )
    channel: Mapped[str] = mapped_column(primary_key=True)
    state: Mapped[str] = mapped_column(server_default="open")
    reason: Mapped[str] = mapped_column(server_default="")
    fetched: Mapped[int] = mapped_column(server_default="0")
    """Trades that the exchange told of within the gap."""
    stored: Mapped[int] = mapped_column(server_default="0")
    """Of these, those that were not stored before: what the gap had lost."""
