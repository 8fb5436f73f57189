"""One simulated Kalshi market: its terms, its order book, and how they move.

Prices are integers in thousandths of a dollar (0 to 1000), quantities integers in hundredths of
a contract. Both book sides are bids: a NO bid at q is a YES ask at 1000 - q, and the best bids of
both sides always add up to less than a dollar, or they would have traded.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import NamedTuple

from streamer.simulator.latent import Latent, chance_above

ONE_DOLLAR = 1000
LINEAR_CENT = 10
DECI_CENT = 1
_MOST_LEVELS = 12
_DEPTH_TICKS = 6


class Delta(NamedTuple):
    """A change of one level of a book."""

    side: str
    price: int
    change: int


class Trade(NamedTuple):
    """A trade that took liquidity from the book, and what it left there."""

    trade_id: str
    yes_price: int
    size: int
    taker_side: str
    delta: Delta


@dataclass(frozen=True, slots=True)
class Terms:
    """What a market pays out on: a latent value above a floor, below a cap, or between both."""

    latent: Latent
    floor: float | None
    cap: float | None
    spread: float
    """Standard deviation of the outcome around the latent value."""

    def fair(self) -> int:
        """The chance of YES in thousandths, never certain either way."""
        value = self.latent.value
        above = 1.0 if self.floor is None else chance_above(value, self.floor, self.spread)
        beyond = 0.0 if self.cap is None else chance_above(value, self.cap, self.spread)
        return min(max(int((above - beyond) * ONE_DOLLAR), 3), 997)

    def pays_yes(self) -> bool:
        """Whether YES wins if the latent value is the outcome."""
        value = self.latent.value
        return (self.floor is None or value > self.floor) and (
            self.cap is None or value <= self.cap
        )


@dataclass(eq=False, slots=True)
class Event:
    """What several markets are about: one game's winner, one hour's price ladder."""

    ticker: str
    series_ticker: str
    title: str
    sub_title: str
    mutually_exclusive: bool
    open_s: int
    close_s: int
    """Unix seconds, as ``open_s``."""
    markets: list[Market] = field(default_factory=list)


@dataclass(eq=False, slots=True)
class Market:
    """One market. Its book is made when first needed, so a hundred thousand cost little."""

    ticker: str
    event: Event
    yes_sub_title: str
    strike_type: str
    floor_strike: float | None
    cap_strike: float | None
    terms: Terms
    tick: int = LINEAR_CENT
    whole_contracts: bool = True
    market_id: str = ""
    status: str = "active"
    result: str = ""
    close_s: int = 0
    created_s: int = 0
    """Unix seconds, as those around it; 0 for since its event opened."""
    updated_s: int = 0
    """Of the last change that is not trading; 0 for none since it was created."""
    settled_s: int = 0
    yes: dict[int, int] = field(default_factory=dict)
    no: dict[int, int] = field(default_factory=dict)
    last_price: int = 0
    last_size: int = 0
    volume: int = 0
    open_interest: int = 0
    last_ms: int = 0
    has_book: bool = False

    def next_ms(self, now_ms: int) -> int:
        """A time for this market's next message: now, or just after its last message's.

        No two messages of a market state the same millisecond, so none repeats another.
        """
        self.last_ms = now_ms if now_ms > self.last_ms else self.last_ms + 1
        return self.last_ms

    @property
    def rules(self) -> str:
        """What it pays out on, in a sentence."""
        return rules(self.yes_sub_title)

    @property
    def best_yes(self) -> int:
        """The best YES bid; 0 for none."""
        return max(self.yes) if self.yes else 0

    @property
    def best_no(self) -> int:
        """The best NO bid; 0 for none."""
        return max(self.no) if self.no else 0


def rules(outcome: str) -> str:
    """What a market on an outcome pays out on, in a sentence."""
    return f"If the outcome is {outcome}, the market resolves to Yes."


def open_book(market: Market, rng: Random) -> None:
    """Give a market its first resting orders and, for most, a history of trades."""
    market.has_book = True
    bid, no_bid = _targets(market)
    for levels, best in ((market.yes, bid), (market.no, no_bid)):
        price = best
        for _ in range(1 + int(rng.random() * _DEPTH_TICKS)):
            if price < market.tick:
                break
            levels[price] = _quantity(market, rng)
            price -= market.tick * (1 + int(rng.random() * 2))
    if rng.random() < 0.85:
        market.last_price = min(max(bid, market.tick), ONE_DOLLAR - market.tick)
        market.last_size = _quantity(market, rng)
        market.volume = market.last_size + int(rng.random() * 50_000) * 100
        market.open_interest = int(market.volume * 0.6) // 100 * 100


def move_book(market: Market, rng: Random) -> Delta:
    """Let one order come or go, drawing the book towards the market's fair price."""
    targets = _targets(market)
    market.terms.latent.step(rng)
    side = int(rng.random() * 2)
    if not (market.yes, market.no)[side] and targets[side] < market.tick:
        side = 1 - side
    name = ("yes", "no")[side]
    levels, others = (market.yes, market.no) if side == 0 else (market.no, market.yes)
    target = max(targets[side], market.tick)
    best = max(levels) if levels else 0
    if best > target:
        return Delta(name, best, -levels.pop(best))
    if best < target and (not levels or rng.random() < 0.6):
        opposite = max(others) if others else 0
        if target + opposite < ONE_DOLLAR:
            levels[target] = added = _quantity(market, rng)
            return Delta(name, target, added)
        return Delta(("no", "yes")[side], opposite, -others.pop(opposite))
    if len(levels) > _MOST_LEVELS:
        worst = min(levels)
        return Delta(name, worst, -levels.pop(worst))
    return _change_level(market, levels, name, best, rng)


