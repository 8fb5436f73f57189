"""Kalshi's `ticker` messages as frames, each another."""

from __future__ import annotations

import json

import redis
from factories import NOON_US

from hadron_tasks.raw_stream import RawFrame, frame_fields, stream_key

CONNECTION = "kalshi-1#1"
KNOWN = "KXTEST-26NOV21-A"


def quote_frame(number: int, ticker: str = KNOWN) -> RawFrame:
    message = {"market_ticker": ticker, "price_dollars": "0.4800", "volume_fp": "7.00"}
    document = {"type": "ticker", "msg": message | {"ts_ms": NOON_US // 1000 + number}}
    return RawFrame(json.dumps(document).encode(), NOON_US * 1000 + number, CONNECTION)


def append_quotes(client: redis.Redis, count: int, *, first: int = 0) -> None:
    """``count`` of them from ``first`` on, an entry of Kalshi's raw stream each."""
    for number in range(first, first + count):
        client.xadd(stream_key("kalshi"), frame_fields(quote_frame(number)))  # type: ignore[arg-type]
