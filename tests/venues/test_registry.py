"""The venues by name, and what a ticker alone tells of an instrument."""

from __future__ import annotations

import pytest
from reading import one_tick

from hadron_tasks.errors import ConfigurationError
from hadron_tasks.venues.registry import VENUES, rules_for


def test_an_unknown_venue_names_the_known_ones() -> None:
    assert set(VENUES) == {"kalshi", "polygon"}
    with pytest.raises(ConfigurationError, match=r"'nyse'.*kalshi, polygon"):
        rules_for("nyse")


@pytest.mark.parametrize(
    ("venue", "ticker", "asset_class", "name"),
    [
        ("kalshi", "KXFED-26OCT-T2.75", "other", "Kalshi Market: KXFED-26OCT-T2.75"),
        ("kalshi", "ESZ5", "other", "Kalshi Market: ESZ5"),
        ("polygon", "MSFT", "equity", "MSFT"),
        ("polygon", "BRK.B", "equity", "BRK.B"),
        ("polygon", "NTEST.Q", "equity", "NTEST.Q"),
        ("polygon", "BACpK", "equity", "BACpK"),
        ("polygon", "O:SPY241220P00720000", "option", "O:SPY241220P00720000"),
        ("polygon", "I:SPX", "index", "I:SPX"),
        ("polygon", "X:BTC-USD", "crypto", "X:BTC-USD"),
        ("polygon", "C:EUR-USD", "forex", "C:EUR-USD"),
        ("polygon", "ESZ5", "future", "ESZ5"),
        ("polygon", "6EH26", "future", "6EH26"),
        ("polygon", "ESZ5-ESH6", "future", "ESZ5-ESH6"),
    ],
)
def test_asset_classes(venue: str, ticker: str, asset_class: str, name: str) -> None:
    instrument = rules_for(venue).describe(venue, ticker)
    assert (instrument.venue, instrument.ticker) == (venue, ticker)
    assert (instrument.asset_class, instrument.name) == (asset_class, name)


@pytest.mark.parametrize(
    ("event", "ticker"),
    [
        ({"ev": "C", "p": "USD/CNH", "a": 1, "b": 1}, "C:USD-CNH"),
        ({"ev": "C", "p": "USD-CNH", "a": 1, "b": 1}, "C:USD-CNH"),
        ({"ev": "C", "p": "C:USDCNH", "a": 1, "b": 1}, "C:USD-CNH"),
        ({"ev": "FMV", "sym": "C:USDCNH", "fmv": 1}, "C:USD-CNH"),
        ({"ev": "LV", "sym": "C:USD/CNH", "val": 1}, "C:USD-CNH"),
        ({"ev": "XT", "pair": "BTC-USD", "p": 1, "s": 1}, "X:BTC-USD"),
        ({"ev": "XT", "pair": "X:BTC-USD", "p": 1, "s": 1}, "X:BTC-USD"),
        ({"ev": "FMV", "sym": "X:BTC-USD", "fmv": 1}, "X:BTC-USD"),
        # Where a crypto pair without a dash divides is not certain: it stays as it is.
        ({"ev": "FMV", "sym": "X:USDTUSD", "fmv": 1}, "X:USDTUSD"),
        ({"ev": "V", "T": "I:SPX", "val": 1}, "I:SPX"),
    ],
)
def test_one_name_for_an_instrument_however_a_channel_spells_it(
    event: dict[str, object], ticker: str
) -> None:
    assert one_tick("polygon", [{**event, "t": 1_678_220_098_130}]).ticker == ticker
