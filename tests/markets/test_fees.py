"""Fees to the cent, as the exchange's own table and examples state them."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hadron_tasks.markets.fees import STANDARD, FeeSchedule, cost_of, taker_fee

D = Decimal


@pytest.mark.parametrize(
    ("price", "contracts", "fee"),
    [
        # The exchange's general table: what 1 and 100 contracts cost.
        ("0.01", 1, "0.01"),
        ("0.01", 100, "0.07"),
        ("0.05", 1, "0.01"),
        ("0.05", 100, "0.34"),
        ("0.10", 100, "0.63"),
        ("0.25", 1, "0.02"),
        ("0.25", 100, "1.32"),
        ("0.50", 1, "0.02"),
        ("0.50", 100, "1.75"),
        ("0.90", 100, "0.63"),
        ("0.99", 100, "0.07"),
    ],
)
def test_the_general_table(price: str, contracts: int, fee: str) -> None:
    assert cost_of(D(contracts), D(price), STANDARD) - contracts * D(price) == D(fee)


@pytest.mark.parametrize(
    ("contracts", "price", "multiplier", "fee"),
    [
        ("100", "0.50", "1", "1.7500"),
        ("100", "0.50", "0.5", "0.8750"),
        ("100", "0.50", "0", "0.0000"),
        ("3", "0.055", "1", "0.0110"),  # 0.01091475
        ("1.5", "0.5", "1", "0.0263"),  # 0.02625
    ],
)
def test_a_fee_is_rounded_up_to_a_hundredth_of_a_cent(
    contracts: str, price: str, multiplier: str, fee: str
) -> None:
    schedule = FeeSchedule("quadratic", D(multiplier))
    assert taker_fee(D(contracts), D(price), schedule) == D(fee)


def test_a_balance_changes_by_whole_cents() -> None:
    # 3 at 5.5 cents are 16.5 cents, and 1.1 cents of fee: 17.6, so 18 leave the account.
    assert cost_of(D(3), D("0.055"), STANDARD) == D("0.18")


def test_a_fee_of_a_type_that_nobody_describes_is_not_guessed() -> None:
    schedule = FeeSchedule("flat", D(1))
    assert not schedule.is_known
    with pytest.raises(ValueError, match="flat"):
        taker_fee(D(1), D("0.5"), schedule)


contracts = st.integers(1, 10**6).map(D)
prices = st.integers(1, 999).map(lambda mills: D(mills) / 1000)


@given(contracts, prices)
def test_more_is_never_dearer_apiece_by_more_than_the_rounding(count: D, price: D) -> None:
    once, twice = cost_of(count, price, STANDARD), cost_of(2 * count, price, STANDARD)
    assert twice <= 2 * once
    assert once >= count * price


@given(contracts, prices)
def test_yes_and_no_cost_the_same_fee(count: D, price: D) -> None:
    assert taker_fee(count, price, STANDARD) == taker_fee(count, 1 - price, STANDARD)
