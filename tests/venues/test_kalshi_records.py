"""The quick way of reading today's messages makes what the general way makes, or the same error."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import astuple

from hadron_tasks.errors import MalformedFrame
from hadron_tasks.ingest.normalised import Normalised
from hadron_tasks.venues.kalshi import normalise as module
from hadron_tasks.venues.kalshi.normalise import normalise
from hadron_tasks.venues.kalshi.records import record_of

RECEIVED_NS = 1_790_000_000_123_456_789

PRICES = ("price_dollars", "yes_bid_dollars", "yes_ask_dollars")
SIZES = (
    "volume_fp",
    "open_interest_fp",
    "yes_bid_size_fp",
    "yes_ask_size_fp",
    "last_trade_size_fp",
)

numbers = st.decimals(-2, 10**9, places=4).map(str) | st.sampled_from(
    ["", "0", "0.00", "1", "1.0000", "0.4800", "1.01", "-1", "007", "1e2", "1E-7", "x", "9" * 60]
)
prices = st.integers(0, 100).map(lambda cents: f"{cents / 100:.4f}") | numbers
texts = st.text(max_size=20) | st.sampled_from(["KXFED-26DEC-T3.75", "", "\x00", "a" * 300])
integers = st.integers(-(2**70), 2**70) | st.integers(0, 100_000)
times = st.integers(1_500_000_000_000, 1_900_000_000_000) | integers
stamps = times | st.sampled_from(["2026-11-21T06:00:00.123456Z", "2026", "1790000000"])
levels = st.lists(
    st.tuples(prices, st.sampled_from(["5", "007.50", "1e2", "0.0000001"]) | numbers), max_size=4
)


def message(required: dict[str, Any], optional: dict[str, Any]) -> Any:
    about = {"market_ticker": st.just("KXFED-26DEC-T3.75") | texts}
    more = {"market_id": texts, "ts": stamps, "ts_ms": times, "time": stamps | texts}
    return st.fixed_dictionaries(about | required, optional=more | optional)


bodies = {
    "ticker": message(
        {},
        {
            **dict.fromkeys(PRICES, prices),
            **dict.fromkeys(SIZES, numbers),
            "dollar_volume": integers,
            "dollar_open_interest": integers,
            "new_field": integers,
        },
    ),
    "orderbook_delta": message(
        {
            "price_dollars": prices,
            "delta_fp": numbers,
            "side": st.sampled_from(["yes", "no", "maybe"]),
        },
        {"client_order_id": texts},
    ),
    "orderbook_snapshot": message({}, {"yes_dollars_fp": levels, "no_dollars_fp": levels}),
    "trade": message(
        {},
        {
            "trade_id": texts,
            "yes_price_dollars": prices,
            "no_price_dollars": prices,
            "count_fp": numbers,
            "taker_side": st.sampled_from(["yes", "no", "maybe", ""]),
            "taker_outcome_side": st.sampled_from(["yes", "no", "maybe", ""]),
            "taker_book_side": texts,
            "is_block_trade": st.booleans(),
            "count": integers,
        },
    ),
}
frames = st.sampled_from(sorted(bodies)).flatmap(
    lambda kind: st.fixed_dictionaries(
        {"type": st.just(kind), "msg": bodies[kind]}, optional={"sid": integers, "seq": integers}
    )
)


def outcome(data: bytes) -> Any:
    """The tick, digit for digit, or the error."""
    found = Normalised()
    try:
        normalise(data, RECEIVED_NS, found, "kalshi-1@7")
    except MalformedFrame as error:
        return (error.reason, error.place)
    return [tuple(map(repr, astuple(tick))) for tick in found.ticks]


@settings(max_examples=500)
@given(frames)
def test_both_ways_say_the_same(frame: dict[str, Any]) -> None:
    data = json.dumps(frame).encode()
    quick = outcome(data)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "record_of", lambda _data: None)
        general = outcome(data)
    if isinstance(quick, tuple):
        # Of several faults each way may meet another one first.
        assert isinstance(general, tuple)
    else:
        assert quick == general


@pytest.mark.parametrize(
    ("data", "is_record"),
    [
        (b'{"type":"ticker","msg":{"market_ticker":"A","price_dollars":"0.5"}}', True),
        (b'{"sid":1,"msg":{"market_ticker":"A"},"type":"ticker","seq":4}', True),
        (b'{"type":"ticker","msg":{"market_ticker":"A","price":50}}', False),
        (b'{"type":"ticker","msg":{"market_ticker":"A","volume_fp":10}}', False),
        (b'{"type":"ticker","seq":4.0,"msg":{"market_ticker":"A"}}', False),
        (b'{"type":"ticker","seq":9999999999999999999,"msg":{"market_ticker":"A"}}', False),
        (b'{"type":"trade","msg":{"market_ticker":"A"}}', True),
        (b'{"type":"trade","msg":{"market_ticker":"A","yes_price":50}}', False),
        (b'{"type":"ticker","msg":{"market_ticker":"\xe9"}}', False),
        (b"[1", False),
        (b"[" * 100_000, False),
    ],
)
def test_only_today_s_form_is_a_record(data: bytes, is_record: bool) -> None:
    assert (record_of(data) is not None) is is_record
