"""Kalshi tickers, read: from a ticker to structured facts and a name in plain words. No I/O."""

from __future__ import annotations

from hadron_tasks.tickers.codebook import CodeBook, LearntCode
from hadron_tasks.tickers.errors import TickerError
from hadron_tasks.tickers.learning import learn
from hadron_tasks.tickers.metadata import (
    EventMetadata,
    MarketMetadata,
    SelectedLeg,
    SeriesMetadata,
)
from hadron_tasks.tickers.parse import parse_ticker
from hadron_tasks.tickers.parsed import Category, Family, MarketType, ParsedTicker

__all__ = [
    "Category",
    "CodeBook",
    "EventMetadata",
    "Family",
    "LearntCode",
    "MarketMetadata",
    "MarketType",
    "ParsedTicker",
    "SelectedLeg",
    "SeriesMetadata",
    "TickerError",
    "learn",
    "parse_ticker",
]
