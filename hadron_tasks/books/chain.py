"""Chains: a snapshot and the changes after it, all of one subscription. Pure.

A subscription's messages are numbered without holes (Kalshi: one counter a sid, shared by all
markets on it), so one market's own messages rise but need not be contiguous; what was lost in
between is told by the gap records of the connection. While a market moves from one connection to
another both carry it, and each change comes twice, under two numbers: the chains are kept apart.
"""

from __future__ import annotations

from bisect import bisect
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from hadron_tasks.books.order_book import Level, OrderBook, Side
from hadron_tasks.raw_stream import connection_of, is_life

HAND_OVER = timedelta(seconds=2)
"""How far the clocks of two connections' streamers may be apart, transit included."""


class Snapshot(NamedTuple):
    """A whole book as one subscription told it."""

    event_time: datetime
    """The exchange's, or the receive time where the exchange states none."""
    received_at: datetime
    sequence: int | None
    via: str
    """Connection, life and sid; empty for what was recorded without them."""
    yes: tuple[Level, ...]
    no: tuple[Level, ...]


class Change(NamedTuple):
    """A level that grew or shrank, as one subscription told it."""

    event_time: datetime
    received_at: datetime
    sequence: int | None
    via: str
    side: Side
    price: Decimal
    by: Decimal

    @property
    def content(self) -> tuple[datetime, Side, Decimal, Decimal]:
        """What is the same whichever connection told it."""
        return (self.event_time, self.side, self.price, self.by)


Message = Snapshot | Change


class Fault(NamedTuple):
    """A change that cannot have happened to the book as rebuilt."""

    at: datetime
    words: str


@dataclass(frozen=True, slots=True)
class Chain:
    """One subscription's last snapshot, and its changes from there on."""

    anchor: Snapshot
    changes: tuple[Change, ...] = field(repr=False)
    """In the order of their numbers."""

    @property
    def via(self) -> str:
        """What it came by."""
        return self.anchor.via

    @property
    def connection(self) -> str:
        """The connection, whichever its life."""
        return connection_of(self.via)

    @property
    def sid(self) -> int | None:
        """The connection's number of the subscription."""
        text = self.via.rpartition("/")[2]
        return int(text) if text.isdecimal() else None

    @property
    def last_change(self) -> datetime | None:
        """When the book last changed, by the exchange's clock."""
        return max((change.event_time for change in self.changes), default=None)

    @property
    def last_received(self) -> datetime:
        """When its last message was received."""
        received = (change.received_at for change in self.changes)
        return max(received, default=self.anchor.received_at)

    def states(self) -> Iterator[tuple[datetime, OrderBook, Fault | None]]:
        """The book after the snapshot and after each change: the same object, changing.

        With each, when that was and what was wrong with the change.
        """
        book = OrderBook.of(self.anchor.yes, self.anchor.no)
        yield self.anchor.event_time, book, None
        for change in self.changes:
            left = book.change(change.side, change.price, change.by)
            fault = None
            if left < 0:
                words = f"{left} left at {change.price} on the {change.side} side"
                fault = Fault(change.event_time, words)
            yield change.event_time, book, fault

    def book(self) -> tuple[OrderBook, tuple[Fault, ...]]:
        """The book at its end, and what was wrong on the way."""
        states = list(self.states())
        return states[-1][1], tuple(fault for _, _, fault in states if fault is not None)


def chains_of(messages: Iterable[Message]) -> tuple[list[Chain], set[str]]:
    """What the messages about one market make, by what they came by.

    Returns:
        The chains, and the subscriptions that have changes here but no snapshot.
    """
    snapshots: dict[str, list[Snapshot]] = {}
    changes: dict[str, list[Change]] = {}
    for message in messages:
        if isinstance(message, Snapshot):
            snapshots.setdefault(message.via, []).append(message)
        else:
            changes.setdefault(message.via, []).append(message)
    chains = []
    for via, found in snapshots.items():
        told = [*found, *changes.get(via, ())]
        rank = _by_number if _is_numbered(told) else _by_time
        anchor = max(found, key=rank)
        after = [change for change in changes.get(via, ()) if rank(change) > rank(anchor)]
        chains.append(Chain(anchor, tuple(sorted(after, key=rank))))
    return chains, changes.keys() - snapshots.keys()


def missed(chain: Chain, messages: Iterable[Message]) -> list[Change]:
    """Changes that other subscriptions told and that this chain should hold, but does not.

    Both carry the same changes while a market moves. What another told before the chain's first
    change may be in its snapshot; what it told later must be here as well.
    """
    others = _changes_of_others(chain, messages)
    if not chain.changes:
        return [m for m in others if m.received_at > chain.anchor.received_at + HAND_OVER]
    first = min(change.event_time for change in chain.changes)
    told = Counter(message.content for message in others if message.event_time >= first)
    lacking = told - Counter(change.content for change in chain.changes) if told else told
    return [message for message in others if message.content in lacking]


def with_shared(chain: Chain, messages: Iterable[Message]) -> Chain:
    """The chain with the changes that are stored as another's because their numbers are the same.

    Two connections may by chance give the same change the same number, and then it is one row,
    which names one of them. It belongs here as well when its number and its time both fit between
    two neighbours.
    """
    others = _changes_of_others(chain, messages)
    if not others or not _is_numbered([chain.anchor, *chain.changes]):
        return chain
    own: dict[int, Message] = {_number(change): change for change in chain.changes}
    own[_number(chain.anchor)] = chain.anchor
    numbers = sorted(own)
    contents = {change.content for change in chain.changes}
    shared = [
        message._replace(via=chain.via)
        for message in others
        if numbers[0] < _number(message) < numbers[-1]
        and _number(message) not in own
        and message.content not in contents
        and _fits(message, own, numbers)
    ]
    return Chain(chain.anchor, tuple(sorted((*chain.changes, *shared), key=_by_number)))


def _changes_of_others(chain: Chain, messages: Iterable[Message]) -> list[Change]:
    return [m for m in messages if m.via != chain.via and isinstance(m, Change)]


def _fits(message: Change, own: Mapping[int, Message], numbers: Sequence[int]) -> bool:
    place = bisect(numbers, _number(message))
    before, after = own[numbers[place - 1]], own[numbers[place]]
    if isinstance(before, Snapshot):  # whose time may be the receiver's, not the exchange's
        follows = message.received_at > before.received_at
    else:
        follows = message.event_time >= before.event_time
    return follows and message.event_time <= after.event_time


def _is_numbered(messages: Sequence[Message]) -> bool:
    """Whether numbers alone order the messages: those of one life of a connection do."""
    return is_life(messages[0].via) and all(m.sequence is not None for m in messages)


def _number(message: Message) -> int:
    return -1 if message.sequence is None else message.sequence


def _by_number(message: Message) -> tuple[object, ...]:
    return (_number(message), message.received_at)


def _by_time(message: Message) -> tuple[object, ...]:
    return (message.received_at, _number(message))
