"""Numbers as tickers write them: ``T3.75``, ``B53.5``, ``T-25000``, ``13.5B``, ``42D``, ``C25``.

What the letters mean, as the exchange's own subtitles show:

- ``T3.75`` is "above 3.75". In a range series (``tails``, ``half``) it is one of the two open ends,
  and the ticker does not say which (``T54`` was "53 or below", ``T88`` "89 or above").
- ``B53.5`` is a bucket around the number: for temperatures the two whole degrees (53 to 54),
  elsewhere edges that only ``floor_strike`` and ``cap_strike`` state.
- A bare number, ``A`` (TSA) and ``G`` (shutdowns) are "above"; ``P`` and a final ``T`` (``6T``,
  "7 or more") are thresholds too; ``ABOVE`` and ``BELOW`` say it; ``E`` is "exactly", ``N`` a minus
  (``N2.5`` was "above -2.5%").
- Counts of seats (``seats``) write ``B45``, ``E46``, ``A52`` for below, exactly and above.
- Yearly prices of small coins (``e4``) are written ten thousand times too large (``T05000`` was
  $0.50), monthly highs and lows (``cents``) a hundred times.
"""

from __future__ import annotations

import re
from decimal import Decimal

from hadron_tasks.tickers.parsed import Direction, Strike

_NUMBER = re.compile(
    r"(?P<letter>ABOVE|BELOW|[TBAPGEN])?(?P<number>-?(?:\d{1,15}(?:\.\d{1,9})?|\.\d{1,9}))"
    r"(?P<scale>[KMBT])?"
)
_MULTIPLIERS = {"K": Decimal(1000), "M": Decimal(10) ** 6, "B": Decimal(10) ** 9}
_HALF_DEGREE = Decimal("0.5")

OPAQUE = "opaque"
"""Numbers of such series are only labels: the exchange's strikes alone tell what they mean."""

HYPHEN = "hyphen"
"""``KXCPI-26AUG-0.4`` was "above -0.4%": without its ``T`` the number may be a negative one."""

_BARE = {
    "": Direction.ABOVE,
    "below": Direction.BELOW,
    "cents": Direction.ABOVE,
    "cents_below": Direction.BELOW,
    "at_least": Direction.AT_LEAST,
    "exactly": Direction.EXACTLY,
    "tails": Direction.NEAR,
    "half": Direction.NEAR,
    "b_above": Direction.ABOVE,
    "open": Direction.LINE,
    "at_most": Direction.AT_MOST,
    "seats": Direction.EXACTLY,
    "e4": Direction.NEAR,
}


def read_strike(text: str, reading: str, unit: str) -> Strike | None:
    """The strike that ``text`` writes, for a series whose numbers read as ``reading``.

    None where it is no number at all.
    """
    match = _NUMBER.fullmatch(text)
    if match is None:
        return None
    letter, scale = match["letter"], match["scale"]
    value = Decimal(match["number"])
    if scale == "T":
        # "6T" is the open end of a count: "7 or more".
        return None if letter else Strike(Direction.ABOVE, value, unit=unit)
    if scale is not None:
        value = Decimal(f"{(value * _MULTIPLIERS[scale]).normalize():f}")
    if letter == "N":
        value, letter = -value, None
    if reading.startswith("cents"):
        value /= 100
    elif reading == "e4" and match["number"].isdigit():
        value /= 10_000
    if letter == "E":
        return Strike(Direction.EXACTLY, value, unit=unit)
    if letter == "B":
        if reading == "seats":
            return Strike(Direction.BELOW, value, unit=unit)
        if reading == "half":
            return Strike(Direction.BETWEEN, value - _HALF_DEGREE, value + _HALF_DEGREE, unit=unit)
        return Strike(Direction.ABOVE if reading == "b_above" else Direction.NEAR, value, unit=unit)
    if letter == "T" and reading in ("tails", "half", "e4"):
        return Strike(Direction.BEYOND, value, unit=unit)
    if letter == "P":
        return Strike(Direction.AT_LEAST, value, unit=unit)
    if letter in ("A", "G", "ABOVE"):
        return Strike(Direction.ABOVE, value, unit=unit)
    if letter == "BELOW":
        return Strike(Direction.BELOW, value, unit=unit)
    if letter == "T" and reading in ("", HYPHEN):
        return Strike(Direction.ABOVE, value, unit=unit)
    return Strike(_BARE.get(reading, Direction.ABOVE), value, unit=unit)
