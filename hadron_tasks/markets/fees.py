"""What buying on Kalshi costs, to the cent, as the exchange charges it.

Source: Kalshi's fee schedule (taker fee 0.07 x contracts x price x (1 - price), times the series'
multiplier) and its API documentation on fee rounding: a fill's fee is rounded up to a hundredth of
a cent, then the change of the balance is rounded down to whole cents.
"""

from __future__ import annotations

from decimal import ROUND_CEILING, Context, Decimal
from typing import NamedTuple

TAKER_RATE = Decimal("0.07")
CENT = Decimal("0.01")
CENTICENT = Decimal("0.0001")

_QUADRATIC = frozenset({"quadratic", "quadratic_with_maker_fees"})
"""The second differs in what a resting order pays; who takes a price pays the same."""

_ONE = Decimal(1)
# Sizes and prices have a handful of digits each; nothing here ever needs rounding but where told.
_EXACT = Context(prec=60, rounding=ROUND_CEILING)


class FeeSchedule(NamedTuple):
    """What a series says of its fees, or an event that overrides it."""

    fee_type: str
    """The exchange's word: ``quadratic``, ``quadratic_with_maker_fees``, ``flat``."""
    multiplier: Decimal

    @property
    def is_known(self) -> bool:
        """Whether the fee can be computed: the API does not say what a ``flat`` fee is."""
        return self.fee_type in _QUADRATIC


STANDARD = FeeSchedule("quadratic", _ONE)


def taker_fee(contracts: Decimal, price: Decimal, schedule: FeeSchedule) -> Decimal:
    """The fee of taking a price, dollars, before the balance is rounded.

    Args:
        contracts: How many; fractions are allowed where the exchange allows them.
        price: Of one contract, dollars, from 0 to 1.

    Raises:
        ValueError: The schedule is of a type whose fee is not known.
    """
    if not schedule.is_known:
        raise ValueError(f"the fee of type {schedule.fee_type!r} is not known")
    rate = _EXACT.multiply(TAKER_RATE, schedule.multiplier)
    spread = _EXACT.multiply(price, _EXACT.subtract(_ONE, price))
    return _up(_EXACT.multiply(_EXACT.multiply(rate, contracts), spread), CENTICENT)


def cost_of(contracts: Decimal, price: Decimal, schedule: FeeSchedule) -> Decimal:
    """What leaves the account when ``contracts`` are bought at ``price``: whole cents.

    Raises:
        ValueError: The schedule is of a type whose fee is not known.
    """
    paid = _EXACT.multiply(contracts, price)
    return _up(_EXACT.add(paid, taker_fee(contracts, price, schedule)), CENT)


def _up(amount: Decimal, step: Decimal) -> Decimal:
    return amount.quantize(step, rounding=ROUND_CEILING, context=_EXACT)
