"""Arithmetic on prices that never rounds: Python's default rounds to 28 digits."""

from __future__ import annotations

from decimal import Context, Decimal, Inexact

# Numbers have at most 40 digits on either side of their point (see wire.MAX_DIGITS), so no sum,
# difference or half of theirs comes near this; Inexact would tell.
_EXACT = Context(prec=200, traps=[Inexact])

_ONE_DOLLAR = Decimal(1)
_TWO = Decimal(2)


def mid(bid: Decimal | None, ask: Decimal | None) -> Decimal | None:
    """The price halfway between bid and ask; None when a side is missing."""
    if bid is None or ask is None:
        return None
    return _EXACT.divide(_EXACT.add(bid, ask), _TWO)


def complement(price: Decimal) -> Decimal:
    """The other outcome's price: a NO at q is a YES at 1 - q."""
    return _EXACT.subtract(_ONE_DOLLAR, price)


def from_cents(cents: Decimal) -> Decimal:
    """Cents as dollars."""
    return _EXACT.scaleb(cents, -2)


def total(left: Decimal, right: Decimal) -> Decimal:
    """The sum of two."""
    return _EXACT.add(left, right)


def difference(left: Decimal, right: Decimal) -> Decimal:
    """The first less the second."""
    return _EXACT.subtract(left, right)
