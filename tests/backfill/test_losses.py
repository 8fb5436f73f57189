"""What a gap lost, by venue and channel, and what state that leaves it in."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hadron_tasks.backfill import kalshi, polygon
from hadron_tasks.backfill.losses import Loss, State, state_of


@dataclass(frozen=True)
class Gap:
    channel: str | None = None
    carried: tuple[str, ...] | None = None
    connection: str = "kalshi-1"
    tickers: tuple[str, ...] | None = None


RECORDED = ("ticker", "trade", "orderbook_delta")

Fetched = dict[str, tuple[str, ...] | None]


def fetched(losses: list[Loss]) -> Fetched:
    return {loss.channel: loss.tickers for loss in losses if loss.is_fetched}


@pytest.mark.parametrize(
    ("gap", "lost", "trades"),
    [
        (Gap(channel="trade"), ["trade"], {"trade": None}),
        (Gap(channel="ticker"), ["ticker"], {}),
        (Gap(channel="orderbook_delta"), ["orderbook_delta"], {}),
        (Gap(channel="a_channel_of_tomorrow"), ["a_channel_of_tomorrow"], {}),
        (
            Gap(carried=("orderbook_delta", "market_lifecycle_v2")),
            ["market_lifecycle_v2", "orderbook_delta"],
            {},
        ),
        (Gap(carried=("trade", "ticker")), ["ticker", "trade"], {"trade": None}),
        # Nobody knows what it carried: whatever is recorded.
        (Gap(), ["orderbook_delta", "ticker", "trade"], {"trade": None}),
        (Gap(channel="trade", tickers=("KXB", "KXA")), ["trade"], {"trade": ("KXB", "KXA")}),
    ],
)
def test_kalshi_tells_trades_again_and_nothing_else(
    gap: Gap, lost: list[str], trades: Fetched
) -> None:
    found = kalshi.losses(gap, RECORDED)
    assert [loss.channel for loss in found] == lost
    assert fetched(found) == trades
    assert all(bool(loss.reason) != loss.is_fetched for loss in found)


def stocks(*carried: str, **more: tuple[str, ...]) -> Gap:
    return Gap(carried=carried or None, connection="polygon-stocks", **more)


@pytest.mark.parametrize(
    ("gap", "lost", "trades"),
    [
        (
            stocks("stocks:T.MSFT", "stocks:T.AAPL", "stocks:Q.AAPL"),
            ["stocks:Q", "stocks:T"],
            {"stocks:T": ("AAPL", "MSFT")},
        ),
        (stocks(), ["stocks:AM", "stocks:T"], {"stocks:T": None}),
        (
            Gap(carried=("crypto:XT.BTC-USD",), connection="polygon-crypto"),
            ["crypto:XT"],
            {"crypto:XT": ("X:BTC-USD",)},
        ),
        (
            Gap(carried=("indices:V.*", "indices:AM.*"), connection="polygon-indices"),
            ["indices:AM", "indices:V"],
            {},
        ),
        (
            Gap(carried=("options:T.O:SPY251219C00650000",), connection="polygon-options"),
            ["options:T"],
            {},
        ),
        (
            Gap(channel="stocks:T.*", connection="polygon-stocks", tickers=("B", "A")),
            ["stocks:T"],
            {"stocks:T": ("A", "B")},
        ),
    ],
)
def test_polygon_tells_the_trades_of_stocks_and_crypto_again(
    gap: Gap, lost: list[str], trades: Fetched
) -> None:
    recorded = ["stocks:T.*", "stocks:AM.*", "crypto:XT.*"]
    found = polygon.losses(gap, recorded)
    assert [loss.channel for loss in found] == lost
    assert fetched(found) == trades
    assert all(loss.reason for loss in found if not loss.is_fetched)


def test_all_of_a_polygon_class_is_those_seen_around_the_gap_and_says_so() -> None:
    (loss,) = polygon.losses(stocks("stocks:T.*", "stocks:T.AAPL"), [])
    assert (loss.seen_of, loss.tickers) == ("equity", None)
    assert "no list over all instruments" in loss.reason
    (named,) = polygon.losses(stocks("stocks:T.AAPL"), [])
    assert (named.seen_of, named.reason) == (None, "")


@given(st.lists(st.sampled_from(State)))
def test_a_gap_is_recovered_only_when_all_of_it_is(channels: list[State]) -> None:
    found = state_of(channels)
    assert (found is State.OPEN) == (State.OPEN in channels)
    recovered = bool(channels) and all(each is State.BACKFILLED for each in channels)
    assert (found is State.BACKFILLED) == recovered
