"""Comparing rebuilt books with the exchange's own, and having mended what is not the same.

A difference counts when it shows twice, a few seconds apart. Then it is stored, and the streamers
are asked for a fresh snapshot, from which the book is exact again. So they are for books with a
known hole, for books of which there is no snapshot, and for books whose last snapshot is many
changes ago, so that rebuilding one stays quick.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import redis
import structlog
from psycopg2.extensions import connection as PgConnection  # noqa: N812

from hadron_tasks.book_requests import ask_for_snapshots, some_open_markets
from hadron_tasks.books.drift import TOLD_WITHIN, Verdict, compare, differences
from hadron_tasks.books.feed_now import FeedNow, read_feed_now
from hadron_tasks.books.order_book import Level, OrderBook
from hadron_tasks.books.recorded import VENUE, Asked, RecordedBook, rebuild_recorded
from hadron_tasks.store.book_checks import BookCheck, prune_checks, write_checks
from hadron_tasks.store.book_reader import find_recorded
from hadron_tasks.venues.kalshi.rest import KalshiRest

log = structlog.get_logger()

SAMPLE = 50
"""Books compared at a time: half of what one request may ask for, and quickly rebuilt."""

LONG_CHAIN = 5_000
"""Changes since the snapshot at which a fresh one is worth it: each takes 10 us to rebuild."""

STORED_WITHIN_S = 15.0
"""How long the workers may take to store what was received when the exchange answered."""

LOOK_AGAIN_AFTER_S = 3.0
BEGUN_WITHIN_S = 30.0
"""A second look begins no later than so long after the first: a task has a time limit."""
KEPT = timedelta(days=30)
"""How long comparisons are kept."""
_LOOK_EVERY_S = 0.5
_DIFFERENCES_KEPT = 20


@dataclass(slots=True)
class Findings:
    """What a check found, in numbers of books."""

    compared: int = 0
    agreed: int = 0
    drifted: int = 0
    doubted: int = 0
    """Known not to be exact, so there is nothing to compare."""
    unrecorded: int = 0
    """Wanted, and there is no snapshot of it."""
    undecided: int = 0
    """They moved on to another connection meanwhile, or were not stored in time."""
    refreshed: int = 0
    """Fresh snapshots asked for."""


@dataclass(frozen=True, slots=True)
class _Answer:
    """The exchange's own books, and when it told them."""

    books: Mapping[str, OrderBook]
    asked_at: datetime
    answered_at: datetime


