"""Kalshi's REST answers as types: both price eras, every digit, fields and words that are new."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import jiter
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from hadron_tasks.venues.kalshi.rest_listings import (
    EventFilter,
    MarketFilter,
    TradeFilter,
)
from hadron_tasks.venues.kalshi.rest_models import (
    AccountLimits,
    Event,
    Market,
    Orderbook,
    Series,
    TagsByCategory,
    Trade,
)
from hadron_tasks.venues.rest.pages import read_items
from streamer.simulator.bulk_markets import BulkMarkets
from streamer.simulator.rest_forms import CentsRestForm, DollarRestForm

LEAST = {"ticker": "KXFED-26DEC-T3.75"}


def _read(text: str) -> Any:
    return jiter.from_json(text.encode(), float_mode="decimal")


@pytest.mark.parametrize("number", [0, 7, 1234])
def test_a_market_says_the_same_in_both_eras(number: int) -> None:
    markets = BulkMarkets(5000, date(2026, 11, 22))
    markets.change("settle", 1 / 7, 1_800_000_000)
    market = markets.market(number)._replace(volume=123_00, open_interest=4500)
    now = Market.model_validate(_read(json.dumps(DollarRestForm().market(market))))
    then = Market.model_validate(_read(json.dumps(CentsRestForm().market(market))))
    only_now = {"yes_bid_size_fp", "yes_ask_size_fp"}
    only_then = {"title", "subtitle"}
    known = set(Market.model_fields) - only_now - only_then
    assert then.model_dump(include=known) == now.model_dump(include=known)
    assert now.last_price_dollars is not None
    assert now.volume_fp == 123


def test_every_digit_is_kept() -> None:
    market = Market.model_validate(
        _read(
            '{"ticker": "A", "floor_strike": 97249.990000000000001, "cap_strike": 1e2,'
            ' "yes_bid_dollars": "0.123456", "last_price_dollars": 0.1, "volume_fp": "0.10"}'
        )
    )
    assert str(market.floor_strike) == "97249.990000000000001"
    assert market.cap_strike == 100
    assert str(market.yes_bid_dollars) == "0.123456"
    assert str(market.last_price_dollars) == "0.1"
    assert str(market.volume_fp) == "0.10"
    huge = Market.model_validate(_read('{"ticker": "A", "cap_strike": -1.7976931348623157e+308}'))
    assert huge.cap_strike == Decimal("-1.7976931348623157e+308")


@given(st.decimals(min_value=-(10**9), max_value=10**9, places=6))
def test_a_number_is_itself_however_it_is_written(number: Decimal) -> None:
    as_number = Market.model_validate(_read(f'{{"ticker": "A", "floor_strike": {number:f}}}'))
    as_text = Market.model_validate(_read(f'{{"ticker": "A", "floor_strike": "{number:f}"}}'))
    assert as_number.floor_strike == as_text.floor_strike == number


def test_a_market_that_says_hardly_anything() -> None:
    market = Market.model_validate(
        LEAST
        | dict.fromkeys(["title", "strike_type", "floor_strike", "custom_strike", "result"])
        | dict.fromkeys(["price_ranges", "mve_selected_legs", "close_time", "yes_bid_dollars"])
        | {"open_time": "", "created_time": "0001-01-01T00:00:00Z", "yes_ask_dollars": ""}
    )
    assert (market.title, market.strike_type, market.result) == ("", "", "")
    assert (market.custom_strike, market.price_ranges, market.mve_selected_legs) == ({}, [], [])
    assert market.open_time is market.created_time is market.close_time is None
    assert market.yes_bid_dollars is market.yes_ask_dollars is None


def test_new_words_and_fields_are_taken_as_they_are() -> None:
    market = Market.model_validate(
        LEAST | {"status": "hibernating", "strike_type": "spiral", "mood": {"x": [1]}}
    )
    assert (market.status, market.strike_type) == ("hibernating", "spiral")
    assert market.model_extra == {"mood": {"x": [1]}}


def test_dollars_win_where_both_eras_are_said() -> None:
    both = LEAST | {"yes_bid": 48, "yes_bid_dollars": "0.4830", "volume": 7, "volume_fp": "7.25"}
    market = Market.model_validate(both)
    assert (market.yes_bid_dollars, market.volume_fp) == (Decimal("0.4830"), Decimal("7.25"))
    empty = Market.model_validate(LEAST | {"yes_bid": 48, "yes_bid_dollars": None})
    assert empty.yes_bid_dollars == Decimal("0.48")


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-10-07T12:00:00Z", datetime(2026, 10, 7, 12, tzinfo=UTC)),
        ("2026-10-07T12:00:00.123456Z", datetime(2026, 10, 7, 12, 0, 0, 123456, UTC)),
        ("2026-10-07T12:00:00.123456789Z", datetime(2026, 10, 7, 12, 0, 0, 123456, UTC)),
        ("2026-10-07T08:00:00-04:00", datetime(2026, 10, 7, 12, tzinfo=UTC)),
        ("2026-10-07T12:00:00", datetime(2026, 10, 7, 12, tzinfo=UTC)),
        (1_791_374_400, datetime(2026, 10, 7, 12, tzinfo=UTC)),
        (1_791_374_400_000, datetime(2026, 10, 7, 12, tzinfo=UTC)),
    ],
)
def test_times(text: object, moment: datetime) -> None:
    assert Market.model_validate(LEAST | {"close_time": text}).close_time == moment


@pytest.mark.parametrize(
    "spoilt",
    [
        {"ticker": ""},
        {"ticker": None},
        {"ticker": 5},
        {"ticker": "A", "yes_bid_dollars": "cheap"},
        {"ticker": "A", "yes_bid_dollars": "NaN"},
        {"ticker": "A", "yes_bid_dollars": True},
        {"ticker": "A", "floor_strike": "1e999999"},
        {"ticker": "A", "yes_bid": {"amount": 1}},
        {"ticker": "A", "close_time": "tomorrow"},
        {"ticker": "A", "close_time": "1874-01-01T00:00:00Z"},
        {"ticker": "A", "mve_selected_legs": "many"},
        {"ticker": "A", "rules_primary": "nul\x00"},
        ["ticker"],
        None,
    ],
)
def test_a_bad_item_does_not_take_its_neighbours_with_it(spoilt: Any) -> None:
    items, rejected = read_items(Market, [LEAST, spoilt, LEAST], may_hold_nul=True)
    assert [item.ticker for item in items] == [LEAST["ticker"]] * 2
    assert [one.raw for one in rejected] == [spoilt]
    assert rejected[0].reason


def test_a_trade_in_both_eras() -> None:
    trade_id = {"trade_id": "7f2c1b9e-0000-4000-8000-000000000000", "ticker": "A"}
    when = {"created_time": "2026-10-07T12:00:00.123456Z", "taker_side": "yes"}
    now = {"yes_price_dollars": "0.3600", "no_price_dollars": "0.6400", "count_fp": "136.00"}
    then = {"yes_price": 36, "no_price": 64, "count": 136, "price": Decimal("0.36")}
    today = Trade.model_validate(trade_id | when | now)
    assert today.model_dump() == {
        **trade_id,
        "taker_side": "yes",
        "yes_price_dollars": Decimal("0.36"),
        "no_price_dollars": Decimal("0.64"),
        "count_fp": 136,
        "created_time": datetime(2026, 10, 7, 12, 0, 0, 123456, UTC),
    }
    older = Trade.model_validate(trade_id | when | then)
    assert older.model_dump(exclude={"price"}) == today.model_dump()
    coming = {name: value for name, value in when.items() if name != "taker_side"}
    newer = Trade.model_validate(trade_id | coming | now | {"taker_outcome_side": "no"})
    assert newer.taker_side == "no"


@pytest.mark.parametrize(
    "body",
    [
        {"orderbook_fp": {"yes_dollars": [["0.0800", "300.00"]], "no_dollars": []}},
        {"orderbook": {"yes": [[8, 300]], "no": None}},
        {"orderbook": {"yes": [[8, 300]], "no": None, "yes_dollars": [["0.0800", 300]]}},
    ],
)
def test_a_book_in_every_era(body: dict[str, Any]) -> None:
    book = Orderbook.model_validate({"ticker": "A", **body})
    assert book.yes == [(Decimal("0.08"), Decimal(300))]
    assert book.no == []


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"orderbook": None},
        {"orderbook": {"yes": [[8]]}},
        {"orderbook_fp": {"yes_dollars": [["", "1"]], "no_dollars": []}},
        {"orderbook_fp": {"yes_dollars": [["0.1", "1", "2"]], "no_dollars": []}},
        {"orderbook_fp": {"yes_dollars": {}, "no_dollars": "x"}},
    ],
)
def test_what_is_no_book(body: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Orderbook.model_validate({"ticker": "A", **body})


def test_empty_lists_come_as_null() -> None:
    series = Series.model_validate({"ticker": "KXFED", "tags": None, "settlement_sources": None})
    assert (series.tags, series.settlement_sources) == ([], [])
    tags = TagsByCategory.model_validate({"tags_by_categories": {"Sports": ["NFL"], "World": None}})
    assert tags.tags_by_categories == {"Sports": ["NFL"], "World": []}
    assert Event.model_validate({"event_ticker": "KXFED-26DEC", "markets": None}).markets == []


@pytest.mark.parametrize(
    ("body", "refill", "capacity"),
    [
        ({"read": {"refill_rate": 300, "bucket_capacity": 600}, "read_limit": 20}, 300, 600),
        ({"read_limit": 20, "write_limit": 10}, 200, 200),
    ],
)
def test_account_limits_in_both_forms(body: dict[str, Any], refill: int, capacity: int) -> None:
    reading = AccountLimits.model_validate({"usage_tier": "basic", **body}).reading(10)
    assert reading is not None
    assert (reading.refill_rate, reading.bucket_capacity) == (refill, capacity)


@pytest.mark.parametrize("said", [{}, {"read_limit": 0}, {"read_limit": None}])
def test_account_limits_that_say_nothing(said: dict[str, Any]) -> None:
    assert AccountLimits.model_validate({"usage_tier": "basic"} | said).reading(10) is None


def test_filters_say_only_what_was_set() -> None:
    when = datetime(2026, 10, 7, 12, tzinfo=UTC)
    assert MarketFilter().params() == {}
    assert MarketFilter(status="open", tickers=("A", "B"), mve_filter="exclude").params() == {
        "status": "open",
        "tickers": "A,B",
        "mve_filter": "exclude",
    }
    assert MarketFilter(min_updated_ts=when).params() == {"min_updated_ts": "1791374400"}
    assert EventFilter(with_nested_markets=True).params() == {"with_nested_markets": "true"}
    assert EventFilter(with_nested_markets=False).params() == {"with_nested_markets": "false"}
    assert TradeFilter(ticker="A", max_ts=when).params() == {"ticker": "A", "max_ts": "1791374400"}


@pytest.mark.parametrize("count", [0, 101])
def test_a_list_of_tickers_names_some_and_not_too_many(count: int) -> None:
    with pytest.raises(ValueError, match=f"{count} were given"):
        MarketFilter(tickers=["A"] * count)
