"""The order book of one market: bids on both outcomes, in exact decimals. Pure.

Both sides are bids: a NO bid at q is a YES ask at 1 - q, so the book's asks are implied.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Literal, NamedTuple

from hadron_tasks.venues.exact import complement, difference, total

Side = Literal["yes", "no"]

_NOTHING = Decimal(0)


class Level(NamedTuple):
    """What rests at one price."""

    price: Decimal
    """Dollars, 0 to 1 for a prediction market; quote currency elsewhere."""
    size: Decimal
    """Contracts, or units of the base currency."""


class Ladder(NamedTuple):
    """A book as people read it: bids and asks of one thing, the best of each first."""

    bids: tuple[Level, ...]
    asks: tuple[Level, ...]

    @property
    def best_bid(self) -> Level | None:
        """The highest bid."""
        return self.bids[0] if self.bids else None

    @property
    def best_ask(self) -> Level | None:
        """The lowest ask."""
        return self.asks[0] if self.asks else None

    @property
    def spread(self) -> Decimal | None:
        """Best ask less best bid; None where a side is empty."""
        if not self.bids or not self.asks:
            return None
        return difference(self.asks[0].price, self.bids[0].price)

    @property
    def is_crossed(self) -> bool:
        """Whether the best bid reaches the best ask: they would have traded."""
        spread = self.spread
        return spread is not None and spread <= 0


class OrderBook:
    """The resting bids of a market, changed message by message."""

    def __init__(self) -> None:
        self._sides: dict[Side, dict[Decimal, Decimal]] = {"yes": {}, "no": {}}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, OrderBook) and self._sides == other._sides

    __hash__ = None  # type: ignore[assignment] # it changes

    @classmethod
    def of(cls, yes: Iterable[Level], no: Iterable[Level]) -> OrderBook:
        """The book with these levels."""
        book = cls()
        book.replace(yes, no)
        return book

    def replace(self, yes: Iterable[Level], no: Iterable[Level]) -> None:
        """Take a snapshot: nothing of what was before remains. Empty levels are left out."""
        self._sides = {"yes": _resting(yes), "no": _resting(no)}

    def change(self, side: Side, price: Decimal, by: Decimal) -> Decimal:
        """Let a level grow or shrink; one that comes to nothing is gone.

        Returns:
            What rests there now. Less than nothing means that the book was not what the
            exchange's was; the level is then taken as gone.
        """
        levels = self._sides[side]
        now = total(levels.get(price, _NOTHING), by)
        if now > 0:
            levels[price] = now
        else:
            levels.pop(price, None)
        return now

    def bids(self, side: Side) -> tuple[Level, ...]:
        """The bids on one outcome, the best first."""
        levels = self._sides[side]
        return tuple(Level(price, levels[price]) for price in sorted(levels, reverse=True))

    def ladder(self, side: Side = "yes") -> Ladder:
        """The book of one outcome: its bids, and the asks that the other outcome's bids imply."""
        other: Side = "no" if side == "yes" else "yes"
        asks = tuple(Level(complement(price), size) for price, size in self.bids(other))
        return Ladder(self.bids(side), asks)

    def copy(self) -> OrderBook:
        """A book that changes by itself from here on."""
        return OrderBook.of(self.bids("yes"), self.bids("no"))


def _resting(levels: Iterable[Level]) -> dict[Decimal, Decimal]:
    resting: dict[Decimal, Decimal] = {}
    for price, size in levels:
        if size > 0:
            resting[price] = total(resting.get(price, _NOTHING), size)
    return resting
