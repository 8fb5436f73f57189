"""The page about the exchanges' interfaces says what the clients ask, and who uses it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from venues.test_kalshi_rest_described import ASK

from hadron_tasks.venues.kalshi import rest_listings
from hadron_tasks.venues.kalshi.rest import BOOKS_A_REQUEST
from hadron_tasks.venues.polygon.rest import MARKET_STATUS, TICKERS, TRADES
from hadron_tasks.venues.polygon.rest_lists import TICKERS_A_PAGE, TRADES_A_PAGE
from hadron_tasks.venues.rest.pages import Listing

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "api-endpoints.md").read_text()
ROWS = {
    found[1]: found[2]
    for found in re.finditer(r"^\| `GET (\S+)` \| (.+) \|$", PAGE, flags=re.MULTILINE)
}
UNUSED = {
    "/events/multivariate": "MULTIVARIATE_EVENTS",
    "/markets/{ticker}": ".market(",
    "/markets/{ticker}/orderbook": ".orderbook(",
    "/historical/markets/{ticker}": ".historical_market(",
    "/v1/marketstatus/now": ".market_status(",
}
"""How each would be asked, were it used."""
SIZES = {
    **{
        listing.path: listing.page_size
        for listing in vars(rest_listings).values()
        if isinstance(listing, Listing)
    },
    "/markets/orderbooks": BOOKS_A_REQUEST,
    TICKERS: TICKERS_A_PAGE,
    TRADES: TRADES_A_PAGE,
}


def test_every_endpoint_is_told_and_no_other() -> None:
    assert sorted(ROWS) == sorted([*ASK, TICKERS, TRADES, MARKET_STATUS])


@pytest.mark.parametrize("path", sorted(SIZES))
def test_the_sizes_of_pages(path: str) -> None:
    told = ROWS[path].rpartition("|")[2]
    assert re.match(rf" {SIZES[path]:,}(?!\d)", told), told


def test_what_nothing_asks() -> None:
    assert sorted(UNUSED) == sorted(path for path, told in ROWS.items() if "nothing yet" in told)
    code = "".join(
        file.read_text()
        for file in (ROOT / "hadron_tasks").rglob("*.py")
        if "venues" not in file.parts
    )
    assert [path for path, call in UNUSED.items() if call in code] == []
