"""A message's key: the same for the same message, another for another."""

from __future__ import annotations

import json
from typing import Any

import pytest
from reading import frames, one_event, one_tick, read

from hadron_tasks.ingest.normalised import Normalised
from hadron_tasks.venues.kalshi.normalise import trade_event_key
from hadron_tasks.venues.registry import rules_for


def message(line: int) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(frames("kalshi")[line])
    return document


def polygon_event(line: int) -> dict[str, Any]:
    (event,) = json.loads(frames("polygon")[line])
    return dict(event)


def reversed_keys(document: dict[str, Any]) -> dict[str, Any]:
    return {
        key: reversed_keys(value) if isinstance(value, dict) else value
        for key, value in reversed(document.items())
    }


KALSHI_TICK_LINES = [2, 3, 4, 5, 6, 20, 21, 22, 23, 24, 25, 26]


@pytest.mark.parametrize("line", KALSHI_TICK_LINES)
def test_order_and_white_space_do_not_matter(line: int) -> None:
    document = message(line)
    again = json.dumps(reversed_keys(document), indent=2)
    assert one_tick("kalshi", again).event_key == one_tick("kalshi", document).event_key


@pytest.mark.parametrize("line", KALSHI_TICK_LINES)
def test_the_connections_sid_and_new_fields_do_not_matter(line: int) -> None:
    document = message(line)
    plain = one_tick("kalshi", document).event_key
    document["sid"] = 4711
    document["msg"]["field_of_tomorrow"] = {"a": 1}
    assert one_tick("kalshi", document).event_key == plain


@pytest.mark.parametrize(
    ("line", "field", "value"),
    [
        (2, "price_dollars", "0.4900"),
        (2, "yes_bid_dollars", "0.4600"),
        (2, "yes_ask_dollars", "0.5400"),
        (2, "volume_fp", "33897.00"),
        (2, "open_interest_fp", "1.00"),
        (2, "yes_bid_size_fp", "301.00"),
        (2, "yes_ask_size_fp", "151.00"),
        (2, "dollar_volume", 1),
        (5, "delta_fp", "-55.00"),
        (5, "price_dollars", "0.9500"),
        (5, "side", "no"),
        (4, "yes_dollars_fp", [["0.0800", "300.00"]]),
        (4, "no_dollars_fp", []),
    ],
)
def test_other_content_is_another_message(line: int, field: str, value: object) -> None:
    document = message(line)
    before = one_tick("kalshi", document).event_key
    document["msg"][field] = value
    assert one_tick("kalshi", document).event_key != before


@pytest.mark.parametrize("line", [4, 5])
def test_book_messages_alike_but_for_their_sequence_are_two(line: int) -> None:
    document = message(line)
    before = one_tick("kalshi", document).event_key
    document["seq"] += 1
    assert one_tick("kalshi", document).event_key != before


@pytest.mark.parametrize("line", [4, 5])
def test_a_book_message_remembers_what_it_came_by_and_is_the_same_without(line: int) -> None:
    frame = frames("kalshi")[line]
    found = Normalised()
    for life in ("kalshi-1#1a", "kalshi-1#1b", ""):
        rules_for("kalshi").normalise(frame, 1_795_262_400_000_000_000, found, life)
    sid = message(line)["sid"]
    vias = [(tick.metadata or {}).get("via") for tick in found.ticks]
    assert vias == [f"kalshi-1#1a/{sid}", f"kalshi-1#1b/{sid}", None]
    assert len({(tick.event_us, tick.event_key) for tick in found.ticks}) == 1


@pytest.mark.parametrize("sid", ["null", '"2"', "-1", "1" + "0" * 4200, "[2]"])
def test_a_sid_that_is_no_number_costs_no_message(sid: str) -> None:
    frame = json.dumps({**message(5), "sid": 0}).replace('"sid": 0', f'"sid": {sid}').encode()
    found = Normalised()
    rules_for("kalshi").normalise(frame, 1_795_262_400_000_000_000, found, "kalshi-1#1a")
    assert (found.ticks[0].metadata or {})["via"] == "kalshi-1#1a"


def test_a_kalshi_trade_is_its_id_whatever_else_it_says() -> None:
    document = message(3)
    tick = one_tick("kalshi", document)
    assert tick.event_key == tick.trade_key == trade_event_key(document["msg"]["trade_id"])
    document["msg"] |= {"ts": 1669149842, "ts_ms": 1669149842345, "count_fp": "136"}
    document["seq"] = 99
    assert one_tick("kalshi", document).trade_key == tick.trade_key


def test_old_trades_without_id_are_told_apart_by_sequence_or_receive_time() -> None:
    document = message(22)
    keys = {one_tick("kalshi", {**document, "seq": seq}).event_key for seq in (1, 2)}
    frame = json.dumps(document).encode()
    for received_ns in (1_795_262_400_000_000_000, 1_795_262_400_000_000_001):
        found = Normalised()
        rules_for("kalshi").normalise(frame, received_ns, found)
        keys.add(found.ticks[0].event_key)
        assert found.ticks[0].trade_key is None
    assert len(keys) == 4


def trade_key(event: dict[str, Any]) -> int | None:
    return one_tick("polygon", [event]).trade_key


def test_a_stock_trade_is_its_id_at_its_exchange_on_its_day() -> None:
    event = polygon_event(3)
    key = trade_key(event)
    assert key is not None
    assert trade_key({**event, "t": event["t"] * 1_000_000 + 123_456}) == key  # REST: nanoseconds
    assert trade_key({**event, "s": 101}) == key
    assert trade_key({**event, "x": 5}) != key
    assert trade_key({**event, "trfi": 201}) != key
    assert trade_key({**event, "trfi": 0}) == key
    assert trade_key({**event, "i": "12346"}) != key
    assert trade_key({**event, "t": event["t"] + 86_400_000}) != key


def test_a_crypto_trade_is_its_id_at_its_exchange_for_ever() -> None:
    event = polygon_event(19)
    key = trade_key(event)
    assert key is not None
    assert trade_key({**event, "t": event["t"] + 86_400_000}) == key
    assert trade_key({**event, "i": str(event["i"])}) == key
    assert trade_key({**event, "x": 4}) != key


def test_lifecycle_messages_in_the_same_words_at_another_time_are_two() -> None:
    frame = frames("kalshi")[14]
    found = Normalised()
    for received_ns in (1_795_262_400_000_000_000, 1_795_262_500_000_000_000):
        rules_for("kalshi").normalise(frame, received_ns, found)
    first, second = found.lifecycle
    assert first.event_key != second.event_key
    assert one_event(frame).event_key == one_event(frame).event_key


def test_keys_are_stable_between_versions() -> None:
    """Stored rows carry these keys: a change would store a replayed recording again."""
    assert trade_event_key("d91bc706-ee49-470d-82d8-11418bda6fed") == STABLE["trade"]
    assert one_tick("kalshi", frames("kalshi")[2]).event_key == STABLE["ticker"]
    assert one_tick("kalshi", frames("kalshi")[5]).event_key == STABLE["delta"]
    assert one_tick("polygon", frames("polygon")[4]).event_key == STABLE["quote"]
    assert read("polygon", frames("polygon")[3]).ticks[0].event_key == STABLE["stock trade"]


STABLE = {
    "trade": -2302363688077584642,
    "ticker": -6812998880761038882,
    "delta": 4735733240156295927,
    "quote": -5040529234151721668,
    "stock trade": 7466380291462915689,
}
