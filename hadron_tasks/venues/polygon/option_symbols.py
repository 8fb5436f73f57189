"""What the symbol of an option says: ``O:SPY251219C00650000`` is SPY's call of 19 December 2025
struck at 650.

Source: the OCC's Options Symbology Initiative, which the exchange writes with ``O:`` before it and
without the blanks: root, expiry as YYMMDD, C or P, strike in thousandths with eight digits. A root
that ends in a digit is an adjusted contract, which delivers something other than 100 shares.
"""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from typing import NamedTuple

_SYMBOL = re.compile(r"O:([A-Z][A-Z0-9.]{0,6})([0-9]{6})([CP])([0-9]{8})")
_CENTURY = 2000
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class OptionContract(NamedTuple):
    """One contract."""

    root: str
    expiry: date
    right: str
    """``call`` or ``put``."""
    strike: Decimal

    @property
    def display_name(self) -> str:
        """``SPY 19 Dec 2025 650 Call``."""
        day = f"{self.expiry.day} {_MONTHS[self.expiry.month - 1]} {self.expiry.year}"
        return f"{self.root} {day} {self.strike:f} {self.right.capitalize()}"


def parse_option(symbol: str) -> OptionContract | None:
    """Read a symbol; None when it is no option's."""
    found = _SYMBOL.fullmatch(symbol)
    if found is None:
        return None
    root, day, right, strike = found.groups()
    try:
        expiry = date(_CENTURY + int(day[:2]), int(day[2:4]), int(day[4:]))
    except ValueError:
        return None
    thousandths = Decimal(strike).scaleb(-3).normalize()
    return OptionContract(root, expiry, "call" if right == "C" else "put", thousandths)
