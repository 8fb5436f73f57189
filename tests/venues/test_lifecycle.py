"""Messages about markets and events: kept whole, and folded into a state."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reading import RECEIVED_NS, frames, one_event, read

from hadron_tasks.errors import MalformedFrame
from hadron_tasks.ingest.normalised import LifecycleEvent, Normalised
from hadron_tasks.times import from_ns
from hadron_tasks.venues.kalshi.lifecycle import fold_event, fold_market
from hadron_tasks.venues.registry import rules_for

D = Decimal


def at(*when: int) -> datetime:
    return datetime(*when, tzinfo=UTC)  # type: ignore[misc,arg-type]


# Line in the fixture (from 0), market, event, kind, sequence, and what a fold of it alone says.
LIFECYCLE: list[tuple[int, str | None, str | None, str, int, dict[str, Any], str | None]] = [
    (
        13,
        "INXD-23SEP14-B4487",
        "INXD-23SEP14",
        "created",
        3,
        {
            "event_ticker": "INXD-23SEP14",
            "name": "S&P 500 daily return on Sep 14",
            "title": "S&P 500 closes up by 0.02% or more",
            "yes_sub_title": "S&P 500 closes up 0.02%+",
            "no_sub_title": "S&P 500 closes up <0.02%",
            "open_time": at(2023, 9, 13, 20),
            "close_time": at(2023, 9, 14, 20),
            "expected_expiration_time": at(2023, 9, 14, 20),
            "strike_type": "greater",
            "floor_strike": D(4487),
        },
        "initialized",
    ),
    (14, "INXD-23SEP14-B4487", None, "price_level_structure_updated", 4, {}, None),
    (
        15,
        "KXBTC-25APR30-T0915-B95000",
        None,
        "metadata_updated",
        5,
        {"strike_type": "between", "floor_strike": D(95000), "cap_strike": D(95250)},
        None,
    ),
    (
        16,
        "KXBTC15M-26APR160100-00",
        None,
        "metadata_updated",
        6,
        {"yes_sub_title": "above $95,000"},
        None,
    ),
    (
        17,
        "KXMVE-TEST-EVENT-M1",
        "KXMVE-TEST-EVENT",
        "created",
        7,
        {
            "event_ticker": "KXMVE-TEST-EVENT",
            "name": "MVE One",
            "title": "Market 1",
            "yes_sub_title": "YES 1",
            "no_sub_title": "NO 1",
            "open_time": at(2026, 3, 19, 16),
            "close_time": at(2026, 3, 20, 16),
            "expected_expiration_time": at(2026, 3, 20, 18),
        },
        "initialized",
    ),
    (
        18,
        None,
        "KXQUICKSETTLE-26JAN25H2150",
        "event_lifecycle",
        8,
        {
            "title": "What will 1+1 equal on Jan 25 at 21:50?",
            "sub_title": "Jan 25 at 21:50",
            "series_ticker": "KXQUICKSETTLE",
            "collateral_return_type": "MECNET",
        },
        None,
    ),
    (
        19,
        None,
        "KXBTCD-26MAY2018",
        "event_fee_update",
        9,
        {"fee_type_override": "quadratic", "fee_multiplier_override": D(1)},
        None,
    ),
]


@pytest.mark.parametrize(
    ("line", "ticker", "event_ticker", "kind", "sequence", "columns", "status"), LIFECYCLE
)
def test_sample_messages_field_by_field(
    line: int,
    ticker: str | None,
    event_ticker: str | None,
    kind: str,
    sequence: int,
    columns: dict[str, Any],
    status: str | None,
) -> None:
    frame = frames("kalshi")[line]
    event = one_event(frame)
    document = json.loads(frame)
    assert (event.venue, event.ticker, event.event_ticker) == ("kalshi", ticker, event_ticker)
    assert (event.kind, event.sequence, event.received_ns) == (kind, sequence, RECEIVED_NS)
    assert event.payload == document["msg"] | {"type": document["type"]}
    state = (fold_event if ticker is None else fold_market)([event])
    assert dict(state.columns) == columns
    assert state.status == status
    assert state.status_at == (from_ns(RECEIVED_NS) if status else None)


def test_what_has_no_column_is_kept_beside() -> None:
    state = fold_market([one_event(frames("kalshi")[line]) for line in (13, 14)])
    assert state.external_ref == {
        "rules_primary": "The S&P 500 index level at 4:00 PM ET...",
        "can_close_early": True,
        "price_level_structure": "deci_cent",
        "price_ranges": [{"start": "0.0000", "end": "1.0000", "step": "0.0010"}],
    }


def told(received_ns: int, **body: Any) -> LifecycleEvent:
    """A message about the market A, received at a time."""
    frame = json.dumps({"type": "market_lifecycle_v2", "msg": {"market_ticker": "A", **body}})
    found = Normalised()
    rules_for("kalshi").normalise(frame.encode(), received_ns, found)
    return found.lifecycle[0]


@pytest.mark.parametrize(
    ("kinds", "status"),
    [
        (["created"], "initialized"),
        (["created", "activated"], "active"),
        (["created", "activated", "deactivated"], "inactive"),
        (["created", "activated", "deactivated", "activated"], "active"),
        (["activated", "close_date_updated"], "active"),
        (["activated", "word_of_tomorrow"], "active"),
        (["activated", "determined"], "determined"),
        (["activated", "determined", "settled"], "finalized"),
        (["metadata_updated"], None),
        ([], None),
    ],
)
def test_the_last_word_about_its_status_counts(kinds: list[str], status: str | None) -> None:
    events = [told(RECEIVED_NS + n, event_type=kind) for n, kind in enumerate(kinds)]
    assert fold_market(events).status == status


def test_settlement_is_exact() -> None:
    state = fold_market(
        [
            told(RECEIVED_NS, event_type="determined", result="yes", settlement_value="1.0000"),
            told(RECEIVED_NS + 1, event_type="settled", settled_ts=1_795_435_300),
        ]
    )
    assert state.columns == {"result": "yes", "settlement_value": D("1.0000")}
    assert state.external_ref == {"settled_ts": 1_795_435_300}


@pytest.mark.parametrize("nothing", [None, ""])
def test_what_is_said_empty_is_not_said(nothing: str | None) -> None:
    events = [
        told(RECEIVED_NS, event_type="determined", result="yes", title="Will it?"),
        told(RECEIVED_NS + 1, event_type="settled", result=nothing, title=nothing, close_ts=0),
    ]
    assert fold_market(events).columns == {"result": "yes", "title": "Will it?"}


def test_a_message_stored_before_a_check_was_made_does_not_stop_the_fold() -> None:
    good = told(RECEIVED_NS, event_type="activated", title="Will it?")
    bad = LifecycleEvent(
        "kalshi", "A", None, "settled", 1, RECEIVED_NS, None, {"title": {"no": "text"}}
    )
    assert fold_market([good, bad, good]) == fold_market([good])
    about = one_event(frames("kalshi")[18])
    assert fold_event([about, bad]) == fold_event([about])


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ({"title": 7}, "msg.title"),
        ({"additional_metadata": [1]}, "msg.additional_metadata"),
        ({"additional_metadata": {"floor_strike": "high"}}, "msg.floor_strike"),
        ({"event_type": 5}, "msg.event_type"),
        ({"settlement_value": "NaN"}, "msg.settlement_value"),
        ({"open_ts": 12}, "msg.open_ts"),
        ({"title": "a\0b"}, "msg.title"),
        ({"field_of_tomorrow": [{"deep": "\0"}]}, "msg.field_of_tomorrow"),
    ],
)
def test_absurd_messages_say_where(body: dict[str, Any], place: str) -> None:
    document = {"type": "market_lifecycle_v2", "msg": {"market_ticker": "A", **body}}
    with pytest.raises(MalformedFrame) as caught:
        read("kalshi", document)
    assert caught.value.place == place


BODIES = st.fixed_dictionaries(
    {"event_type": st.sampled_from(["created", "activated", "deactivated", "settled", "other"])},
    optional={
        "title": st.sampled_from(["Will it?", "Would it?", ""]),
        "close_ts": st.integers(1_700_000_000, 1_800_000_000),
        "floor_strike": st.sampled_from([1, "1.50", None]),
        "price_level_structure": st.sampled_from(["linear_cent", "deci_cent"]),
        "additional_metadata": st.fixed_dictionaries({"name": st.sampled_from(["a", "b"])}),
    },
)
HISTORIES = st.lists(BODIES, max_size=8).map(
    lambda bodies: [told(RECEIVED_NS + n * 1000, **body) for n, body in enumerate(bodies)]
)


@given(HISTORIES)
def test_messages_delivered_twice_change_nothing(history: list[LifecycleEvent]) -> None:
    doubled = [event for event in history for _ in range(2)]
    assert fold_market(doubled) == fold_market(history)


@given(HISTORIES, st.integers(0, 8))
def test_a_later_part_overlays_an_earlier_one(history: list[LifecycleEvent], cut: int) -> None:
    before, after = fold_market(history[:cut]), fold_market(history[cut:])
    whole = fold_market(history)
    assert whole.columns == {**before.columns, **after.columns}
    assert whole.external_ref == {**before.external_ref, **after.external_ref}
    assert whole.status == (after.status or before.status)


@given(HISTORIES)
def test_folding_what_came_back_from_json_is_the_same(history: list[LifecycleEvent]) -> None:
    stored = [
        LifecycleEvent(
            venue=event.venue,
            ticker=event.ticker,
            event_ticker=event.event_ticker,
            kind=event.kind,
            event_key=event.event_key,
            received_ns=event.received_ns,
            sequence=event.sequence,
            payload=json.loads(json.dumps(event.payload)),
        )
        for event in history
    ]
    assert fold_market(stored) == fold_market(history)
