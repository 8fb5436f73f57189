"""What the simulated Polygon says of its instruments besides their prices, and of many more."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from functools import cached_property
from hashlib import blake2b
from typing import Any

from streamer.simulator.underlyings import Instrument

_NAMES = {
    "AAPL": ("Apple Inc.", "XNAS", "CS", "0000320193"),
    "AMZN": ("Amazon.Com Inc", "XNAS", "CS", "0001018724"),
    "AMD": ("Advanced Micro Devices", "XNAS", "CS", "0000002488"),
    "GOOGL": ("Alphabet Inc. Class A Common Stock", "XNAS", "CS", "0001652044"),
    "JPM": ("JPMorgan Chase & Co.", "XNYS", "CS", "0000019617"),
    "KO": ("Coca-Cola Company", "XNYS", "CS", "0000021344"),
    "META": ("Meta Platforms, Inc. Class A Common Stock", "XNAS", "CS", "0001326801"),
    "MSFT": ("Microsoft Corp", "XNAS", "CS", "0000789019"),
    "NFLX": ("NetFlix Inc", "XNAS", "CS", "0001065280"),
    "NVDA": ("Nvidia Corp", "XNAS", "CS", "0001045810"),
    "QQQ": ("Invesco QQQ Trust, Series 1", "XNAS", "ETF", "0001067839"),
    "SPY": ("SPDR S&P 500 ETF Trust", "ARCX", "ETF", "0000884394"),
    "TSLA": ("Tesla, Inc. Common Stock", "XNAS", "CS", "0001318605"),
    "WMT": ("Walmart Inc.", "XNYS", "CS", "0000104169"),
    "XOM": ("Exxon Mobil Corporation", "XNYS", "CS", "0000034088"),
    "I:SPX": ("Standard & Poor's 500",),
    "I:NDX": ("Nasdaq-100",),
    "I:DJI": ("Dow Jones Industrial Average",),
    "I:VIX": ("Cboe Volatility Index",),
}
_CURRENCIES = {
    "BTC": "Bitcoin",
    "ETH": "Ethereum",
    "SOL": "Solana",
    "EUR": "Euro",
    "GBP": "British Pound Sterling",
    "JPY": "Japanese Yen",
    "USD": "United States Dollar",
}
_UPDATED = "2025-11-10T07:05:00Z"
_DELISTED = "2024-03-15T04:00:00Z"
_LETTERS = 26
_LENGTH = 5
_DELISTED_EACH = 20
MOST_FURTHER = 1_000_000


class PolygonReference:
    """The tickers in alphabetical order; the further ones are stocks that never trade here."""

    def __init__(self, instruments: Iterable[Instrument], further: int) -> None:
        """``further`` is how many more there are than the instruments that have prices."""
        self._own = {body["ticker"]: body for body in map(_body, instruments)}
        self._further = further

    @cached_property
    def tickers(self) -> list[str]:
        """All of them."""
        made = {_further_ticker(number, self._further) for number in range(self._further)}
        return sorted(made | self._own.keys())

    def body(self, ticker: str) -> dict[str, Any]:
        """What the REST API says of one that there is."""
        return self._own.get(ticker) or _further_body(ticker)

    def between(
        self, *, at_least: str = "", above: str = "", at_most: str = "", below: str = ""
    ) -> list[str]:
        """The tickers of a range; an empty bound is none."""
        start = max(
            bisect_left(self.tickers, at_least), bisect_right(self.tickers, above) if above else 0
        )
        end = len(self.tickers)
        if at_most:
            end = bisect_right(self.tickers, at_most)
        if below:
            end = min(end, bisect_left(self.tickers, below))
        return self.tickers[start:end]


def _body(instrument: Instrument) -> dict[str, Any]:
    common = {"active": True, "last_updated_utc": _UPDATED}
    if instrument.asset_class in ("crypto", "forex"):
        base, quote = instrument.ticker[2:].split("-")
        return {
            "ticker": f"{instrument.ticker[:2]}{base}{quote}",
            "name": f"{_CURRENCIES[base]} - {_CURRENCIES[quote]}",
            "market": "crypto" if instrument.asset_class == "crypto" else "fx",
            "locale": "global",
            "currency_symbol": quote,
            "currency_name": _CURRENCIES[quote],
            "base_currency_symbol": base,
            "base_currency_name": _CURRENCIES[base],
            **common,
        }
    name, *listed = _NAMES[instrument.ticker]
    body: dict[str, Any] = {"ticker": instrument.ticker, "name": name, "locale": "us"}
    if not listed:
        return body | {"market": "indices", "source_feed": "SimulatedIndices"} | common
    exchange, kind, cik = listed
    return body | _listed(instrument.ticker, exchange, kind) | {"cik": cik} | common


def _listed(ticker: str, exchange: str, kind: str) -> dict[str, Any]:
    return {
        "market": "stocks",
        "primary_exchange": exchange,
        "type": kind,
        "currency_name": "usd",
        "composite_figi": _figi("composite", ticker),
        "share_class_figi": _figi("share class", ticker),
    }


def _figi(kind: str, ticker: str) -> str:
    """Of the right form, made up."""
    return "BBG" + blake2b(f"{kind} {ticker}".encode(), digest_size=5).hexdigest().upper()[:9]


def _further_ticker(number: int, of: int) -> str:
    """Five letters, spread over the alphabet."""
    value = number * _LETTERS**_LENGTH // of
    letters = []
    for _ in range(_LENGTH):
        value, letter = divmod(value, _LETTERS)
        letters.append(chr(ord("A") + letter))
    return "".join(reversed(letters))


def _further_body(ticker: str) -> dict[str, Any]:
    body: dict[str, Any] = {
        "ticker": ticker,
        "name": f"{ticker.capitalize()} Holdings Inc.",
        "locale": "us",
        "active": True,
        "last_updated_utc": _UPDATED,
    }
    if blake2b(ticker.encode(), digest_size=4).digest()[0] % _DELISTED_EACH == 0:
        body |= {"active": False, "delisted_utc": _DELISTED}
    return body | _listed(ticker, "XNYS", "CS")
