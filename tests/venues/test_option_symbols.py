"""Options are named by what their symbols say."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hadron_tasks.venues.polygon.option_symbols import OptionContract, parse_option


@pytest.mark.parametrize(
    ("symbol", "contract", "name"),
    [
        (
            "O:SPY251219C00650000",
            OptionContract("SPY", date(2025, 12, 19), "call", Decimal(650)),
            "SPY 19 Dec 2025 650 Call",
        ),
        (
            "O:AZO140621P00530000",
            OptionContract("AZO", date(2014, 6, 21), "put", Decimal(530)),
            "AZO 21 Jun 2014 530 Put",
        ),
        (
            "O:F260116C00012500",
            OptionContract("F", date(2026, 1, 16), "call", Decimal("12.5")),
            "F 16 Jan 2026 12.5 Call",
        ),
        (
            "O:NVDA1260117P00000500",
            OptionContract("NVDA1", date(2026, 1, 17), "put", Decimal("0.5")),
            "NVDA1 17 Jan 2026 0.5 Put",
        ),
        (
            "O:SPXW260717P06000000",
            OptionContract("SPXW", date(2026, 7, 17), "put", Decimal(6000)),
            "SPXW 17 Jul 2026 6000 Put",
        ),
    ],
)
def test_a_symbol_says_it_all(symbol: str, contract: OptionContract, name: str) -> None:
    assert parse_option(symbol) == contract
    assert contract.display_name == name


@pytest.mark.parametrize(
    "symbol",
    [
        "SPY251219C00650000",
        "O:SPY251319C00650000",
        "O:SPY250230C00650000",
        "O:SPY251219X00650000",
        "O:SPY251219C0065000",
        "O:251219C00650000",
        "O:spy251219C00650000",
        "O:SPY251219C00650000 ",
        "",
    ],
)
def test_anything_else_is_no_option(symbol: str) -> None:
    assert parse_option(symbol) is None


@given(
    st.from_regex(r"[A-Z]{1,5}", fullmatch=True),
    st.dates(date(2000, 1, 1), date(2099, 12, 31)),
    st.sampled_from("CP"),
    st.integers(1, 99_999_999),
)
def test_every_symbol_is_read_as_it_was_written(
    root: str, expiry: date, right: str, thousandths: int
) -> None:
    read = parse_option(f"O:{root}{expiry:%y%m%d}{right}{thousandths:08d}")
    assert read is not None
    assert (read.root, read.expiry) == (root, expiry)
    assert read.right[0].upper() == right
    assert read.strike * 1000 == thousandths
    assert "E" not in f"{read.strike:f}"


@given(st.text(max_size=30))
def test_no_text_is_too_odd(text: str) -> None:
    parse_option(text)
