"""Markets by the million that exist only when somebody asks: each is worked out from its number.

They do not trade on the WebSocket. Ten of them make an hour's ladder of one series; a ladder's
ticker leads back to its numbers, so nothing is kept but the changes that were made to all.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal, NamedTuple

from streamer.simulator.market import LINEAR_CENT
from streamer.simulator.rest_market import RestEvent, RestMarket
from streamer.simulator.universe import day_code

MOST_MARKETS = 2_000_000
RUNGS = 10
"""Markets an event."""
_HOUR_S = 3600
_OPEN_BEFORE_S = 7 * 86_400
_CODE_LENGTH = 9

ChangeKind = Literal["reword", "settle"]


class _Family(NamedTuple):
    series: str
    title: str
    anchor: float
    step: float
    unit: str


_CITIES = {
    "NYC": "New York City",
    "LAX": "Los Angeles",
    "CHI": "Chicago",
    "MIA": "Miami",
    "DEN": "Denver",
    "AUS": "Austin",
    "PHL": "Philadelphia",
    "SEA": "Seattle",
    "BOS": "Boston",
    "ATL": "Atlanta",
    "DFW": "Dallas",
    "HOU": "Houston",
    "PHX": "Phoenix",
    "MSP": "Minneapolis",
    "DCA": "Washington DC",
    "SFO": "San Francisco",
    "LAS": "Las Vegas",
    "MSY": "New Orleans",
    "DTW": "Detroit",
    "SLC": "Salt Lake City",
}
_COINS = {
    "SOL": ("Solana", 180.0, 1.0),
    "XRP": ("XRP", 2.4, 0.02),
    "DOGE": ("Dogecoin", 0.2, 0.002),
    "ADA": ("Cardano", 0.6, 0.005),
    "AVAX": ("Avalanche", 24.0, 0.25),
    "LINK": ("Chainlink", 18.0, 0.2),
    "LTC": ("Litecoin", 95.0, 1.0),
    "BCH": ("Bitcoin Cash", 520.0, 5.0),
    "DOT": ("Polkadot", 3.4, 0.05),
    "UNI": ("Uniswap", 7.2, 0.1),
    "SHIBA": ("Shiba Inu", 0.01, 0.0005),
    "NEAR": ("Near", 2.6, 0.05),
    "ATOM": ("Cosmos", 3.9, 0.05),
    "XLM": ("Stellar", 0.31, 0.005),
    "HYPE": ("Hyperliquid", 41.0, 0.5),
    "SUI": ("Sui", 2.3, 0.05),
    "TON": ("Toncoin", 2.2, 0.05),
    "TRX": ("Tron", 0.3, 0.005),
    "AAVE": ("Aave", 230.0, 2.0),
    "PEPE": ("Pepe", 0.02, 0.0005),
}
FAMILIES: tuple[_Family, ...] = (
    *(
        _Family(f"KXTEMP{code}H", f"Temperature in {name}", 60.99, 1.0, "°")
        for code, name in _CITIES.items()
    ),
    *(
        _Family(f"KX{coin}D", f"{name} price", anchor, step, "")
        for coin, (name, anchor, step) in _COINS.items()
    ),
)
_FAMILY_NUMBERS = {family.series: number for number, family in enumerate(FAMILIES)}


@dataclass(frozen=True, slots=True)
class Change:
    """Something that happened to every ``stride``-th market from ``first`` on."""

    kind: ChangeKind
    at_s: int
    first: int
    stride: int

    def touches(self, number: int) -> bool:
        """Whether it happened to this market."""
        return number >= self.first and (number - self.first) % self.stride == 0


class BulkMarkets:
    """``count`` markets, numbered from 0."""

    def __init__(self, count: int, first_day: date) -> None:
        self.count = count
        self.changes: list[Change] = []
        self._midnight_s = int(datetime.combine(first_day, time(), UTC).timestamp())
        self.listed_s = self._midnight_s - _OPEN_BEFORE_S

    @property
    def event_count(self) -> int:
        """How many events they belong to."""
        return -(-self.count // RUNGS)

    def change(self, kind: ChangeKind, share: float, at_s: int) -> int:
        """Let something happen to a share of all markets; returns how many that are.

        Successive changes of the same share hit different markets.
        """
        stride = max(1, round(1 / share))
        change = Change(kind, at_s, len(self.changes) % stride, stride)
        self.changes.append(change)
        return len(range(change.first, self.count, stride))

    def market(self, number: int) -> RestMarket:
        """The market of this number."""
        event_number, rung = divmod(number, RUNGS)
        event = self.event(event_number)
        family = FAMILIES[event_number % len(FAMILIES)]
        strike = _strike(family, event_number, rung)
        noise = number * 2_654_435_761 & 0xFFFF_FFFF
        fair = 950 - 95 * rung + noise % 40
        bid = max(10, fair // 10 * 10 - 10)
        touching = [change for change in self.changes if change.touches(number)]
        settled_s = next((c.at_s for c in touching if c.kind == "settle"), 0)
        rewordings = sum(change.kind == "reword" for change in touching)
        return RestMarket(
            ticker=f"{event.ticker}-T{strike}",
            event=event,
            yes_sub_title=f"{strike}{family.unit} or above",
            status="finalized" if settled_s else "active",
            result=("yes" if noise & 64 else "no") if settled_s else "",
            created_s=self.listed_s,
            updated_s=max((change.at_s for change in touching), default=self.listed_s),
            open_s=self.listed_s,
            close_s=settled_s or event.strike_s,
            settled_s=settled_s,
            strike_type="greater",
            floor_strike=float(strike),
            cap_strike=None,
            rules_secondary=f"Revision {rewordings}." if rewordings else "",
            tick=LINEAR_CENT,
            whole_contracts=bool(noise & 128),
            yes_bid=bid,
            yes_bid_size=100 * (1 + noise % 500),
            yes_ask=min(990, bid + 20),
            yes_ask_size=100 * (1 + noise // 512 % 500),
            last_price=bid + 10 if noise & 3 else 0,
            volume=100 * (noise % 50_000) if noise & 3 else 0,
            open_interest=100 * (noise % 20_000) if noise & 3 else 0,
        )

    def event(self, number: int) -> RestEvent:
        """The event of this number."""
        hours, family_number = divmod(number, len(FAMILIES))
        family = FAMILIES[family_number]
        moment = datetime.fromtimestamp(self._midnight_s, UTC) + timedelta(hours=hours)
        when = f"{moment:%b} {moment.day}, {moment.year} at {moment:%H}:00"
        return RestEvent(
            ticker=f"{family.series}-{day_code(moment.date())}{moment:%H}",
            series_ticker=family.series,
            title=f"{family.title} on {when}?",
            sub_title=when,
            mutually_exclusive=False,
            strike_s=self._midnight_s + hours * _HOUR_S,
            updated_s=self.listed_s,
        )

    def may_have_events(self, status: str, updated_after_s: int | None) -> bool:
        """Whether any event may match, so that not all have to be looked at to find none.

        Args:
            status: The filter's word; empty for any.
        """
        if updated_after_s is not None and updated_after_s >= self.listed_s:
            return False
        settles = any(change.kind == "settle" for change in self.changes)
        return status in ("", "open") or (status == "settled" and settles)

    def event_number(self, ticker: str) -> int | None:
        """The number of an event, or None where there is none of that name."""
        series, _, code = ticker.partition("-")
        family = _FAMILY_NUMBERS.get(series)
        if family is None or len(code) != _CODE_LENGTH:
            return None
        try:
            moment = datetime.strptime(f"{code}+0000", "%y%b%d%H%z")
        except ValueError:
            return None
        hours = (int(moment.timestamp()) - self._midnight_s) // _HOUR_S
        number = hours * len(FAMILIES) + family
        if not 0 <= number < self.event_count or self.event(number).ticker != ticker:
            return None
        return number

    def market_number(self, ticker: str) -> int | None:
        """The number of a market, or None where there is none of that name."""
        event_ticker, _, _ = ticker.rpartition("-")
        event = self.event_number(event_ticker)
        if event is None:
            return None
        family = FAMILIES[event % len(FAMILIES)]
        for rung in range(RUNGS):
            number = event * RUNGS + rung
            if number < self.count and ticker == f"{event_ticker}-T{_strike(family, event, rung)}":
                return number
        return None

    def numbers(
        self,
        start: int,
        *,
        event_ticker: str = "",
        series_ticker: str = "",
        settled: bool = False,
        updated_after_s: int | None = None,
    ) -> Iterator[int]:
        """Numbers from ``start`` up, rising; none is left out that the filters match."""
        if event_ticker:
            event = self.event_number(event_ticker)
            return iter(()) if event is None else self._of_events(start, range(event, event + 1))
        if series_ticker:
            family = _FAMILY_NUMBERS.get(series_ticker)
            if family is None:
                return iter(())
            return self._of_events(start, range(family, self.event_count, len(FAMILIES)))
        if updated_after_s is not None and updated_after_s >= self.listed_s:
            return self._touched(start, [c for c in self.changes if c.at_s > updated_after_s])
        if settled:
            return self._touched(start, [c for c in self.changes if c.kind == "settle"])
        return iter(range(start, self.count))

    def _of_events(self, start: int, events: range) -> Iterator[int]:
        for event in events:
            for number in range(event * RUNGS, min((event + 1) * RUNGS, self.count)):
                if number >= start:
                    yield number

    def _touched(self, start: int, changes: list[Change]) -> Iterator[int]:
        runs = (
            range(
                c.first + -(-max(0, start - c.first) // c.stride) * c.stride, self.count, c.stride
            )
            for c in changes
        )
        last = -1
        for number in heapq.merge(*runs):
            if number != last:
                last = number
                yield number


def _strike(family: _Family, event: int, rung: int) -> str:
    """As the ticker writes it; an hour's ladder is a little off from the hour before it."""
    shift = event // len(FAMILIES) % 7
    value = family.anchor + (rung + shift - RUNGS // 2) * family.step
    decimals = 2 if family.step >= 0.02 else 4
    return f"{value:.{decimals}f}"
