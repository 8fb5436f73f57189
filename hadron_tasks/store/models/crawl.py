"""Crawls of an exchange's REST metadata: their parts, and what they saw."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Identity, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from hadron_tasks.store.models.base import NOW, Base


class CrawlRun(Base):
    """One crawl of a venue's REST metadata; its work is in its parts."""

    __tablename__ = "crawl_runs"
    __table_args__ = (
        CheckConstraint(
            "status IN ('running', 'complete', 'incomplete', 'stopped')", name="status"
        ),
        # One crawl of a kind at a time, whoever starts it.
        Index(
            "uq_crawl_runs_running",
            "venue",
            "kind",
            "scope",
            unique=True,
            postgresql_where=text("status = 'running'"),
        ),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    venue: Mapped[str]
    kind: Mapped[str]
    """``full``, ``incremental``, ``combos``, ``series``."""
    scope: Mapped[str] = mapped_column(server_default="")
    """The series that the crawl is narrowed to, if it is."""
    status: Mapped[str] = mapped_column(server_default="running")
    """``incomplete`` has ended, but lost pages: the parts' ``missing`` says which."""
    since: Mapped[datetime | None]
    """Only what changed after then was asked for; null for everything."""
    started_at: Mapped[datetime] = mapped_column(server_default=NOW)
    finished_at: Mapped[datetime | None]


class CrawlPart(Base):
    """One list that a crawl reads page by page, resumable by its cursor.

    The cursor is written in the transaction that stores the page's rows, so a part that was
    interrupted goes on exactly after the last page that is stored.
    """

    __tablename__ = "crawl_parts"
    __table_args__ = (
        CheckConstraint(
            "status IN ('waiting', 'running', 'resting', 'complete', 'broken')", name="status"
        ),
        Index(
            "ix_crawl_parts_due",
            "due_at",
            postgresql_where=text("status = 'running'"),
        ),
    )

    run_id: Mapped[int] = mapped_column(
        ForeignKey("crawl_runs.id", ondelete="CASCADE"), primary_key=True
    )
    part: Mapped[str] = mapped_column(primary_key=True)
    stage: Mapped[int]
    """Parts of a stage begin when those of the stages before have ended."""
    status: Mapped[str] = mapped_column(server_default="waiting")
    """``resting``: its budget is used up, the next run of its schedule goes on."""
    cursor: Mapped[str] = mapped_column(server_default="")
    """Where the next page begins; empty for the first."""
    landmark: Mapped[str] = mapped_column(server_default="")
    """A cursor from before: one that comes again means that the exchange goes round in circles."""
    pages: Mapped[int] = mapped_column(server_default="0")
    """Pages stored, which is also the number of the next one."""
    seen: Mapped[int] = mapped_column(server_default="0")
    changed: Mapped[int] = mapped_column(server_default="0")
    """Rows written: new ones, and those that were different."""
    requests: Mapped[int] = mapped_column(server_default="0")
    """Sent to the exchange, retries included."""
    unreadable: Mapped[int] = mapped_column(server_default="0")
    """Items left out because they could not be read or stored; samples are in ``notes``."""
    failures: Mapped[int] = mapped_column(server_default="0")
    """In a row, of the page that is next."""
    resent: Mapped[int] = mapped_column(server_default="0")
    """In a row: how often the task of the page that is next was sent again, none being heard of."""
    restarts: Mapped[int] = mapped_column(server_default="0")
    """How often it began again from the first page because its cursor was no longer taken."""
    rest_at_page: Mapped[int | None]
    """The page before which it rests."""
    error: Mapped[str] = mapped_column(server_default="")
    """What the last attempt met; empty after one that succeeded."""
    missing: Mapped[list[Any]] = mapped_column(server_default=text("'[]'::jsonb"))
    """What could not be had, each with the page, its cursor and the error."""
    notes: Mapped[list[Any]] = mapped_column(server_default=text("'[]'::jsonb"))
    due_at: Mapped[datetime] = mapped_column(server_default=NOW)
    """When the task of the next page should begin; long past, it was lost."""
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]


class CrawlSeen(Base):
    """The instruments that a page of a crawl listed: what is open and in no page has vanished.

    One row a page, so that a million unchanged instruments cost a thousand rows, and not one of
    their own is written.
    """

    __tablename__ = "crawl_seen"

    run_id: Mapped[int] = mapped_column(primary_key=True)
    part: Mapped[str] = mapped_column(primary_key=True)
    page: Mapped[int] = mapped_column(primary_key=True)
    tickers: Mapped[list[str]]


class CrawlVanished(Base):
    """An instrument that was open and that a crawl did not list: to be asked for by name."""

    __tablename__ = "crawl_vanished"

    run_id: Mapped[int] = mapped_column(primary_key=True)
    ticker: Mapped[str] = mapped_column(primary_key=True)


class InstrumentLookup(Base):
    """An instrument that the exchange was asked for by name and did not know, or not yet."""

    __tablename__ = "instrument_lookups"

    instrument_id: Mapped[UUID] = mapped_column(
        ForeignKey("instruments.id", ondelete="CASCADE"), primary_key=True
    )
    attempts: Mapped[int] = mapped_column(server_default="1")
    next_at: Mapped[datetime]
    """Not to be asked for before then."""
    error: Mapped[str] = mapped_column(server_default="")
