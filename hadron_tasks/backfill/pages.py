"""One page of a run: fetched, stored, and the place kept where the run goes on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from psycopg2.extensions import connection as PgConnection  # noqa: N812
from psycopg2.extensions import cursor as Cursor  # noqa: N812

from hadron_tasks.backfill.failures import MOST_FAILURES, GiveUp, judge, pause_after
from hadron_tasks.backfill.losses import State, state_of
from hadron_tasks.backfill.sources import Answer, Ask, TradeSource, fetch
from hadron_tasks.backfill.walk import Course, Place, course
from hadron_tasks.backfill.windows import Window, window_of
from hadron_tasks.errors import ConfigurationError, HadronError
from hadron_tasks.ingest.venue_rules import VenueRules
from hadron_tasks.redaction import redact
from hadron_tasks.store import backfills, feed_gaps
from hadron_tasks.store.backfills import BackfillRun, PageDone
from hadron_tasks.store.feed_gaps import Gap, Recovered
from hadron_tasks.store.instruments import InstrumentCache, resolve_instruments
from hadron_tasks.store.latest_quotes import newest_of, write_latest
from hadron_tasks.store.partitions import KnownPartitions
from hadron_tasks.store.tick_rows import rows_of
from hadron_tasks.store.ticks import write_trades
from hadron_tasks.tick import HadronTick
from hadron_tasks.venues.rest.errors import NotEntitled, RestError

LEASE = timedelta(seconds=75)
"""How long a page may take, the client's tries included, until another may fetch it as well."""


@dataclass(frozen=True, slots=True)
class Step:
    """What a page brought."""

    fetched: int = 0
    stored: int = 0
    goes_on: bool = False
    """Whether the next page can be had at once."""
    refused: HadronError | None = None
    """Why the run was given up, if it was and somebody can mend it."""


