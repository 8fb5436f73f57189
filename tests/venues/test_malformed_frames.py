"""What cannot be read is said to be so, with its place; nothing else ever escapes."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reading import RECEIVED_NS, frames, one_tick, read

from hadron_tasks.errors import MalformedFrame
from hadron_tasks.ingest.normalised import Normalised
from hadron_tasks.store.tick_rows import rows_of
from hadron_tasks.tick import HadronTick
from hadron_tasks.venues.registry import VENUES, rules_for

TICKER = 2
TRADE = 3
SNAPSHOT = 4
DELTA = 5
CREATED = 13


def changed(line: int, **fields: Any) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(frames("kalshi")[line])
    document["msg"] |= fields
    return document


@pytest.mark.parametrize(
    ("frame", "place"),
    [
        (b"", ""),
        (b"not json", ""),
        (b'{"type":"ticker"', ""),
        (b'{"type":"ticker","msg":{"market_ticker":"\xff\xfe"}}', ""),
        (b"[" * 100_000, ""),
        (b"[]", ""),
        (b"17", ""),
        (b"{}", "type"),
        (b'{"type":7}', "type"),
        (b'{"type":"ticker"}', "msg"),
        (b'{"type":"ticker","msg":[]}', "msg"),
        (b'{"type":"ticker","seq":"2","msg":{"market_ticker":"A"}}', "seq"),
        (b'{"type":"ticker","seq":99999999999999999999,"msg":{"market_ticker":"A"}}', "seq"),
        (b'{"type":"ticker","msg":{"market_ticker":"A\\u0000"}}', "msg.market_ticker"),
        (b'{"type":"ticker","msg":{"price_dollars":NaN,"market_ticker":"A"}}', ""),
        (changed(TICKER, market_ticker=None), "msg.market_ticker"),
        (changed(TICKER, market_ticker=""), "msg.market_ticker"),
        (changed(TICKER, market_ticker=5), "msg.market_ticker"),
        (changed(TICKER, market_ticker="A" * 256), "msg.market_ticker"),
        (changed(TICKER, price_dollars="1.01"), "msg.price_dollars"),
        (changed(TICKER, price_dollars="-0.01"), "msg.price_dollars"),
        (changed(TICKER, price_dollars="0,48"), "msg.price_dollars"),
        (changed(TICKER, price_dollars="0.4_8"), "msg.price_dollars"),
        (changed(TICKER, price_dollars="0." + "1" * 41), "msg.price_dollars"),
        (changed(TICKER, price_dollars=True), "msg.price_dollars"),
        (changed(TICKER, price_dollars=[]), "msg.price_dollars"),
        (changed(TICKER, yes_bid_dollars="NaN"), "msg.yes_bid_dollars"),
        (changed(TICKER, yes_ask_dollars="Infinity"), "msg.yes_ask_dollars"),
        (changed(TICKER, yes_bid_size_fp="-1.00"), "msg.yes_bid_size_fp"),
        (changed(TICKER, volume_fp="many"), "msg.volume_fp"),
        (changed(TICKER, ts_ms=1_000_000_000), "msg.ts_ms"),
        (changed(TICKER, ts_ms=10**25), "msg.ts_ms"),
        (changed(TICKER, ts_ms="yesterday"), "msg.ts_ms"),
        (changed(TICKER, ts_ms=None, ts="2009-12-31T23:59:59Z"), "msg.ts"),
        (changed(TICKER, ts_ms=None, ts="2100-01-01T00:00:00Z"), "msg.ts"),
        (changed(21, price=101), "msg.price"),
        (changed(TRADE, yes_price_dollars="", no_price_dollars=""), "msg.yes_price_dollars"),
        (changed(TRADE, count_fp=""), "msg.count_fp"),
        (changed(TRADE, count_fp="-1"), "msg.count_fp"),
        (changed(TRADE, trade_id=12), "msg.trade_id"),
        (changed(DELTA, side="maybe"), "msg.side"),
        (changed(DELTA, delta_fp=None), "msg.delta"),
        (changed(DELTA, price_dollars=None), "msg.price_dollars"),
        (changed(SNAPSHOT, yes_dollars_fp={}), "msg.yes_dollars_fp"),
        (changed(SNAPSHOT, yes_dollars_fp=[["0.1"]]), "msg.yes_dollars_fp"),
        (changed(SNAPSHOT, no_dollars_fp=[["0.1", "-5"]]), "msg.no_dollars_fp"),
        (changed(SNAPSHOT, no_dollars_fp=[["1.5", "5"]]), "msg.no_dollars_fp"),
        (changed(CREATED, market_ticker=None), "msg.market_ticker"),
        (changed(CREATED, close_ts="soon"), "msg.close_ts"),
        (changed(18, event_ticker=""), "msg.event_ticker"),
    ],
)
def test_kalshi_says_where_the_fault_is(frame: bytes | dict[str, Any], place: str) -> None:
    with pytest.raises(MalformedFrame) as caught:
        read("kalshi", frame)
    assert caught.value.place == place
    assert len(str(caught.value)) < 500


GOOD = {"ev": "T", "sym": "MSFT", "x": 4, "i": "1", "p": 114.125, "s": 100, "t": 1536036818784}


@pytest.mark.parametrize(
    ("event", "place"),
    [
        (7, "[1]"),
        ({}, "[1].ev"),
        ({**GOOD, "sym": ""}, "[1].sym"),
        ({**GOOD, "p": "x"}, "[1].p"),
        ({**GOOD, "p": None}, "[1].p"),
        ({**GOOD, "p": -1}, "[1].p"),
        ({**GOOD, "s": -1}, "[1].s"),
        ({**GOOD, "t": 12}, "[1].t"),
        ({**GOOD, "t": None}, "[1].t"),
        ({**GOOD, "q": 1.5}, "[1].q"),
        ({"ev": "V", "T": "I:SPX", "t": 1678220098130}, "[1].val"),
        ({"ev": "C", "p": "USD/CNH", "a": -1, "b": 1, "t": 1678220098130}, "[1].a"),
        ({"ev": "XL2", "pair": "BTC-USD", "t": 1678220098130, "b": [[1]]}, "[1].b"),
    ],
)
def test_a_bad_polygon_event_leaves_its_neighbours_whole(event: Any, place: str) -> None:
    found = Normalised()
    frame = json.dumps([GOOD, event, {**GOOD, "i": "2"}]).encode()
    with pytest.raises(MalformedFrame) as caught:
        rules_for("polygon").normalise(frame, RECEIVED_NS, found)
    assert caught.value.place == place
    assert [tick.metadata and tick.metadata["trade_id"] for tick in found.ticks] == ["1", "2"]


def test_unknown_is_not_broken() -> None:
    assert read("kalshi", {"type": "weather", "msg": 7}).unknown == {"weather": 1}
    assert read("kalshi", {"type": "w" * 200}).unknown == {"w" * 64: 1}
    assert read("polygon", [{"ev": "ZZ"}, {"ev": "ZZ"}]).unknown == {"ZZ": 2}
    tick = one_tick("kalshi", changed(TICKER, brand_new={"a": [1]}, other=None))
    assert tick.metadata is not None
    assert tick.metadata["extra"] == {"brand_new": {"a": [1]}, "other": None}


def test_large_unknown_fields_leave_their_names() -> None:
    tick = one_tick("kalshi", changed(TICKER, brand_new="x" * 5000))
    assert tick.metadata is not None
    assert tick.metadata["extra"] == {"too_large": ["brand_new"]}


def test_a_crossed_book_is_what_it_is() -> None:
    tick = one_tick("kalshi", changed(TICKER, yes_bid_dollars="0.60", yes_ask_dollars="0.40"))
    assert tick.bid is not None
    assert tick.ask is not None
    assert tick.bid > tick.ask


@pytest.mark.parametrize("ask", ["1.0000", "0.0000"])
def test_an_ask_that_nobody_makes_is_absent(ask: str) -> None:
    tick = one_tick(
        "kalshi", changed(TICKER, price_dollars="", yes_ask_dollars=ask, yes_ask_size_fp="0.00")
    )
    assert (tick.ask, tick.ask_size, tick.price) == (None, None, None)
    assert tick.metadata is not None
    assert tick.metadata["ask_sent"] == ask


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(["", "0.48", "yes", "1e5", "2026-01-01T00:00:00Z", "-1", "A-B", "\x00"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)


def read_without_surprise(venue: str, frame: bytes) -> list[HadronTick]:
    found = Normalised()
    with suppress(MalformedFrame):
        rules_for(venue).normalise(frame, RECEIVED_NS, found)
    # Whatever came through can be written.
    rows_of(("00000000-0000-4000-8000-000000000001", tick) for tick in found.ticks)
    for event in found.lifecycle:
        (rules_for(venue).fold_market if event.ticker else rules_for(venue).fold_event)([event])
    return found.ticks


@pytest.mark.parametrize("venue", VENUES)
@given(frame=st.binary(max_size=200))
def test_random_bytes_only_ever_are_malformed(venue: str, frame: bytes) -> None:
    read_without_surprise(venue, frame)


@pytest.mark.parametrize("venue", VENUES)
@given(data=st.data())
def test_cut_and_corrupted_frames_only_ever_are_malformed(venue: str, data: st.DataObject) -> None:
    frame = data.draw(st.sampled_from(frames(venue)))
    cut = data.draw(st.integers(0, len(frame)))
    noise = data.draw(st.binary(max_size=4))
    rest = data.draw(st.integers(cut, len(frame)))
    read_without_surprise(venue, frame[:cut] + noise + frame[rest:])


@settings(max_examples=300)
@given(data=st.data())
def test_any_value_in_any_kalshi_field_is_read_or_malformed(data: st.DataObject) -> None:
    document = json.loads(data.draw(st.sampled_from(frames("kalshi"))))
    body = document.get("msg")
    target = body if isinstance(body, dict) and data.draw(st.booleans()) else document
    target[data.draw(st.sampled_from(sorted(target)))] = data.draw(JSON)
    read_without_surprise("kalshi", json.dumps(document).encode())


@settings(max_examples=300)
@given(data=st.data())
def test_any_value_in_any_polygon_field_is_read_or_malformed(data: st.DataObject) -> None:
    (event, *_) = json.loads(data.draw(st.sampled_from(frames("polygon"))))
    event[data.draw(st.sampled_from(sorted(event)))] = data.draw(JSON)
    read_without_surprise("polygon", json.dumps([event]).encode())
