"""Instruments, what they are searched by, and their names at venues."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, SmallInteger, UniqueConstraint, func, text
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlalchemy.orm import Mapped, mapped_column

from hadron_tasks.store.models.base import NOW, Base, Dated


class Instrument(Dated, Base):
    """Something with a price: a market of Kalshi, a stock, an index, a currency pair."""

    __tablename__ = "instruments"
    __table_args__ = (
        UniqueConstraint("primary_source", "ticker"),
        Index(
            "ix_instruments_external_ref",
            "external_ref",
            postgresql_using="gin",
            postgresql_ops={"external_ref": "jsonb_path_ops"},
        ),
        Index(
            "ix_instruments_unnamed",
            "primary_source",
            "created_at",
            postgresql_where=text("display_name IS NULL"),
        ),
        Index("ix_instruments_updated_at", "updated_at"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=func.gen_random_uuid())
    ticker: Mapped[str]
    asset_class: Mapped[str]
    """``other`` for prediction markets; equity, option, index, crypto, forex, future."""
    primary_source: Mapped[str]
    """The venue whose data defines the instrument."""
    venue: Mapped[str]
    name: Mapped[str]
    """``Kalshi Market: {ticker}`` until the exchange's own name is known."""
    display_name: Mapped[str | None]
    status: Mapped[str | None]
    """The exchange's word for it: initialized, active, inactive, closed, determined, finalized."""
    status_at: Mapped[datetime | None]
    """When the status was learnt; an older message does not change a newer status."""
    described_at: Mapped[datetime | None]
    """As of when the venue's last description was so that changed something. Messages received
    before it fill in what it left open, later ones overrule it. Null until it was described."""
    market_type: Mapped[str | None]
    event_ticker: Mapped[str | None] = mapped_column(index=True)
    title: Mapped[str | None]
    yes_sub_title: Mapped[str | None]
    no_sub_title: Mapped[str | None]
    open_time: Mapped[datetime | None]
    close_time: Mapped[datetime | None]
    expected_expiration_time: Mapped[datetime | None]
    strike_type: Mapped[str | None]
    floor_strike: Mapped[Decimal | None]
    cap_strike: Mapped[Decimal | None]
    result: Mapped[str | None]
    settlement_value: Mapped[Decimal | None]
    keywords: Mapped[str | None]
    """The words it is found by, as :mod:`hadron_tasks.store.words` makes them."""
    external_ref: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"))
    """What else is known of it: parsed ticker, rules, legs, price structure."""
    digest: Mapped[int | None]
    """Of what the venue's last description said; a trigger makes it null when anything else changes
    the row. A description with this digest need not be compared."""


class InstrumentSearch(Base):
    """What instruments are searched by, in rows so narrow that many fit a page.

    Triggers on ``instruments`` keep it, so whoever writes there need not know. Each phase has its
    own indexes: what is settled, which over the years is nearly everything, costs the search for
    what is open nothing.
    """

    __tablename__ = "instrument_search"
    __table_args__ = tuple(
        Index(
            f"ix_instrument_search_{name}_{phase}",
            column,
            postgresql_where=text(condition),
            postgresql_using=method,
        )
        for phase, condition in (("unsettled", "phase < 2"), ("settled", "phase = 2"))
        for name, column, method in (("words", "words", "gin"), ("close", "close_time", "btree"))
    )

    instrument_id: Mapped[UUID] = mapped_column(primary_key=True)
    phase: Mapped[int] = mapped_column(SmallInteger)
    """0 open or yet to open, 1 closed and not settled, 2 settled: see the SQL function
    ``instrument_phase``."""
    close_time: Mapped[datetime | None]
    words: Mapped[str] = mapped_column(TSVECTOR)


class InstrumentVenueMapping(Base):
    """An instrument's name at a venue. One instrument may stand on several venues."""

    __tablename__ = "instrument_venue_mapping"
    __table_args__ = (UniqueConstraint("venue", "venue_instrument_id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=func.gen_random_uuid())
    instrument_id: Mapped[UUID] = mapped_column(ForeignKey("instruments.id"), index=True)
    venue: Mapped[str]
    venue_instrument_id: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=NOW)
