"""Whether the stored trades are those that the exchange tells of. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from hadron_tasks.backfill.windows import Window
from hadron_tasks.times import to_ns

_SECOND_US = 1_000_000
_MILLISECOND_US = 1_000


class Finding(StrEnum):
    """What is wrong with a trade."""

    MISSING = "missing"
    """The exchange tells of it; it is not stored."""
    EXTRA = "extra"
    """It is stored; the exchange does not tell of it."""
    DIFFERENT = "different"
    """Both have it, and say different things of it."""


class TradeId(NamedTuple):
    """What makes a trade itself."""

    ticker: str
    trade_key: int


@dataclass(frozen=True, slots=True)
class TradeFacts:
    """What a trade was."""

    at_us: int
    """Microseconds since the Unix epoch."""
    price: Decimal | None
    size: Decimal | None
    side: str | None
    trade_id: str | None = None
    """As the exchange writes it, for people."""


@dataclass(frozen=True, slots=True)
class Discrepancy:
    """A trade on which the exchange and the database disagree."""

    finding: Finding
    trade: TradeId
    theirs: TradeFacts | None
    ours: TradeFacts | None
    fields: tuple[str, ...] = ()
    """What differs: ``time``, ``price``, ``size``, ``side``."""

    @property
    def at_us(self) -> int:
        """When the trade was made."""
        told = self.theirs or self.ours
        assert told is not None
        return told.at_us


def compare(
    theirs: Mapping[TradeId, TradeFacts], ours: Mapping[TradeId, TradeFacts], window: Window
) -> list[Discrepancy]:
    """The trades made within ``window`` on which the two disagree, the oldest first.

    Both should reach a few seconds beyond the window, so that a trade which one side puts just
    before its edge and the other just after is no discrepancy.
    """
    since_us, until_us = (to_ns(moment) // 1000 for moment in window)
    found = []
    for trade, told in theirs.items():
        stored = ours.get(trade)
        if not since_us <= told.at_us < until_us:
            continue
        if stored is None:
            found.append(Discrepancy(Finding.MISSING, trade, told, None))
        elif fields := differing(told, stored):
            found.append(Discrepancy(Finding.DIFFERENT, trade, told, stored, fields))
    found += [
        Discrepancy(Finding.EXTRA, trade, None, stored)
        for trade, stored in ours.items()
        if since_us <= stored.at_us < until_us and trade not in theirs
    ]
    return sorted(found, key=lambda each: (each.at_us, each.trade))


def within(trades: Iterable[TradeFacts], window: Window) -> int:
    """How many trades were made within a window."""
    since_us, until_us = (to_ns(moment) // 1000 for moment in window)
    return sum(since_us <= trade.at_us < until_us for trade in trades)


def differing(theirs: TradeFacts, ours: TradeFacts) -> tuple[str, ...]:
    """The fields on which two accounts of one trade disagree; what one leaves out is none."""
    found = [] if _same_time(theirs.at_us, ours.at_us) else ["time"]
    for name in ("price", "size", "side"):
        mine, yours = getattr(ours, name), getattr(theirs, name)
        if mine is not None and yours is not None and mine != yours:
            found.append(name)
    return tuple(found)


def _same_time(one_us: int, other_us: int) -> bool:
    """Whether two times are one, each told as exactly as its digits say.

    A trade comes with seconds or milliseconds over the WebSocket, and with microseconds by REST:
    the coarser time may be the other cut off, or rounded.
    """
    return abs(one_us - other_us) < max(_unit(one_us), _unit(other_us))


def _unit(time_us: int) -> int:
    if time_us % _SECOND_US == 0:
        return _SECOND_US
    return _MILLISECOND_US if time_us % _MILLISECOND_US == 0 else 1
