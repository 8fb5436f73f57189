"""One part of an audit: fetched whole, compared with what is stored, and what follows from it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from psycopg2.extensions import connection as PgConnection  # noqa: N812
from psycopg2.extensions import cursor as Cursor  # noqa: N812

from hadron_tasks.backfill.audit_gaps import (
    ChannelOf,
    disagreements,
    finding_document,
    missing_gaps,
)
from hadron_tasks.backfill.compare import Finding, TradeFacts, TradeId, compare, within
from hadron_tasks.backfill.failures import MOST_FAILURES, GiveUp, judge, pause_after
from hadron_tasks.backfill.losses import State
from hadron_tasks.backfill.rounds import (
    MOST_PAGES,
    SHORTEST_PART,
    Mark,
    Rounds,
    Scope,
    next_length,
    rounds,
    shorter,
)
from hadron_tasks.backfill.sources import Answer, Ask, TradeSource, fetch
from hadron_tasks.backfill.windows import Window
from hadron_tasks.errors import ConfigurationError
from hadron_tasks.redaction import redact
from hadron_tasks.store import audits, feed_gaps
from hadron_tasks.store.audits import AuditRun, PartDone
from hadron_tasks.store.feed_gaps import ChannelOfGap
from hadron_tasks.store.trades_stored import stored_trades
from hadron_tasks.times import to_ns
from hadron_tasks.venues.rest.errors import RestError

LEASE = timedelta(seconds=100)
"""How long a part may take until another may compare it as well: longer than a task may run."""
REACH = timedelta(seconds=5)
"""Looked at beyond both ends of a part: one side may put a trade a little before the edge and the
other a little after it."""
FETCH_WITHIN_S = 40.0
"""A part whose pages take longer than this is compared in shorter ones."""
BACKLOG_PAUSE = timedelta(seconds=2)


@dataclass(frozen=True, slots=True)
class Compared:
    """What a part brought."""

    compared: int = 0
    missing: int = 0
    extra: int = 0
    different: int = 0
    gaps: int = 0
    goes_on: bool = False
    """Whether the next part can be compared at once."""


@dataclass(slots=True)
class _Told:
    """The exchange's trades of a part."""

    trades: dict[TradeId, TradeFacts] = field(default_factory=dict)
    unreadable: list[str] = field(default_factory=list)
    pages: int = 0
    is_whole: bool = True
    """False when there were too many."""

    def add(self, answer: Answer) -> None:
        """Take a page in."""
        self.pages += 1
        self.unreadable += answer.unreadable
        for tick in answer.ticks:
            assert tick.trade_key is not None
            trade_id = (tick.metadata or {}).get("trade_id")
            self.trades[TradeId(tick.ticker, tick.trade_key)] = TradeFacts(
                tick.event_us, tick.price, tick.size, tick.side, trade_id
            )


