"""Findings are real: whatever happens they pay what they say, and honest prices give none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from hadron_tasks.markets import arbitrage
from hadron_tasks.markets.arbitrage import Claim, Finding, Kind
from hadron_tasks.markets.fees import STANDARD, FeeSchedule, cost_of
from hadron_tasks.markets.prices import STALE_AFTER, Quote, Side

D = Decimal
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
YES, NO = Side.YES, Side.NO


def quote(
    ticker: str,
    bid: str | None,
    ask: str | None,
    size: int = 100,
    *,
    at: datetime = NOW,
    fees: FeeSchedule = STANDARD,
) -> Quote:
    return Quote(
        ticker,
        None if bid is None else D(bid),
        None if ask is None else D(ask),
        D(size),
        D(size),
        at,
        fees,
    )


def book(*quotes: Quote) -> dict[str, Quote]:
    return {one.ticker: one for one in quotes}


def test_a_crossed_market() -> None:
    found = arbitrage.crossed(book(quote("A", "0.60", "0.50")), "A", NOW)
    assert found is not None
    # 100 YES at 50 and 100 NO at 40 cents: 90.00, fees 1.75 and 1.68, for 100.00.
    assert (found.sets, found.fees, found.profit) == (D(100), D("3.43"), D("6.57"))
    assert [leg.price for leg in found.legs] == [D("0.50"), D("0.40")]


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"bid": "0.50"}, "no gap"),
        ({"bid": "0.53"}, "fees eat it"),
        ({"size": 0}, "nothing on the books"),
        ({"at": NOW - STALE_AFTER - timedelta(seconds=1)}, "stale"),
        ({"bid": None}, "one side only"),
        ({"fees": FeeSchedule("flat", D(1))}, "an unknown fee"),
    ],
)
def test_near_misses_of_a_crossed_market(changed: Mapping[str, object], why: str) -> None:
    fields = {"bid": "0.60", "ask": "0.50", "size": 100, "at": NOW, "fees": STANDARD} | changed
    assert arbitrage.crossed(book(quote("A", **fields)), "A", NOW) is None, why  # type: ignore[arg-type]


def test_an_exhaustive_set() -> None:
    quotes = book(
        quote("A", "0.1", "0.20"), quote("B", "0.1", "0.30", 7), quote("C", "0.1", "0.40")
    )
    found = arbitrage.exhaustive_set(quotes, ["A", "B", "C"], NOW)
    assert found is not None
    # Seven sets: 6.30 and fees of 8, 11 and 12 cents, each rounded up.
    assert (found.sets, found.fees, found.profit) == (D(7), D("0.31"), D("0.39"))
    assert arbitrage.exhaustive_set(quotes, ["A", "B", "D"], NOW) is None
    assert arbitrage.exhaustive_set(quotes, ["A"], NOW) is None


def test_an_exclusive_set_leaves_out_what_earns_nothing() -> None:
    quotes = book(
        quote("A", "0.60", "0.7"),
        quote("B", "0.55", "0.6"),
        quote("thin", "0.30", "0.6", 1),
        quote("worthless", "0.0001", "0.9"),
        quote("unquoted", None, "0.9"),
    )
    found = arbitrage.exclusive_set(quotes, list(quotes), NOW)
    assert found is not None
    assert [leg.claim for leg in found.legs] == [Claim("A", NO), Claim("B", NO)]
    # 100 at 40 and 100 at 45 cents: 85.00 and fees of 1.68 and 1.74, for a dollar each.
    assert (found.pays, found.sets, found.profit) == (D(1), D(100), D("11.58"))


def test_an_implication() -> None:
    quotes = book(quote("march", "0.50", "0.55"), quote("june", "0.30", "0.40"))
    found = arbitrage.implication(quotes, Claim("march", YES), Claim("june", YES), NOW)
    assert found is not None
    assert [leg.claim for leg in found.legs] == [Claim("march", NO), Claim("june", YES)]
    assert found.profit == 100 - cost_of(D(100), D("0.5"), STANDARD) - cost_of(
        D(100), D("0.4"), STANDARD
    )
    assert arbitrage.implication(quotes, Claim("june", YES), Claim("march", YES), NOW) is None


def test_a_ladder_that_is_not_monotone() -> None:
    quotes = book(
        quote("above 60", "0.40", "0.45"),
        quote("above 50", "0.20", "0.30"),
        quote("above 40", "0.70", "0.75"),
    )
    rungs = [Claim(f"above {strike}", YES) for strike in (60, 50, 40)]
    (found,) = arbitrage.ladder(quotes, rungs, NOW)
    assert found.identity == ("implication", "above 50:yes", "above 60:no")


@given(
    st.lists(
        st.tuples(st.integers(1, 99), st.integers(1, 99), st.integers(0, 3)),
        min_size=2,
        max_size=8,
    )
)
def test_a_ladder_is_looked_at_as_if_pair_by_pair(rungs: list[tuple[int, int, int]]) -> None:
    quotes = book(
        *(
            quote(str(at), f"0.{bid:02}", f"0.{ask:02}", size)
            for at, (bid, ask, size) in enumerate(rungs)
        )
    )
    claims = [Claim(str(at), YES) for at in range(len(rungs))]
    pairs = (
        arbitrage.implication(quotes, claims[at], claims[later], NOW)
        for at in range(len(claims))
        for later in range(at + 1, len(claims))
    )
    by_pair = {found.identity: found for found in pairs if found is not None}
    assert {found.identity: found for found in arbitrage.ladder(quotes, claims, NOW)} == by_pair


def test_a_combo_outside_of_its_legs_bounds() -> None:
    legs = [Claim("A", YES), Claim("B", NO)]
    dear = book(quote("combo", "0.60", "0.7"), quote("A", "0.4", "0.45"), quote("B", "0.1", "0.2"))
    (found,) = arbitrage.combo(dear, "combo", legs, NOW)
    assert found.identity == ("implication", "A:yes", "combo:no")
    cheap = book(quote("combo", "0.1", "0.2"), quote("A", "0.9", "0.95"), quote("B", "0.05", "0.1"))
    (found,) = arbitrage.combo(cheap, "combo", legs, NOW)
    assert found.kind is Kind.COMBO_FLOOR
    assert [leg.claim for leg in found.legs] == [
        Claim("combo", YES),
        Claim("A", NO),
        Claim("B", YES),
    ]


def test_an_outcome_that_is_known() -> None:
    quotes = book(quote("over", "0.90", "0.95"))
    found = arbitrage.certain(quotes, Claim("over", YES), "the score is above it already", NOW)
    assert found is not None
    assert found.profit == 100 - cost_of(D(100), D("0.95"), STANDARD)


# Property: a finding pays in every outcome that its assumption allows.

cents = st.integers(1, 99).map(lambda cent: D(cent) / 100)
sizes = st.integers(0, 500).map(D)
TICKERS = ("A", "B", "C", "D")


@st.composite
def quotes_of(draw: st.DrawFn, tickers: Sequence[str] = TICKERS) -> dict[str, Quote]:
    return {
        ticker: Quote(
            ticker,
            draw(st.none() | cents),
            draw(st.none() | cents),
            draw(sizes),
            draw(sizes),
            NOW,
            STANDARD,
        )
        for ticker in tickers
    }


def paid_out(found: Finding, outcome: Mapping[str, bool]) -> D:
    """What the sets of a finding pay when the markets settle so."""
    winning = sum(outcome[leg.claim.ticker] is (leg.claim.side is YES) for leg in found.legs)
    return winning * found.sets


def spent(found: Finding) -> D:
    return sum((cost_of(found.sets, leg.price, STANDARD) for leg in found.legs), D(0))


def assert_pays(found: Finding | None, outcomes: Sequence[Mapping[str, bool]]) -> None:
    if found is None:
        return
    assert found.profit > 0
    assert all(found.sets <= leg.size for leg in found.legs)
    earned = [paid_out(found, outcome) - spent(found) for outcome in outcomes]
    assert min(earned) >= found.profit


def one_of(tickers: Sequence[str]) -> list[dict[str, bool]]:
    return [{ticker: ticker == winner for ticker in tickers} for winner in tickers]


@given(quotes_of())
def test_sets_pay_whoever_wins(quotes: dict[str, Quote]) -> None:
    winners = one_of(TICKERS)
    nobody = dict.fromkeys(TICKERS, False)
    assert_pays(arbitrage.exhaustive_set(quotes, TICKERS, NOW), winners)
    assert_pays(arbitrage.exclusive_set(quotes, TICKERS, NOW), [*winners, nobody])
    for ticker in TICKERS:
        assert_pays(arbitrage.crossed(quotes, ticker, NOW), [{ticker: True}, {ticker: False}])


@given(quotes_of())
def test_ladders_pay_wherever_it_ends(quotes: dict[str, Quote]) -> None:
    rungs = [Claim(ticker, YES) for ticker in TICKERS]
    outcomes = [
        {ticker: place >= first for place, ticker in enumerate(TICKERS)} for first in range(5)
    ]
    for found in arbitrage.ladder(quotes, rungs, NOW):
        assert_pays(found, outcomes)


@given(quotes_of(), st.lists(st.sampled_from([YES, NO]), min_size=3, max_size=3))
def test_combos_pay_however_their_legs_end(quotes: dict[str, Quote], sides: list[Side]) -> None:
    whole, *parts = TICKERS
    legs = [Claim(ticker, side) for ticker, side in zip(parts, sides, strict=True)]
    outcomes = []
    for number in range(8):
        happened = {ticker: bool(number >> place & 1) for place, ticker in enumerate(parts)}
        won = all(happened[leg.ticker] is (leg.side is YES) for leg in legs)
        outcomes.append(happened | {whole: won})
    for found in arbitrage.combo(quotes, whole, legs, NOW):
        assert_pays(found, outcomes)


# Property: prices around probabilities that obey the axioms are no finding.


def around(ticker: str, probability: D, spread: int) -> Quote:
    """An honest quote: it buys below the probability and sells above it."""
    below = max(D("0.001"), probability - D(spread) / 1000)
    above = min(D("0.999"), probability + D(spread) / 1000)
    return Quote(ticker, below, above, D(100), D(100), NOW, STANDARD)


spreads = st.lists(st.integers(0, 50), min_size=4, max_size=4)


@given(st.lists(st.integers(1, 1000), min_size=4, max_size=4), spreads)
def test_honest_prices_of_a_set_are_no_finding(weights: list[int], widths: list[int]) -> None:
    total = sum(weights)
    chances = [D(weight) / total for weight in weights]
    assume(all(D("0.002") < chance < D("0.998") for chance in chances))
    quotes = {t: around(t, c, w) for t, c, w in zip(TICKERS, chances, widths, strict=True)}
    assert arbitrage.exhaustive_set(quotes, TICKERS, NOW) is None
    assert arbitrage.exclusive_set(quotes, TICKERS, NOW) is None
    assert all(arbitrage.crossed(quotes, ticker, NOW) is None for ticker in TICKERS)


@given(st.lists(st.integers(3, 997), min_size=4, max_size=4), spreads)
def test_honest_prices_of_a_ladder_are_no_finding(mills: list[int], widths: list[int]) -> None:
    chances = [D(mill) / 1000 for mill in sorted(mills)]
    assert all(a <= b for a, b in pairwise(chances))
    quotes = {t: around(t, c, w) for t, c, w in zip(TICKERS, chances, widths, strict=True)}
    rungs = [Claim(ticker, YES) for ticker in TICKERS]
    assert list(arbitrage.ladder(quotes, rungs, NOW)) == []


@given(st.lists(st.integers(1, 1000), min_size=4, max_size=4), spreads)
def test_honest_prices_of_a_combo_are_no_finding(weights: list[int], widths: list[int]) -> None:
    # Both legs, the first alone, the second alone, neither: any dependence between them.
    total = D(sum(weights))
    both, first, second = (D(weight) / total for weight in weights[:3])
    chances = {"combo": both, "A": both + first, "B": both + second}
    assume(all(D("0.002") < chance < D("0.998") for chance in chances.values()))
    quotes = {
        ticker: around(ticker, chance, width)
        for (ticker, chance), width in zip(chances.items(), widths, strict=False)
    }
    legs = [Claim("A", YES), Claim("B", YES)]
    assert list(arbitrage.combo(quotes, "combo", legs, NOW)) == []
