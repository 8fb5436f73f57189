"""The series of the simulated exchange: what each is called and where it belongs."""

from __future__ import annotations

from typing import Any, NamedTuple

from streamer.simulator.bulk_markets import FAMILIES
from streamer.simulator.combo_markets import SERIES as COMBO_SERIES
from streamer.simulator.leagues import LEAGUES
from streamer.simulator.rest_forms import second

_SPORTS = {
    "KXNBA": "Basketball",
    "KXNFL": "Football",
    "KXNHL": "Hockey",
    "KXMLB": "Baseball",
    "KXEPL": "Soccer",
}
_GAME_FAMILIES = {"GAME": "Game", "SPREAD": "Spread", "TOTAL": "Total Points"}
_CRYPTO = ("KXBTCD", "KXETHD", "KXBTC")
_CURRENCIES = ("KXEURUSD", "KXUSDJPY")
_INDICES = ("KXINXU", "KXINX", "KXNASDAQ100U")
_BULK_TITLES = {family.series: family.title for family in FAMILIES}


class SeriesTerms(NamedTuple):
    """What is the same for all events of a series."""

    title: str
    category: str
    tags: tuple[str, ...]
    frequency: str
    source: str


def series_terms(ticker: str) -> SeriesTerms:
    """What the exchange says about a series."""
    for league in LEAGUES:
        family = ticker.removeprefix(league.series)
        if family != ticker and family in _GAME_FAMILIES:
            title = f"{league.sport} {_GAME_FAMILIES[family]}"
            return SeriesTerms(title, "Sports", (_SPORTS[league.series],), "daily", "ESPN")
    if ticker == COMBO_SERIES:
        return SeriesTerms("Sports combo", "Sports", (), "custom", "ESPN")
    if ticker.startswith(("KXHIGH", "KXTEMP")):
        title = _BULK_TITLES.get(ticker, "Highest temperature")
        source = "National Weather Service"
        return SeriesTerms(title, "Climate and Weather", ("Weather",), "daily", source)
    if ticker.startswith("KXFED"):
        return SeriesTerms("Fed meeting", "Economics", ("Fed",), "monthly", "Federal Reserve")
    if ticker in _INDICES:
        return SeriesTerms("Stock index", "Financials", ("Indices",), "hourly", "S&P Dow Jones")
    if ticker in _CURRENCIES:
        return SeriesTerms("Exchange rate", "Financials", ("Currencies",), "daily", "WMR")
    if ticker in _CRYPTO or ticker in _BULK_TITLES:
        title = _BULK_TITLES.get(ticker, "Crypto price")
        return SeriesTerms(title, "Crypto", ("Coins",), "hourly", "CF Benchmarks")
    return SeriesTerms(ticker, "World", (), "custom", "")


def series_body(ticker: str, updated_s: int) -> dict[str, Any]:
    """A series as the REST API writes it."""
    terms = series_terms(ticker)
    return {
        "ticker": ticker,
        "frequency": terms.frequency,
        "title": terms.title,
        "category": terms.category,
        "tags": list(terms.tags),
        "settlement_sources": [{"name": terms.source, "url": "https://example.com/source"}],
        "contract_url": f"https://example.com/contracts/{ticker}.pdf",
        "contract_terms_url": f"https://example.com/terms/{ticker}.pdf",
        "fee_type": "quadratic",
        "fee_multiplier": 1,
        "additional_prohibitions": [],
        "last_updated_ts": second(updated_s),
    }


def tags_by_category(tickers: list[str]) -> dict[str, list[str]]:
    """The tags of each category's series."""
    found: dict[str, dict[str, None]] = {}
    for ticker in tickers:
        terms = series_terms(ticker)
        found.setdefault(terms.category, {}).update(dict.fromkeys(terms.tags))
    return {category: sorted(tags) for category, tags in sorted(found.items())}


def filters_by_sport() -> dict[str, Any]:
    """The leagues of each sport, and what can be bet on in them."""
    scopes = list(_GAME_FAMILIES.values())
    sports = {
        _SPORTS[league.series]: {
            "scopes": scopes,
            "competitions": {league.sport: {"scopes": scopes}},
        }
        for league in LEAGUES
    }
    return {"filters_by_sports": sports, "sport_ordering": list(sports)}
