"""Which connection carries what: pure functions of the live connections and the wanted feeds.

What is spread over connections is an *item*: an all-markets channel (``ticker``), or one of a
fixed number of shares of the order books (``books/07``). A market's book belongs to one share for
ever, by its ticker's hash, so markets that open and close never move another market's book.
"""

from __future__ import annotations

import zlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import blake2b
from types import MappingProxyType

BOOK_SHARES = 64
"""Enough for an even spread over ten connections, few enough to list in one small record."""

BOOKS_CHANNEL = "orderbook_delta"
_BOOKS_PREFIX = "books/"
_NO_BOOKS: Mapping[str, frozenset[str]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Target:
    """What one connection is to carry."""

    items: frozenset[str] = frozenset()
    books: Mapping[str, frozenset[str]] = field(default_factory=lambda: _NO_BOOKS)
    """Of each share among ``items``, the markets whose books it holds; empty shares left out."""


def wanted_items(channels: Sequence[str], books: Collection[str]) -> list[str]:
    """The items to spread: the channels, and the shares of the books if any are wanted."""
    shares = [f"{_BOOKS_PREFIX}{n:02d}" for n in range(BOOK_SHARES)] if books else []
    return [*dict.fromkeys(channels), *shares]


def is_book_share(item: str) -> bool:
    """Whether the item is a share of the order books, not a channel."""
    return item.startswith(_BOOKS_PREFIX)


def channel_of(item: str) -> str:
    """The exchange's channel that an item is part of."""
    return BOOKS_CHANNEL if is_book_share(item) else item


def channels_of(items: Iterable[str]) -> frozenset[str]:
    """The exchange's channels that some items are parts of."""
    return frozenset(map(channel_of, items))


def assign(items: Iterable[str], connections: Collection[str]) -> dict[str, str]:
    """Item -> the connection that carries it; empty when there is no connection.

    Channels go round the connections in order. Shares of books go by rendezvous hashing with a
    ceiling, so none has more than its part, rounded up, and few move when connections change.
    """
    ring = sorted(connections)
    if not ring:
        return {}
    ordered = list(items)
    channels = [item for item in ordered if not is_book_share(item)]
    shares = [item for item in ordered if is_book_share(item)]
    plan = {item: ring[n % len(ring)] for n, item in enumerate(channels)}
    room = dict.fromkeys(ring, -(-len(shares) // len(ring)))
    for share in shares:
        free = [connection for connection in ring if room[connection]]
        carrier = max(free, key=lambda name: _weight(share, name))
        room[carrier] -= 1
        plan[share] = carrier
    return plan


def target_of(
    connection: str,
    plan: Mapping[str, str],
    carried: Collection[str],
    carried_elsewhere: Collection[str],
) -> frozenset[str]:
    """The items a connection is to carry now.

    Those the plan gives it, and those it carries already until the connection that the plan gives
    them to has them confirmed: a move is an overlap, never a hole.
    """
    mine = {item for item, carrier in plan.items() if carrier == connection}
    keep = {item for item in carried if item in plan and item not in carried_elsewhere}
    return frozenset(mine | keep)


def selects(selection: Collection[str], market: str) -> bool:
    """Whether a market belongs to a selection of series, event and market tickers.

    Kalshi's tickers nest by dashes: ``KXFED`` > ``KXFED-26DEC`` > ``KXFED-26DEC-T4.00``.
    """
    end = market.find("-")
    while end >= 0:
        if market[:end] in selection:
            return True
        end = market.find("-", end + 1)
    return market in selection


def exact_markets(selection: Iterable[str]) -> set[str]:
    """Those of a selection that may be market tickers: two dashes or more.

    An old event ticker may look like that too; the exchange refuses it by itself and no other.
    """
    return {entry for entry in selection if entry.count("-") >= 2}


def share_of(market: str) -> str:
    """The share of the books that a market belongs to."""
    return f"{_BOOKS_PREFIX}{zlib.crc32(market.encode()) % BOOK_SHARES:02d}"


def books_of(
    items: Collection[str], markets: Iterable[str], most: int
) -> tuple[dict[str, frozenset[str]], int]:
    """The books of the shares among ``items``, at most ``most``, and how many had no room."""
    mine = sorted(market for market in set(markets) if share_of(market) in items)
    books: dict[str, set[str]] = {}
    for market in mine[:most]:
        books.setdefault(share_of(market), set()).add(market)
    return {share: frozenset(held) for share, held in books.items()}, max(0, len(mine) - most)


@lru_cache(maxsize=4096)
def _weight(share: str, connection: str) -> bytes:
    return blake2b(f"{share}|{connection}".encode(), digest_size=8).digest()
