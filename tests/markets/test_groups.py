"""Markets say which groups they are in, and groups say what follows for prices."""

from __future__ import annotations

from decimal import Decimal
from itertools import combinations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hadron_tasks.markets.arbitrage import Claim
from hadron_tasks.markets.facts import MarketFacts
from hadron_tasks.markets.groups import (
    Edge,
    EdgeKind,
    GroupKind,
    Membership,
    edges,
    event_memberships,
    memberships,
    rungs,
)
from hadron_tasks.markets.prices import Side
from hadron_tasks.tickers import parse_ticker

D = Decimal
YES, NO = Side.YES, Side.NO


def facts(ticker: str, **more: Any) -> MarketFacts:
    parsed = parse_ticker(ticker)
    return MarketFacts(ticker, parsed.event_ticker, parsed, **more)


def groups_of(*markets: MarketFacts) -> dict[tuple[GroupKind, str], list[Membership]]:
    found: dict[tuple[GroupKind, str], list[Membership]] = {}
    for market in markets:
        for membership in memberships(market):
            found.setdefault((membership.kind, membership.key), []).append(membership)
    return found


def test_a_game_brings_its_series_together() -> None:
    tickers = [
        "KXNBAGAME-25NOV29TORCHA-TOR",
        "KXNBASPREAD-25NOV29TORCHA-TOR6",
        "KXNBASPREAD-25NOV29TORCHA-CHA3",
        "KXNBATOTAL-25NOV29TORCHA-215",
    ]
    other = "KXNBAGAME-25NOV30TORCHA-TOR"
    groups = groups_of(*map(facts, [*tickers, other]))
    game = groups[GroupKind.GAME, "NBA:2025-11-29:CHA-TOR"]
    assert [member.ticker for member in game] == tickers
    assert {edge.kind for edge in edges(game)} == {EdgeKind.SAME_GAME}
    assert len(list(edges(game))) == 3
    assert len(groups[GroupKind.GAME, "NBA:2025-11-30:CHA-TOR"]) == 1


def test_each_team_s_spreads_are_a_ladder_of_their_own() -> None:
    names = ("TOR3", "TOR6", "CHA3", "TOR12")
    groups = groups_of(*(facts(f"KXNBASPREAD-25NOV29TORCHA-{name}") for name in names))
    ladders = {
        key: [claim.ticker.rpartition("-")[2] for claim in rungs(group)]
        for (kind, key), group in groups.items()
        if kind is GroupKind.LADDER
    }
    assert sorted(ladders.values()) == [["CHA3"], ["TOR12", "TOR6", "TOR3"]]


def test_to_win_is_the_last_rung_of_a_team_s_spreads() -> None:
    winner = facts("KXNBAGAME-25NOV29TORCHA-TOR", mutually_exclusive=True)
    spread = facts("KXNBASPREAD-25NOV29TORCHA-TOR6", strike_type="greater", floor_strike=D("5.5"))
    groups = groups_of(winner, spread)
    (ladder,) = (group for (kind, _), group in groups.items() if kind is GroupKind.LADDER)
    (edge,) = edges(ladder)
    assert (edge.source.ticker, edge.target.ticker) == (spread.ticker, winner.ticker)


def test_an_event_that_covers_everything() -> None:
    tickers = ("KXNBAGAME-25NOV29TORCHA-TOR", "KXNBAGAME-25NOV29TORCHA-CHA")
    markets = [facts(ticker, mutually_exclusive=True) for ticker in tickers]
    every = list(event_memberships(markets))
    whole = [member for member in every if member.kind is GroupKind.EXHAUSTIVE]
    assert [member.ticker for member in whole] == list(tickers)
    (edge,) = edges(whole)
    assert edge.kind is EdgeKind.COMPLEMENTS
    half = event_memberships(markets[:1])
    assert GroupKind.EXHAUSTIVE not in {member.kind for member in half}


def test_markets_on_a_number_are_about_it() -> None:
    market = facts("KXINXU-26NOV23H1600-T6012.5")
    (member,) = (one for one in memberships(market) if one.kind is GroupKind.UNDERLYING)
    assert member.key == "polygon:I:SPX"


