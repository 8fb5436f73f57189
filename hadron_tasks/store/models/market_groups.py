"""Which markets belong together."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy.orm import Mapped, mapped_column

from hadron_tasks.store.models.base import Base


class MarketGroupMember(Base):
    """A market's place in a group: an event, a game, a ladder of strikes, a combo and its legs.

    What follows from it for two of the members is in the view ``market_relationships``.
    """

    __tablename__ = "market_group_members"

    kind: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    ticker: Mapped[str] = mapped_column(primary_key=True)
    side: Mapped[str] = mapped_column(primary_key=True)
    """``no`` where a combo needs that its leg does not come true; ``yes`` everywhere else."""
    # No foreign key: a combo may come before its legs.
    instrument_id: Mapped[UUID] = mapped_column(index=True)
    position: Mapped[Decimal]
    """Members stand in this order: on a ladder each implies those after it."""
    event_ticker: Mapped[str] = mapped_column(index=True)
    """Of the market that says so: with its event these rows are made anew."""


class MarketGrouping(Base):
    """How far the grouping of a venue's markets has come."""

    __tablename__ = "market_grouping"

    venue: Mapped[str] = mapped_column(primary_key=True)
    grouped_until: Mapped[datetime]
    """Every change of an instrument or event before it is in the groups."""
    version: Mapped[int] = mapped_column(server_default="0")
    """Raised with every change of a group, so that whoever remembers groups forgets them."""
