"""One page of a crawl, from the question to the stored rows: what a task of the crawl does.

Nothing is held in memory between pages, so any worker does the next one, and a crawl whose workers
were killed goes on from what the database says.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from psycopg2.extensions import connection as PgConnection  # noqa: N812

from hadron_tasks.crawl.asks import Ask, Fetched
from hadron_tasks.crawl.failures import (
    GiveUp,
    Patience,
    PutOff,
    StartOver,
    TryAgain,
    Verdict,
    described,
    judge,
)
from hadron_tasks.crawl.keep import Codes, keep
from hadron_tasks.crawl.plan import PlannedPart, finer, kind_of
from hadron_tasks.crawl.progress import landmark_after
from hadron_tasks.crawl.runs import Message, advance
from hadron_tasks.crawl.series_walk import MOST_LOST_IN_A_ROW, lost_in_a_row
from hadron_tasks.crawl.sources import InSeries, next_ask
from hadron_tasks.errors import ConfigurationError, GivenUp, StreamUnavailable
from hadron_tasks.store import crawl_parts, crawl_runs
from hadron_tasks.store.crawl_parts import PageStored, Part, PartStatus
from hadron_tasks.store.crawl_runs import Run
from hadron_tasks.store.crawl_seen import mark_seen
from hadron_tasks.store.session import is_transient
from hadron_tasks.venues.kalshi.rest import KalshiRest
from hadron_tasks.venues.polygon.rest import PolygonRest
from hadron_tasks.venues.rest.errors import CursorRepeats

_LOOKS_FOR_VANISHED = ("full", "polygon")
"""Crawls that read whole lists, and then ask by name for what was in none of them."""


class CrawlPageLost(GivenUp):
    """A page could not be had; names the crawl, the part, the page and its cursor.

    The crawl has gone on where it can. ``hadron crawl resume`` tries the page again.
    """


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a page."""

    result: str
    """``stored``, ``put off``, ``lost``, ...: for people who look at the task."""
    messages: Sequence[Message] = ()
    """Tasks to send now."""
    seen: int = 0
    changed: int = 0
    requests: int = 0
    loss: CrawlPageLost | None = None
    """To be raised once the messages are sent."""


@dataclass(frozen=True, slots=True)
class Tools:
    """What pages are done with: one of each a process."""

    rest: KalshiRest | PolygonRest | ConfigurationError
    """Or why there is none: pages are given up then, with that reason, and not tried for ever."""
    codes: Codes
    patience: Patience


def do_page(connection: PgConnection, tools: Tools, run_id: int, part: str, page: int) -> Outcome:
    """Ask for a page and store it.

    Does nothing where another task is at this part, or where the part is past this page: messages
    may come twice, and late.

    Raises:
        StoreUnavailable: The database gave way; nothing of the page is stored.
        StreamUnavailable: The rate limit cannot be asked.
    """
    with crawl_parts.only_one_at(connection, run_id, part) as is_ours:
        if not is_ours:
            return Outcome("another task is at it")
        with connection, connection.cursor() as db:
            run, at = crawl_runs.read_run(db, run_id), crawl_parts.read_part(db, run_id, part)
            if run is None or at is None or run.status != "running":
                return Outcome("the crawl has ended")
            if at.pages != page or at.status != "running":
                return Outcome("this page is done")
            ask = next_ask(db, run, at)
        attempt = _Attempt(connection, tools, run, at)
        # What is to be sent is only returned: the next task may begin as soon as it is, and must
        # find the part free.
        return attempt.nothing_left() if ask is None else attempt.make(ask)


