"""A market on a number beside that number: what its price says, and what the model says."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from hadron_tasks.markets.model import probability_between

_ABOVE = frozenset({"greater", "greater_or_equal"})
_BELOW = frozenset({"less", "less_or_equal"})
_DIGITS = Decimal("0.0001")


class Spot(NamedTuple):
    """The underlying's price."""

    price: Decimal
    at: datetime


class Volatility(NamedTuple):
    """Realised, of a year, and what it was measured on."""

    a_year: float
    observations: int
    step_s: float
    since: datetime


class MarketPrice(NamedTuple):
    """A market's quote with its strikes."""

    strike_type: str
    floor_strike: Decimal | None
    cap_strike: Decimal | None
    close_time: datetime
    bid: Decimal | None
    ask: Decimal | None
    quoted_at: datetime | None
    """When its quote was last known to hold."""


class Comparison(NamedTuple):
    """What comes out."""

    market: Decimal | None
    """The middle of bid and ask; None where that says nothing now."""
    model: Decimal | None
    difference: Decimal | None
    marks: tuple[str, ...]
    """Why something was not used: ``stale quote``, ``one-sided quote``, ``stale spot``,
    ``no spot``, ``no volatility``."""
    inputs: dict[str, Any]


def reconcile(
    market: MarketPrice,
    spot: Spot | None,
    volatility: Volatility | None,
    now: datetime,
    stale_after: timedelta,
) -> Comparison:
    """Compare a market's price with the model's at ``now``."""
    marks = []
    middle = None
    if market.bid is None or market.ask is None or not 0 < market.bid < market.ask < 1:
        marks.append("one-sided quote")
    elif market.quoted_at is None or now - market.quoted_at > stale_after:
        marks.append("stale quote")
    else:
        middle = (market.bid + market.ask) / 2
    model = None
    left_s = (market.close_time - now).total_seconds()
    floor, cap = _limits(market)
    if spot is None:
        marks.append("no spot")
    elif now - spot.at > stale_after:
        marks.append("stale spot")
    elif volatility is None:
        marks.append("no volatility")
    else:
        chance = probability_between(spot.price, floor, cap, volatility.a_year, left_s)
        model = Decimal(repr(chance)).quantize(_DIGITS)
    difference = None if middle is None or model is None else middle - model
    inputs = {
        "bid": _text(market.bid),
        "ask": _text(market.ask),
        "quoted_at": None if market.quoted_at is None else market.quoted_at.isoformat(),
        "strike_type": market.strike_type,
        "floor_strike": _text(market.floor_strike),
        "cap_strike": _text(market.cap_strike),
        "close_time": market.close_time.isoformat(),
        "seconds_left": round(left_s, 3),
        "spot_at": None if spot is None else spot.at.isoformat(),
        "distance": None if spot is None else _text(_distance(spot.price, floor, cap)),
        "volatility": None
        if volatility is None
        else volatility._asdict() | {"since": volatility.since.isoformat()},
        "marks": marks,
    }
    return Comparison(middle, model, difference, tuple(marks), inputs)


def _limits(market: MarketPrice) -> tuple[Decimal | None, Decimal | None]:
    """Between what the number has to be for YES."""
    if market.strike_type in _ABOVE:
        return market.floor_strike, None
    if market.strike_type in _BELOW:
        return None, market.cap_strike
    return market.floor_strike, market.cap_strike


def _distance(spot: Decimal, floor: Decimal | None, cap: Decimal | None) -> Decimal | None:
    """From the spot to the nearest strike; positive where the strike is higher."""
    strikes = [strike for strike in (floor, cap) if strike is not None]
    if not strikes:
        return None
    return min(strikes, key=lambda strike: abs(strike - spot)) - spot


def _text(value: Decimal | None) -> str | None:
    return None if value is None else str(value)