class Pages:
    """Fetches and stores the pages of one venue's runs; keeps the caches of this process.

    Args:
        rules: What is particular to the venue.
        source: Gives where its trades are fetched from; raises ConfigurationError where the
            settings do not allow that.
        cache: Instrument ids.
    """

    def __init__(
        self, rules: VenueRules, source: Callable[[], TradeSource], cache: InstrumentCache
    ) -> None:
        self._rules = rules
        self._source = source
        self._cache = cache
        self._partitions = KnownPartitions()

    def next_page(self, connection: PgConnection, run_id: int) -> Step:
        """Do a run's next page, if it has one.

        What is wrong with a request is noted in the run, which is due again after a pause, or
        ended. Doing a page twice does no harm.

        Raises:
            StoreUnavailable: PostgreSQL is away; the page is done again.
            StreamUnavailable: Redis, which keeps the rate limit, is away.
        """
        run = backfills.take(connection, run_id, LEASE)
        if run is None:
            return Step()
        plan, place = course_of(run), place_of(run)
        if plan.is_over(place):
            self._end(connection, run)
            return Step()
        ticker, window = plan.slice_at(place)
        try:
            source = self._source()
            answer = fetch(source, Ask(ticker, window, place.archived, place.cursor))
            is_last = not answer.cursor and not place.archived
            cutoff = source.archived_before() if is_last else None
        except (RestError, ConfigurationError) as error:
            return self._failed(connection, run, error)
        following = plan.after_page(place, answer.cursor, cutoff)
        done = self._store(connection, run, window, answer, following)
        if done is None:
            return Step()
        if plan.is_over(following):
            self._end(connection, backfills.find(connection, run.id) or run)
            return Step(done.fetched, done.stored)
        return Step(done.fetched, done.stored, goes_on=True)

    def _store(
        self,
        connection: PgConnection,
        run: BackfillRun,
        window: Window,
        answer: Answer,
        following: Place,
    ) -> PageDone | None:
        """Store a page; None when somebody else did so meanwhile."""
        ticks = [tick for tick in answer.ticks if window.holds(tick.event_time)]
        tickers = {tick.ticker for tick in ticks}
        ids = resolve_instruments(
            connection, self._cache, self._rules.venue, tickers, self._rules.describe
        )
        self._partitions.ensure(connection, [tick.event_us for tick in ticks])
        by_id = {(ids[tick.ticker], tick.event_key): tick for tick in ticks}
        rows = rows_of((instrument_id, tick) for (instrument_id, _), tick in by_id.items())
        with connection, connection.cursor() as cursor:
            if not backfills.hold(cursor, run):
                return None
            new = {trade: by_id[trade] for trade in write_trades(cursor, rows)}
            gaps = feed_gaps.gaps_of(cursor, run.id) if run.origin == "gap" else []
            feed_gaps.add_recovered(cursor, _recovered(gaps, ticks, list(new.values())))
            done = PageDone(
                following.ticker_number,
                following.slice_from,
                following.archived,
                following.cursor,
                fetched=len(ticks),
                stored=len(new),
                unreadable=len(answer.unreadable),
                reason=answer.unreadable[0] if answer.unreadable else "",
            )
            backfills.advance(cursor, run, done)
            stored = rows_of((instrument_id, tick) for (instrument_id, _), tick in new.items())
            write_latest(cursor, newest_of(stored.telling))
        return done

    def _failed(
        self, connection: PgConnection, run: BackfillRun, error: RestError | ConfigurationError
    ) -> Step:
        verdict = judge(error, failures=run.failures + 1, has_cursor=bool(run.cursor))
        if isinstance(verdict, GiveUp):
            self._end(connection, run, refusal=str(error))
            # What the plan does not include is no failure: the gap says so, and that is all.
            return Step(refused=None if isinstance(error, NotEntitled) else error)
        backfills.put_off(
            connection,
            run.id,
            verdict.pause,
            str(error),
            is_failure=verdict.is_failure,
            anew=verdict.anew,
        )
        return Step()

    def fell_over(self, connection: PgConnection, run_id: int, error: Exception) -> None:
        """A page met what may be a bug: it is done again after a pause, and in the end given up."""
        run = backfills.find(connection, run_id)
        if run is None:
            return
        failures = run.failures + 1
        told = redact(f"{type(error).__name__}: {error}")
        if failures >= MOST_FAILURES:
            self._end(connection, run, refusal=told)
            return
        pause = pause_after(failures)
        backfills.put_off(connection, run_id, pause, told, is_failure=True, anew=False)

    def _end(self, connection: PgConnection, run: BackfillRun, refusal: str = "") -> None:
        """End a run and settle its gaps."""
        reason = refusal
        if not reason and run.unreadable:
            reason = f"{run.unreadable:,} trades could not be had or read ({run.reason})"
        with connection, connection.cursor() as cursor:
            backfills.end(cursor, run.id, "refused" if refusal else "complete", reason)
            settle_gaps(cursor, [gap.id for gap in feed_gaps.gaps_of(cursor, run.id)], reason)


def settle_gaps(cursor: Cursor, gap_ids: Sequence[str], reason: str) -> None:
    """End what is still open of some gaps; ``reason`` is why not all of it was recovered."""
    feed_gaps.end_channels(cursor, gap_ids, reason)
    channels = feed_gaps.channels_of(cursor, gap_ids)
    states = [(each, state_of([State(c.state) for c in channels[each]])) for each in gap_ids]
    feed_gaps.settle(cursor, states)


def course_of(run: BackfillRun) -> Course:
    """What a run walks through."""
    tickers = None if run.tickers is None else tuple(run.tickers)
    return course(Window(run.from_time, run.to_time), tickers)


def place_of(run: BackfillRun) -> Place:
    """Where it is."""
    return Place(run.ticker_number, run.slice_from, run.archived, run.cursor)


def _recovered(
    gaps: Sequence[Gap], ticks: Sequence[HadronTick], new: Sequence[HadronTick]
) -> list[Recovered]:
    """What a page brought for each gap of a run: the trades made when it may have lost them."""
    found = []
    for gap in gaps:
        window = window_of(gap.from_time, gap.to_time)
        fetched, stored = (
            sum(window.holds(tick.event_time) for tick in each) for each in (ticks, new)
        )
        if fetched:
            found.append(Recovered(gap.id, fetched, stored))
    return found
