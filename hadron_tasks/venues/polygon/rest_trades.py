"""Trades of the REST API as ticks: the same that the WebSocket's events of them become.

A trade is written as the event that told it and read by the same reader, so that the identity, the
price and the names in ``metadata`` cannot differ. The time is more exact here (nanoseconds, kept to
the microsecond), which makes no difference to a trade's identity.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from msgspec.structs import replace

from hadron_tasks.errors import MalformedFrame
from hadron_tasks.tick import HadronTick, content_key
from hadron_tasks.venues.polygon.rest_models import Trade
from hadron_tasks.venues.polygon.symbols import asset_class
from hadron_tasks.venues.polygon.trades import read_crypto_trade, read_listed_trade
from hadron_tasks.venues.rest.pages import Rejected

SOURCE = "rest"
"""What ``metadata`` calls where a tick came from when that was not the WebSocket."""


def tick_of(ticker: str, trade: Trade, received_ns: int) -> HadronTick:
    """A trade as a tick.

    A trade without an id, which those of options are, has no ``trade_key``: its identity is what
    this API says of it, which is not what the WebSocket said, so that the two cannot be told to be
    one.

    Args:
        ticker: Our name of the instrument whose trades were asked for.
        trade: As the REST API told it.
        received_ns: When that was: nanoseconds since the Unix epoch.

    Raises:
        MalformedFrame: It has no time or an absurd value.
    """
    time_ns = trade.participant_timestamp if trade.sip_timestamp is None else trade.sip_timestamp
    said: dict[str, Any] = {
        "i": trade.id,
        "x": trade.exchange,
        "p": trade.price,
        "s": trade.size,
        "c": trade.conditions or None,
        "t": time_ns,
        "q": trade.sequence_number,
        "z": trade.tape,
        "trfi": trade.trf_id,
        "trft": trade.trf_timestamp,
    }
    event = {name: value for name, value in said.items() if value is not None}
    if asset_class(ticker) == "crypto":
        tick = read_crypto_trade(event | {"ev": "XT", "pair": ticker}, received_ns)
    else:
        tick = read_listed_trade(event | {"ev": "T", "sym": ticker}, received_ns)
    more = {"source": SOURCE, "correction": trade.correction}
    if trade.sip_timestamp is not None:
        more["participant_time"] = trade.participant_timestamp
    kept = {name: value for name, value in more.items() if value is not None}
    return replace(tick, metadata=(tick.metadata or {}) | kept)


def ticks_of(
    ticker: str, trades: Iterable[Trade], received_ns: int
) -> tuple[list[HadronTick], list[Rejected]]:
    """The trades of one page as ticks, and those that cannot be read; see :func:`tick_of`.

    Trades without an id that are alike in all they say, which a sweep of options leaves, stay
    apart: they are counted.
    """
    ticks: list[HadronTick] = []
    rejected: list[Rejected] = []
    alike: Counter[int] = Counter()
    for trade in trades:
        try:
            tick = tick_of(ticker, trade, received_ns)
        except MalformedFrame as error:
            rejected.append(Rejected(trade.model_dump(mode="json"), str(error)))
            continue
        if tick.trade_key is None:
            number = alike[tick.event_key]
            alike[tick.event_key] += 1
            if number:
                tick = replace(tick, event_key=content_key("trade", tick.event_key, number))
        ticks.append(tick)
    return ticks, rejected
