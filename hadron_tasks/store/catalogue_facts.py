"""What is stored of events and series, for naming the markets of a page: one query each."""

from __future__ import annotations

from collections.abc import Collection

from psycopg2.extensions import cursor as Cursor  # noqa: N812

from hadron_tasks.store.catalogue_rows import EventFacts, SeriesFacts

_EVENTS = """
    SELECT e.event_ticker, coalesce(e.series_ticker, ''), coalesce(e.title, ''),
           coalesce(e.sub_title, ''), coalesce(e.category, ''), e.mutually_exclusive,
           s.ticker, coalesce(s.title, ''), coalesce(s.category, ''), coalesce(s.frequency, ''),
           s.tags
    FROM events e LEFT JOIN series s ON s.ticker = e.series_ticker
    WHERE e.event_ticker = ANY(%s)
"""
_SERIES = """
    SELECT ticker, coalesce(title, ''), coalesce(category, ''), coalesce(frequency, ''), tags
    FROM series WHERE ticker = ANY(%s)
"""


def facts_of_events(cursor: Cursor, event_tickers: Collection[str]) -> dict[str, EventFacts]:
    """What is known of events and their series; those that are not stored are left out."""
    cursor.execute(_EVENTS, (list(event_tickers),))
    # Events of a page share few series: one object each.
    known_series: dict[str, SeriesFacts] = {}
    facts = {}
    for row in cursor.fetchall():
        ticker, series_ticker, title, sub_title, category, exclusive, *series = row
        if series[0] is not None and series[0] not in known_series:
            known_series[series[0]] = _series_facts(*series)
        facts[ticker] = EventFacts(
            ticker,
            series_ticker,
            title,
            sub_title,
            category,
            exclusive,
            known_series.get(series_ticker),
        )
    return facts


def facts_of_series(cursor: Cursor, tickers: Collection[str]) -> dict[str, SeriesFacts]:
    """What is known of series; those that are not stored are left out."""
    cursor.execute(_SERIES, (list(tickers),))
    return {row[0]: _series_facts(*row) for row in cursor.fetchall()}


def series_after(cursor: Cursor, ticker: str) -> str | None:
    """The next series in the order of tickers, known by itself or through its events."""
    cursor.execute(
        "SELECT min(ticker) FROM ("
        " (SELECT min(ticker) AS ticker FROM series WHERE ticker > %(after)s)"
        " UNION ALL"
        " (SELECT min(series_ticker) FROM events WHERE series_ticker > %(after)s)) AS found",
        {"after": ticker},
    )
    row = cursor.fetchone()
    return None if row is None else row[0]


def series_with_events_after(cursor: Cursor, ticker: str) -> str | None:
    """The next series in the order of tickers of which an event is stored."""
    cursor.execute("SELECT min(series_ticker) FROM events WHERE series_ticker > %s", (ticker,))
    row = cursor.fetchone()
    return None if row is None else row[0]


def _series_facts(
    ticker: str, title: str, category: str, frequency: str, tags: list[str]
) -> SeriesFacts:
    return SeriesFacts(ticker, title, category, frequency, tuple(map(str, tags)))


def tickers_of_class(cursor: Cursor, venue: str, asset_class: str) -> list[str]:
    """The instruments of a class that a venue defines."""
    cursor.execute(
        "SELECT ticker FROM instruments WHERE primary_source = %s AND asset_class = %s",
        (venue, asset_class),
    )
    return [str(row[0]) for row in cursor.fetchall()]
