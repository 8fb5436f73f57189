"""The lists of Polygon's REST API: what narrows them, and how one page leads to the next."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

from hadron_tasks.times import to_ns
from hadron_tasks.venues.rest.pages import Params

TICKERS_A_PAGE = 1000
TRADES_A_PAGE = 50_000
"""The largest pages that the exchange gives."""

_KEY_ARGUMENT = "apikey"


@dataclass(frozen=True, slots=True)
class TickerFilter:
    """Narrows ``/v3/reference/tickers``. Tickers are written as that API writes them.

    There is no filter for several tickers at once, only for a range of them.
    """

    ticker: str | None = None
    """This one."""
    at_least: str | None = None
    """Those from this one on, in alphabetical order."""
    market: str | None = None
    """``stocks``, ``otc``, ``indices``, ``crypto`` or ``fx``."""
    active: bool = True
    """Those that trade; False for those that were delisted."""

    def params(self) -> Params:
        """As the query string says it."""
        said = {
            "ticker": self.ticker,
            "ticker.gte": self.at_least,
            "market": self.market,
            "active": "true" if self.active else "false",
            "sort": "ticker",
            "order": "asc",
            "limit": str(TICKERS_A_PAGE),
        }
        return {name: value for name, value in said.items() if value is not None}


@dataclass(frozen=True, slots=True)
class TradeFilter:
    """Narrows ``/v3/trades/{ticker}``: from a moment on, and before another."""

    since: datetime | None = None
    until: datetime | None = None
    page_size: int = TRADES_A_PAGE

    def params(self) -> Params:
        """As the query string says it; the oldest trades come first."""
        made = {"sort": "timestamp", "order": "asc", "limit": str(self.page_size)}
        if self.since is not None:
            made["timestamp.gte"] = str(to_ns(self.since))
        if self.until is not None:
            made["timestamp.lt"] = str(to_ns(self.until))
        return made


def cursor_of(next_url: str, path: str) -> str:
    """What leads to the next page: the query of ``next_url``, without a key if there is one.

    Only the query is kept: the next request goes to the configured host and to the same path
    whatever ``next_url`` says, so that the key never goes anywhere else.

    Raises:
        ValueError: It leads to another path, or nowhere.
    """
    parts = urlsplit(next_url)
    if not unquote(parts.path).endswith(unquote(path)):
        raise ValueError(f"next_url leads to another path: {parts.path[:100]}")
    query = [pair for pair in parse_qsl(parts.query) if pair[0].lower() != _KEY_ARGUMENT]
    if not query:
        raise ValueError("next_url has no query")
    return urlencode(query)
