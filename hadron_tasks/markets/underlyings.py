"""Which series are about a number that another venue carries: an index, a coin, a currency pair.

The defaults are below; a mapping of the series' name (``hadron map add I:SPX kalshi:KXINX``) comes
before them. Sources differ in the last digits (an exchange settles on its own index), so what
follows from an underlying's price is an estimate, never a settlement.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from hadron_tasks.markets.priority import MARKET_DATA_VENUE

VENUE = MARKET_DATA_VENUE
"""Whose prices underlyings are."""


class Observed(StrEnum):
    """When the number is looked at."""

    AT_CLOSE = "at_close"
    """Once, when the market closes."""
    HIGHEST = "highest"
    """All the time until then, its highest counts: once above a strike it stays YES."""
    LOWEST = "lowest"
    """All the time until then, its lowest counts."""


class Underlying(NamedTuple):
    """What a series is about."""

    ticker: str
    """At the venue that carries it: ``I:SPX``."""
    observed: Observed


DEFAULTS = {
    "KXINX": "I:SPX",
    "KXNASDAQ100": "I:NDX",
    "KXBTC": "X:BTC-USD",
    "KXETH": "X:ETH-USD",
    "KXEURUSD": "C:EUR-USD",
    "KXUSDJPY": "C:USD-JPY",
}
"""What series begin with, and the underlying's ticker at :data:`VENUE`."""
_PERIODS = frozenset({"", "H", "D", "U", "W", "M", "Y"})
"""What may follow the prefix: hourly, daily, weekly, monthly, yearly. Anything else
(``KXBTCRESERVE``) begins alike and is about something else."""


def underlying_of(series: str, mapped: Mapping[str, str] | None = None) -> Underlying | None:
    """The underlying of a series; None where none is known.

    Args:
        series: ``KXINXU``.
        mapped: What operators mapped: series to the underlying's ticker.
    """
    if mapped and series in mapped:
        return Underlying(mapped[series], _observed(series))
    for prefix, ticker in DEFAULTS.items():
        if not series.startswith(prefix):
            continue
        rest = series.removeprefix(prefix)
        observed = _observed(series)
        if observed is not Observed.AT_CLOSE:
            rest = rest[3:]
        if rest in _PERIODS:
            return Underlying(ticker, observed)
    return None


def has_touched(
    observed: Observed, spot: Decimal, floor: Decimal | None, cap: Decimal | None
) -> bool:
    """Whether the number has been where a market on its highest or lowest value needs it.

    Args:
        floor: The strike that it has to get above.
        cap: The strike that it has to get below.
    """
    if observed is Observed.HIGHEST:
        return floor is not None and cap is None and spot > floor
    if observed is Observed.LOWEST:
        return cap is not None and floor is None and spot < cap
    return False


def _observed(series: str) -> Observed:
    for word, observed in (("MAX", Observed.HIGHEST), ("MIN", Observed.LOWEST)):
        if series.rstrip("HDUWMY").endswith(word) or series.endswith(word):
            return observed
    return Observed.AT_CLOSE