@dataclass(frozen=True, slots=True)
class _Attempt:
    """One try at one page."""

    connection: PgConnection
    tools: Tools
    run: Run
    part: Part

    def make(self, ask: Ask[Any]) -> Outcome:
        """Ask, and do what follows from the answer."""
        rest = self.tools.rest
        if isinstance(rest, ConfigurationError):
            return self._failed(ask, rest, 0)
        sent, asked_at = rest.requests_sent, datetime.now(UTC)
        try:
            fetched = ask.fetch(rest)
            if fetched.cursor and fetched.cursor in (self.part.cursor, self.part.landmark):
                raise CursorRepeats(str(ask), fetched.cursor)
            return self._store(fetched, asked_at, rest.requests_sent - sent)
        except StreamUnavailable:
            raise
        except Exception as error:
            # Whatever is wrong with one page, the crawl has to know, or it would never end.
            if is_transient(error):
                raise
            return self._failed(ask, error, rest.requests_sent - sent)

    def nothing_left(self) -> Outcome:
        """The part is through without another request."""
        part = self.part
        with self.connection, self.connection.cursor() as db:
            if kind_of(part.part) == "by-series" and not part.pages:
                # It stands for a list that broke, and no series is known to read it by.
                none: dict[str, Any] = {
                    "page": 0,
                    "asked": part.part,
                    "cursor": "",
                    "error": "no series is known",
                }
                crawl_parts.lose(db, part, [none], "broken", "", requests=0, error=none["error"])
            else:
                crawl_parts.complete_part(db, part)
        return Outcome("nothing left", advance(self.connection, self.run))

    def _store(self, fetched: Fetched, asked_at: datetime, requests: int) -> Outcome:
        run, part = self.run, self.part
        status = self._status_after(fetched.cursor)
        is_stored = False
        try:
            with self.connection, self.connection.cursor() as db:
                kept = keep(db, self.tools.codes, fetched, asked_at)
                if run.kind in _LOOKS_FOR_VANISHED:
                    listed = [*(market.ticker for market in fetched.markets), *fetched.tickers]
                    mark_seen(db, run.id, part.part, part.pages, listed)
                stored = PageStored(
                    fetched.cursor,
                    landmark_after(part.landmark, part.cursor, part.pages),
                    kept.seen,
                    kept.changed,
                    requests,
                    kept.unreadable,
                )
                is_stored = crawl_parts.move_on(db, part, stored, status)
                if not is_stored:
                    self.connection.rollback()
        finally:
            if not is_stored:
                self.tools.codes.forget()
        if not is_stored:
            return Outcome("this page is done", requests=requests)
        return Outcome("stored", self._next(status), kept.seen, kept.changed, requests)

    def _next(self, status: PartStatus) -> Sequence[Message]:
        """What is to be sent once the page is behind us."""
        if status == "running":
            return [Message(self.run.id, self.part.part, self.part.pages + 1)]
        return advance(self.connection, self.run)

    def _status_after(self, cursor: str) -> PartStatus:
        if not cursor:
            return "complete"
        rests = self.part.rest_at_page is not None and self.part.pages + 1 >= self.part.rest_at_page
        return "resting" if rests else "running"

    def _failed(self, ask: Ask[Any], error: Exception, requests: int) -> Outcome:
        part = self.part
        verdict: Verdict = judge(
            error,
            failures=part.failures + 1,
            restarts=part.restarts,
            has_cursor=bool(part.cursor) and ask.instead is None,
            patience=self.tools.patience,
        )
        if isinstance(verdict, PutOff | TryAgain):
            return self._later(verdict, error, requests)
        if isinstance(verdict, StartOver):
            with self.connection, self.connection.cursor() as db:
                crawl_parts.start_over(db, part, requests=requests, error=described(error))
            again = Message(self.run.id, part.part, part.pages + 1)
            return Outcome("begun anew", [again], requests=requests)
        return self._lose(ask, error, verdict, requests)

    def _later(self, verdict: PutOff | TryAgain, error: Exception, requests: int) -> Outcome:
        part, failed = self.part, isinstance(verdict, TryAgain)
        with self.connection, self.connection.cursor() as db:
            crawl_parts.put_off(
                db, part, verdict.pause, requests=requests, failed=failed, error=described(error)
            )
        again = Message(self.run.id, part.part, part.pages, verdict.pause)
        return Outcome("failed" if failed else "put off", [again], requests=requests)

    def _lose(self, ask: Ask[Any], error: Exception, verdict: GiveUp, requests: int) -> Outcome:
        run, part, why = self.run, self.part, described(error)
        entry = {"page": part.pages, "asked": str(ask), "cursor": part.cursor, "error": why}
        if isinstance(ask, InSeries):
            entry["series"] = ask.series
        missing = [*part.missing, entry]
        status: PartStatus = "broken"
        narrower = finer(PlannedPart(part.part, part.stage)) if verdict.try_finer else None
        with self.connection, self.connection.cursor() as db:
            if ask.instead is not None and self._is_worth_going_on(missing):
                status = "running" if ask.instead else "complete"
            elif narrower is not None:
                # What is missing here is the finer part's matter now.
                missing = part.missing
                crawl_parts.add_part(db, run.id, narrower.name, narrower.stage)
            after = part.cursor if status == "broken" else ask.instead or ""
            crawl_parts.lose(db, part, missing, status, after, requests=requests, error=why)
        loss = CrawlPageLost(
            f"Crawl {run.id}, part {part.part}, page {part.pages}, cursor {part.cursor!r}: "
            f"{why} What this means for the crawl: hadron crawl status {run.id}"
        )
        loss.__cause__ = error
        return Outcome("lost", self._next(status), requests=requests, loss=loss)

    def _is_worth_going_on(self, missing: Sequence[dict[str, Any]]) -> bool:
        return lost_in_a_row(missing, self.part.pages + 1) < MOST_LOST_IN_A_ROW
