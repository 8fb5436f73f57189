"""Whose price of an instrument is the truth, where several venues carry it."""

from __future__ import annotations

PREDICTION_VENUE = "kalshi"
MARKET_DATA_VENUE = "polygon"

_PREDICTION_MARKETS = "other"
"""The asset class of what is neither equity, option, index, crypto, forex nor future."""


def truth_of(asset_class: str) -> str:
    """The venue that is trusted: Kalshi for prediction markets, Polygon for all else."""
    return PREDICTION_VENUE if asset_class == _PREDICTION_MARKETS else MARKET_DATA_VENUE
