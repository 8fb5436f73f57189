"""Trades that happen at a simulated Kalshi although nobody listens, and frames that told them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from hadron_tasks.raw_stream import RawFrame
from hadron_tasks.times import to_ns
from streamer.simulator.kalshi_forms import PRICE_TEXT, contracts
from streamer.simulator.market import Delta, Trade
from streamer.simulator.simulator import Simulator
from streamer.simulator.trade_tape import TradeTape


@dataclass(frozen=True)
class Made:
    """A trade that happened."""

    number: int
    ticker: str
    at: datetime
    price: int = 480
    size: int = 1000

    @property
    def trade_id(self) -> str:
        return str(UUID(int=self.number * 1_000_003))

    def frame(self) -> RawFrame:
        """As the WebSocket tells it: to the millisecond, a few of them later."""
        ms = to_ns(self.at) // 1_000_000
        body = {
            "trade_id": self.trade_id,
            "market_ticker": self.ticker,
            "yes_price_dollars": PRICE_TEXT[self.price],
            "no_price_dollars": PRICE_TEXT[1000 - self.price],
            "count_fp": contracts(self.size),
            "taker_side": "yes",
            "ts": ms // 1000,
            "ts_ms": ms,
        }
        frame = {"type": "trade", "sid": 2, "seq": self.number, "msg": body}
        return RawFrame(json.dumps(frame).encode(), (ms + 40) * 1_000_000, "kalshi-2#1")


def happen(simulator: Simulator, trades: Sequence[Made]) -> None:
    """Let these trades, and no others, have happened at the exchange."""
    tape = TradeTape()
    for each in sorted(trades, key=lambda trade: trade.at):
        ms = to_ns(each.at) // 1_000_000
        delta = Delta("yes", each.price, -each.size)
        tape.add(each.ticker, Trade(each.trade_id, each.price, each.size, "yes", delta), ms, ms)
    simulator.kalshi.tape = tape


def every(
    count: int, since: datetime, apart: timedelta, tickers: Sequence[str] = ("KXA", "KXB")
) -> list[Made]:
    """So many trades, one after the other, of these markets in turn."""
    return [
        Made(number, tickers[number % len(tickers)], since + number * apart)
        for number in range(1, count + 1)
    ]