def test_a_ladder_of_strikes_in_its_order() -> None:
    markets = [facts(f"KXFED-26DEC-T{strike}") for strike in ("3.75", "4.25", "4.00")]
    (ladder,) = (g for (kind, _), g in groups_of(*markets).items() if kind is GroupKind.LADDER)
    found = [(e.kind, e.source.ticker, e.target.ticker) for e in edges(ladder)]
    assert found == [
        (EdgeKind.IMPLIES, "KXFED-26DEC-T4.25", "KXFED-26DEC-T4.00"),
        (EdgeKind.IMPLIES, "KXFED-26DEC-T4.00", "KXFED-26DEC-T3.75"),
    ]


def test_the_exchange_s_strike_comes_before_the_ticker_s() -> None:
    below = facts("KXFED-26DEC-T3.75", strike_type="less", cap_strike=D("3.75"))
    (ladder,) = (m for m in memberships(below) if m.kind is GroupKind.LADDER)
    assert ":down:" in ladder.key


def test_a_set_of_which_one_comes_true_is_no_ladder() -> None:
    market = facts("KXHIGHNY-22DEC23-T54", mutually_exclusive=True)
    assert {m.kind for m in memberships(market)} == {GroupKind.EVENT, GroupKind.EXCLUSIVE}


def test_a_combo_and_its_legs() -> None:
    legs = (Claim("KXNBATOTAL-25NOV29TORCHA-215", YES), Claim("KXNBAGAME-25NOV29TORCHA-CHA", NO))
    combo = facts("KXMVENBASINGLEGAME-S2025ABCDEF-123456", legs=legs)
    ((key, group),) = groups_of(combo).items()
    assert key == (GroupKind.COMBO, combo.ticker)
    whole = Claim(combo.ticker, YES)
    assert list(edges(group)) == [Edge(EdgeKind.LEG_OF, leg, whole) for leg in legs]


def test_dates_of_one_question_imply_each_other() -> None:
    markets = [facts(ticker) for ticker in ("KXTRUMPOUT27-27-DJT", "KXTRUMPOUT27-28-DJT")]
    (group,) = (g for (kind, _), g in groups_of(*markets).items() if kind is GroupKind.DEADLINES)
    (edge,) = edges(group)
    assert (edge.kind, edge.source.ticker) == (EdgeKind.IMPLIES, "KXTRUMPOUT27-27-DJT")


def test_a_market_that_nobody_can_read_is_in_its_event_all_the_same() -> None:
    (only,) = memberships(MarketFacts("???", "EVENT", None))
    assert (only.kind, only.key) == (GroupKind.EVENT, "EVENT")


# Property: what a ladder claims is true of every number that can come out.

TRUE_OF = {
    "greater": lambda value, strike: value > strike,
    "greater_or_equal": lambda value, strike: value >= strike,
    "less": lambda value, strike: value < strike,
    "less_or_equal": lambda value, strike: value <= strike,
}
strikes = st.tuples(st.sampled_from(sorted(TRUE_OF)), st.integers(-40, 40).map(lambda n: D(n) / 4))


@given(st.lists(strikes, min_size=2, max_size=8, unique=True), st.integers(-90, 90))
def test_a_rung_implies_every_one_after_it(listed: list[tuple[str, D]], eighths: int) -> None:
    value = D(eighths) / 8
    markets, settles = [], {}
    for number, (kind, strike) in enumerate(listed):
        ticker = f"KXFED-26DEC-T{number}"
        markets.append(facts(ticker, strike_type=kind, floor_strike=strike, cap_strike=strike))
        settles[ticker] = TRUE_OF[kind](value, strike)
    for (kind, _), group in groups_of(*markets).items():
        if kind is GroupKind.LADDER:
            for earlier, later in combinations(rungs(group), 2):
                assert not settles[earlier.ticker] or settles[later.ticker]


@pytest.mark.parametrize("kind", list(GroupKind))
def test_a_group_of_nobody_says_nothing(kind: GroupKind) -> None:
    assert list(edges([])) == []
    lonely = Membership(kind, "key", "A", YES, D(0))
    assert list(edges([lonely])) == []
