"""Comparing stored trades with the exchange's: every discrepancy, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hadron_tasks.backfill.compare import (
    Finding,
    TradeFacts,
    TradeId,
    compare,
    differing,
    within,
)
from hadron_tasks.backfill.windows import Window

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
NOON_US = int(NOON.timestamp()) * 1_000_000
WINDOW = Window(NOON, NOON + timedelta(minutes=1))
LENGTH_US = 60_000_000

facts = st.builds(
    TradeFacts,
    at_us=st.integers(NOON_US - 5_000_000, NOON_US + LENGTH_US + 5_000_000),
    price=st.decimals(0, 1, places=4),
    size=st.decimals(1, 100, places=2),
    side=st.sampled_from(["yes", "no", None]),
)
ids = st.builds(TradeId, st.sampled_from(["KXA", "KXB"]), st.integers(1, 30))
trades = st.dictionaries(ids, facts, max_size=20)


def is_inside(trade: TradeFacts) -> bool:
    return NOON_US <= trade.at_us < NOON_US + LENGTH_US


def to_milliseconds(trade: TradeFacts) -> TradeFacts:
    return replace(trade, at_us=trade.at_us // 1000 * 1000)


@given(trades)
def test_what_is_the_same_is_no_discrepancy(told: dict[TradeId, TradeFacts]) -> None:
    stored = {trade: to_milliseconds(each) for trade, each in told.items()}
    assert compare(told, stored, WINDOW) == []


@given(trades, st.data())
def test_exactly_what_was_tampered_with_is_found(
    told: dict[TradeId, TradeFacts], data: st.DataObject
) -> None:
    stored = dict(told)
    expected = set()
    for trade, each in told.items():
        what = data.draw(st.sampled_from([None, *Finding]))
        if what is Finding.MISSING:
            del stored[trade]
        elif what is Finding.DIFFERENT:
            assert each.price is not None
            stored[trade] = replace(each, price=each.price + 1)
        elif what is Finding.EXTRA:
            other = TradeId(trade.ticker, trade.trade_key + 1000)
            stored[other] = each
            trade = other
        if what is not None and is_inside(each):
            expected.add((what, trade))
    found = compare(told, stored, WINDOW)
    assert {(each.finding, each.trade) for each in found} == expected
    assert [each.at_us for each in found] == sorted(each.at_us for each in found)


@given(trades, trades)
def test_both_sides_are_told_of_each_discrepancy(
    told: dict[TradeId, TradeFacts], stored: dict[TradeId, TradeFacts]
) -> None:
    for each in compare(told, stored, WINDOW):
        assert each.theirs == told.get(each.trade)
        assert each.ours == stored.get(each.trade)
        assert bool(each.fields) == (each.finding is Finding.DIFFERENT)


def test_a_trade_at_the_edge_that_each_side_puts_elsewhere_is_none() -> None:
    trade = TradeId("KXA", 1)
    told = TradeFacts(NOON_US + LENGTH_US - 1, Decimal(1), Decimal(1), None)
    cut_off = replace(told, at_us=NOON_US + LENGTH_US - 1_000_000)
    rounded = replace(told, at_us=NOON_US + LENGTH_US)
    assert compare({trade: told}, {trade: cut_off}, WINDOW) == []
    assert compare({trade: told}, {trade: rounded}, WINDOW) == []


BASE = TradeFacts(NOON_US + 1_234_567, Decimal("0.48"), Decimal("10.00"), "yes")


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({}, ()),
        ({"at_us": NOON_US + 1_234_000}, ()),  # milliseconds, cut off
        ({"at_us": NOON_US + 1_235_000}, ()),  # milliseconds, rounded
        ({"at_us": NOON_US + 1_000_000}, ()),  # seconds
        ({"at_us": NOON_US + 2_000_000}, ()),
        ({"at_us": NOON_US + 1_233_000}, ("time",)),
        ({"at_us": NOON_US}, ("time",)),
        ({"at_us": NOON_US + 1_234_568}, ("time",)),
        ({"price": Decimal("0.4800")}, ()),
        ({"price": Decimal("0.49")}, ("price",)),
        ({"size": Decimal("10")}, ()),
        ({"size": Decimal("11"), "side": "no"}, ("size", "side")),
        ({"side": None, "price": None}, ()),  # what one leaves out is no difference
    ],
)
def test_what_counts_as_different(changes: dict[str, object], fields: tuple[str, ...]) -> None:
    stored = replace(BASE, **changes)  # type: ignore[arg-type]
    assert differing(BASE, stored) == fields


@given(trades)
def test_counting_within(told: dict[TradeId, TradeFacts]) -> None:
    assert within(told.values(), WINDOW) == sum(is_inside(each) for each in told.values())
