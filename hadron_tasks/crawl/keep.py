"""What was fetched, stored: named by all that is known, and written only where it changed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from time import monotonic
from typing import Any

from psycopg2.extensions import cursor as Cursor  # noqa: N812

from hadron_tasks.crawl.asks import Fetched
from hadron_tasks.crawl.codes import learn_from, load_book
from hadron_tasks.crawl.polygon_rows import ticker_row
from hadron_tasks.crawl.rows import event_row, market_row, series_row
from hadron_tasks.store import lookups
from hadron_tasks.store.catalogue import upsert_events, upsert_instruments, upsert_series
from hadron_tasks.store.catalogue_facts import facts_of_events, facts_of_series
from hadron_tasks.store.catalogue_rows import InstrumentRow, Written
from hadron_tasks.store.reference_documents import keep_documents
from hadron_tasks.tickers import CodeBook
from hadron_tasks.venues.kalshi.fields import VENUE
from hadron_tasks.venues.kalshi.rest_models import Market

RELOADED_AFTER_S = 1800.0
"""What other processes have learnt is taken over so often."""


@dataclass(slots=True)
class Codes:
    """The codes that this process knows, read from the database when they are first needed."""

    _book: CodeBook | None = None
    _read_at: float = 0.0
    _monotonic: Callable[[], float] = monotonic

    def book(self, db: Cursor) -> CodeBook:
        """All codes that were learnt, the packaged ones included."""
        if self._book is None or self._monotonic() - self._read_at > RELOADED_AFTER_S:
            self._book = load_book(db)
            self._read_at = self._monotonic()
        return self._book

    def forget(self) -> None:
        """Read them again: what was learnt last was not stored."""
        self._book = None


@dataclass(slots=True)
class Kept:
    """What became of the things that were fetched."""

    seen: int = 0
    changed: int = 0
    unreadable: list[dict[str, Any]] = field(default_factory=list)
    """What could not be read or stored, each with its name and the reason."""

    def add(self, written: Written) -> None:
        """Count rows."""
        self.seen += written.seen
        self.changed += written.changed
        self.unreadable += [{"item": key, "reason": reason} for key, reason in written.refused]


def keep(db: Cursor, codes: Codes, fetched: Fetched, asked_at: datetime) -> Kept:
    """Store what was fetched, in the cursor's open transaction.

    Args:
        asked_at: When the request was sent: messages received since know better.
    """
    kept = Kept()
    for rejected in fetched.rejected:
        name = rejected.raw.get("ticker") if isinstance(rejected.raw, dict) else None
        kept.unreadable.append({"item": name, "reason": rejected.reason})
    kept.seen += len(fetched.rejected)
    # Markets before events before series: all who write take their locks in this order.
    if fetched.markets:
        kept.add(upsert_instruments(db, _market_rows(db, codes, fetched.markets, asked_at)))
        lookups.answered(db, VENUE, [market.ticker for market in fetched.markets])
    if fetched.tickers:
        rows = [ticker_row(said, name, asked_at) for name, said in fetched.tickers.items()]
        kept.add(upsert_instruments(db, rows))
        lookups.answered(db, fetched.venue, list(fetched.tickers))
    if fetched.unknown:
        lookups.not_known(db, fetched.venue, fetched.unknown, "the exchange does not know it")
    if fetched.events:
        kept.add(upsert_events(db, [event_row(event, asked_at) for event in fetched.events]))
    if fetched.series:
        kept.add(upsert_series(db, [series_row(series) for series in fetched.series]))
    if fetched.documents:
        kept.seen += len(fetched.documents)
        kept.changed += keep_documents(db, VENUE, fetched.documents)
    return kept


def _market_rows(
    db: Cursor, codes: Codes, markets: Sequence[Market], asked_at: datetime
) -> list[InstrumentRow]:
    book = codes.book(db)
    learn_from(db, book, markets)
    events = facts_of_events(db, {market.event_ticker for market in markets})
    # Where the event is not known, its name still says the series.
    orphans = {m.event_ticker.partition("-")[0] for m in markets if m.event_ticker not in events}
    series = facts_of_series(db, orphans) if orphans else {}
    return [
        market_row(
            market,
            events.get(market.event_ticker),
            series.get(market.event_ticker.partition("-")[0]),
            book,
            asked_at,
        )
        for market in markets
    ]
