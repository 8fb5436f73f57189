"""The instruments of the simulated Polygon, some of which simulated Kalshi markets settle on."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import Literal

from streamer.simulator.latent import Latent

AssetClass = Literal["stocks", "indices", "crypto", "forex"]


@dataclass(slots=True)
class Bar:
    """An aggregate in the making."""

    start_ms: int
    open: float
    high: float
    low: float
    close: float
    volume: float = 0.0
    turnover: float = 0.0
    trades: int = 0

    def add(self, price: float, size: float) -> None:
        """Count a trade."""
        self.high = max(self.high, price)
        self.low = min(self.low, price)
        self.close = price
        self.volume += size
        self.turnover += price * size
        self.trades += 1


@dataclass(eq=False, slots=True)
class Instrument:
    """A stock, index, coin or currency pair whose price wanders."""

    symbol: str
    """As its events and subscriptions name it: ``AAPL``, ``I:SPX``, ``BTC-USD``, ``EUR/USD``."""
    ticker: str
    """As the exchange's other interfaces name it, which the ledger uses: ``X:BTC-USD``."""
    asset_class: AssetClass
    latent: Latent
    decimals: int
    half_spread: float
    last_ms: int = 0
    sequence: int = 0
    trade_id: int = 0
    day_volume: float = 0.0
    day_open: float = 0.0
    bars: dict[str, Bar] = field(default_factory=dict)
    """By channel (``A``, ``AM``, ``XA``): the bar that is being made."""

    def next_ms(self, now_ms: int) -> int:
        """A time for the next event, later than any this instrument's events stated before."""
        self.last_ms = now_ms if now_ms > self.last_ms else self.last_ms + 1
        return self.last_ms


def _instrument(
    symbol: str, asset_class: AssetClass, price: float, decimals: int, half_spread: float
) -> Instrument:
    prefix = {"crypto": "X:", "forex": "C:"}.get(asset_class, "")
    ticker = prefix + symbol.replace("/", "-")
    latent = Latent(price, max(price * 0.00008, 10.0**-decimals))
    return Instrument(symbol, ticker, asset_class, latent, decimals, half_spread, day_open=price)


_STOCKS = {
    "AAPL": 232.0,
    "AMZN": 221.0,
    "AMD": 158.0,
    "GOOGL": 189.0,
    "JPM": 264.0,
    "KO": 71.0,
    "META": 612.0,
    "MSFT": 498.0,
    "NFLX": 1180.0,
    "NVDA": 176.0,
    "QQQ": 561.0,
    "SPY": 641.0,
    "TSLA": 331.0,
    "WMT": 97.0,
    "XOM": 112.0,
}


def make_underlyings(seed: int) -> dict[str, Instrument]:
    """A fresh set of instruments at their anchors, by ticker; the seed decides the trade ids."""
    made = [_instrument(symbol, "stocks", price, 2, 0.01) for symbol, price in _STOCKS.items()]
    made += [
        _instrument("I:SPX", "indices", 6425.0, 2, 0.0),
        _instrument("I:NDX", "indices", 23480.0, 2, 0.0),
        _instrument("I:DJI", "indices", 44910.0, 2, 0.0),
        _instrument("I:VIX", "indices", 16.2, 2, 0.0),
        _instrument("BTC-USD", "crypto", 97_250.0, 2, 1.5),
        _instrument("ETH-USD", "crypto", 3_540.0, 2, 0.2),
        _instrument("SOL-USD", "crypto", 182.0, 3, 0.02),
        _instrument("EUR/USD", "forex", 1.0842, 5, 0.00004),
        _instrument("USD/JPY", "forex", 148.31, 3, 0.004),
        _instrument("GBP/USD", "forex", 1.2718, 5, 0.00005),
    ]
    ids = Random(seed)
    for instrument in made:
        # Far apart, so that neither two instruments nor two runs give out the same id; below
        # 2**53, which JSON numbers keep exactly.
        instrument.trade_id = ids.getrandbits(22) * 2**30
    return {instrument.ticker: instrument for instrument in made}
