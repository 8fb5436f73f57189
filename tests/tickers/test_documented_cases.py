"""The documented meanings of tickers, from the ticker alone; and what no ticker may do."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hadron_tasks.tickers.errors import TickerError
from hadron_tasks.tickers.parse import parse_ticker


@pytest.mark.parametrize(
    ("ticker", "words"),
    [
        ("KXNBAGAME-25NOV29TORCHA", ["Toronto at Charlotte", "Nov 29, 2025"]),
        ("KXALEAGUEGAME-25DEC05AUCWPH-AUC", ["Auckland", "vs Wellington Phoenix", "Dec 5, 2025"]),
        ("KX2028DRUN-28-AOC", ["2028 Democratic", "Alexandria Ocasio-Cortez"]),
        ("APPLEFOLD-25DEC31", ["Apple stock split", "Dec 31, 2025"]),
        ("FED-25DEC-T3.75", ["Federal funds rate", "3.75%", "Dec 2025"]),
        ("HIGHNY-22DEC23-B53.5", ["53 to 54", "Dec 23, 2022"]),
        ("INXD-23SEP14-B4487", ["S&P 500", "4,487", "Sep 14, 2023"]),
    ],
)
def test_documented_tickers_mean_what_is_documented(ticker: str, words: list[str]) -> None:
    name = parse_ticker(ticker).display_name
    assert [word for word in words if word not in name] == [], name


def test_an_unknown_series_gives_its_parts_and_no_guess() -> None:
    parsed = parse_ticker("KXNOBODYKNOWS-26FEB14-T5")
    assert parsed.category == "other" or parsed.family == "unknown"
    assert "Feb 14, 2026" in parsed.display_name


@given(st.text(max_size=60) | st.from_regex(r"[A-Z0-9.-]{1,60}", fullmatch=True))
def test_any_text_is_read_or_refused_as_a_ticker(text: str) -> None:
    try:
        parsed = parse_ticker(text)
    except TickerError:
        return
    assert parsed.display_name
