"""Kalshi's two price eras, their mixtures, and what is absence rather than a price of nought."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from reading import RECEIVED_US, one_tick, read

from hadron_tasks.tick import HadronTick

D = Decimal
NOON_US = 1_795_262_400_000_000


def ticker(**body: Any) -> HadronTick:
    return one_tick("kalshi", {"type": "ticker", "msg": {"market_ticker": "A", **body}})


def trade(**body: Any) -> HadronTick:
    msg = {"market_ticker": "A", "trade_id": "t", "count_fp": "1.00", **body}
    return one_tick("kalshi", {"type": "trade", "seq": 1, "msg": msg})


def snapshot(**body: Any) -> HadronTick:
    msg = {"market_ticker": "A", **body}
    return one_tick("kalshi", {"type": "orderbook_snapshot", "seq": 1, "msg": msg})


@pytest.mark.parametrize(
    ("body", "price", "raw_price"),
    [
        ({"price_dollars": "0.4800"}, D("0.48"), "0.4800"),
        ({"price": 48}, D("0.48"), "48"),
        ({"price": "48"}, D("0.48"), "48"),
        ({"price": 48.5}, D("0.485"), "48.5"),
        ({"price_dollars": 0.48}, D("0.48"), "0.48"),
        ({"price_dollars": "0.4800", "price": 49}, D("0.48"), "0.4800"),
        ({"price_dollars": "", "price": 49}, D("0.49"), "49"),
        ({"price_dollars": None, "price": 49}, D("0.49"), "49"),
        # A last price before all: the mid is not asked for.
        ({"price": 48, "yes_bid": 10, "yes_ask": 20}, D("0.48"), "48"),
        ({"price": 0, "yes_bid": 10, "yes_ask": 20}, D("0.15"), "0"),
        ({"price_dollars": "0.0000", "yes_bid": 10, "yes_ask": 20}, D("0.15"), "0.0000"),
        ({"price_dollars": "", "yes_bid": 10, "yes_ask": 20}, D("0.15"), None),
        ({"price": None, "yes_bid": 10, "yes_ask": 20}, D("0.15"), None),
        ({"yes_bid_dollars": "0.1", "yes_ask": 20}, D("0.15"), None),
        ({"bid": 10, "ask": 21}, D("0.155"), None),
        ({"yes_bid": 10, "yes_ask": 20, "bid": 1, "ask": 2}, D("0.15"), None),
        # Both sides or no mid.
        ({"yes_bid": 10}, None, None),
        ({"yes_ask": 20}, None, None),
        ({"yes_bid": 10, "yes_ask": 100}, None, None),
        ({"yes_bid": 0, "yes_ask": 20}, None, None),
        ({}, None, None),
    ],
)
def test_price_by_priority(body: dict[str, Any], price: Decimal | None, raw_price: str) -> None:
    tick = ticker(**body)
    assert (tick.price, tick.raw_price) == (price, raw_price)


@pytest.mark.parametrize(
    ("bid", "ask", "columns", "metadata"),
    [
        (("0.45", "3"), ("0.53", "7"), (D("0.45"), D(3), D("0.53"), D(7)), None),
        (("0.45", "3"), ("1.0000", "0.00"), (D("0.45"), D(3), None, None), {"ask_sent": "1.0000"}),
        (("0.45", "3"), ("0.0000", "0"), (D("0.45"), D(3), None, None), {"ask_sent": "0.0000"}),
        (("0.0000", "0"), ("0.03", "7"), (None, None, D("0.03"), D(7)), {"bid_sent": "0.0000"}),
        (("", ""), ("0.03", "7"), (None, None, D("0.03"), D(7)), None),
        # A size on a side that nobody can be on: absent all the same, and kept.
        (
            ("0", "5"),
            ("1", "9"),
            (None, None, None, None),
            {"bid_sent": "0", "bid_size_sent": D(5), "ask_sent": "1", "ask_size_sent": D(9)},
        ),
    ],
)
def test_an_absent_side_is_empty_and_what_was_sent_is_kept(
    bid: tuple[str, str],
    ask: tuple[str, str],
    columns: tuple[Decimal | None, ...],
    metadata: dict[str, Any] | None,
) -> None:
    tick = ticker(
        yes_bid_dollars=bid[0],
        yes_bid_size_fp=bid[1],
        yes_ask_dollars=ask[0],
        yes_ask_size_fp=ask[1],
    )
    assert (tick.bid, tick.bid_size, tick.ask, tick.ask_size) == columns
    assert tick.metadata == metadata


@pytest.mark.parametrize(
    ("body", "event_us"),
    [
        ({"ts_ms": 1_795_262_400_123, "ts": 1, "time": "x"}, NOON_US + 123_000),
        ({"ts_ms": 1_795_262_400_123, "ts": "2026-11-21T12:00:00.123456Z"}, NOON_US + 123_000),
        ({"ts_ms": None, "ts": "2026-11-21T12:00:00.123456Z"}, NOON_US + 123_456),
        ({"ts": 1_795_262_400}, NOON_US),
        ({"ts": 1_795_262_400_123}, NOON_US + 123_000),
        ({"ts": "", "time": "2026-11-21T12:00:00Z"}, NOON_US),
        ({"time": "2026-11-21T12:00:00Z"}, NOON_US),
        ({}, RECEIVED_US),
    ],
)
def test_time_by_priority(body: dict[str, Any], event_us: int) -> None:
    assert ticker(**body).event_us == event_us


@pytest.mark.parametrize(
    ("body", "price", "raw_price"),
    [
        ({"yes_price_dollars": "0.3600", "no_price_dollars": "0.6400"}, D("0.36"), "0.3600"),
        ({"yes_price": 36, "no_price": 64}, D("0.36"), "36"),
        ({"yes_price_dollars": "", "yes_price": 36}, D("0.36"), "36"),
        ({"no_price_dollars": "0.6400"}, D("0.36"), "0.6400"),
        ({"no_price": 64}, D("0.36"), "64"),
        ({"yes_price_dollars": "0.0010"}, D("0.001"), "0.0010"),
    ],
)
def test_a_trade_is_priced_as_yes(body: dict[str, Any], price: Decimal, raw_price: str) -> None:
    tick = trade(**body)
    assert (tick.price, tick.raw_price) == (price, raw_price)


@pytest.mark.parametrize(
    ("body", "side", "sent"),
    [
        ({"taker_outcome_side": "no", "taker_side": "yes"}, "no", None),
        ({"taker_side": "yes"}, "yes", None),
        ({"taker_outcome_side": "", "taker_side": "yes"}, "yes", None),
        ({"taker_side": "both"}, None, "both"),
        ({}, None, None),
    ],
)
def test_a_trades_side_is_its_takers_outcome(
    body: dict[str, Any], side: str | None, sent: str | None
) -> None:
    tick = trade(yes_price=36, **body)
    assert tick.side == side
    assert tick.metadata is not None
    assert tick.metadata.get("taker_side_sent") == sent


def test_a_block_trade_says_so() -> None:
    tick = trade(yes_price=36, is_block_trade=True)
    assert tick.metadata == {"trade_id": "t", "is_block_trade": True}


def test_the_channels_2025_name() -> None:
    msg = {"market_ticker": "A", "trade_id": "t", "yes_price": 36, "count": 2}
    assert one_tick("kalshi", {"type": "trades", "msg": msg}).tick_type == "trade"


@pytest.mark.parametrize(
    ("body", "best", "levels"),
    [
        (
            {"yes_dollars_fp": [["0.08", "3"]], "no_dollars_fp": [["0.54", "2"]]},
            (D("0.08"), D(3), D("0.46"), D(2), D("0.27")),
            {"yes": [["0.08", "3"]], "no": [["0.54", "2"]]},
        ),
        (
            {"yes_dollars": [["0.08", 3]], "no_dollars": [["0.54", 2]]},
            (D("0.08"), D(3), D("0.46"), D(2), D("0.27")),
            {"yes": [["0.08", "3"]], "no": [["0.54", "2"]]},
        ),
        (
            {"yes": [[8, 3]], "no_dollars": [["0.54", 2]]},
            (D("0.08"), D(3), D("0.46"), D(2), D("0.27")),
            {"yes": [["0.08", "3"]], "no": [["0.54", "2"]], "sent_in": "cents"},
        ),
        # The best first or last; the best that holds anything.
        (
            {"yes_dollars_fp": [["0.30", "0.00"], ["0.10", "1"], ["0.20", "2"], ["0.05", "3"]]},
            (D("0.20"), D(2), None, None, None),
            {
                "yes": [["0.30", "0.00"], ["0.10", "1"], ["0.20", "2"], ["0.05", "3"]],
                "no": [],
            },
        ),
        (
            {"no_dollars_fp": [["0.0010", "12.50"]]},
            (None, None, D("0.999"), D("12.5"), None),
            {"yes": [], "no": [["0.0010", "12.50"]]},
        ),
        ({}, (None, None, None, None, None), {"yes": [], "no": []}),
        ({"yes": None, "no": []}, (None, None, None, None, None), {"yes": [], "no": []}),
    ],
)
def test_books_are_bids_on_both_sides(
    body: dict[str, Any], best: tuple[Decimal | None, ...], levels: dict[str, Any]
) -> None:
    tick = snapshot(**body)
    assert (tick.bid, tick.bid_size, tick.ask, tick.ask_size, tick.price) == best
    assert tick.metadata == (levels | {"sent_in": "cents"} if "no" in body else levels)


def test_digits_survive_the_other_side_and_the_mid() -> None:
    digits = "1234567890" * 4
    tick = snapshot(no_dollars_fp=[[f"0.{digits}", "1"]], yes_dollars_fp=[["0.1", "1"]])
    assert str(tick.ask) == "0.8765432109876543210987654321098765432110"
    assert str(tick.price) == "0.4882716054938271605493827160549382716055"
    assert str(ticker(price=f"50.{digits[:38]}").price) == f"0.50{digits[:38]}"


@pytest.mark.parametrize(
    "answer",
    [
        {"id": 1, "type": "subscribed", "msg": {"channel": "ticker", "sid": 1}},
        {"id": 1, "sid": 2, "seq": 3, "type": "ok", "msg": {"market_tickers": ["A"]}},
        {"id": 1, "type": "ok", "subscriptions": [{"channel": "ticker", "sid": 1}]},
        {"id": 1, "sid": 2, "seq": 3, "type": "unsubscribed"},
        {"id": 1, "type": "error", "msg": {"code": 25, "msg": "Subscription buffer overflow"}},
        {"type": "error", "msg": None},
    ],
)
def test_answers_to_commands_are_control(answer: dict[str, Any]) -> None:
    found = read("kalshi", answer)
    assert (found.control, found.ticks, found.lifecycle, found.unknown) == (1, [], [], {})
