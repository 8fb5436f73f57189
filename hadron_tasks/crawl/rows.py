"""Kalshi's REST answers as rows of the catalogue: pure, and quick enough for a million markets.

Prices, sizes and volumes are left out: they are ticks, and would make every market a changed one
each time it is read.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from hadron_tasks.store.catalogue_rows import (
    EventFacts,
    EventRow,
    InstrumentRow,
    SeriesFacts,
    SeriesRow,
)
from hadron_tasks.store.words import keywords
from hadron_tasks.tickers import (
    CodeBook,
    EventMetadata,
    MarketMetadata,
    ParsedTicker,
    SelectedLeg,
    SeriesMetadata,
    TickerError,
    parse_ticker,
)
from hadron_tasks.tickers.parsed import Team
from hadron_tasks.venues.kalshi.fields import VENUE
from hadron_tasks.venues.kalshi.rest_models import Event, Market, Series

ASSET_CLASS = "other"
"""What prediction markets are."""

ANSWERS_MAY_LAG = timedelta(seconds=10)
"""An answer may be older than the question: answers come from caches and replicas. What was
received over the WebSocket so shortly before the question is believed over the answer."""

_EXTRAS = (
    "can_close_early",
    "early_close_condition",
    "expiration_value",
    "fee_waiver_expiration_time",
    "fractional_trading_enabled",
    "occurrence_datetime",
    "primary_participant_key",
    "settlement_timer_seconds",
)
"""Fields of a market without one in our model that are worth keeping, and do not change daily."""

_HAVE_COLUMNS = ("ticker", "display_name", "event_ticker", "title", "subtitle", "category")
"""Parts of a reading that stand in the row or beside the reading already."""

_SERIES_PREFIX = "KX"
_NOT_SAID: tuple[Any, ...] = (None, "", [], (), {})


def as_of(asked_at: datetime, updated_time: datetime | None) -> datetime:
    """As of when an answer is certainly so.

    Not before the exchange says that it changed the market, else a little before we asked.

    Args:
        asked_at: When the request was sent, by our clock.
        updated_time: The market's own, by the exchange's.
    """
    earliest = asked_at - ANSWERS_MAY_LAG
    if updated_time is None or updated_time < earliest:
        return earliest
    return min(updated_time, asked_at)


def market_row(
    market: Market,
    event: EventFacts | None,
    series: SeriesFacts | None,
    book: CodeBook,
    asked_at: datetime,
) -> InstrumentRow:
    """A market as a row.

    Args:
        market: What the exchange says of it.
        event: What is known of its event.
        series: What is known of its series, where that is not known through the event.
        book: What codes in tickers mean.
        asked_at: When the request was sent that this answers.
    """
    series = event.series if event is not None and event.series is not None else series
    parsed = _parsed(market, event, series, book)
    event_title = "" if event is None else event.title
    return InstrumentRow(
        venue=VENUE,
        ticker=market.ticker,
        asset_class=ASSET_CLASS,
        described_at=as_of(asked_at, market.updated_time),
        name=event_title or market.title or f"Kalshi Market: {market.ticker}",
        display_name=(parsed and parsed.display_name) or market.title or event_title or None,
        status=market.status or None,
        market_type=market.market_type or None,
        event_ticker=market.event_ticker or None,
        title=market.title or event_title or None,
        yes_sub_title=market.yes_sub_title or None,
        no_sub_title=market.no_sub_title or None,
        open_time=market.open_time,
        close_time=market.close_time,
        expected_expiration_time=market.expected_expiration_time,
        strike_type=market.strike_type or None,
        floor_strike=market.floor_strike,
        cap_strike=market.cap_strike,
        result=market.result or None,
        settlement_value=market.settlement_value_dollars,
        keywords=_keywords(market, parsed, event, series),
        external_ref=_external_ref(market, parsed, event, series),
    )


def event_row(event: Event, asked_at: datetime) -> EventRow:
    """An event as a row."""
    return EventRow(
        venue=VENUE,
        event_ticker=event.event_ticker,
        described_at=as_of(asked_at, event.last_updated_ts),
        series_ticker=event.series_ticker or None,
        title=event.title or None,
        sub_title=event.sub_title or None,
        category=event.category or None,
        mutually_exclusive=event.mutually_exclusive,
        collateral_return_type=event.collateral_return_type or None,
        strike_date=event.strike_date,
        external_ref=_said(
            strike_period=event.strike_period, product_metadata=event.product_metadata
        ),
    )


def series_row(series: Series) -> SeriesRow:
    """A series as a row."""
    return SeriesRow(
        ticker=series.ticker,
        title=series.title or None,
        category=series.category or None,
        frequency=series.frequency or None,
        tags=list(series.tags),
        fee_type=series.fee_type or None,
        fee_multiplier=series.fee_multiplier,
        external_ref=_said(
            contract_url=series.contract_url,
            settlement_sources=[
                {"name": source.name, "url": source.url} for source in series.settlement_sources
            ],
        ),
    )


def event_facts(event: Event, series: SeriesFacts | None) -> EventFacts:
    """What an event that was just fetched adds to the names of its markets."""
    return EventFacts(
        event.event_ticker,
        event.series_ticker,
        event.title,
        event.sub_title,
        event.category,
        event.mutually_exclusive,
        series,
    )


def _parsed(
    market: Market, event: EventFacts | None, series: SeriesFacts | None, book: CodeBook
) -> ParsedTicker | None:
    try:
        return parse_ticker(
            market.ticker,
            MarketMetadata(
                market.event_ticker,
                market.market_type,
                market.title,
                market.subtitle,
                market.yes_sub_title,
                market.strike_type,
                market.floor_strike,
                market.cap_strike,
                tuple(
                    SelectedLeg(leg.market_ticker, leg.event_ticker, leg.side or "yes")
                    for leg in market.mve_selected_legs
                ),
            ),
            None
            if event is None
            else EventMetadata(event.title, event.sub_title, event.category, event.series_ticker),
            None if series is None else SeriesMetadata(series.title, series.category),
            book,
        )
    except TickerError:
        # A name that breaks the grammar of all names so far: the exchange's words must do.
        return None


def _external_ref(
    market: Market,
    parsed: ParsedTicker | None,
    event: EventFacts | None,
    series: SeriesFacts | None,
) -> dict[str, Any]:
    extra = market.model_extra or {}
    found: dict[str, Any] = {
        # Under the names that lifecycle messages use for the same facts.
        "rules_primary": market.rules_primary,
        "rules_secondary": market.rules_secondary,
        "functional_strike": market.functional_strike,
        "custom_strike": market.custom_strike,
        "price_level_structure": market.price_level_structure,
        "price_ranges": [
            {"start": steps.start, "end": steps.end, "step": steps.step}
            for steps in market.price_ranges
        ],
        "collection": market.mve_collection_ticker,
        "legs": [
            {"event_ticker": leg.event_ticker, "market_ticker": leg.market_ticker, "side": leg.side}
            for leg in market.mve_selected_legs
        ],
        "created_time": market.created_time,
        "latest_expiration_time": market.latest_expiration_time,
        "settlement_ts": market.settlement_ts,
    }
    for name in _EXTRAS:
        found[name] = extra.get(name)
    if parsed is not None:
        found["parsed"] = _reading(parsed)
        found["series_ticker"] = parsed.series
        found["category"] = parsed.category.value
    if event is not None:
        if event.series_ticker:
            found["series_ticker"] = event.series_ticker
        found["event"] = _said(
            title=event.title,
            sub_title=event.sub_title,
            mutually_exclusive=event.mutually_exclusive,
        )
    if series is not None:
        found["series"] = _said(title=series.title, frequency=series.frequency)
        found["tags"] = series.tags
    found["exchange_category"] = (event.category if event is not None else "") or (
        series.category if series is not None else ""
    )
    return {name: fact for name, fact in found.items() if fact not in _NOT_SAID}


def _reading(parsed: ParsedTicker) -> dict[str, Any]:
    """What the ticker says, without what has a column of its own."""
    reading = parsed.as_dict()
    for name in _HAVE_COLUMNS:
        reading.pop(name, None)
    return reading


def _keywords(
    market: Market,
    parsed: ParsedTicker | None,
    event: EventFacts | None,
    series: SeriesFacts | None,
) -> str:
    """What people may look for: names, teams in full, people, places, league, series, tags."""
    said = [market.ticker, market.yes_sub_title]
    if parsed is None:
        said.append(market.title)
    else:
        said.append(parsed.display_name)
        if parsed.outcome is not None:
            said.append(parsed.outcome.name)
        said.append(_words_of_parsed(parsed.series, parsed.league, parsed.sport, parsed.teams))
    said.append(_words_of_event(event, series))
    return keywords(said)


@lru_cache(maxsize=4096)
def _words_of_parsed(
    series: str, league: str | None, sport: str | None, teams: tuple[Team, ...]
) -> str:
    """What all markets of a game share; worked out once, for it takes longer than the rest."""
    names = (team.full_name for team in teams)
    return keywords((series.removeprefix(_SERIES_PREFIX), league, sport, *names))


@lru_cache(maxsize=4096)
def _words_of_event(event: EventFacts | None, series: SeriesFacts | None) -> str:
    """What all markets of an event share, likewise."""
    said: list[str] = []
    if event is not None:
        said += (event.title, event.sub_title, event.category)
    if series is not None:
        said += (series.title, series.category, *series.tags)
    return keywords(said)


def _said(**facts: Any) -> dict[str, Any]:
    """The facts that were stated."""
    return {name: fact for name, fact in facts.items() if fact not in _NOT_SAID}
