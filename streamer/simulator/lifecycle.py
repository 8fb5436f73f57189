"""Events that end and new ones that begin: close, determination, settlement, listing.

Kalshi tells these on ``market_lifecycle_v2``. Each market sends each kind of message once, and
the number of open markets stays what it was.
"""

from __future__ import annotations

import heapq
import json
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

from streamer.simulator.kalshi_exchange import LIFECYCLE_CHANNEL, KalshiExchange
from streamer.simulator.market import DECI_CENT, ONE_DOLLAR, Event, Market

_CLOSES_AFTER = 0.6
_DETERMINED_AFTER = 1.0
_SETTLED_AFTER = 1.4
"""After an event's end was decided, in intervals between ends: three, five, seven seconds."""
_SHARE_OF_RATE = 0.1
"""At most this part of the messages is about lifecycle, so that a trickle is not all of it."""
_MESSAGES_A_MARKET = 7


class Lifecycle:
    """Decides when an event ends, and carries its markets through their states."""

    def __init__(
        self,
        exchange: KalshiExchange,
        upcoming: Iterator[Event],
        every_s: float,
        monotonic: Callable[[], float],
    ) -> None:
        self.exchange = exchange
        self.every_s = every_s
        self._upcoming = upcoming
        self._monotonic = monotonic
        self._due: list[tuple[float, int, Callable[[], int]]] = []
        self._order = count()
        self._next_end = monotonic() + every_s

    def list_until(self, markets: int) -> None:
        """Open events, silently, until so many markets are open: the state before the start.

        The last event is cut short where it would be too many.
        """
        while (missing := markets - len(self.exchange.open_markets)) > 0:
            event = next(self._upcoming)
            del event.markets[missing:]
            self.exchange.list_event(event)

    def step(self, rate: float) -> int:
        """Do what is due; returns how many messages that sent.

        ``rate`` is the messages a second asked for (0 for no limit), which bounds how often
        events end.
        """
        now = self._monotonic()
        sent = 0
        if self.every_s > 0 and now >= self._next_end and self.exchange.events:
            sent += self._end_one(now, rate)
        while self._due and self._due[0][0] <= now:
            sent += heapq.heappop(self._due)[2]()
        return sent

    def _end_one(self, now: float, rate: float) -> int:
        ending, coming = self.exchange.events.popleft(), next(self._upcoming)
        messages = _MESSAGES_A_MARKET * (len(ending.markets) + len(coming.markets)) / 2
        pause = messages / (rate * _SHARE_OF_RATE) if rate else 0.0
        self._next_end = now + max(self.every_s, pause)
        self._at(now + _CLOSES_AFTER * self.every_s, lambda: self._close(ending))
        self._at(now + _DETERMINED_AFTER * self.every_s, lambda: self._determine(ending))
        self._at(now + _SETTLED_AFTER * self.every_s, lambda: self._settle(ending))
        return self._begin(coming) + self._set_close_date(ending)

    def _at(self, when: float, action: Callable[[], int]) -> None:
        heapq.heappush(self._due, (when, next(self._order), action))

    def _begin(self, event: Event) -> int:
        sent = self._announce_event(event)
        now_s = self.exchange.now_ms() // 1000
        for market in event.markets:
            market.created_s = market.updated_s = now_s
            sent += self._announce(market, "created", **_created(market))
        self.exchange.list_event(event)
        for market in event.markets:
            sent += self._announce(market, "activated", open_ts=event.open_s)
        return sent

    def _set_close_date(self, event: Event) -> int:
        closes = round(self.exchange.now_ms() / 1000 + _CLOSES_AFTER * self.every_s)
        for market in event.markets:
            market.close_s = closes
            market.updated_s = self.exchange.now_ms() // 1000
        return sum(
            self._announce(market, "close_date_updated", close_ts=closes)
            for market in event.markets
        )

    def _close(self, event: Event) -> int:
        for market in event.markets:
            market.status = "closed"
            market.updated_s = self.exchange.now_ms() // 1000
            self.exchange.close_market(market)
        return sum(self._announce(market, "deactivated") for market in event.markets)

    def deactivate(self, market: Market) -> int:
        """Halt trading in one market."""
        market.status = "inactive"
        market.updated_s = self.exchange.now_ms() // 1000
        self.exchange.close_market(market)
        return self._announce(market, "deactivated")

    def _determine(self, event: Event) -> int:
        return sum(
            self.determine(market, "yes" if market.terms.pays_yes() else "no")
            for market in event.markets
        )

    def determine(self, market: Market, result: str) -> int:
        """Tell how one market came out."""
        now_s = self.exchange.now_ms() // 1000
        market.status = "determined"
        market.updated_s = now_s
        market.result = result
        return self._announce(market, "determined", result=result, determination_ts=now_s)

    def _settle(self, event: Event) -> int:
        now_s = self.exchange.now_ms() // 1000
        sent = 0
        for market in event.markets:
            market.status = "finalized"
            market.settled_s = market.updated_s = now_s
            value = "1.0000" if market.result == "yes" else "0.0000"
            sent += self._announce(
                market,
                "settled",
                result=market.result,
                settled_ts=now_s,
                settlement_value=value,
            )
        return sent

    def _announce(self, market: Market, event_type: str, **details: Any) -> int:
        body = {"market_ticker": market.ticker, "event_type": event_type, **details}
        text = json.dumps(body, separators=(",", ":"))
        return self.exchange.announce(LIFECYCLE_CHANNEL, market.ticker, text)

    def _announce_event(self, event: Event) -> int:
        body = {
            "event_ticker": event.ticker,
            "exchange_index": 0,
            "title": event.title,
            "subtitle": event.sub_title,
            "collateral_return_type": "MECNET" if event.mutually_exclusive else "",
            "series_ticker": event.series_ticker,
        }
        text = json.dumps(body, separators=(",", ":"))
        return self.exchange.announce("event_lifecycle", event.ticker, text)


def _created(market: Market) -> dict[str, Any]:
    """What the ``created`` message says beyond ticker and type."""
    event = market.event
    metadata: dict[str, Any] = {
        "name": market.yes_sub_title,
        "title": event.title,
        "yes_sub_title": market.yes_sub_title,
        "no_sub_title": market.yes_sub_title,
        "rules_primary": market.rules,
        "rules_secondary": "",
        "can_close_early": True,
        "event_ticker": event.ticker,
        "expected_expiration_ts": market.close_s,
        "strike_type": market.strike_type,
    }
    if market.floor_strike is not None:
        metadata["floor_strike"] = market.floor_strike
    if market.cap_strike is not None:
        metadata["cap_strike"] = market.cap_strike
    fine = market.tick == DECI_CENT
    return {
        "exchange_index": 0,
        "open_ts": event.open_s,
        "close_ts": market.close_s,
        "additional_metadata": metadata,
        "price_level_structure": "deci_cent" if fine else "linear_cent",
        "price_ranges": [
            {"start": "0.0000", "end": "1.0000", "step": f"{market.tick / ONE_DOLLAR:.4f}"}
        ],
    }
