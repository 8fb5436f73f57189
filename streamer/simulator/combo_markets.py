"""Combos of the simulated exchange: events of one market that pays when all its legs do.

Their tickers are hashes on the real exchange; here a number shuffled so that it looks like one
and can be shuffled back.
"""

from __future__ import annotations

from collections.abc import Sequence

from streamer.simulator.market import LINEAR_CENT
from streamer.simulator.rest_market import RestEvent, RestLeg, RestMarket

SERIES = "KXMVESPORTSMULTIGAMEEXTENDED"
COLLECTION = f"{SERIES}-R"
MOST_LEGS = 4
_MODULUS = 16**11
_FACTOR = 0x9E3779B97F5 % _MODULUS | 1
_BACK = pow(_FACTOR, -1, _MODULUS)
_OFFSET = 0x6369D00D


class ComboMarkets:
    """``count`` combos, numbered from 0, of legs that are open from the start."""

    def __init__(
        self, count: int, legs: Sequence[tuple[str, str]], listed_s: int, close_s: int
    ) -> None:
        """``legs`` are event and market tickers to combine."""
        self.count = count if legs else 0
        self._legs = legs
        self._listed_s = listed_s
        self._close_s = close_s

    def event(self, number: int) -> RestEvent:
        """The event of this number."""
        names = ", ".join(f"{leg.side} {leg.market_ticker}" for leg in self._chosen(number))
        return RestEvent(
            ticker=_event_ticker(number),
            series_ticker=SERIES,
            title="Combo",
            sub_title=names,
            mutually_exclusive=False,
            strike_s=self._close_s,
            updated_s=self._listed_s,
        )

    def market(self, number: int) -> RestMarket:
        """The market of this number."""
        legs = self._chosen(number)
        bid = max(10, 600 // len(legs) // 10 * 10)
        return RestMarket(
            ticker=_market_ticker(number),
            event=self.event(number),
            yes_sub_title=", ".join(f"{leg.side} {leg.market_ticker}" for leg in legs),
            status="active",
            result="",
            created_s=self._listed_s,
            updated_s=self._listed_s,
            open_s=self._listed_s,
            close_s=self._close_s,
            settled_s=0,
            strike_type="custom",
            floor_strike=None,
            cap_strike=None,
            rules_secondary="",
            tick=LINEAR_CENT,
            whole_contracts=False,
            yes_bid=bid,
            yes_bid_size=1000,
            yes_ask=bid + 40,
            yes_ask_size=1000,
            last_price=0,
            volume=0,
            open_interest=0,
            collection=COLLECTION,
            legs=legs,
        )

    def event_number(self, ticker: str) -> int | None:
        """The number of an event, or None where there is none of that name."""
        head, _, code = ticker.rpartition("-S2026")
        if head != SERIES or len(code) != 11 or not all(c in "0123456789ABCDEF" for c in code):
            return None
        number = (int(code, 16) - _OFFSET) * _BACK % _MODULUS
        return number if number < self.count else None

    def market_number(self, ticker: str) -> int | None:
        """The number of a market, or None where there is none of that name."""
        number = self.event_number(ticker.rpartition("-")[0])
        return number if number is not None and _market_ticker(number) == ticker else None

    def _chosen(self, number: int) -> tuple[RestLeg, ...]:
        size = min(2 + number % (MOST_LEGS - 1), len(self._legs))
        step = 1 + number // len(self._legs) % max(1, len(self._legs) // MOST_LEGS)
        chosen = (self._legs[(number + step * place) % len(self._legs)] for place in range(size))
        return tuple(
            RestLeg(event, market, "no" if (number + place) % 5 == 0 else "yes")
            for place, (event, market) in enumerate(chosen)
        )


def _code(number: int) -> int:
    return (number * _FACTOR + _OFFSET) % _MODULUS


def _event_ticker(number: int) -> str:
    return f"{SERIES}-S2026{_code(number):011X}"


def _market_ticker(number: int) -> str:
    return f"{_event_ticker(number)}-{_code(number) * 31 % _MODULUS:011X}"
