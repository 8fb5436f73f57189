"""A feed of order books over connections that fail, in miniature: what was true, what was received.

The truth is kept beside what the streamer's own sequence tracking and gap records make of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from factories import NOON_US

from hadron_tasks.books.chain import Change, Message, Snapshot
from hadron_tasks.books.feed_now import FeedNow
from hadron_tasks.books.order_book import Level, OrderBook, Side
from hadron_tasks.books.trust import Hole
from hadron_tasks.raw_stream import FeedGap, GapCause, connection_life
from hadron_tasks.times import from_ns, to_ns
from streamer.continuity import Continuity, gap_record
from streamer.continuity import Hole as OpenHole
from streamer.sequence import SequenceTracker

NOON = from_ns(NOON_US * 1000)
MARKET, OTHER = "KXTEST-26NOV21-A", "KXTEST-26NOV21-B"
SID = 2
LATENCY = timedelta(milliseconds=20)


@dataclass
class Connection:
    """One key's connection, in its present life."""

    name: str
    life: str = ""
    markets: set[str] = field(default_factory=set)
    seq: int = 0
    lose_next: int = 0
    received_at: datetime = NOON
    owed: set[str] = field(default_factory=set)
    """Markets subscribed whose snapshots have not come yet."""
    tracker: SequenceTracker = field(default_factory=SequenceTracker)

    def __post_init__(self) -> None:
        self.continuity = Continuity("kalshi", self.name)

    @property
    def up(self) -> bool:
        return bool(self.life)

    def tells(self, market: str) -> bool:
        """Whether it is told of a market's changes."""
        return self.up and market in self.markets - self.owed


