"""What the REST side works out rather than keeps: markets from numbers, trades from the tape."""

from __future__ import annotations

from datetime import date
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.simulator.bulk_markets import MOST_MARKETS, BulkMarkets
from streamer.simulator.combo_markets import ComboMarkets
from streamer.simulator.market import Delta, Trade, seeded_uuid
from streamer.simulator.trade_tape import TapedTrade, TradeTape

FIRST_DAY = date(2026, 11, 22)
BULK = BulkMarkets(MOST_MARKETS - 3, FIRST_DAY)
COMBOS = ComboMarkets(1_000_000, [(f"E{n}", f"E{n}-M") for n in range(200)], 0, 1)

numbers = st.integers(0, BULK.count - 1)


@given(numbers)
def test_a_ticker_leads_back_to_its_market(number: int) -> None:
    market = BULK.market(number)
    assert BULK.market_number(market.ticker) == number
    event = BULK.event_number(market.event.ticker)
    assert event is not None
    assert BULK.event(event) == market.event
    assert 0 < market.yes_bid < market.yes_ask < 1000


@given(st.integers(0, COMBOS.count - 1))
def test_a_ticker_leads_back_to_its_combo(number: int) -> None:
    market = COMBOS.market(number)
    assert COMBOS.market_number(market.ticker) == number
    assert COMBOS.event_number(market.event.ticker) == number
    assert len({leg.market_ticker for leg in market.legs}) == len(market.legs) >= 2
    assert market.yes_ask < 1000


@pytest.mark.parametrize(
    "ticker",
    [
        "",
        "KXSOLD",
        "KXSOLD-26NOV2200",
        "KXSOLD-26NOV2200-T1.00",
        "KXSOLD-26NOV22-T180.00",
        "KXSOLD-26nov2200-T180.00",
        "KXSOLD-26NOV2199-T180.00",
        "KXSOLD-25NOV2200-T180.00",
        "KXSOLD-99NOV2200-T180.00",
        "KXBTCD-26NOV2217-T97000.00",
        "KXMVESPORTSMULTIGAMEEXTENDED-S2026FFFFFFFFFFF-FFFFFFFFFFF",
        "KXMVESPORTSMULTIGAMEEXTENDED-S2026xyz-1",
    ],
)
def test_other_tickers_lead_nowhere(ticker: str) -> None:
    assert BULK.market_number(ticker) is None
    assert COMBOS.market_number(ticker) is None


def test_the_first_twenty_thousand_have_their_own_tickers() -> None:
    tickers = {BULK.market(number).ticker for number in range(20_000)}
    assert len(tickers) == 20_000


@settings(max_examples=50)
@given(
    changes=st.lists(
        st.tuples(
            st.sampled_from(["reword", "settle"]),
            st.floats(0.01, 1),
            st.integers(2 * 10**9, 3 * 10**9),
        ),
        max_size=5,
    ),
    start=st.integers(0, 400),
    after_s=st.integers(2 * 10**9, 3 * 10**9),
)
def test_shortcuts_leave_nothing_out(
    changes: list[tuple[str, float, int]], start: int, after_s: int
) -> None:
    bulk = BulkMarkets(397, FIRST_DAY)
    for kind, share, at_s in changes:
        struck = bulk.change(kind, share, at_s)  # type: ignore[arg-type]
        assert struck == sum(bulk.changes[-1].touches(number) for number in range(bulk.count))
    markets = {number: bulk.market(number) for number in range(start, bulk.count)}
    settled = [number for number, market in markets.items() if market.settled_s]
    assert list(bulk.numbers(start, settled=True)) == settled
    updated = [number for number, market in markets.items() if market.updated_s > after_s]
    assert list(bulk.numbers(start, updated_after_s=after_s)) == updated
    event = bulk.market(200).event
    of_event = [number for number, market in markets.items() if market.event == event]
    assert list(bulk.numbers(start, event_ticker=event.ticker)) == of_event
    of_series = [
        n for n, market in markets.items() if market.event.series_ticker == event.series_ticker
    ]
    assert list(bulk.numbers(start, series_ticker=event.series_ticker)) == of_series
    assert list(bulk.numbers(start)) == list(markets)


@settings(max_examples=60)
@given(
    steps=st.lists(
        st.tuples(st.sampled_from("ABC"), st.integers(-2, 900), st.integers(0, 2500)), max_size=40
    ),
    ticker=st.sampled_from(["", "A", "NONE"]),
    before=st.none() | st.integers(0, 45),
    bounds=st.tuples(st.none() | st.integers(0, 40_000), st.none() | st.integers(0, 40_000)),
)
def test_the_tape_finds_what_looking_through_it_all_finds(
    steps: list[tuple[str, int, int]],
    ticker: str,
    before: int | None,
    bounds: tuple[int | None, int | None],
) -> None:
    tape, rng, now_ms = TradeTape(), Random(5), 1_000
    said = []
    for market, pause, ahead in steps:  # the clock may be set back a little
        now_ms += pause
        trade = Trade(seeded_uuid(rng), 480, 300, rng.choice(("yes", "no")), Delta("no", 1, 1))
        tape.add(market, trade, now_ms + ahead, now_ms)
        said.append((trade.trade_id, market, now_ms + ahead, trade.taker_side))
    everything = list(tape.newest_first())[::-1]
    assert [(t.trade_id, t.ticker, t.ms, t.taker_side) for t in everything] == said
    assert all(t.created_us // 1000 == t.ms and t.yes_price == 480 for t in everything)
    assert len({t.created_us % 1000 for t in everything}) > 1 or len(said) < 5

    from_us, until_us = (None if bound is None else bound * 1000 for bound in bounds)

    def is_wanted(trade: TapedTrade) -> bool:
        return (
            ticker in ("", trade.ticker)
            and (before is None or trade.number < before)
            and (from_us is None or trade.created_us >= from_us)
            and (until_us is None or trade.created_us < until_us)
        )

    found = tape.newest_first(ticker=ticker, before=before, from_us=from_us, until_us=until_us)
    assert list(found) == [trade for trade in reversed(everything) if is_wanted(trade)]
