"""The pure market: books, trades, terms, listings."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from itertools import islice
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.simulator.config import KalshiMix
from streamer.simulator.kalshi_exchange import KalshiExchange
from streamer.simulator.kalshi_forms import DollarForm
from streamer.simulator.latent import Latent
from streamer.simulator.lifecycle import Lifecycle
from streamer.simulator.market import (
    DECI_CENT,
    LINEAR_CENT,
    ONE_DOLLAR,
    Event,
    Market,
    Terms,
    move_book,
    open_book,
    seeded_uuid,
    trade,
)
from streamer.simulator.pool import Pool
from streamer.simulator.underlyings import make_underlyings
from streamer.simulator.universe import Listing, list_events, series_listed

DAY = date(2026, 11, 22)


def listing(seed: int = 1, *, cents_only: bool = False) -> Listing:
    return Listing(Random(seed), make_underlyings(seed), seed, cents_only, 1_795_000_000)


def events(seed: int = 1) -> Iterator[Event]:
    return list_events(listing(seed), DAY)


def a_market(anchor: float, tick: int) -> Market:
    terms = Terms(Latent(anchor, 0.4), 0.0, None, 10.0)
    event = Event("KXTEST-26NOV22", "KXTEST", "Test?", "", False, 0, 0)
    return Market("KXTEST-26NOV22-A", event, "A", "greater", 0.0, None, terms, tick=tick)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    anchor=st.floats(-40, 40),
    tick=st.sampled_from([LINEAR_CENT, DECI_CENT]),
)
def test_a_book_stays_possible_and_deltas_tell_every_change(
    seed: int, anchor: float, tick: int
) -> None:
    rng, market = Random(seed), a_market(anchor, tick)
    open_book(market, rng)
    replayed = {"yes": dict(market.yes), "no": dict(market.no)}
    for _ in range(120):
        if rng.random() < 0.3:
            done = trade(market, rng)
            if done is None:
                continue
            delta = done.delta
            paid = done.yes_price if delta.side == "yes" else ONE_DOLLAR - done.yes_price
            assert paid == max(replayed[delta.side]), "trades take the best price"
            assert delta.change == -done.size
        else:
            delta = move_book(market, rng)
        assert delta.change != 0
        levels = replayed[delta.side]
        levels[delta.price] = levels.get(delta.price, 0) + delta.change
        if levels[delta.price] == 0:
            del levels[delta.price]
        assert replayed == {"yes": market.yes, "no": market.no}
        for price, quantity in [*market.yes.items(), *market.no.items()]:
            assert 0 < price < ONE_DOLLAR
            assert price % tick == 0
            assert quantity > 0
        assert market.best_yes + market.best_no < ONE_DOLLAR


def test_the_book_follows_its_underlying() -> None:
    rng, market = Random(3), a_market(0.0, LINEAR_CENT)
    open_book(market, rng)
    mids = []
    for anchor in (-10.0, 10.0):
        market.terms.latent.anchor = market.terms.latent.value = anchor
        for _ in range(300):
            move_book(market, rng)
        mids.append((market.best_yes + ONE_DOLLAR - market.best_no) / 2)
    assert mids[0] < 250
    assert mids[1] > 750


@pytest.mark.parametrize(
    ("floor", "cap", "value", "pays"),
    [
        (5.0, None, 6.0, True),
        (5.0, None, 5.0, False),
        (None, 5.0, 4.0, True),
        (None, 5.0, 5.1, False),
        (4.0, 6.0, 5.0, True),
        (4.0, 6.0, 7.0, False),
        (4.0, 6.0, 3.0, False),
    ],
)
def test_who_is_paid(floor: float | None, cap: float | None, value: float, pays: bool) -> None:
    terms = Terms(Latent(value, 0.0), floor, cap, 1.0)
    assert terms.pays_yes() is pays
    assert (terms.fair() > 500) is pays or value == floor


def test_outcomes_that_exclude_each_other_share_one_dollar() -> None:
    exclusive = [e for e in islice(events(), 300) if e.mutually_exclusive and "GAME" in e.ticker]
    assert exclusive
    for event in exclusive:
        assert sum(m.terms.fair() for m in event.markets) == pytest.approx(ONE_DOLLAR, abs=4)


def test_a_few_hundred_markets_are_of_every_kind() -> None:
    markets = [m for e in islice(events(), 60) for m in e.markets]
    assert 300 < len(markets) < 700
    series = {m.event.series_ticker for m in markets}
    assert {
        "KXNBAGAME",
        "KXNBASPREAD",
        "KXNBATOTAL",
        "KXNFLGAME",
        "KXMLBGAME",
        "KXEPLGAME",
        "KXBTCD",
        "KXBTC",
        "KXETHD",
        "KXINX",
        "KXINXU",
        "KXNASDAQ100U",
        "KXEURUSD",
        "KXUSDJPY",
        "KXHIGHNY",
        "KXFED",
        "KXFEDDECISION",
    } <= series
    tickers = {m.ticker for m in markets}
    assert any(t.startswith("KXBTCD-26NOV2212-T") for t in tickers)
    assert any(t.startswith("KXINX-26NOV22H1600-B") for t in tickers)
    assert any(t.endswith("-TIE") for t in tickers)


def test_games_say_both_teams_and_their_markets_name_them() -> None:
    for event in islice(events(), 60):
        if event.series_ticker == "KXNBAGAME":
            middle = event.ticker.removeprefix("KXNBAGAME-26NOV22")
            suffixes = [m.ticker.rpartition("-")[2] for m in event.markets]
            assert "".join(suffixes) == middle


def test_no_two_markets_share_a_name_over_many_days() -> None:
    tickers = [m.ticker for e in islice(events(), 4000) for m in e.markets]
    assert len(tickers) > 20_000
    assert len(set(tickers)) == len(tickers)


def test_whole_cents_only_in_the_cents_era() -> None:
    made = list_events(listing(cents_only=True), DAY)
    assert {m.tick for e in islice(made, 100) for m in e.markets} == {LINEAR_CENT}
    assert {m.tick for e in islice(events(), 100) for m in e.markets} == {LINEAR_CENT, DECI_CENT}


def test_trade_ids_are_uuids_that_the_seed_decides() -> None:
    import uuid

    first, again, other = (seeded_uuid(Random(seed)) for seed in (1, 1, 2))
    assert first == again != other
    assert uuid.UUID(first).version == 4
    assert uuid.UUID(first).variant == uuid.RFC_4122


def test_a_market_never_states_a_millisecond_twice() -> None:
    market = a_market(0.0, LINEAR_CENT)
    times = [market.next_ms(now) for now in (1000, 1000, 1000, 1001, 2000, 1999)]
    assert times == [1000, 1001, 1002, 1003, 2000, 2001]


def test_the_exchange_opens_as_many_markets_as_asked() -> None:
    exchange = KalshiExchange(DollarForm(), KalshiMix(), Random(1), lambda: 0)
    Lifecycle(exchange, events(), 5.0, lambda: 0.0).list_until(137)
    assert len(exchange.open_markets) == len(exchange.markets) == 137


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 12)), max_size=60))
def test_a_pool_is_a_set_one_can_draw_from(steps: list[tuple[bool, int]]) -> None:
    pool: Pool[int] = Pool()
    expected: set[int] = set()
    for add, member in steps:
        if add:
            pool.add(member)
            expected.add(member)
        else:
            pool.discard(member)
            expected.discard(member)
        assert set(pool) == expected
        assert len(pool) == len(expected)
        if expected:
            assert pool.draw(Random(member)) in expected
            assert pool.draw_evenly(Random(member)) in expected


def test_the_series_that_are_ever_listed_are_told() -> None:
    assert {e.series_ticker for e in islice(list_events(listing(), DAY), 400)} == set(
        series_listed()
    )
