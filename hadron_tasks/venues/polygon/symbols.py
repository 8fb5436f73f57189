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

# Two currency codes of three letters without a separator: the one case that can be split surely.
_JOINED_FOREX = re.compile(r"C:([A-Z]{3})([A-Z]{3})")


def asset_class(ticker: str) -> str:
    """``option``, ``index``, ``crypto``, ``forex``, and ``equity`` for a ticker without prefix."""
    return _ASSET_CLASSES.get(ticker[:2], "equity")


def crypto_ticker(pair: Any, place: str) -> str:
    """The name of a crypto pair (``BTC-USD`` -> ``X:BTC-USD``)."""
    return _prefixed("X:", wire.text(pair, place))


def forex_ticker(pair: Any, place: str) -> str:
    """The name of a currency pair (``USD/CNH`` -> ``C:USD-CNH``)."""
    return _prefixed("C:", wire.text(pair, place))


def listed_ticker(symbol: Any, place: str) -> str:
    """The name of what a channel calls by symbol; prefixed pairs get their dash."""
    name = wire.text(symbol, place)
    return _prefixed(name[:2], name[2:]) if name.startswith(("C:", "X:")) else name


@lru_cache(maxsize=4096)
def _prefixed(prefix: str, pair: str) -> str:
    joined = _JOINED_FOREX.fullmatch(f"{prefix}{pair}")
    if joined:
        return f"C:{joined[1]}-{joined[2]}"
    return f"{prefix}{pair.removeprefix(prefix).replace('/', '-')}"
