"""Polygon's other forms: futures, values below zero, empty sides, fields of tomorrow."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from reading import frames, one_tick, read

from hadron_tasks.errors import MalformedFrame
from hadron_tasks.ingest.normalised import Normalised
from hadron_tasks.tick import HadronTick
from hadron_tasks.venues.registry import rules_for

D = Decimal
T = 1_678_220_098_130


def tick_of(**event: Any) -> HadronTick:
    return one_tick("polygon", [{"t": T, **event}])


SINGLE = [frame for frame in frames("polygon") if len(read("polygon", frame).ticks) == 1]


@pytest.mark.parametrize("frame", SINGLE)
def test_order_and_new_fields_do_not_change_a_key(frame: bytes) -> None:
    (event,) = json.loads(frame)
    key = one_tick("polygon", frame).event_key
    turned = dict(reversed(event.items()))
    assert one_tick("polygon", json.dumps([turned], indent=1)).event_key == key
    newer = one_tick("polygon", [{**event, "field_of_tomorrow": {"a": 1}}])
    assert newer.event_key == key
    assert newer.metadata is not None
    assert newer.metadata["extra"] == {"field_of_tomorrow": {"a": 1}}


@pytest.mark.parametrize("frame", SINGLE)
def test_every_field_counts_where_there_is_no_id(frame: bytes) -> None:
    (event,) = json.loads(frame)
    plain = one_tick("polygon", frame)
    if plain.trade_key is not None:
        return  # by its id: see test_identity
    for name, value in event.items():
        if name not in ("ev", "t") and type(value) in (int, float):
            changed = one_tick("polygon", [{**event, name: value + 1}])
            assert (changed.event_key, changed.event_us) != (plain.event_key, plain.event_us), name


def test_a_future_trades_below_zero() -> None:
    tick = tick_of(ev="T", sym="CLK0", p=-37.63, s=2, q=5)
    assert (tick.ticker, tick.price, tick.raw_price, tick.size) == (
        "CLK0",
        D("-37.63"),
        "-37.63",
        2,
    )
    quote = tick_of(ev="Q", sym="CLK0", bp=-37.7, bs=1, ap=-37.6, **{"as": 3}, bt=T, at=T + 1)
    assert (quote.bid, quote.ask, quote.price) == (D("-37.7"), D("-37.6"), D("-37.65"))
    assert quote.metadata == {"bid_time": T, "ask_time": T + 1}


def test_a_futures_bar_says_what_was_paid_and_how_often() -> None:
    tick = tick_of(ev="AM", sym="GCJ5", v=3, dv=8960, n=2, o=2987, c=2986.9, h=2987, l=2986, s=T)
    assert tick.metadata is not None
    assert (tick.metadata["dollar_volume"], tick.metadata["trades"]) == (8960, 2)
    stock = tick_of(ev="AM", sym="GTE", v=3, dv="3.25", o=1, c=1, h=1, l=1, s=T)
    assert stock.metadata is not None
    assert stock.metadata["decimal_volume"] == "3.25"


def test_a_rate_among_the_indices_may_be_negative() -> None:
    assert tick_of(ev="V", T="I:RATE", val=-0.25).price == D("-0.25")


@pytest.mark.parametrize("symbol", ["MSFT", "O:SPY241220P00720000", "X:BTC-USD", "C:EUR-USD"])
def test_nothing_else_may(symbol: str) -> None:
    for event in (
        {"ev": "T", "sym": symbol, "p": -1, "s": 1},
        {"ev": "Q", "sym": symbol, "bp": -1, "ap": 1},
        {"ev": "FMV", "sym": symbol, "fmv": -1},
        {"ev": "A", "sym": symbol, "o": 1, "h": 1, "l": -1, "c": 1, "s": T},
    ):
        with pytest.raises(MalformedFrame, match="negative"):
            tick_of(**event)


@pytest.mark.parametrize(
    ("sides", "columns"),
    [
        ({"bp": 1.5, "bs": 2, "ap": 1.7, "as": 3}, (D("1.5"), 2, D("1.7"), 3, D("1.6"))),
        ({"bp": 1.5, "bs": 2, "ap": 0, "as": 0}, (D("1.5"), 2, None, None, None)),
        ({"bp": 0, "bs": 0, "ap": 1.7, "as": 3}, (None, None, D("1.7"), 3, None)),
        ({"ap": 1.7}, (None, None, D("1.7"), None, None)),
        ({}, (None, None, None, None, None)),
        ({"bp": 1.8, "ap": 1.7}, (D("1.8"), None, D("1.7"), None, D("1.75"))),
    ],
)
def test_one_sided_and_crossed_quotes(
    sides: dict[str, Any], columns: tuple[Decimal | int | None, ...]
) -> None:
    for tick in (tick_of(ev="Q", sym="MSFT", **sides), tick_of(ev="XQ", pair="BTC-USD", **sides)):
        assert (tick.bid, tick.bid_size, tick.ask, tick.ask_size, tick.price) == columns


def test_the_best_of_a_book_holds_something() -> None:
    tick = tick_of(ev="XL2", pair="BTC-USD", b=[[3, 0], [1, 5], [2, 4]], a=[[4, 0], [6, 1], [5, 2]])
    assert (tick.bid, tick.bid_size, tick.ask, tick.ask_size) == (2, 4, 5, 2)
    assert tick.metadata == {
        "bids": [["3", "0"], ["1", "5"], ["2", "4"]],
        "asks": [["4", "0"], ["6", "1"], ["5", "2"]],
    }
    empty = tick_of(ev="XL2", pair="BTC-USD", a=None)
    assert (empty.bid, empty.ask, empty.metadata) == (None, None, {"bids": [], "asks": []})


@pytest.mark.parametrize("time", [T, T * 1000, T * 1_000_000, str(T), T // 1000])
def test_times_by_magnitude(time: int | str) -> None:
    milliseconds = T if time != T // 1000 else T // 1000 * 1000
    assert tick_of(ev="V", T="I:SPX", val=1, t=time).event_us == milliseconds * 1000


def test_a_nul_spoils_its_own_event_only() -> None:
    trade = {"ev": "T", "sym": "MSFT", "i": "1", "p": 1, "s": 1, "t": T}
    found = Normalised()
    with pytest.raises(MalformedFrame, match="NUL") as caught:
        rules_for("polygon").normalise(
            json.dumps([trade, {**trade, "i": "2\0"}, {"ev": "Z\0"}, {**trade, "i": "3"}]).encode(),
            1,
            found,
        )
    assert caught.value.place == "[1].i"
    assert [tick.metadata and tick.metadata["trade_id"] for tick in found.ticks] == ["1", "3"]
    assert found.unknown == {}


def test_a_backslash_before_u0000_is_no_nul() -> None:
    frame = '[{"ev":"V","T":"I:SPX","val":1,"t":1678220098130,"note":"\\\\u0000"}]'
    tick = one_tick("polygon", frame)
    assert tick.metadata == {"extra": {"note": "\\u0000"}}