@dataclass(frozen=True, slots=True)
class Auditor:
    """Compares one venue's stored trades with its own."""

    venue: str
    source: Callable[[], TradeSource]
    """Gives where its trades are fetched from; raises ConfigurationError where the settings do not
    allow that."""
    channel_of: ChannelOf
    has_list: bool
    """Whether it tells the trades of all instruments in one list."""

    def next_part(
        self, connection: PgConnection, audit_id: int, stored_until: datetime | None
    ) -> Compared:
        """Do an audit's next part, if it has one.

        What is wrong with a request is noted in the audit, which is due again after a pause, or
        ended. Comparing a part twice does no harm.

        Args:
            stored_until: All frames received before this are stored; None for all frames.

        Raises:
            StoreUnavailable: PostgreSQL is away; the part is compared again.
            StreamUnavailable: Redis, which keeps the rate limit, is away.
        """
        run = audits.take(connection, audit_id, LEASE)
        if run is None:
            return Compared()
        whole, mark = rounds_of(run), mark_of(run)
        length = timedelta(seconds=run.slice_s)
        part = whole.part_at(mark, length)
        if stored_until is not None and part.window.until + REACH >= stored_until:
            reason = f"frames received since {stored_until:%H:%M:%S} UTC wait to be stored"
            audits.put_off(connection, audit_id, BACKLOG_PAUSE, reason, is_failure=False)
            return Compared()
        try:
            told = self._fetch(part, is_shortest=length <= SHORTEST_PART)
        except (RestError, ConfigurationError) as error:
            return self._failed(connection, run, error)
        if not told.is_whole:
            audits.shorten(connection, audit_id, int(shorter(length).total_seconds()))
            return Compared(goes_on=True)
        return self._conclude(connection, run, whole, mark, part, told)

    def fell_over(self, connection: PgConnection, audit_id: int, error: Exception) -> None:
        """A part met what may be a bug: it is done again after a pause, and in the end given up."""
        run = audits.find(connection, audit_id)
        if run is None:
            return
        reason, failures = redact(f"{type(error).__name__}: {error}"), run.failures + 1
        if failures >= MOST_FAILURES:
            _end(connection, audit_id, "refused", reason)
            return
        audits.put_off(connection, audit_id, pause_after(failures), reason, is_failure=True)

    def _fetch(self, part: Scope, *, is_shortest: bool) -> _Told:
        """The exchange's trades of a part and a little around it; what moved to the archive too."""
        source, told = self.source(), _Told()
        give_up_at = time.monotonic() + FETCH_WITHIN_S
        window = Window(part.window.since - REACH, part.window.until + REACH)
        for answer in _answers(source, part.ticker, window):
            told.add(answer)
            is_too_much = told.pages > MOST_PAGES or time.monotonic() > give_up_at
            if is_too_much and not is_shortest:
                told.is_whole = False
                break
        return told

    def _conclude(
        self,
        connection: PgConnection,
        run: AuditRun,
        whole: Rounds,
        mark: Mark,
        part: Scope,
        told: _Told,
    ) -> Compared:
        following = whole.after(mark, part)
        length = next_length(timedelta(seconds=run.slice_s), told.pages)
        with connection, connection.cursor() as cursor:
            found = compare(told.trades, self._stored(cursor, part), part.window)
            counts = {kind: sum(each.finding is kind for each in found) for kind in Finding}
            lost = missing_gaps(run.id, self.venue, found, self.channel_of, has_list=self.has_list)
            odd = disagreements(run.id, self.venue, found, self.channel_of)
            stands = following or mark
            done = PartDone(
                stands.number,
                stands.since if following else part.window.until,
                int(length.total_seconds()),
                compared=within(told.trades.values(), part.window),
                missing=counts[Finding.MISSING],
                extra=counts[Finding.EXTRA],
                different=counts[Finding.DIFFERENT],
                unreadable=len(told.unreadable),
                gaps=len(lost) + len(odd),
                findings=[finding_document(each) for each in found[: audits.MOST_FINDINGS]],
                reason=told.unreadable[0] if told.unreadable else "",
            )
            if not audits.advance(cursor, run, done):
                return Compared()
            feed_gaps.add_found(cursor, [*lost, *odd])
            feed_gaps.add_channels(
                cursor,
                [
                    ChannelOfGap(str(gap.id), gap.channel, State.UNRECOVERABLE, gap.detail)
                    for gap in odd
                ],
            )
            feed_gaps.settle(cursor, [(str(gap.id), State.UNRECOVERABLE) for gap in odd])
            if following is None:
                audits.end(cursor, run.id, "complete")
        return Compared(
            done.compared,
            done.missing,
            done.extra,
            done.different,
            done.gaps,
            goes_on=following is not None,
        )

    def _stored(self, cursor: Cursor, part: Scope) -> dict[TradeId, TradeFacts]:
        since, until = part.window.since - REACH, part.window.until + REACH
        return {
            TradeId(trade.ticker, trade.trade_key): TradeFacts(
                to_ns(trade.event_time) // 1000,
                trade.price,
                trade.size,
                trade.side,
                trade.trade_id,
            )
            for trade in stored_trades(cursor, self.venue, since, until, part.ticker)
        }

    def _failed(
        self, connection: PgConnection, run: AuditRun, error: RestError | ConfigurationError
    ) -> Compared:
        verdict = judge(error, failures=run.failures + 1, has_cursor=False)
        if isinstance(verdict, GiveUp):
            _end(connection, run.id, "refused", str(error))
        else:
            audits.put_off(
                connection, run.id, verdict.pause, str(error), is_failure=verdict.is_failure
            )
        return Compared()


def rounds_of(run: AuditRun) -> Rounds:
    """What an audit compares."""
    return rounds(Window(run.from_time, run.to_time), run.tickers, run.samples)


def mark_of(run: AuditRun) -> Mark:
    """Where it is."""
    return Mark(run.ticker_number, run.slice_from)


def progress_of(run: AuditRun) -> float:
    """How much of it is done, 0 to 1."""
    return 1.0 if run.state == "complete" else rounds_of(run).progress(mark_of(run))


def _answers(source: TradeSource, ticker: str | None, window: Window) -> Iterator[Answer]:
    yield from _pages(source, Ask(ticker, window))
    cutoff = source.archived_before()
    if cutoff is not None and window.since < cutoff:
        yield from _pages(source, Ask(ticker, window, archived=True))


def _pages(source: TradeSource, ask: Ask) -> Iterator[Answer]:
    while True:
        answer = fetch(source, ask)
        yield answer
        if not answer.cursor:
            return
        ask = Ask(ask.ticker, ask.window, ask.archived, answer.cursor)


def _end(connection: PgConnection, audit_id: int, state: str, reason: str) -> None:
    with connection, connection.cursor() as cursor:
        audits.end(cursor, audit_id, state, reason)
