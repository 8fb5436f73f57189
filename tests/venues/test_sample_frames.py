"""Every real frame is read as what it is, field by field."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from reading import RECEIVED_US, assert_tick, frames, one_tick, read

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
                "volume": "33896.00",
                "open_interest": "20422.00",
                "dollar_volume": "16948",
                "dollar_open_interest": "10211",
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
                "volume": "0",
                "open_interest": "0",
                "dollar_volume": "0",
                "dollar_open_interest": "0",
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
                "volume": "33896",
                "open_interest": "20422",
                "dollar_volume": "16948",
                "dollar_open_interest": "10211",
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


@pytest.mark.parametrize(("line", "ticker", "event_us", "columns"), KALSHI_TICKS)
def test_kalshi_frames_field_by_field(
    line: int, ticker: str, event_us: int, columns: dict[str, Any]
) -> None:
    assert_tick("kalshi", line, ticker, event_us, columns)


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
