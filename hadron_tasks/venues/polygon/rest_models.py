"""What Polygon's (Massive's) REST API answers, as types, with the names that it gives fields.

Source: the vendor's pages on All Tickers, Trades (stocks, options, crypto) and Market Status. All
but a few fields may be left out, and are for some asset classes always.
"""

from __future__ import annotations

from typing import Any

from pydantic import Field, field_validator

from hadron_tasks.venues.polygon.symbols import asset_class, listed_ticker
from hadron_tasks.venues.rest.values import (
    ExactNumber,
    ListOf,
    MappingOf,
    RestModel,
    Text,
    Time,
)


class Ticker(RestModel):
    """One line of ``GET /v3/reference/tickers``."""

    ticker: str = Field(min_length=1)
    """As this API spells it: a pair has no dash (``X:BTCUSD``); see :attr:`instrument`."""
    name: Text = ""
    """``Apple Inc.``; of a pair ``Bitcoin - United States Dollar``."""
    market: Text = ""
    """``stocks``, ``otc``, ``indices``, ``crypto``, ``fx``."""
    locale: Text = ""
    """``us`` or ``global``."""
    type: Text = ""
    """The exchange's code: ``CS`` common stock, ``ETF``, ``ADRC`` ..."""
    active: bool | None = None
    """False once it was delisted."""
    primary_exchange: Text = ""
    """The ISO 10383 code of where it is listed: ``XNAS``."""
    currency_name: Text = ""
    """What it is priced in: ``usd`` of a stock, ``United States Dollar`` of a pair."""
    currency_symbol: Text = ""
    """Of a pair: ``USD``."""
    base_currency_name: Text = ""
    base_currency_symbol: Text = ""
    """Of a pair: ``BTC``."""
    cik: Text = ""
    composite_figi: Text = ""
    share_class_figi: Text = ""
    last_updated_utc: Time = None
    delisted_utc: Time = None

    @property
    def instrument(self) -> str:
        """Our name of it, the one that the WebSocket's messages lead to (``X:BTC-USD``)."""
        base, quote = self.base_currency_symbol, self.currency_symbol
        if self.ticker in (f"X:{base}{quote}", f"C:{base}{quote}") and base and quote:
            return f"{self.ticker[:2]}{base}-{quote}"
        return listed_ticker(self.ticker, "ticker")

    @property
    def asset_class(self) -> str:
        """As an instrument states it: ``equity``, ``index``, ``crypto``, ``forex`` ..."""
        # By the market where it is said: a stock's ticker may look like a future's.
        return _ASSET_CLASSES.get(self.market) or asset_class(self.ticker)


_ASSET_CLASSES = {
    "stocks": "equity",
    "otc": "equity",
    "indices": "index",
    "crypto": "crypto",
    "fx": "forex",
}


class Trade(RestModel):
    """One line of ``GET /v3/trades/{ticker}``; which ticker is for who asked to know.

    Times are Unix nanoseconds. Trades of stocks have them all but those of a trade reporting
    facility; of options no id, sequence number or tape; of crypto the exchange's time alone.
    """

    price: ExactNumber
    size: ExactNumber
    exchange: int | None = None
    id: Text = ""
    """Unique for a ticker, exchange and trade reporting facility."""
    conditions: ListOf[int] = Field(default_factory=list)
    correction: int | None = None
    sequence_number: int | None = None
    participant_timestamp: int | None = None
    """When the exchange generated it."""
    sip_timestamp: int | None = None
    """When the securities information processor got it: the WebSocket's time."""
    tape: int | None = None
    trf_id: int | None = None
    trf_timestamp: int | None = None

    @field_validator("id", mode="before")
    @classmethod
    def _as_text(cls, value: Any) -> Any:
        return str(value) if type(value) is int else value


class MarketStatus(RestModel):
    """``GET /v1/marketstatus/now``."""

    market: Text = ""
    """``open``, ``closed`` or ``extended-hours``."""
    exchanges: MappingOf[Text] = Field(default_factory=dict)
    currencies: MappingOf[Text] = Field(default_factory=dict)
    server_time: Time = Field(default=None, alias="serverTime")
