"""What failed for good."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Identity, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from hadron_tasks.store.models.base import NOW, Base


class DeadLetter(Base):
    """A frame or task that failed for good, with all that is needed to try it again."""

    __tablename__ = "dead_letters"
    __table_args__ = (
        CheckConstraint("kind IN ('message', 'task')", name="kind"),
        CheckConstraint("status IN ('dead', 'retrying', 'resolved', 'discarded')", name="status"),
        UniqueConstraint("identity"),
        Index("ix_dead_letters_status_fingerprint", "status", "fingerprint"),
        Index("ix_dead_letters_first_failed_at", "first_failed_at"),
        Index(
            "ix_dead_letters_retried_at",
            "retried_at",
            postgresql_where=text("status = 'retrying'"),
        ),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    kind: Mapped[str]
    identity: Mapped[bytes]
    """What makes it one letter however often it fails: digest of frame and receive time, or the
    task's id."""
    fingerprint: Mapped[str]
    """Same error at the same place: what letters are grouped by."""
    venue: Mapped[str | None]
    connection: Mapped[str | None]
    raw_frame: Mapped[bytes | None]
    """The frame, whole, as received; not necessarily UTF-8."""
    received_at_ns: Mapped[int | None]
    """Receive time of the frame, Unix nanoseconds: to the digit, so that a retry has the same."""
    task_id: Mapped[str | None]
    task_name: Mapped[str | None]
    args: Mapped[list[Any] | None]
    kwargs: Mapped[dict[str, Any] | None]
    queue: Mapped[str | None]
    error_type: Mapped[str]
    message: Mapped[str]
    place: Mapped[str] = mapped_column(server_default="")
    traceback: Mapped[str] = mapped_column(server_default="")
    attempts: Mapped[int] = mapped_column(server_default="1")
    status: Mapped[str] = mapped_column(server_default="dead")
    first_failed_at: Mapped[datetime] = mapped_column(server_default=NOW)
    last_failed_at: Mapped[datetime] = mapped_column(server_default=NOW)
    retried_at: Mapped[datetime | None]
    """When it was last sent again."""
