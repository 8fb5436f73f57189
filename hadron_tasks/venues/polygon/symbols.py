"""Polygon's names of instruments: one name for each, whichever channel spells it how.

Crypto and forex channels name a pair (``BTC-USD``, ``USD/CNH``); other channels and the REST API
give it a prefix (``X:BTC-USD``, ``C:USDCNH``). The names used here are the prefixed ones with a
dash: ``X:BTC-USD``, ``C:USD-CNH``.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from hadron_tasks.venues import wire

_ASSET_CLASSES = {"O:": "option", "I:": "index", "X:": "crypto", "C:": "forex"}

# A product code, the month's letter and one or two digits of the year (``ESZ5``, ``6EH26``), or a
# spread of two (``ESZ5-ESH6``). No US stock's ticker ends in a digit.
_FUTURE = re.compile(r"[A-Z0-9]{1,5}[FGHJKMNQUVXZ][0-9]{1,2}(-[A-Z0-9]{2,6}[0-9]{1,2})?")

# Two currency codes of three letters without a separator: the one case that can be split surely.
# (Crypto codes have three to five letters: X:BTCUSD stays as it is.)
_JOINED_FOREX = re.compile(r"C:([A-Z]{3})([A-Z]{3})")


def asset_class(ticker: str) -> str:
    """``option``, ``index``, ``crypto``, ``forex``, ``future``; ``equity`` for any other."""
    by_prefix = _ASSET_CLASSES.get(ticker[:2])
    if by_prefix is not None:
        return by_prefix
    return "future" if _FUTURE.fullmatch(ticker) else "equity"


def may_be_negative(ticker: str) -> bool:
    """Futures have traded below zero, and there are rates among the indices."""
    return asset_class(ticker) in ("future", "index")


def crypto_ticker(pair: Any, place: str) -> str:
    """The name of a crypto pair (``BTC-USD`` -> ``X:BTC-USD``)."""
    return _prefixed("X:", wire.text(pair, place), place)


def forex_ticker(pair: Any, place: str) -> str:
    """The name of a currency pair (``USD/CNH`` -> ``C:USD-CNH``)."""
    return _prefixed("C:", wire.text(pair, place), place)


def listed_ticker(symbol: Any, place: str) -> str:
    """The name of what a channel calls by symbol; prefixed pairs get their dash."""
    name = wire.text(symbol, place)
    return _prefixed(name[:2], name[2:], place) if name.startswith(("C:", "X:")) else name


def reference_ticker(instrument: str) -> str:
    """How the REST API's reference spells an instrument (``X:BTC-USD`` -> ``X:BTCUSD``)."""
    pair = instrument.startswith(("C:", "X:"))
    return instrument.replace("-", "") if pair else instrument


@lru_cache(maxsize=4096)
def _prefixed(prefix: str, pair: str, place: str) -> str:
    name = prefix + pair.removeprefix(prefix).replace("/", "-")
    joined = _JOINED_FOREX.fullmatch(name)
    return f"C:{joined[1]}-{joined[2]}" if joined else wire.text(name, place)
