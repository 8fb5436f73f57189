"""Which series are about a number that another venue carries."""

from __future__ import annotations

from decimal import Decimal

import pytest

from hadron_tasks.markets.priority import truth_of
from hadron_tasks.markets.underlyings import Observed, Underlying, has_touched, underlying_of


@pytest.mark.parametrize(
    ("series", "ticker", "observed"),
    [
        ("KXINX", "I:SPX", Observed.AT_CLOSE),
        ("KXINXU", "I:SPX", Observed.AT_CLOSE),
        ("KXNASDAQ100", "I:NDX", Observed.AT_CLOSE),
        ("KXNASDAQ100U", "I:NDX", Observed.AT_CLOSE),
        ("KXBTCD", "X:BTC-USD", Observed.AT_CLOSE),
        ("KXETHD", "X:ETH-USD", Observed.AT_CLOSE),
        ("KXEURUSD", "C:EUR-USD", Observed.AT_CLOSE),
        ("KXUSDJPY", "C:USD-JPY", Observed.AT_CLOSE),
        ("KXBTCMAXY", "X:BTC-USD", Observed.HIGHEST),
        ("KXBTCMAX", "X:BTC-USD", Observed.HIGHEST),
        ("KXETHMINY", "X:ETH-USD", Observed.LOWEST),
    ],
)
def test_an_underlying(series: str, ticker: str, observed: Observed) -> None:
    assert underlying_of(series) == Underlying(ticker, observed)


@pytest.mark.parametrize("series", ["KXBTCRESERVE", "KXINXPOLICY", "KXNBAGAME", "KXFED", ""])
def test_none(series: str) -> None:
    assert underlying_of(series) is None


def test_what_operators_mapped_comes_first() -> None:
    mapped = {"KXGOLDD": "C:XAU-USD", "KXINX": "SPY"}
    assert underlying_of("KXGOLDD", mapped) == Underlying("C:XAU-USD", Observed.AT_CLOSE)
    assert underlying_of("KXINX", mapped) == Underlying("SPY", Observed.AT_CLOSE)


@pytest.mark.parametrize(
    ("asset_class", "venue"),
    [("other", "kalshi"), ("equity", "polygon"), ("index", "polygon"), ("crypto", "polygon")],
)
def test_whose_price_is_the_truth(asset_class: str, venue: str) -> None:
    assert truth_of(asset_class) == venue


@pytest.mark.parametrize(
    ("observed", "spot", "floor", "cap", "touched"),
    [
        (Observed.HIGHEST, "101", "100", None, True),
        (Observed.HIGHEST, "100", "100", None, False),
        (Observed.HIGHEST, "99", None, "100", False),
        (Observed.LOWEST, "99", None, "100", True),
        (Observed.LOWEST, "100", None, "100", False),
        # A range is left again, whatever it touched.
        (Observed.HIGHEST, "101", "100", "102", False),
        (Observed.AT_CLOSE, "101", "100", None, False),
    ],
)
def test_what_a_number_has_touched(
    observed: Observed, spot: str, floor: str | None, cap: str | None, touched: bool
) -> None:
    strikes = [None if strike is None else Decimal(strike) for strike in (floor, cap)]
    assert has_touched(observed, Decimal(spot), *strikes) is touched
