"""Rebuilt order books, compared with the exchange's own."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from hadron_tasks.store.models.base import Base


class BookCheckRow(Base):
    """A rebuilt order book compared with the exchange's own."""

    __tablename__ = "book_checks"
    __table_args__ = (Index("ix_book_checks_checked_at", "checked_at"),)

    instrument_id: Mapped[UUID] = mapped_column(primary_key=True)
    checked_at: Mapped[datetime] = mapped_column(primary_key=True)
    agreed: Mapped[bool]
    via: Mapped[str]
    """Connection, life and sid of the messages it was rebuilt from."""
    since: Mapped[datetime]
    """Its snapshot's time, or the last check that agreed: what is wrong went wrong after it."""
    differences: Mapped[list[Any] | None]
    """The levels that differ: side, price, size here, size at the exchange. Null for none."""
