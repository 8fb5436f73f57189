"""Which connection carries what."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.plan import (
    BOOK_SHARES,
    assign,
    books_of,
    channel_of,
    exact_markets,
    is_book_share,
    selects,
    share_of,
    target_of,
    wanted_items,
)

CHANNELS = ["ticker", "trade", "market_lifecycle_v2"]
NAMES = [f"kalshi-{n}" for n in range(1, 11)]
connections = st.sets(st.sampled_from(NAMES), min_size=1)


def test_channels_go_round_the_connections() -> None:
    assert assign(CHANNELS, ["kalshi-2", "kalshi-1"]) == {
        "ticker": "kalshi-1",
        "trade": "kalshi-2",
        "market_lifecycle_v2": "kalshi-1",
    }


def test_no_connection_carries_nothing() -> None:
    assert assign(wanted_items(CHANNELS, ["KXFED"]), []) == {}


@given(connections)
def test_every_item_is_carried_once_and_books_evenly(up: set[str]) -> None:
    items = wanted_items(CHANNELS, ["KXFED"])
    plan = assign(items, up)
    assert plan.keys() == set(items)
    assert set(plan.values()) <= up
    shares = Counter(carrier for item, carrier in plan.items() if is_book_share(item))
    assert max(shares.values()) <= -(-BOOK_SHARES // len(up))


@given(connections)
def test_the_plan_does_not_depend_on_the_order_of_the_connections(up: set[str]) -> None:
    items = wanted_items(CHANNELS, ["KXFED"])
    assert assign(items, sorted(up)) == assign(items, sorted(up, reverse=True))


def test_few_books_move_when_a_connection_dies() -> None:
    items = wanted_items([], ["KXFED"])
    before, after = assign(items, NAMES[:4]), assign(items, NAMES[:3])
    moved = [item for item in items if before[item] != after[item]]
    lost = [item for item in items if before[item] == NAMES[3]]
    assert set(lost) <= set(moved)
    assert len(moved) <= len(lost) + BOOK_SHARES // 4


@given(connections, connections)
def test_a_move_is_an_overlap_never_a_hole(before: set[str], after: set[str]) -> None:
    """Step by step from one plan to the next, every item is carried by a connection that is up."""
    items = wanted_items(CHANNELS, ["KXFED"])
    old, new = assign(items, before), assign(items, after)
    carried = {c: {i for i in items if old[i] == c} if c in before else set() for c in after}
    was_carried = set().union(*carried.values())
    for _ in range(3):
        for name in after:
            elsewhere = {i for i in items if new[i] != name and i in carried[new[i]]}
            carried[name] = set(target_of(name, new, carried[name], elsewhere))
            assert was_carried <= set().union(*carried.values())
    assert {i: c for c, held in carried.items() for i in held} == new
    assert sum(map(len, carried.values())) == len(items)


def test_an_item_no_longer_wanted_is_dropped() -> None:
    assert target_of("kalshi-1", {"ticker": "kalshi-1"}, {"ticker", "trade"}, ()) == {"ticker"}


@pytest.mark.parametrize(
    ("selection", "market", "expected"),
    [
        (["KXFED"], "KXFED-26DEC-T4.00", True),
        (["KXFED-26DEC"], "KXFED-26DEC-T4.00", True),
        (["KXFED-26DEC-T4.00"], "KXFED-26DEC-T4.00", True),
        (["KXFED"], "KXFEDDECISION-26DEC-H0", False),
        (["KXFED-26DEC"], "KXFED-26DECX-T4.00", False),
        (["KXFED-26DEC-T4"], "KXFED-26DEC-T4.00", False),
        (["PLAIN"], "PLAIN", True),
        ([], "KXFED-26DEC-T4.00", False),
    ],
)
def test_selection(selection: list[str], market: str, expected: bool) -> None:
    assert selects(selection, market) is expected


def test_exact_markets_are_those_with_two_dashes() -> None:
    assert exact_markets(["KXFED", "KXFED-26DEC", "KXFED-26DEC-T4.00"]) == {"KXFED-26DEC-T4.00"}


def test_books_stay_in_their_share_and_below_the_most() -> None:
    markets = [f"KXTEST-26-{n}" for n in range(500)]
    items = set(wanted_items([], ["KXTEST"])[:32])
    books, left_out = books_of(items, markets, 100)
    kept = {market for held in books.values() for market in held}
    mine = {market for market in markets if share_of(market) in items}
    assert len(kept) == 100
    assert left_out == len(mine) - 100
    assert all(share_of(market) == share for share, held in books.items() for market in held)


def test_channels_of_items() -> None:
    assert channel_of("books/07") == "orderbook_delta"
    assert channel_of("ticker") == "ticker"
