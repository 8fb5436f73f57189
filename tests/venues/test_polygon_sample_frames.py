"""Every frame of Polygon's channels, field by field."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from reading import assert_tick, frames, read

D = Decimal

BAR = {"open": D("0.4488"), "high": D("0.4489"), "low": D("0.4486"), "vwap": D("0.4488")}

OPTION_MINUTE = {
    "price": D("2.05"),
    "raw_price": "2.05",
    "size": D(2),
    "metadata": {
        "window": "AM",
        "start_ms": 1632419640000,
        "end_ms": 1632419700000,
        "open": D("2.05"),
        "high": D("2.05"),
        "low": D("2.05"),
        "vwap": D("2.05"),
        "day_vwap": D("2.1312"),
        "day_volume": 8,
        "day_open": D("2.2"),
        "average_size": 2,
    },
}

# Line in the fixture (from 0), ticker, event time in microseconds, and the columns that are set.
POLYGON_TICKS: list[tuple[int, str, int, dict[str, Any]]] = [
    (
        3,
        "MSFT",
        1_536_036_818_784_000,
        {
            "price": D("114.125"),
            "raw_price": "114.125",
            "size": D(100),
            "sequence": 3681328,
            "metadata": {"trade_id": "12345", "exchange": 4, "tape": 3, "conditions": [0, 12]},
        },
    ),
    (
        4,
        "MSFT",
        1_536_036_818_784_000,
        {
            "price": D("114.1265"),
            "bid": D("114.125"),
            "bid_size": D(100),
            "ask": D("114.128"),
            "ask_size": D(160),
            "sequence": 50385480,
            "metadata": {
                "bid_exchange": 4,
                "ask_exchange": 7,
                "condition": 0,
                "indicators": [604],
                "tape": 3,
            },
        },
    ),
    (
        6,
        "GTE",
        1_610_144_640_000_000,
        {
            "price": D("0.4486"),
            "raw_price": "0.4486",
            "size": D(4110),
            "metadata": BAR
            | {
                "window": "AM",
                "start_ms": 1610144640000,
                "end_ms": 1610144700000,
                "day_vwap": D("0.4352"),
                "day_volume": 9470157,
                "day_open": D("0.4372"),
                "average_size": 685,
            },
        },
    ),
    (
        7,
        "MSFT",
        1_601_316_752_683_746,
        {
            "sequence": 290317,
            "metadata": {"high": D("218.96"), "low": D("198.11"), "indicators": [21], "tape": 3},
        },
    ),
    (
        8,
        "NTEST.Q",
        1_601_318_039_223_013,
        {
            "size": D(480),
            "metadata": {
                "auction_time": 930,
                "auction_type": "M",
                "symbol_sequence": 44,
                "exchange": 10,
                "paired_quantity": 440,
                "clearing_price": D("25.03"),
            },
        },
    ),
    (
        10,
        "O:AMC210827C00037000",
        1_629_820_676_333_000,
        {
            "price": D("1.54"),
            "raw_price": "1.54",
            "size": D(1),
            "sequence": 651921857,
            "metadata": {"exchange": 65, "conditions": [233]},
        },
    ),
    (
        14,
        "O:TSLA210903C00700000",
        1_401_715_883_806_000,
        {"price": D("7.2"), "raw_price": "7.2", "metadata": {"kind": "FMV"}},
    ),
    (
        15,
        "C:USD-CNH",
        1_536_036_818_784_000,
        {
            "price": D("6.833645"),
            "bid": D("6.83363"),
            "ask": D("6.83366"),
            "metadata": {"exchange": "44"},
        },
    ),
    (
        18,
        "C:EUR-USD",
        1_678_220_098_130_000,
        {"price": D("1.0631"), "raw_price": "1.0631", "metadata": {"kind": "FMV"}},
    ),
    (
        19,
        "X:BTC-USD",
        1_610_462_007_425_000,
        {
            "price": D("33021.9"),
            "raw_price": "33021.9",
            "size": D("0.01616617"),
            "metadata": {
                "trade_id": "14272084",
                "exchange": 3,
                "conditions": [2],
                "vendor_received_ms": 1610462007576,
            },
        },
    ),
    (
        21,
        "X:BTC-USD",
        1_610_462_411_115_000,
        {
            "price": D("33715.47"),
            "bid": D("33712.71"),
            "bid_size": D("0.18635"),
            "ask": D("33718.23"),
            "ask_size": D("3.5527483"),
            "metadata": {
                "exchange": 1,
                "vendor_received_ms": 1610462411128,
                "bids": [["33712.71", "0.18635"], ["33712.7", "0.134"]],
                "asks": [["33718.23", "3.5527483"], ["33718.24", "0.1"]],
            },
        },
    ),
    (27, "I:SPX", 1_678_220_098_130_000, {"price": D("3988.5"), "raw_price": "3988.5"}),
    (
        5,
        "SPCE",
        1_610_144_868_000_000,
        {
            "price": D("25.39"),
            "raw_price": "25.39",
            "size": D(200),
            "metadata": {
                "window": "A",
                "start_ms": 1610144868000,
                "end_ms": 1610144869000,
                "open": D("25.39"),
                "high": D("25.39"),
                "low": D("25.39"),
                "vwap": D("25.3981"),
                "day_vwap": D("25.3714"),
                "day_volume": 8642007,
                "day_open": D("25.66"),
                "average_size": 50,
            },
        },
    ),
    (
        9,
        "AAPL",
        1_678_220_098_130_000,
        {"price": D("189.22"), "raw_price": "189.22", "metadata": {"kind": "FMV"}},
    ),
    (
        11,
        "O:SPY241220P00720000",
        1_644_506_128_351_000,
        {
            "price": D("9.76"),
            "bid": D("9.71"),
            "bid_size": D(17),
            "ask": D("9.81"),
            "ask_size": D(24),
            "sequence": 844090872,
            "metadata": {"bid_exchange": 302, "ask_exchange": 302},
        },
    ),
    *((line, "O:ONEM220121C00025000", 1_632_419_640_000_000, OPTION_MINUTE) for line in (12, 13)),
    *(
        (
            line,
            "C:USD-EUR",
            1_539_145_740_000_000,
            {
                "price": D("0.86889"),
                "raw_price": "0.86889",
                "size": D(20),
                "metadata": {
                    "window": window,
                    "start_ms": 1539145740000,
                    "open": D("0.8687"),
                    "high": D("0.86889"),
                    "low": D("0.8686"),
                },
            },
        )
        for line, window in ((16, "CA"), (17, "CAS"))
    ),
    (
        20,
        "X:BTC-USD",
        1_610_462_411_115_000,
        {
            "price": D("33062.99"),
            "bid": D("33052.79"),
            "bid_size": D("0.48"),
            "ask": D("33073.19"),
            "ask_size": D("0.601"),
            "metadata": {"exchange": 1, "vendor_received_ms": 1610462411128},
        },
    ),
    *(
        (
            line,
            "X:BCD-USD",
            1_610_463_240_000_000,
            {
                "price": D("0.784"),
                "raw_price": "0.784",
                "size": D("951.6112"),
                "metadata": {
                    "window": window,
                    "start_ms": 1610463240000,
                    "end_ms": 1610463300000,
                    "open": D("0.772"),
                    "high": D("0.784"),
                    "low": D("0.771"),
                    "vwap": D("0.7756"),
                    "average_size": 73,
                },
            },
        )
        for line, window in ((22, "XA"), (23, "XAS"))
    ),
    (
        24,
        "X:BTC-USD",
        1_610_462_007_425_000,
        {"price": D("33021.9"), "raw_price": "33021.9", "metadata": {"kind": "FMV"}},
    ),
    *(
        (
            line,
            "I:SPX",
            1_678_220_675_805_000,
            {
                "price": D("3985.67"),
                "raw_price": "3985.67",
                "metadata": {
                    "window": window,
                    "start_ms": 1678220675805,
                    "end_ms": 1678220675805,
                    "open": D("3985.67"),
                    "high": D("3985.67"),
                    "low": D("3985.67"),
                    "day_open": D("3985.67"),
                },
            },
        )
        for line, window in ((25, "A"), (26, "AM"))
    ),
]


@pytest.mark.parametrize(("line", "ticker", "event_us", "columns"), POLYGON_TICKS)
def test_polygon_frames_field_by_field(
    line: int, ticker: str, event_us: int, columns: dict[str, Any]
) -> None:
    assert_tick("polygon", line, ticker, event_us, columns)


def test_every_frame_with_one_tick_stands_above() -> None:
    single = {
        line
        for line, frame in enumerate(frames("polygon"))
        if len(read("polygon", frame).ticks) == 1
    }
    assert {line for line, *_ in POLYGON_TICKS} == single


def test_events_of_one_frame_are_read_as_if_each_came_alone() -> None:
    together = read("polygon", frames("polygon")[28]).ticks
    alone = [read("polygon", frames("polygon")[line]).ticks[0] for line in (3, 4, 5)]
    assert together == alone
