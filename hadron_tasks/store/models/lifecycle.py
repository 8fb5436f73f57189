"""What exchanges send about instruments and events themselves."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from hadron_tasks.store.models.base import Base


class LifecycleEventRow(Base):
    """A message about an instrument or event itself, as it came."""

    __tablename__ = "lifecycle_events"
    __table_args__ = (Index("ix_lifecycle_events_ticker", "venue", "ticker", "received_at"),)

    venue: Mapped[str] = mapped_column(primary_key=True)
    event_key: Mapped[int] = mapped_column(primary_key=True)
    ticker: Mapped[str | None]
    event_ticker: Mapped[str | None] = mapped_column(index=True)
    kind: Mapped[str]
    sequence: Mapped[int | None]
    received_at: Mapped[datetime]
    payload: Mapped[dict[str, Any]]
