"""Numbers and times as exchanges send them, and arithmetic on prices that never rounds."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hadron_tasks.errors import MalformedFrame
from hadron_tasks.venues import exact, wire

D = Decimal
NOON_US = 1_795_262_400_000_000  # 2026-11-21 12:00 UTC


@pytest.mark.parametrize(
    ("sent", "microseconds"),
    [
        (1_795_262_400, NOON_US),
        (1_795_262_400_000, NOON_US),
        (1_795_262_400_000_001, NOON_US + 1),
        (1_795_262_400_000_001_999, NOON_US + 1),
        ("1795262400", NOON_US),
        ("1795262400000", NOON_US),
        (D("1795262400.5"), NOON_US + 500_000),
        ("2026-11-21T12:00:00Z", NOON_US),
        ("2026-11-21T12:00:00", NOON_US),
        ("2026-11-21T13:00:00+01:00", NOON_US),
        ("2026-11-21T12:00:00.000001Z", NOON_US + 1),
        ("2026-11-21T12:00:00.000001999Z", NOON_US + 1),
        ("2026-11-21T12:00:00.5Z", NOON_US + 500_000),
        ("2010-01-01T00:00:00Z", 1_262_304_000_000_000),
    ],
)
def test_times_by_form_and_magnitude(sent: Any, microseconds: int) -> None:
    assert wire.time_us(sent, "ts") == microseconds


@pytest.mark.parametrize(
    "sent",
    [
        *(0, -1, 17, 10**30, True, None, "", "soon", "2026-13-01T00:00:00Z", [], {}),
        *("١٧٩٥٢٦٢٤٠٠", "0000000000001795262400", "0001-01-01T00:00:00+23:59"),
        *("2009-12-31T23:59:59.999999Z", "2100-01-01T00:00:00Z", D("1E+39"), D("1262303999.9")),
    ],
)
def test_absurd_times(sent: Any) -> None:
    with pytest.raises(MalformedFrame) as caught:
        wire.time_us(sent, "ts")
    assert caught.value.place == "ts"


@pytest.mark.parametrize(
    ("sent", "text"),
    [
        ("0.4800", "0.4800"),
        ("-54.00", "-54.00"),
        ("007.0", "7.0"),
        (48, "48"),
        (D("33021.90"), "33021.90"),
        ("1" * 40, "1" * 40),
        ("0." + "1" * 40, "0." + "1" * 40),
        ("1e3", "1E+3"),
    ],
)
def test_numbers_keep_their_digits(sent: Any, text: str) -> None:
    assert str(wire.number(sent, "p")) == text


@pytest.mark.parametrize(
    "sent",
    [
        *("", " 1", "1 ", "1_000", "1,5", ".5", "5.", "+1", "0x1", "NaN", "-Infinity", "sNaN", "١"),
        *(True, None, [], {}, 1.5, 10**40, -(10**40), "1" * 41, "1e40", "1e-41", "0e-99", "1e999"),
        *(D("1E+400"), D("1E-400"), D("0E-400"), D("1." + "1" * 40), D("NaN"), D("Infinity")),
    ],
)
def test_what_is_no_number_or_has_too_many_digits(sent: Any) -> None:
    with pytest.raises(MalformedFrame):
        wire.number(sent, "p")


@pytest.mark.parametrize("nothing", [None, ""])
def test_nothing_is_no_number_and_no_fault(nothing: str | None) -> None:
    assert wire.optional_number(nothing, "p") is None
    assert wire.quantity(nothing, "p") is None
    assert wire.optional_text(nothing, "p") is None


@pytest.mark.parametrize("zero", [0, "0", "0.00", "-0", D("0.0")])
def test_zero_is_not_nothing(zero: Any) -> None:
    assert wire.quantity(zero, "s") == 0
    assert wire.optional_number(zero, "s") == 0


@pytest.mark.parametrize("sent", [-1, "-0.01", D("-1E-9")])
def test_no_quantity_is_negative(sent: Any) -> None:
    with pytest.raises(MalformedFrame):
        wire.quantity(sent, "s")


@pytest.mark.parametrize("sent", [2**63, -(2**63) - 1, "5", 1.0, True, D(5)])
def test_whole_numbers_fit_64_bits(sent: Any) -> None:
    assert wire.optional_integer(2**63 - 1, "q") == 2**63 - 1
    assert wire.optional_integer(-(2**63), "q") == -(2**63)
    with pytest.raises(MalformedFrame):
        wire.optional_integer(sent, "q")


@pytest.mark.parametrize("kept", [4, "44", True, D("1.5"), [0, 12], ["a", 1], []])
def test_codes_are_kept_as_sent(kept: Any) -> None:
    assert wire.plain(kept, "c") is kept


@pytest.mark.parametrize(
    "refused", [None, {}, [[1]], [None], [1] * 101, "x" * 256, 10**40, ["x" * 256], D("1E+400")]
)
def test_what_is_no_code(refused: Any) -> None:
    with pytest.raises(MalformedFrame):
        wire.plain(refused, "c")


PRICES = st.decimals(
    min_value=-(10**39), max_value=10**39, places=None, allow_nan=False, allow_infinity=False
).filter(lambda price: price.is_zero() or price.adjusted() >= -40)


@given(PRICES, PRICES)
def test_a_mid_is_exact(bid: Decimal, ask: Decimal) -> None:
    middle = exact.mid(bid, ask)
    assert middle is not None
    assert Fraction(middle) * 2 == Fraction(bid) + Fraction(ask)
    assert exact.mid(bid, None) is exact.mid(None, ask) is None


@given(PRICES)
def test_complement_and_cents_are_exact(price: Decimal) -> None:
    assert Fraction(exact.complement(price)) == 1 - Fraction(price)
    assert exact.complement(exact.complement(price)) == price
    assert Fraction(exact.from_cents(price)) == Fraction(price) / 100
