"""New instruments of Polygon's, named within minutes: options by their symbols, others by asking.

As for Kalshi's (:mod:`hadron_tasks.crawl.lookups`), an instrument is made on sight with its ticker
alone. Several that are new at once often stand on one page of a list, so lists are asked first, and
single names only for what is in none.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import structlog
from psycopg2.extensions import connection as PgConnection  # noqa: N812

from hadron_tasks.crawl.asks import Fetched
from hadron_tasks.crawl.keep import Codes, keep
from hadron_tasks.crawl.lookups import Counts
from hadron_tasks.crawl.polygon_asks import MARKET_OF_CLASS, TickerNamed, TickersFrom, Wanted
from hadron_tasks.crawl.polygon_rows import option_row
from hadron_tasks.store import lookups
from hadron_tasks.store.catalogue import upsert_instruments
from hadron_tasks.store.crawl_parts import only_one_at
from hadron_tasks.venues.polygon.fields import VENUE
from hadron_tasks.venues.polygon.rest import PolygonRest
from hadron_tasks.venues.polygon.symbols import asset_class
from hadron_tasks.venues.rest.errors import RequestBudgetExhausted, RestError

MOST_AT_ONCE = 10_000
"""Instruments taken up at a time; the rest comes with the next round."""
BUDGET_S = 12.0
"""After which no further request is begun: the next round is due, and the task's time limit is 90
seconds, of which one request may take 60."""
_ROUND = "new instruments of Polygon"

_log = structlog.get_logger(__name__)


def look_up_polygon(
    connection: PgConnection, make_rest: Callable[[], PolygonRest] | None
) -> Counts:
    """Name the instruments that have no name and are due.

    What the rate limit has no room for now comes with the next rounds. One round goes on at a time:
    two would ask the same.

    Args:
        make_rest: None where there is no key: then options alone are named.

    Raises:
        StoreUnavailable: The database gave way.
    """
    with only_one_at(connection, 0, _ROUND) as is_ours:
        return _look_up(connection, make_rest) if is_ours else Counts(put_off="one is at it")


def _look_up(connection: PgConnection, make_rest: Callable[[], PolygonRest] | None) -> Counts:
    counts = Counts()
    with connection, connection.cursor() as db:
        unnamed = lookups.unnamed_instruments(db, VENUE, MOST_AT_ONCE)
    by_class: defaultdict[str, list[str]] = defaultdict(list)
    for instrument in unnamed:
        by_class[asset_class(instrument)].append(instrument)
    _name_options(connection, by_class["option"], counts)
    if any(by_class[name] for name in MARKET_OF_CLASS) and make_rest is not None:
        _Asking(connection, make_rest(), counts).about(by_class)
    return counts


def _name_options(connection: PgConnection, symbols: Sequence[str], counts: Counts) -> None:
    if not symbols:
        return
    now = datetime.now(UTC)
    read = {symbol: option_row(symbol, now) for symbol in symbols}
    rows = [row for row in read.values() if row is not None]
    unread = [symbol for symbol, row in read.items() if row is None]
    with connection, connection.cursor() as db:
        upsert_instruments(db, rows)
        lookups.not_known(db, VENUE, unread, "no option's symbol is written like this")
    counts.named += len(rows)
    counts.unknown += len(unread)


class _Asking:
    """One round of questions. Each answer is stored at once, and the next round goes on from there:
    the free plan has room for one request a round."""

    def __init__(self, connection: PgConnection, rest: PolygonRest, counts: Counts) -> None:
        self._connection = connection
        self._rest = rest
        self._counts = counts

    def about(self, by_class: Mapping[str, Sequence[str]]) -> None:
        """Ask until everything is answered or the rate limit has no room."""
        sent_before = self._rest.requests_sent
        ends_at = time.monotonic() + BUDGET_S
        try:
            for name, market in MARKET_OF_CLASS.items():
                for _ in self._ask_about(market, by_class.get(name, ())):
                    if time.monotonic() > ends_at:
                        self._counts.put_off = "the time is up"
                        return
        except RequestBudgetExhausted as error:
            self._counts.put_off = str(error)
        except RestError as error:
            reason = self._counts.put_off = str(error)
            _log.warning("New instruments could not be looked up; it is tried again", error=reason)
        finally:
            self._counts.requests += self._rest.requests_sent - sent_before

    def _ask_about(self, market: str, instruments: Sequence[str]) -> Iterator[None]:
        """What is new is sought in the market's list; what is not there, by name from the next time
        that it is due."""
        with self._connection, self._connection.cursor() as db:
            attempts = lookups.attempts_of(db, VENUE, instruments)
        new = Wanted.of(set(instruments) - attempts.keys())
        start = new.from_on("")
        while start:
            asked_at = datetime.now(UTC)
            listed = TickersFrom(market, start, new).fetch(self._rest)
            self._store(listed, asked_at, new.between(start, listed.cursor))
            start = listed.cursor
            yield
        for instrument, tried in attempts.items():
            asked_at = datetime.now(UTC)
            named = TickerNamed(instrument, is_active=tried % 2 == 1).fetch(self._rest)
            self._store(named, asked_at, [instrument])
            yield

    def _store(self, fetched: Fetched, asked_at: datetime, about: Sequence[str]) -> None:
        """Keep an answer; what it should have told about and did not is due again later."""
        with self._connection, self._connection.cursor() as db:
            keep(db, Codes(), replace(fetched, unknown=()), asked_at)
            nameless = lookups.nameless(db, VENUE, about)
            lookups.not_known(db, VENUE, nameless, "the exchange gives it no name")
        self._counts.named += len(about) - len(nameless)
        self._counts.unknown += len(nameless)
