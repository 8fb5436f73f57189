"""Walks through an exchange's trades: to fetch them again, or to compare them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Identity, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from hadron_tasks.store.models.base import NOW, Base


class TradeWalk:
    """What is walked through, and the place where it goes on: see ``backfill.walk``."""

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    venue: Mapped[str]
    origin: Mapped[str]
    """Who asked for it: ``person``; ``gap`` for a backfill, ``schedule`` for an audit."""
    from_time: Mapped[datetime]
    to_time: Mapped[datetime]
    tickers: Mapped[list[Any] | None]
    """Null for every instrument of the venue."""
    state: Mapped[str] = mapped_column(server_default="running")
    ticker_number: Mapped[int] = mapped_column(server_default="0")
    """Which of the tickers (or, for an audit, of the samples) its turn is."""
    slice_from: Mapped[datetime]
    """Where the part of the time begins whose turn is."""
    unreadable: Mapped[int] = mapped_column(server_default="0")
    failures: Mapped[int] = mapped_column(server_default="0")
    """In a row: a page that succeeds sets it back."""
    reason: Mapped[str] = mapped_column(server_default="")
    """What went wrong last, or why it was given up."""
    due_at: Mapped[datetime] = mapped_column(server_default=NOW)
    """When its next page may be asked for by whoever looks."""
    started_at: Mapped[datetime] = mapped_column(server_default=NOW)
    finished_at: Mapped[datetime | None]


class Backfill(TradeWalk, Base):
    """A run that fetches an exchange's trades of some time again."""

    __tablename__ = "backfills"
    __table_args__ = (
        CheckConstraint("state IN ('running', 'complete', 'refused')", name="state"),
        Index("ix_backfills_due", "due_at", postgresql_where=text("state = 'running'")),
        Index("ix_backfills_started_at", "started_at"),
    )

    archived: Mapped[bool] = mapped_column(server_default=text("false"))
    """Whether it is being fetched from the exchange's archive."""
    cursor: Mapped[str] = mapped_column(server_default="")
    """The exchange's, for the next page."""
    pages: Mapped[int] = mapped_column(server_default="0")
    fetched: Mapped[int] = mapped_column(server_default="0")
    stored: Mapped[int] = mapped_column(server_default="0")
    """Trades that were not stored before."""


class Audit(TradeWalk, Base):
    """A comparison of stored trades with the exchange's own."""

    __tablename__ = "audits"
    __table_args__ = (
        CheckConstraint("state IN ('running', 'complete', 'refused', 'stopped')", name="state"),
        Index("ix_audits_due", "due_at", postgresql_where=text("state = 'running'")),
    )

    samples: Mapped[list[Any] | None]
    """Where the minutes begin that are compared, in seconds since the Unix epoch; null for all of
    the time."""
    slice_s: Mapped[int]
    """How long a part is compared at once."""
    compared: Mapped[int] = mapped_column(server_default="0")
    """Trades that the exchange told of."""
    missing: Mapped[int] = mapped_column(server_default="0")
    extra: Mapped[int] = mapped_column(server_default="0")
    different: Mapped[int] = mapped_column(server_default="0")
    gaps: Mapped[int] = mapped_column(server_default="0")
    """Opened because of what was found."""
    findings: Mapped[list[Any]] = mapped_column(server_default=text("'[]'::jsonb"))
    """The first of them, in full."""