def trade(market: Market, rng: Random) -> Trade | None:
    """Take from the best level of one side; None when nothing rests in the book."""
    taker_buys_yes = rng.random() < 0.5
    if not (market.no if taker_buys_yes else market.yes):
        taker_buys_yes = not taker_buys_yes
    resting = market.no if taker_buys_yes else market.yes
    if not resting:
        return None
    best = max(resting)
    available = resting[best]
    count = min(available, _quantity(market, rng))
    if count == available:
        del resting[best]
    else:
        resting[best] = available - count
    price = ONE_DOLLAR - best if taker_buys_yes else best
    market.last_price = price
    market.last_size = count
    market.volume += count
    market.open_interest = max(0, market.open_interest + (count if rng.random() < 0.6 else -count))
    delta = Delta("no" if taker_buys_yes else "yes", best, -count)
    return Trade(seeded_uuid(rng), price, count, "yes" if taker_buys_yes else "no", delta)


def seeded_uuid(rng: Random) -> str:
    """A version 4 UUID that the seed decides."""
    bits = rng.getrandbits(128) & ~(0xF << 76) | 0x4 << 76
    text = f"{bits & ~(0x3 << 62) | 0x2 << 62:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def _targets(market: Market) -> tuple[int, int]:
    """Where the best YES and NO bids belong: a tick or two away from the fair price."""
    fair = market.terms.fair()
    tick = market.tick
    return (fair - tick) // tick * tick, (ONE_DOLLAR - fair - tick) // tick * tick


def _change_level(
    market: Market, levels: dict[int, int], name: str, best: int, rng: Random
) -> Delta:
    price = best - market.tick * int(rng.random() * _DEPTH_TICKS)
    if price < market.tick:
        price = best
    resting = levels.get(price, 0)
    quantity = _quantity(market, rng)
    if resting and rng.random() < 0.5:
        if quantity >= resting:
            del levels[price]
            return Delta(name, price, -resting)
        levels[price] = resting - quantity
        return Delta(name, price, -quantity)
    levels[price] = resting + quantity
    return Delta(name, price, quantity)


def _quantity(market: Market, rng: Random) -> int:
    """Hundredths of a contract: mostly small, some large, fractional where the market allows."""
    chance = rng.random()
    quantity = 1 + int(chance * chance * chance * 80_000)
    return quantity if not market.whole_contracts else (quantity // 100 + 1) * 100
