"""The record of market data, and the newest of it."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from hadron_tasks.store.models.base import Base


class Tick(Base):
    """One normalised market-data message; partitioned by day of ``event_time`` (UTC).

    The primary key makes writing exactly-once and is the index people query by.
    """

    __tablename__ = "ticks"
    __table_args__ = ({"postgresql_partition_by": "RANGE (event_time)"},)

    # No foreign key to instruments: it would cost a lookup for every row of the hot path, which
    # resolves instruments in the same transaction anyway.
    instrument_id: Mapped[UUID] = mapped_column(primary_key=True)
    event_time: Mapped[datetime] = mapped_column(primary_key=True)
    event_key: Mapped[int] = mapped_column(primary_key=True)
    received_at: Mapped[datetime]
    venue: Mapped[str]
    tick_type: Mapped[str]
    price: Mapped[Decimal | None]
    raw_price: Mapped[str | None]
    size: Mapped[Decimal | None]
    side: Mapped[str | None]
    bid: Mapped[Decimal | None]
    ask: Mapped[Decimal | None]
    bid_size: Mapped[Decimal | None]
    ask_size: Mapped[Decimal | None]
    sequence: Mapped[int | None]
    # "metadata" is taken by SQLAlchemy's declarative classes.
    metadata_: Mapped[dict[str, Any] | None] = mapped_column("metadata")


class TradeKey(Base):
    """The trades already stored, by id alone: the same trade may come with another time."""

    __tablename__ = "trade_keys"
    __table_args__ = (Index("ix_trade_keys_event_time", "event_time", postgresql_using="brin"),)

    instrument_id: Mapped[UUID] = mapped_column(primary_key=True)
    trade_key: Mapped[int] = mapped_column(primary_key=True)
    event_time: Mapped[datetime]


class LatestQuote(Base):
    """The newest state of an instrument: its last quote and its last trade."""

    __tablename__ = "latest_quotes"
    __table_args__ = ({"postgresql_with": {"fillfactor": 90}},)

    instrument_id: Mapped[UUID] = mapped_column(primary_key=True)
    venue: Mapped[str]
    price: Mapped[Decimal | None]
    """The price that the newest priced tick stated, by the priority HadronTick documents."""
    price_time: Mapped[datetime | None]
    bid: Mapped[Decimal | None]
    ask: Mapped[Decimal | None]
    bid_size: Mapped[Decimal | None]
    ask_size: Mapped[Decimal | None]
    quote_time: Mapped[datetime | None]
    last_trade_price: Mapped[Decimal | None]
    last_trade_size: Mapped[Decimal | None]
    last_trade_time: Mapped[datetime | None]
    received_at: Mapped[datetime]
    room: Mapped[str | None] = mapped_column(server_default=" " * 48)
    """Blanks in a new row, nothing once it has changed.

    PostgreSQL searches a page for old versions of rows whenever less of it is free than the fill
    factor asks for. Rows packed up to just that leave it so for ever: it would search at every
    change. Where all rows have shrunk, there is room for twenty changes from one search to the next
    (measured with a million markets: these changes take a quarter less time).
    """