@dataclass(slots=True)
class BookChecker:
    """Compares books of markets whose recording is wanted.

    Args:
        connection: Of the database.
        client: Of Redis.
        rest: Kalshi's REST API, with a key: it tells books to nobody else.
        sleep: Waits so many seconds.
    """

    connection: PgConnection
    client: redis.Redis
    rest: KalshiRest
    sleep: Callable[[float], None] = time.sleep
    _refresh: set[str] = field(default_factory=set)

    def check_some(self) -> Findings:
        """Check books chosen at random.

        Raises:
            KalshiRestError: The exchange could not be asked.
            StreamUnavailable: Redis cannot be reached.
        """
        return self.check(some_open_markets(self.client, SAMPLE))

    def check(self, tickers: Sequence[str]) -> Findings:
        """Check the books of these markets, at most a hundred."""
        found = Findings()
        began = time.monotonic()
        suspects = self._look(tickers, found, is_last=False)
        if time.monotonic() - began > BEGUN_WITHIN_S:
            found.undecided += len(suspects)
        elif suspects:
            self.sleep(LOOK_AGAIN_AFTER_S)
            self._look(suspects, found, is_last=True)
        ask_for_snapshots(self.client, self._refresh)
        found.refreshed = len(self._refresh)
        self._refresh.clear()
        prune_checks(self.connection, datetime.now(UTC) - KEPT)
        return found

    def _look(self, tickers: Sequence[str], found: Findings, *, is_last: bool) -> list[str]:
        """Compare once; returns the markets whose books differ and are to be looked at again."""
        if not tickers:
            return []
        answer = self._ask(tickers)
        feed = self._once_stored(answer.answered_at + TOLD_WITHIN)
        if feed is None:
            found.undecided += len(tickers)
            return []
        recorded = self._rebuilt(tickers, feed)
        checks: list[BookCheck] = []
        again: list[str] = []
        for ticker in tickers:
            book, theirs = recorded.get(ticker), answer.books.get(ticker)
            if theirs is None:  # the market has ended meanwhile
                continue
            verdict = self._judge(ticker, book, theirs, answer, found)
            if verdict is Verdict.DIFFERS and not is_last:
                again.append(ticker)
            elif book is not None and verdict is not Verdict.UNDECIDED:
                checks.append(self._conclude(book, theirs, answer, verdict, found))
        write_checks(self.connection, checks)
        return again

    def _judge(
        self,
        ticker: str,
        book: RecordedBook | None,
        theirs: OrderBook,
        answer: _Answer,
        found: Findings,
    ) -> Verdict:
        if book is None:
            found.unrecorded += 1
            self._refresh.add(ticker)
            return Verdict.UNDECIDED
        if not book.rebuilt.trust.exact:
            found.doubted += 1
            self._refresh.add(ticker)
            return Verdict.UNDECIDED
        chain = book.rebuilt.chain
        if len(chain.changes) > LONG_CHAIN:
            self._refresh.add(ticker)
        verdict = compare(chain, theirs, answer.asked_at, answer.answered_at)
        if verdict is Verdict.UNDECIDED:
            found.undecided += 1
        return verdict

    def _conclude(
        self,
        book: RecordedBook,
        theirs: OrderBook,
        answer: _Answer,
        verdict: Verdict,
        found: Findings,
    ) -> BookCheck:
        chain, agrees = book.rebuilt.chain, verdict is Verdict.AGREES
        levels: list[list[str]] = []
        found.compared += 1
        if agrees:
            found.agreed += 1
        else:
            found.drifted += 1
            self._refresh.add(book.instrument.ticker)
            differing = differences(chain, theirs, answer.asked_at, answer.answered_at)
            levels = [list(map(str, level)) for level in differing[:_DIFFERENCES_KEPT]]
            log.warning(
                "a rebuilt order book is not the exchange's own",
                ticker=book.instrument.ticker,
                via=chain.via,
                levels=levels[:3],
                remedy="a fresh snapshot is asked for; 'hadron book' tells since when",
            )
        return BookCheck(
            instrument_id=book.instrument.instrument_id,
            checked_at=answer.asked_at,
            agreed=agrees,
            via=chain.via,
            since=book.agreed_at or chain.anchor.received_at,
            differences=levels or None,
        )

    def _ask(self, tickers: Sequence[str]) -> _Answer:
        asked_at = datetime.now(UTC)
        page = self.rest.orderbooks(tickers)
        books = {
            one.ticker: OrderBook.of(
                (Level(*level) for level in one.yes), (Level(*level) for level in one.no)
            )
            for one in page.items
        }
        return _Answer(books, asked_at, datetime.now(UTC))

    def _once_stored(self, moment: datetime) -> FeedNow | None:
        """The feed's state once all that was received until ``moment`` is stored."""
        deadline = time.monotonic() + STORED_WITHIN_S
        while time.monotonic() < deadline:
            feed = read_feed_now(self.client, VENUE)
            if feed is not None and feed.stored_until >= moment:
                return feed
            self.sleep(_LOOK_EVERY_S)
        return None

    def _rebuilt(self, tickers: Sequence[str], feed: FeedNow) -> dict[str, RecordedBook]:
        instruments = find_recorded(self.connection, tickers, VENUE)
        books = rebuild_recorded(self.connection, instruments, Asked(None, feed))
        return {book.instrument.ticker: book for book in books}
