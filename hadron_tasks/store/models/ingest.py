"""What became of the frames that were received."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Mapped, mapped_column

from hadron_tasks.store.models.base import Base


class IngestCount(Base):
    """What became of every frame, counted in the transaction that stored it.

    One row a venue, minute and worker process, so that workers do not wait for each other.
    """

    __tablename__ = "ingest_counts"

    venue: Mapped[str] = mapped_column(primary_key=True)
    minute: Mapped[datetime] = mapped_column(primary_key=True)
    worker: Mapped[str] = mapped_column(primary_key=True)
    frames: Mapped[int] = mapped_column(server_default="0")
    ticks: Mapped[int] = mapped_column(server_default="0")
    duplicates: Mapped[int] = mapped_column(server_default="0")
    lifecycle: Mapped[int] = mapped_column(server_default="0")
    control: Mapped[int] = mapped_column(server_default="0")
    unknown: Mapped[int] = mapped_column(server_default="0")
    dead_letters: Mapped[int] = mapped_column(server_default="0")
    gaps: Mapped[int] = mapped_column(server_default="0")


class UnknownMessage(Base):
    """Message types that no normaliser knows: how many came, and one of them to look at."""

    __tablename__ = "unknown_messages"

    venue: Mapped[str] = mapped_column(primary_key=True)
    message_type: Mapped[str] = mapped_column(primary_key=True)
    count: Mapped[int]
    first_seen_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]
    sample: Mapped[bytes]
    """A frame that holds one, as received."""