class SimulatedFeed:
    """Two markets, some connections, and a clock that goes a second a step."""

    def __init__(self, connections: int = 2) -> None:
        self.now = NOON
        self.connections = [Connection(f"kalshi-{n + 1}") for n in range(connections)]
        self.truth: dict[str, dict[tuple[Side, Decimal], Decimal]] = {MARKET: {}, OTHER: {}}
        self.history: list[tuple[datetime, OrderBook]] = [(NOON, OrderBook())]
        self.messages: list[Message] = []
        self.holes: list[Hole] = []
        self.lost = 0

    # What happens

    def tick(self, seconds: float = 1.0) -> None:
        self.now += timedelta(seconds=seconds)
        for connection in self.connections:
            self._pay(connection)

    def change(self, market: str, side: Side, price: Decimal, by: Decimal) -> None:
        """A level grows or shrinks, by no more than is there."""
        levels = self.truth[market]
        now = max(levels.get((side, price), Decimal(0)) + by, Decimal(0))
        by = now - levels.get((side, price), Decimal(0))
        if by == 0:
            return
        levels[side, price] = now
        if market == MARKET:
            self.history.append((self.now, self.book_of(MARKET)))
        for connection in self.connections:
            if connection.tells(market):
                self._deliver(connection, market, (side, price, by))

    def snapshot(self, connection: Connection, market: str) -> None:
        """A whole book, as one asks for."""
        if connection.tells(market):
            self._deliver(connection, market, None)

    def join(self, connection: Connection, market: str) -> None:
        """A connection takes a market on."""
        if connection.up and market not in connection.markets:
            connection.markets.add(market)
            connection.seq += 1  # the acknowledgement has a number, too
            self._receive(connection, connection.seq)
            self._deliver(connection, market, None)

    def leave(self, connection: Connection, market: str) -> None:
        """A connection hands a market over: another one has it."""
        others = [c for c in self.connections if c is not connection]
        if connection.up and any(other.tells(market) for other in others):
            connection.markets.discard(market)
            connection.seq += 1
            self._receive(connection, connection.seq)

    def connect(self, connection: Connection, *, confirmed_first: bool = False) -> None:
        """A new life: numbers begin anew, and every book comes whole.

        Args:
            confirmed_first: The subscriptions are confirmed before the books come; otherwise the
                books come at once, and :meth:`confirm` is later.
        """
        if connection.up:
            return
        connection.life = connection_life(connection.name, to_ns(self.now))
        connection.seq, connection.lose_next = 0, 0
        connection.tracker = SequenceTracker()
        connection.received_at = self.now
        connection.owed = set(connection.markets)
        if confirmed_first:
            self.confirm(connection)
        else:
            self._pay(connection)

    def confirm(self, connection: Connection) -> None:
        """Everything is subscribed again: the hole is over, and goes on record."""
        if connection.up:
            gap = connection.continuity.whole(None, to_ns(self.now + LATENCY))
            if gap is not None:
                self._record(gap)

    def disconnect(self, connection: Connection) -> None:
        """The connection is lost; what it carries is missed until it is back."""
        if connection.up:
            received_ns = to_ns(connection.received_at)
            connection.continuity.broke(None, OpenHole(received_ns, GapCause.DISCONNECT))
        connection.life = ""

    def lose(self, connection: Connection, count: int) -> None:
        """The next messages get numbers and never come."""
        connection.lose_next += count

    def settle(self) -> None:
        """Something more comes by every connection, which tells what is missing before."""
        self.tick(30)
        for connection in self.connections:
            connection.lose_next = 0
            self.confirm(connection)
            if connection.up:
                connection.seq += 1
                self._receive(connection, connection.seq)

    # What is known

    def book_of(self, market: str) -> OrderBook:
        levels = self.truth[market].items()
        return OrderBook.of(*(_levels(levels, side) for side in ("yes", "no")))

    def truth_at(self, at: datetime) -> OrderBook:
        """The market's book, as the exchange had it."""
        return [book for moment, book in self.history if moment <= at][-1]

    def recorded_until(self, at: datetime) -> list[Message]:
        """What there is to rebuild from."""
        return [message for message in self.messages if message.event_time <= at]

    def feed_now(self) -> FeedNow:
        """What the streamers report at the end."""
        since = {c.name: c.continuity.open_since_ns for c in self.connections}
        holes = {name: None if ns is None else from_ns(ns) for name, ns in since.items()}
        return FeedNow(holes, self.now)

    def _pay(self, connection: Connection) -> None:
        owed, connection.owed = sorted(connection.owed), set()
        if connection.up:
            for market in owed:
                self._deliver(connection, market, None)

    def _deliver(
        self, connection: Connection, market: str, change: tuple[Side, Decimal, Decimal] | None
    ) -> None:
        connection.seq += 1
        if connection.lose_next:
            connection.lose_next -= 1
            self.lost += 1
            return
        received_at = self._receive(connection, connection.seq)
        if market != MARKET:
            return
        via = f"{connection.life}/{SID}"
        if change is None:
            book = self.book_of(MARKET)
            self.messages.append(
                Snapshot(
                    received_at, received_at, connection.seq, via, book.bids("yes"), book.bids("no")
                )
            )
        else:
            self.messages.append(Change(self.now, received_at, connection.seq, via, *change))

    def _receive(self, connection: Connection, seq: int) -> datetime:
        connection.received_at = self.now + LATENCY
        jump = connection.tracker.observe(SID, seq, to_ns(connection.received_at))
        if jump is not None:
            gap = gap_record(
                venue="kalshi",
                connection=connection.name,
                cause=GapCause.SEQUENCE_JUMP,
                from_ns=jump.since_ns,
                to_ns=to_ns(connection.received_at),
                sid=SID,
                jump=jump,
            )
            self._record(gap)
        return connection.received_at

    def _record(self, gap: FeedGap) -> None:
        self.holes.append(
            Hole(
                gap.connection,
                gap.cause,
                from_ns(gap.from_ns),
                from_ns(gap.to_ns),
                gap.sid,
                gap.from_seq,
                gap.to_seq,
                gap.missing,
            )
        )


def _levels(levels: Iterable[tuple[tuple[Side, Decimal], Decimal]], side: str) -> tuple[Level, ...]:
    return tuple(Level(price, size) for (of, price), size in levels if of == side)
