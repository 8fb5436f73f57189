"""Every real frame is read as what it is, field by field."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from reading import RECEIVED_US, frames, one_tick, read

D = Decimal

KALSHI_KINDS = (
    ["control"] * 2
    + ["quote", "trade", "book_snapshot", "book_delta", "book_delta"]
    + ["control"] * 6
    + ["lifecycle"] * 7
    + ["quote", "quote", "trade", "book_snapshot", "book_delta", "book_delta", "book_snapshot"]
)
POLYGON_KINDS = [
    *(["control"], ["control"], ["control"] * 2),
    *(["trade"], ["quote"], ["bar"], ["bar"], ["price_band"], ["imbalance"], ["index_value"]),
    *(["trade"], ["quote"], ["bar"], ["bar"], ["index_value"]),
    *(["quote"], ["bar"], ["bar"], ["index_value"]),
    *(["trade"], ["quote"], ["book_snapshot"], ["bar"], ["bar"], ["index_value"]),
    *(["bar"], ["bar"], ["index_value"]),
    *(["trade", "quote", "bar"], ["control"], ["control"]),
]


def kinds(venue: str, frame: bytes) -> list[str]:
    found = read(venue, frame)
    assert not found.unknown
    return (
        [str(tick.tick_type) for tick in found.ticks]
        + ["lifecycle"] * len(found.lifecycle)
        + ["control"] * found.control
    )


def test_every_kalshi_frame_is_of_its_kind() -> None:
    assert [kinds("kalshi", frame) for frame in frames("kalshi")] == [[k] for k in KALSHI_KINDS]


def test_every_polygon_frame_is_of_its_kind() -> None:
    assert [kinds("polygon", frame) for frame in frames("polygon")] == POLYGON_KINDS


MARKET_ID = "9b0f6b43-5b68-4f9f-9f02-9a2d1b8ac1a1"

# Line in the fixture (from 0), ticker, event time in microseconds, and the columns that are set.
KALSHI_TICKS: list[tuple[int, str, int, dict[str, Any]]] = [
    (
        2,
        "FED-23DEC-T3.00",
        1_669_149_841_000_000,
        {
            "price": D("0.4800"),
            "raw_price": "0.4800",
            "size": D("25.00"),
            "bid": D("0.4500"),
            "ask": D("0.5300"),
            "bid_size": D("300.00"),
            "ask_size": D("150.00"),
            "metadata": {
                "market_id": MARKET_ID,
                "volume": D("33896.00"),
                "open_interest": D("20422.00"),
                "dollar_volume": D(16948),
                "dollar_open_interest": D(10211),
            },
        },
    ),
    (
        3,
        "HIGHNY-22DEC23-B53.5",
        1_669_149_841_000_000,
        {
            "price": D("0.3600"),
            "raw_price": "0.3600",
            "size": D("136.00"),
            "side": "no",
            "sequence": 2,
            "metadata": {
                "trade_id": "d91bc706-ee49-470d-82d8-11418bda6fed",
                "no_price": D("0.6400"),
                "taker_book_side": "ask",
            },
        },
    ),
    (
        4,
        "FED-23DEC-T3.00",
        RECEIVED_US,
        {
            "price": D("0.33"),
            "bid": D("0.22"),
            "bid_size": D(333),
            "ask": D("0.44"),
            "ask_size": D(146),
            "sequence": 2,
            "metadata": {
                "market_id": MARKET_ID,
                "yes": [["0.0800", "300.00"], ["0.2200", "333.00"]],
                "no": [["0.5400", "20.00"], ["0.5600", "146.00"]],
            },
        },
    ),
    (
        5,
        "FED-23DEC-T3.00",
        1_669_149_841_000_000,
        {
            "price": D("0.9600"),
            "raw_price": "0.9600",
            "size": D("-54.00"),
            "side": "yes",
            "sequence": 3,
            "metadata": {"market_id": MARKET_ID},
        },
    ),
    (
        6,
        "KXFED-26OCT-T2.75",
        1_776_442_567_926_378,
        {
            "price": D("0.13"),
            "raw_price": "0.1300",
            "size": D(1),
            "side": "no",
            "sequence": 8073,
        },
    ),
    (
        20,
        "KXNFLFIRSTTD-25OCT05NYGNO-NOSRATTLER2",
        1_759_351_915_000_000,
        {
            "raw_price": "0",
            "ask": D("0.03"),
            "metadata": {
                "market_id": "4ec1095a-e401-4898-b951-e5e9876d0afd",
                "volume": D(0),
                "open_interest": D(0),
                "dollar_volume": D(0),
                "dollar_open_interest": D(0),
                "bid_sent": "0.0000",
            },
        },
    ),
    (
        21,
        "KXBTCD-26FEB21-T100250",
        1_771_650_000_000_000,
        {
            "price": D("0.5"),
            "raw_price": "50",
            "bid": D("0.49"),
            "ask": D("0.52"),
            "metadata": {
                "volume": D(33896),
                "open_interest": D(20422),
                "dollar_volume": D(16948),
                "dollar_open_interest": D(10211),
            },
        },
    ),
    (
        22,
        "KXBTCD-26FEB21-T100250",
        1_771_650_001_000_000,
        {
            "price": D("0.52"),
            "raw_price": "52",
            "size": D(3),
            "side": "yes",
            "metadata": {"no_price": D("0.48")},
        },
    ),
    (
        23,
        "KXBTCD-26FEB21-T100250",
        RECEIVED_US,
        {
            "price": D("0.455"),
            "bid": D("0.11"),
            "bid_size": D(50),
            "ask": D("0.80"),
            "ask_size": D(30),
            "sequence": 2,
            "metadata": {
                "yes": [["0.10", "100"], ["0.11", "50"]],
                "no": [["0.20", "30"]],
                "sent_in": "cents",
            },
        },
    ),
    (
        24,
        "KXBTCD-26FEB21-T100250",
        RECEIVED_US,
        {"price": D("0.40"), "raw_price": "40", "size": D(-2), "side": "no", "sequence": 3},
    ),
    (
        25,
        "FED-23DEC-T3.00",
        1_710_000_000_123_000,
        {
            "price": D("0.960"),
            "raw_price": "0.960",
            "size": D(-54),
            "side": "yes",
            "sequence": 4,
        },
    ),
    (
        26,
        "KXNFLGAME-25SEP09-KC",
        RECEIVED_US,
        {
            "bid": D("0.001"),
            "bid_size": D("12.5"),
            "sequence": 5,
            "metadata": {"yes": [["0.0010", "12.50"]], "no": []},
        },
    ),
]

BAR = {"open": D("0.4488"), "high": D("0.4489"), "low": D("0.4486"), "vwap": D("0.4488")}

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
]


def assert_tick(venue: str, line: int, ticker: str, event_us: int, columns: dict[str, Any]) -> None:
    tick = one_tick(venue, frames(venue)[line])
    assert (tick.venue, tick.ticker, tick.event_us) == (venue, ticker, event_us)
    names = ("price", "raw_price", "size", "side", "bid", "ask", "bid_size", "ask_size")
    for name in (*names, "sequence", "metadata"):
        assert getattr(tick, name) == columns.get(name), name


@pytest.mark.parametrize(("line", "ticker", "event_us", "columns"), KALSHI_TICKS)
def test_kalshi_frames_field_by_field(
    line: int, ticker: str, event_us: int, columns: dict[str, Any]
) -> None:
    assert_tick("kalshi", line, ticker, event_us, columns)


@pytest.mark.parametrize(("line", "ticker", "event_us", "columns"), POLYGON_TICKS)
def test_polygon_frames_field_by_field(
    line: int, ticker: str, event_us: int, columns: dict[str, Any]
) -> None:
    assert_tick("polygon", line, ticker, event_us, columns)


def test_digits_are_kept_as_sent() -> None:
    tick = one_tick("kalshi", frames("kalshi")[25])
    assert str(tick.price) == "0.960"
    (trade,) = read(
        "polygon",
        '[{"ev":"XT","pair":"BTC-USD","p":33021.90,"t":1610462007425,'
        '"s":0.123456789012345678901234567890,"i":"a","x":1}]',
    ).ticks
    assert str(trade.price) == "33021.90"
    assert str(trade.size) == "0.123456789012345678901234567890"
