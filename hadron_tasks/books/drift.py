"""Whether a rebuilt book is the exchange's own. Pure.

The two are never looked at in the same instant: the book moves while the exchange answers. So the
exchange's book is compared with every state that the rebuilt one was in around that time, and is
the same when it is one of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from hadron_tasks.books.chain import Chain
from hadron_tasks.books.order_book import OrderBook, Side

ANSWERS_ARE_OLD_BY = timedelta(seconds=5)
"""The exchange may answer from a cache, and its changes may reach us before its answer does."""

TOLD_WITHIN = timedelta(seconds=2)
"""A change that the exchange's answer already holds reaches us by then."""


class Verdict(StrEnum):
    """What a comparison says."""

    AGREES = "agrees"
    DIFFERS = "differs"
    UNDECIDED = "undecided"
    """The rebuilt book begins only after that time."""


class Difference(NamedTuple):
    """A level that is not the same."""

    side: Side
    price: Decimal
    ours: Decimal
    theirs: Decimal


def compare(chain: Chain, theirs: OrderBook, asked_at: datetime, answered_at: datetime) -> Verdict:
    """Whether the exchange's book is one that the chain went through around the asking.

    Args:
        chain: Complete until :data:`TOLD_WITHIN` after the answer.
        theirs: The exchange's own book.
        asked_at: By the clock that the receive times are of.
        answered_at: By the same.
    """
    since, until = asked_at - ANSWERS_ARE_OLD_BY, answered_at + TOLD_WITHIN
    if chain.anchor.received_at > until:
        return Verdict.UNDECIDED
    if any(book == theirs for book in _states_between(chain, since, until)):
        return Verdict.AGREES
    # What the exchange told may be older than the snapshot that the chain begins with.
    return Verdict.UNDECIDED if chain.anchor.received_at > asked_at else Verdict.DIFFERS


def differences(
    chain: Chain, theirs: OrderBook, asked_at: datetime, answered_at: datetime
) -> list[Difference]:
    """The levels in which the exchange's book is not the chain's, as it was when most alike."""
    since, until = asked_at - ANSWERS_ARE_OLD_BY, answered_at + TOLD_WITHIN
    each = (_levels_unlike(book, theirs) for book in _states_between(chain, since, until))
    return min(each, key=len, default=[])


def _levels_unlike(ours: OrderBook, theirs: OrderBook) -> list[Difference]:
    found: list[Difference] = []
    sides: tuple[Side, Side] = ("yes", "no")
    for side in sides:
        here, there = dict(ours.bids(side)), dict(theirs.bids(side))
        for price in sorted(here.keys() | there.keys(), reverse=True):
            sizes = here.get(price, Decimal(0)), there.get(price, Decimal(0))
            if sizes[0] != sizes[1]:
                found.append(Difference(side, price, *sizes))
    return found


def _states_between(chain: Chain, since: datetime, until: datetime) -> Iterator[OrderBook]:
    """The books that the chain was, as received, at any time from ``since`` to ``until``.

    The same object, changing.
    """
    received = [chain.anchor.received_at, *(change.received_at for change in chain.changes)]
    for number, (_, book, _) in enumerate(chain.states()):
        if received[number] > until:
            return
        is_last = number + 1 == len(received)
        if is_last or received[number + 1] > since:
            yield book
