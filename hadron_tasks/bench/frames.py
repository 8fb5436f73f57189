"""Kalshi frames to measure with, in the mix a busy connection sends; the same for every run."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar
from uuid import UUID

from hadron_tasks.raw_stream import RawFrame

TICKER_SHARE = 0.60
DELTA_SHARE = 0.30
TRADE_SHARE = 0.08
"""What is left, 2 %, are order book snapshots."""

BETWEEN_NS = 200_000
"""5,000 frames a second, by the exchange's clock."""
LEVELS = 20
CONNECTION = "kalshi-1"

_Item = TypeVar("_Item")

_CENTS = [f"0.{cents:02d}00" for cents in range(1, 100)]


@dataclass(slots=True)
class FrameMix:
    """An endless row of frames in which none repeats.

    Args:
        markets: How many markets they are about.
        start_ns: Time of the first, nanoseconds since the Unix epoch.
        seed: Of the prices and of the order.
        skewed: Whether the second market has half the frames of the first, the third a third and
            so on, as markets have; else all have the same, the worst case.
    """

    markets: int
    start_ns: int
    seed: int = 1
    skewed: bool = False
    _sent: int = 0

    def take(self, count: int) -> list[RawFrame]:
        """The next frames."""
        dice = self._dice()
        return [self._frame(dice, self._market(dice), dice.random()) for _ in range(count)]

    def tickers(self, at_once: int) -> Iterator[list[RawFrame]]:
        """The next frames, a ticker of each market, so many ``at_once``."""
        for markets in batches(range(self.markets), at_once):
            dice = self._dice()
            yield [self._frame(dice, market, 0.0) for market in markets]

    def _dice(self) -> random.Random:
        return random.Random(f"{self.seed}:{self._sent}")

    def _frame(self, dice: random.Random, market: int, kind: float) -> RawFrame:
        number = self._sent
        self._sent += 1
        at_ns = self.start_ns + number * BETWEEN_NS
        ticker = market_ticker(market)
        if kind < TICKER_SHARE:
            data = _ticker(dice, ticker, number, at_ns // 1_000_000)
        elif kind < TICKER_SHARE + DELTA_SHARE:
            data = _delta(dice, ticker, number, at_ns // 1_000_000)
        elif kind < TICKER_SHARE + DELTA_SHARE + TRADE_SHARE:
            data = _trade(dice, ticker, at_ns // 1_000_000)
        else:
            data = _snapshot(dice, ticker, number)
        return RawFrame(data.encode(), at_ns + 20_000_000, CONNECTION)

    def _market(self, dice: random.Random) -> int:
        # The logarithm of a Zipf-like rank is even.
        return (
            int(self.markets ** dice.random()) - 1 if self.skewed else dice.randrange(self.markets)
        )


def market_ticker(number: int) -> str:
    """The name of one of the markets."""
    return f"KXBTCD-26DEC{1 + number % 28:02d}17-T{50_000 + 250 * (number // 28)}.99"


def batches(items: Sequence[_Item], size: int) -> Iterator[Sequence[_Item]]:
    """``items`` in runs of ``size``."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


def _ticker(dice: random.Random, ticker: str, number: int, ms: int) -> str:
    bid = dice.randrange(0, 97)
    volume = 30_000 + number
    return (
        '{"type":"ticker","sid":1,"msg":{"market_id":"9b0f6b43-5b68-4f9f-9f02-9a2d1b8ac1a1",'
        f'"market_ticker":"{ticker}","price_dollars":"{_CENTS[bid + 1]}",'
        f'"yes_bid_dollars":"{_CENTS[bid]}","yes_ask_dollars":"{_CENTS[bid + 2]}",'
        f'"volume_fp":"{volume}.00","open_interest_fp":"{20_000 + bid}.00",'
        f'"dollar_volume":{volume // 2},"dollar_open_interest":{10_000 + bid},'
        f'"yes_bid_size_fp":"{dice.randrange(1, 900)}.00",'
        f'"yes_ask_size_fp":"{dice.randrange(1, 900)}.00","last_trade_size_fp":"25.00",'
        f'"ts":{ms // 1000},"ts_ms":{ms}}}}}'
    )


def _delta(dice: random.Random, ticker: str, number: int, ms: int) -> str:
    side = "yes" if dice.random() < 0.5 else "no"
    return (
        f'{{"type":"orderbook_delta","sid":3,"seq":{number + 1},"msg":{{'
        f'"market_ticker":"{ticker}","market_id":"9b0f6b43-5b68-4f9f-9f02-9a2d1b8ac1a1",'
        f'"price_dollars":"{dice.choice(_CENTS)}","delta_fp":"{dice.randrange(-500, 500)}.00",'
        f'"side":"{side}","ts_ms":{ms}}}}}'
    )


def _trade(dice: random.Random, ticker: str, ms: int) -> str:
    cents = dice.randrange(1, 99)
    return (
        f'{{"type":"trade","sid":2,"msg":{{"trade_id":"{UUID(int=dice.getrandbits(128))}",'
        f'"market_ticker":"{ticker}","yes_price_dollars":"{_CENTS[cents - 1]}",'
        f'"no_price_dollars":"{_CENTS[99 - cents]}","count_fp":"{dice.randrange(1, 500)}.00",'
        f'"taker_side":"no","ts":{ms // 1000},"ts_ms":{ms}}}}}'
    )


def _snapshot(dice: random.Random, ticker: str, number: int) -> str:
    yes = ",".join(f'["{_CENTS[at]}","{dice.randrange(1, 900)}.00"]' for at in range(LEVELS))
    no = ",".join(f'["{_CENTS[at]}","{dice.randrange(1, 900)}.00"]' for at in range(LEVELS))
    return (
        f'{{"type":"orderbook_snapshot","sid":3,"seq":{number + 1},"msg":{{'
        f'"market_ticker":"{ticker}","market_id":"9b0f6b43-5b68-4f9f-9f02-9a2d1b8ac1a1",'
        f'"yes_dollars_fp":[{yes}],"no_dollars_fp":[{no}]}}}}'
    )
