"""Pages of ``GET /markets`` to measure with, as the exchange would send them; ever the same."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from hadron_tasks.store.catalogue_rows import EventFacts, SeriesFacts

RUNGS = 20
"""Markets of an event: a ladder of strikes."""
A_PAGE = 1000

_CITIES = {
    "AUS": "Austin",
    "CHI": "Chicago",
    "DEN": "Denver",
    "LAX": "Los Angeles",
    "MIA": "Miami",
    "NY": "New York City",
    "PHIL": "Philadelphia",
}
_CODES = tuple(_CITIES)
_SERIES = "KXHIGH"
_FROM = datetime(2026, 12, 1, tzinfo=UTC)


def market_page(number: int, *, size: int = A_PAGE, reworded: int = 0) -> bytes:
    """One page, as JSON.

    Args:
        number: Which one, from 0; none repeats another's markets.
        size: Markets on it.
        reworded: So many of them, evenly, have another text than on the page without it.
    """
    every = size // reworded if reworded else size + 1
    markets = [
        _market(number * size + at, " Again." if reworded and at % every == 0 else "")
        for at in range(size)
    ]
    return json.dumps({"markets": markets, "cursor": f"page-{number + 1}"}).encode()


def event_of(ticker: str) -> EventFacts:
    """What is known of an event of the pages; one object an event, as on a real page."""
    return _events(ticker)


@lru_cache(maxsize=A_PAGE)
def _events(ticker: str) -> EventFacts:
    series, _, day = ticker.partition("-")
    title = f"Highest temperature in {_CITIES[series.removeprefix(_SERIES)]}"
    of_series = SeriesFacts(series, title, "Climate and Weather", "daily", ("Daily temperature",))
    return EventFacts(ticker, series, f"{title} on {day}", "", of_series.category, True, of_series)


def _event(number: int) -> str:
    day = _FROM + timedelta(days=number // len(_CODES))
    return f"{_SERIES}{_CODES[number % len(_CODES)]}-{day:%y%b%d}".upper()


def _market(number: int, reworded: str) -> dict[str, Any]:
    event, rung = divmod(number, RUNGS)
    ticker, strike = _event(event), 40 + 2 * rung
    city = _CITIES[_CODES[event % len(_CODES)]]
    closes = _FROM + timedelta(days=event // len(_CODES), hours=23)
    day = f"{closes:%b} {closes.day}, {closes.year}"
    return {
        "ticker": f"{ticker}-B{strike}.5",
        "event_ticker": ticker,
        "market_type": "binary",
        "title": f"Will the high temp in {city} be {strike}-{strike + 1}° on {day}?",
        "yes_sub_title": f"{strike}° to {strike + 1}°",
        "no_sub_title": f"{strike}° to {strike + 1}°",
        "created_time": "2026-11-20T14:00:00Z",
        "updated_time": "2026-11-20T14:00:00Z",
        "open_time": "2026-11-20T15:00:00Z",
        "close_time": f"{closes:%Y-%m-%dT%H:%M:%SZ}",
        "expected_expiration_time": f"{closes + timedelta(hours=10):%Y-%m-%dT%H:%M:%SZ}",
        "latest_expiration_time": f"{closes + timedelta(days=7):%Y-%m-%dT%H:%M:%SZ}",
        "settlement_timer_seconds": 3600,
        "status": "active",
        "result": "",
        "can_close_early": True,
        "strike_type": "between",
        "floor_strike": strike,
        "cap_strike": strike + 1,
        "rules_primary": (
            f"If the highest temperature recorded in {city} on {day}, according to the National"
            f" Weather Service's climatological report, is between {strike}° and {strike + 1}°,"
            f" then the market resolves to Yes.{reworded}"
        ),
        "rules_secondary": "Not all weather data is the same. Consult the contract's terms.",
        "price_level_structure": "linear_cent",
        "price_ranges": [{"start": "0.0000", "end": "1.0000", "step": "0.0100"}],
        "yes_bid_dollars": "0.1200",
        "yes_ask_dollars": "0.1500",
        "no_bid_dollars": "0.8500",
        "no_ask_dollars": "0.8800",
        "last_price_dollars": "0.1300",
        "volume_fp": f"{number % 9000}.00",
        "volume_24h_fp": f"{number % 500}.00",
        "open_interest_fp": f"{number % 7000}.00",
        "notional_value_dollars": "1.0000",
    }
