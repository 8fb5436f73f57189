"""Prices held against each other: the underlying's, and other markets'."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Identity, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from hadron_tasks.store.models.base import NOW, Base


class PriceReconciliation(Base):
    """A prediction market's price beside the one its underlying implies, with the inputs."""

    __tablename__ = "price_reconciliations"
    __table_args__ = (Index("ix_price_reconciliations_computed_at", "computed_at"),)

    instrument_id: Mapped[UUID] = mapped_column(primary_key=True)
    computed_at: Mapped[datetime] = mapped_column(primary_key=True)
    underlying_id: Mapped[UUID]
    spot: Mapped[Decimal | None]
    market_probability: Mapped[Decimal | None]
    model_probability: Mapped[Decimal | None]
    difference: Mapped[Decimal | None]
    inputs: Mapped[dict[str, Any]]


class ArbitrageOpportunity(Base):
    """A set of prices that would have paid whatever happened; logged, never traded."""

    __tablename__ = "arbitrage_opportunities"
    __table_args__ = (
        Index(
            "ix_arbitrage_opportunities_live",
            "fingerprint",
            unique=True,
            postgresql_where=text("closed_at IS NULL"),
        ),
        Index("ix_arbitrage_opportunities_last_seen_at", "last_seen_at"),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    kind: Mapped[str]
    fingerprint: Mapped[str] = mapped_column(index=True)
    """Kind and legs: one row lives for each at a time."""
    scope: Mapped[str] = mapped_column(server_default="")
    """The group of markets it was found in, or the market."""
    assumption: Mapped[str] = mapped_column(server_default="")
    """What has to be true for it, in words."""
    legs: Mapped[list[Any]]
    """What to buy: ticker, side, price, size offered, and the quote behind it."""
    pays: Mapped[Decimal] = mapped_column(server_default="0")
    """What one set pays at least, dollars."""
    profit_per_set: Mapped[Decimal]
    sets: Mapped[Decimal]
    """How many the books offered."""
    fees: Mapped[Decimal] = mapped_column(server_default="0")
    profit: Mapped[Decimal] = mapped_column(server_default="0")
    """Of all sets after fees, dollars, when it was last seen."""
    best_profit: Mapped[Decimal] = mapped_column(server_default="0")
    best_seen_at: Mapped[datetime | None]
    detail: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"))
    first_seen_at: Mapped[datetime] = mapped_column(server_default=NOW)
    last_seen_at: Mapped[datetime] = mapped_column(server_default=NOW)
    closed_at: Mapped[datetime | None]
