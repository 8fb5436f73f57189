"""Markets of a selection, as Kalshi's messages tell that they open and close."""

from __future__ import annotations

from collections.abc import Collection

from pydantic import ValidationError

from streamer.conversation import Event, MarketDelisted, MarketListed
from streamer.kalshi_wire import (
    ENDING_EVENTS,
    LIFECYCLE_CHANNEL,
    MARKET,
    OPENING_EVENTS,
    LifecycleFrame,
)
from streamer.plan import selects

MOST_SEEN_TICKERS = 200_000


class SelectedMarkets:
    """Which markets of the selection one connection has told of.

    Args:
        selection: Series, event and market tickers; empty where nobody wants to know.
    """

    def __init__(self, selection: Collection[str]) -> None:
        self._selection = frozenset(selection)
        self._seen: set[bytes] = set()

    @property
    def are_any(self) -> bool:
        """Whether anything is selected."""
        return bool(self._selection)

    def told(self, name: str, data: bytes) -> list[Event]:
        """Markets that a message tells of: newly quoted, opened, or ended.

        Args:
            name: The message's type.
            data: The whole frame.
        """
        if not self._selection:
            return []
        if name == "ticker":
            return self._quoted(data)
        return self._lifecycle(data) if name == LIFECYCLE_CHANNEL else []

    def _lifecycle(self, data: bytes) -> list[Event]:
        try:
            told = LifecycleFrame.model_validate_json(data).msg
        except ValidationError:
            return []
        if not selects(self._selection, told.market_ticker):
            return []
        if told.event_type in OPENING_EVENTS:
            event = told.additional_metadata.event_ticker or told.market_ticker.rpartition("-")[0]
            return [MarketListed(told.market_ticker, event)]
        return [MarketDelisted(told.market_ticker)] if told.event_type in ENDING_EVENTS else []

    def _quoted(self, data: bytes) -> list[Event]:
        found = MARKET.search(data)
        if found is None or found[1] in self._seen:
            return []
        if len(self._seen) >= MOST_SEEN_TICKERS:
            self._seen.clear()
        self._seen.add(found[1])
        market = found[1].decode("utf-8", "replace")
        if not selects(self._selection, market):
            return []
        return [MarketListed(market, market.rpartition("-")[0])]
