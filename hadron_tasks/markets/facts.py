"""What is known of a market that tells which others it belongs together with."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from hadron_tasks.markets.arbitrage import Claim
from hadron_tasks.tickers import ParsedTicker


class MarketFacts(NamedTuple):
    """A market, as its ticker and the exchange describe it."""

    ticker: str
    event_ticker: str
    parsed: ParsedTicker | None
    mutually_exclusive: bool | None = None
    """Of its event, as the exchange says."""
    strike_type: str | None = None
    floor_strike: Decimal | None = None
    cap_strike: Decimal | None = None
    legs: tuple[Claim, ...] = ()
    """Of a combo."""
