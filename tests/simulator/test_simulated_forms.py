"""Message bodies of both eras, read back with a JSON parser."""

from __future__ import annotations

import json
from random import Random
from typing import Any

import pytest

from streamer.simulator.kalshi_forms import CentsForm, DollarForm, contracts, iso_time
from streamer.simulator.latent import Latent
from streamer.simulator.market import Delta, Event, Market, Terms, Trade, open_book

MS = 1_795_228_528_449


def a_market(**changes: Any) -> Market:
    terms = Terms(Latent(0.0, 0.4), 0.0, None, 10.0)
    event = Event("KXTEST-26NOV22", "KXTEST", "Test?", "", False, 0, 0)
    market = Market("KXTEST-26NOV22-A", event, "A", "greater", 0.0, None, terms, market_id="m-1")
    market.yes, market.no, market.has_book = {450: 12_050, 440: 100}, {520: 30_000}, True
    market.last_price, market.last_size = 460, 250
    market.volume, market.open_interest = 123_400, 50_000
    for name, value in changes.items():
        setattr(market, name, value)
    return market


@pytest.mark.parametrize(
    ("hundredths", "text"),
    [
        (0, "0.00"),
        (5, "0.05"),
        (100, "1.00"),
        (30_012, "300.12"),
        (-5_400, "-54.00"),
        (-7, "-0.07"),
    ],
)
def test_quantities_have_two_decimals(hundredths: int, text: str) -> None:
    assert contracts(hundredths) == text


def test_times_are_iso_with_microseconds() -> None:
    assert iso_time(1_669_149_841_007) == "2022-11-22T20:44:01.007000Z"


def test_a_ticker_in_dollars() -> None:
    assert json.loads(DollarForm().ticker(a_market(), MS)) == {
        "market_ticker": "KXTEST-26NOV22-A",
        "market_id": "m-1",
        "price_dollars": "0.4600",
        "yes_bid_dollars": "0.4500",
        "yes_ask_dollars": "0.4800",
        "volume_fp": "1234.00",
        "open_interest_fp": "500.00",
        "dollar_volume": 617,
        "dollar_open_interest": 250,
        "yes_bid_size_fp": "120.50",
        "yes_ask_size_fp": "300.00",
        "last_trade_size_fp": "2.50",
        "ts": 1_795_228_528,
        "ts_ms": MS,
        "time": "2026-11-21T02:35:28.449000Z",
    }


def test_nothing_traded_and_nothing_offered() -> None:
    ticker = json.loads(DollarForm().ticker(a_market(last_price=0, yes={}, no={}), MS))
    assert ticker["price_dollars"] == ""
    assert ticker["yes_bid_dollars"] == "0.0000"
    assert ticker["yes_ask_dollars"] == "1.0000"
    assert ticker["yes_bid_size_fp"] == ticker["yes_ask_size_fp"] == "0.00"


def test_a_ticker_in_cents() -> None:
    ticker = json.loads(CentsForm().ticker(a_market(), MS))
    assert ticker.pop("Clock", 1) > 0
    assert ticker == {
        "market_ticker": "KXTEST-26NOV22-A",
        "price": 46,
        "yes_bid": 45,
        "yes_ask": 48,
        "price_dollars": "0.4600",
        "yes_bid_dollars": "0.4500",
        "yes_ask_dollars": "0.4800",
        "volume": 1234,
        "open_interest": 500,
        "dollar_volume": 617,
        "dollar_open_interest": 250,
        "ts": 1_795_228_528,
    }


def test_tickers_of_one_second_are_never_the_same_in_cents() -> None:
    form, market = CentsForm(), a_market()
    bodies = [json.loads(form.ticker(market, MS + n)) for n in range(50)]
    for body in bodies:
        body.pop("Clock", None)
    assert len({json.dumps(body) for body in bodies}) == 50


TRADE = Trade("t-1", 460, 250, "no", Delta("yes", 460, -250))


def test_a_trade_in_both_forms() -> None:
    assert json.loads(DollarForm().trade(a_market(), TRADE, MS)) == {
        "trade_id": "t-1",
        "market_ticker": "KXTEST-26NOV22-A",
        "yes_price_dollars": "0.4600",
        "no_price_dollars": "0.5400",
        "count_fp": "2.50",
        "taker_side": "no",
        "taker_outcome_side": "no",
        "taker_book_side": "ask",
        "is_block_trade": False,
        "ts": 1_795_228_528,
        "ts_ms": MS,
    }
    assert json.loads(CentsForm().trade(a_market(), TRADE._replace(size=300), MS)) == {
        "trade_id": "t-1",
        "market_ticker": "KXTEST-26NOV22-A",
        "yes_price": 46,
        "no_price": 54,
        "count": 3,
        "taker_side": "no",
        "ts": 1_795_228_528,
    }


def test_a_book_in_both_forms() -> None:
    assert json.loads(DollarForm().snapshot(a_market())) == {
        "market_ticker": "KXTEST-26NOV22-A",
        "market_id": "m-1",
        "yes_dollars_fp": [["0.4400", "1.00"], ["0.4500", "120.50"]],
        "no_dollars_fp": [["0.5200", "300.00"]],
    }
    one_sided = json.loads(DollarForm().snapshot(a_market(yes={})))
    assert "yes_dollars_fp" not in one_sided
    assert json.loads(CentsForm().snapshot(a_market())) == {
        "market_ticker": "KXTEST-26NOV22-A",
        "yes": [[44, 1], [45, 120]],
        "no": [[52, 300]],
    }


def test_a_delta_in_both_forms() -> None:
    delta = Delta("yes", 960, -5400)
    assert json.loads(DollarForm().delta(a_market(), delta, MS)) == {
        "market_ticker": "KXTEST-26NOV22-A",
        "market_id": "m-1",
        "price_dollars": "0.9600",
        "delta_fp": "-54.00",
        "side": "yes",
        "ts": "2026-11-21T02:35:28.449000Z",
        "ts_ms": MS,
    }
    assert json.loads(CentsForm().delta(a_market(), delta, MS)) == {
        "market_ticker": "KXTEST-26NOV22-A",
        "price": 96,
        "delta": -54,
        "side": "yes",
    }


def test_an_opened_book_is_whole_contracts_where_the_market_says_so() -> None:
    market = a_market(yes={}, no={}, whole_contracts=True)
    open_book(market, Random(1))
    quantities = [*market.yes.values(), *market.no.values()]
    assert quantities
    assert all(quantity % 100 == 0 for quantity in quantities)
