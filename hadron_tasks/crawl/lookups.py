"""New instruments, asked for by name: the stream brought them, a crawl has not met them yet.

An instrument is made on sight with its ticker alone. Once a minute those without a name are looked
up, a hundred a request, with their event and series where these are new, too. So a market that is
traded a second after it was listed has its name minutes later, and not after the next crawl.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import structlog
from psycopg2.extensions import connection as PgConnection  # noqa: N812

from hadron_tasks.crawl.asks import Fetched, MarketsNamed
from hadron_tasks.crawl.keep import Codes, keep
from hadron_tasks.store import lookups
from hadron_tasks.venues.kalshi.fields import VENUE
from hadron_tasks.venues.kalshi.rest import KalshiRest
from hadron_tasks.venues.kalshi.rest_listings import TICKERS_A_REQUEST
from hadron_tasks.venues.kalshi.rest_models import Event, Series
from hadron_tasks.venues.rest.errors import BadRequest, NotFound, RestError

MOST_AT_ONCE = 1000
"""Tickers taken up at a time; the rest comes with the next minute."""
BUDGET_S = 40.0
"""After which no further batch is begun: the task's time limit is 90 seconds."""

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Counts:
    """What came of looking up."""

    named: int = 0
    unknown: int = 0
    events: int = 0
    series: int = 0
    requests: int = 0
    put_off: str = ""
    """Why it ended before everything was asked for."""


def look_up(connection: PgConnection, make_rest: Callable[[], KalshiRest], codes: Codes) -> Counts:
    """Name the instruments that have no name and are due.

    What the exchange cannot answer now is asked for again a minute later.

    Raises:
        StoreUnavailable: The database gave way.
    """
    counts = Counts()
    with connection, connection.cursor() as db:
        tickers = lookups.unnamed_instruments(db, VENUE, MOST_AT_ONCE)
    if not tickers:
        return counts
    rest = make_rest()
    sent_before = rest.requests_sent
    ends_at = time.monotonic() + BUDGET_S
    try:
        for batch in _batches(tickers):
            if time.monotonic() > ends_at:
                counts.put_off = "the time is up"
                break
            _look_up_batch(connection, rest, codes, batch, counts)
    except RestError as error:
        _log.warning("New instruments could not be looked up; it is tried again", error=str(error))
        counts.put_off = str(error)
    counts.requests = rest.requests_sent - sent_before
    return counts


def _batches(tickers: list[str]) -> Iterator[tuple[str, ...]]:
    for start in range(0, len(tickers), TICKERS_A_REQUEST):
        yield tuple(tickers[start : start + TICKERS_A_REQUEST])


def _look_up_batch(
    connection: PgConnection,
    rest: KalshiRest,
    codes: Codes,
    tickers: tuple[str, ...],
    counts: Counts,
) -> None:
    asked_at = datetime.now(UTC)
    try:
        found = MarketsNamed(tickers).fetch(rest)
    except BadRequest as error:
        # One name that the exchange takes offence at must not keep its neighbours without theirs.
        if len(tickers) == 1:
            with connection, connection.cursor() as db:
                lookups.not_known(db, VENUE, tickers, str(error))
            counts.unknown += 1
            return
        half = len(tickers) // 2
        _look_up_batch(connection, rest, codes, tickers[:half], counts)
        _look_up_batch(connection, rest, codes, tickers[half:], counts)
        return
    above = _fetch_above(connection, rest, found)
    # What markets are about is stored first: they take half of their names from it.
    with connection, connection.cursor() as db:
        keep(db, codes, above, asked_at)
    siblings = [market for event in above.events for market in event.markets]
    with connection, connection.cursor() as db:
        # Of a market that is there twice the last one counts.
        kept = keep(db, codes, replace(found, markets=[*siblings, *found.markets]), asked_at)
        # What was found and still has no name must not be asked for every minute either.
        reasons = {entry["item"]: entry["reason"] for entry in kept.unreadable}
        for ticker in lookups.nameless(db, VENUE, tickers):
            if ticker not in found.unknown:
                reason = reasons.get(ticker, "the exchange gives it no name")
                lookups.not_known(db, VENUE, [ticker], reason)
    counts.named += len(found.markets)
    counts.unknown += len(found.unknown)
    counts.events += len(above.events)
    counts.series += len(above.series)


def _fetch_above(connection: PgConnection, rest: KalshiRest, found: Fetched) -> Fetched:
    """The events and series of markets, as far as they are not stored."""
    with connection, connection.cursor() as db:
        # A combo's event says nothing that its legs do not.
        simple = {m.event_ticker for m in found.markets if not m.mve_selected_legs}
        unknown = lookups.undescribed_events(db, simple - {""})
    events: list[Event] = []
    for ticker in unknown:
        with suppress(NotFound):
            events.append(rest.event(ticker))
    with connection, connection.cursor() as db:
        of_events = {event.series_ticker for event in events} - {""}
        missing = lookups.unknown_series(db, of_events)
    series: list[Series] = []
    for ticker in missing:
        with suppress(NotFound):
            series.append(rest.one_series(ticker))
    return Fetched(events=events, series=series)
