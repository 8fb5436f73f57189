"""Ticks and frames for tests, with sensible defaults."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from hadron_tasks.tick import HadronTick, TickType, content_key

NOON_US = 1_795_262_400_000_000  # 2026-11-21 12:00:00 UTC
INSTRUMENT = "00000000-0000-4000-8000-000000000001"
OTHER_INSTRUMENT = "00000000-0000-4000-8000-000000000002"


def tick(**changes: Any) -> HadronTick:
    """A quote at noon; ``changes`` replace its fields. Its key follows from the fields."""
    fields: dict[str, Any] = {
        "venue": "kalshi",
        "ticker": "KXTEST-26NOV21-A",
        "tick_type": TickType.QUOTE,
        "event_us": NOON_US,
        "received_ns": NOON_US * 1000 + 5_000_000,
        "price": Decimal("0.4800"),
    } | changes
    fields.setdefault("event_key", content_key(*sorted(f"{k}={v}" for k, v in fields.items())))
    return HadronTick(**fields)


def trade(trade_id: str, **changes: Any) -> HadronTick:
    """A trade with an id, at noon."""
    key = content_key("trade", trade_id)
    fields: dict[str, Any] = {
        "tick_type": TickType.TRADE,
        "size": Decimal("10.00"),
        "event_key": key,
        "trade_key": key,
        "metadata": {"trade_id": trade_id},
    } | changes
    return tick(**fields)
