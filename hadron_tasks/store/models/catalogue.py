"""What exchanges tell beside instruments: series, events, codes, documents."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped, mapped_column

from hadron_tasks.store.models.base import NOW, Base, Dated


class Series(Dated, Base):
    """A Kalshi series: the template that events are made from."""

    __tablename__ = "series"

    ticker: Mapped[str] = mapped_column(primary_key=True)
    title: Mapped[str | None]
    category: Mapped[str | None]
    frequency: Mapped[str | None]
    tags: Mapped[list[Any]] = mapped_column(server_default=text("'[]'::jsonb"))
    fee_type: Mapped[str | None]
    fee_multiplier: Mapped[Decimal | None]
    external_ref: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"))


class Event(Dated, Base):
    """A Kalshi event: one real-world occurrence, with its markets."""

    __tablename__ = "events"
    __table_args__ = (Index("ix_events_updated_at", "updated_at"),)

    event_ticker: Mapped[str] = mapped_column(primary_key=True)
    series_ticker: Mapped[str | None] = mapped_column(index=True)
    described_at: Mapped[datetime | None]
    """As for an instrument."""
    title: Mapped[str | None]
    sub_title: Mapped[str | None]
    category: Mapped[str | None]
    mutually_exclusive: Mapped[bool | None]
    collateral_return_type: Mapped[str | None]
    fee_type_override: Mapped[str | None]
    fee_multiplier_override: Mapped[Decimal | None]
    strike_date: Mapped[datetime | None]
    external_ref: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"))


class LearntCodeRow(Base):
    """What a code in tickers means, as a market's own words told."""

    __tablename__ = "learnt_codes"

    scope: Mapped[str] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    learnt_from: Mapped[str]
    """The ticker of the market that told."""
    learnt_at: Mapped[datetime] = mapped_column(server_default=NOW)


class ReferenceDocument(Base):
    """What a venue tells about itself in one piece: its schedule, its search tags."""

    __tablename__ = "reference_documents"

    venue: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    document: Mapped[dict[str, Any]]
    changed_at: Mapped[datetime] = mapped_column(server_default=NOW)
    """When it was last different from before."""
    fetched_at: Mapped[datetime] = mapped_column(server_default=NOW)
