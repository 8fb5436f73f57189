"""A market's book at a time, from the messages about it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from hadron_tasks.books.chain import Chain, Message, chains_of, missed, with_shared
from hadron_tasks.books.order_book import OrderBook
from hadron_tasks.books.trust import Doubt, Hole, Reason, Trust, doubts_of_holes
from hadron_tasks.raw_stream import is_life


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """A book at a time, what it is made of, and whether it can be trusted."""

    at: datetime
    book: OrderBook
    chain: Chain
    trust: Trust


@dataclass(frozen=True, slots=True)
class Attempt:
    """What could be made of some messages."""

    best: Rebuilt | None
    """None when there is no snapshot among them."""
    unanchored: frozenset[str]
    """Subscriptions with changes among them, whose snapshots must be older."""


def rebuild(messages: Sequence[Message], holes: Iterable[Hole], at: datetime) -> Attempt:
    """Rebuild the book at ``at``: exact if any connection's messages allow it.

    Args:
        messages: What was recorded about the market until ``at``, in any order.
        holes: Of the connections that the messages came by, from the first snapshot on.
        at: The book's time.
    """
    known = list(holes)
    chains, unanchored = chains_of(messages)
    made = [_made(with_shared(chain, messages), messages, known, at) for chain in chains]
    best = max(made, key=_rank, default=None)
    return Attempt(best, frozenset(unanchored))


def _made(chain: Chain, messages: Sequence[Message], holes: list[Hole], at: datetime) -> Rebuilt:
    book, faults = chain.book()
    reasons = doubts_of_holes(chain, holes, at)
    if not is_life(chain.via):
        words = "recorded without its connection, so nobody told whether messages are missing"
        reasons.append(Reason(Doubt.UNWATCHED, chain.anchor.event_time, words))
    others = missed(chain, messages)
    if others:
        first = min(others, key=lambda change: change.event_time)
        words = f"{len(others):,} changes came by {first.via} that {chain.via} did not tell"
        reasons.append(Reason(Doubt.NEWER_CHAIN, first.event_time, words))
    reasons += [Reason(Doubt.CORRUPT, fault.at, fault.words) for fault in faults[:1]]
    if book.ladder().is_crossed:
        ladder = book.ladder()
        words = f"crossed: bid {ladder.bids[0].price} reaches ask {ladder.asks[0].price}"
        reasons.append(Reason(Doubt.CORRUPT, chain.last_change or chain.anchor.event_time, words))
    return Rebuilt(at, book, chain, Trust().but(*reasons))


def _rank(rebuilt: Rebuilt) -> tuple[object, ...]:
    """Exact ones first, then whichever was told of the market last, then the newest snapshot.

    A connection that hands a market over may have asked for a snapshot shortly before; what
    changes after that is told by the other alone.
    """
    chain = rebuilt.chain
    return (rebuilt.trust.exact, chain.last_received, chain.anchor.received_at)
