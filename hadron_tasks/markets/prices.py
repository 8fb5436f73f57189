"""What a market can be bought for now: its best prices with the sizes behind them."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from hadron_tasks.markets.fees import FeeSchedule
from hadron_tasks.venues.exact import complement

STALE_AFTER = timedelta(seconds=30)
"""A quote that was not confirmed for so long says nothing about now."""


class Side(StrEnum):
    """The two things that a market sells."""

    YES = "yes"
    NO = "no"

    @property
    def opposite(self) -> Side:
        """The other one."""
        return Side.NO if self is Side.YES else Side.YES


class Offer(NamedTuple):
    """A price at which something can be bought now, and how many contracts of it."""

    price: Decimal
    size: Decimal


class Quote(NamedTuple):
    """The best prices of one market, of YES, in dollars."""

    ticker: str
    bid: Decimal | None
    ask: Decimal | None
    bid_size: Decimal | None
    ask_size: Decimal | None
    received_at: datetime
    """When it was last confirmed."""
    fees: FeeSchedule

    def offer(self, side: Side) -> Offer | None:
        """What buying a side costs; None where nobody offers it.

        A bid for YES at p is an offer of NO at 1 - p.
        """
        if side is Side.YES:
            price, size = self.ask, self.ask_size
        else:
            price = None if self.bid is None else complement(self.bid)
            size = self.bid_size
        if price is None or not size or not 0 < price < 1:
            return None
        return Offer(price, size)

    def is_fresh(self, now: datetime) -> bool:
        """Whether it still says something."""
        return now - self.received_at <= STALE_AFTER
