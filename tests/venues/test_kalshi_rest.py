"""The REST client against the simulated exchange: everything it asks for, and with which keys."""

from __future__ import annotations

from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
import redis
from simulator.exchange_clients import signer
from simulator.rest_requests import asked_beside
from structlog.testing import capture_logs
from venues.kalshi_rest_clients import UNHURRIED, client_of, strike
from venues.scripted_api import scripted_api, send

from hadron_tasks.settings import Settings
from hadron_tasks.venues.kalshi.rate_limit import AccountBudget, TokenBucket
from hadron_tasks.venues.kalshi.rest import KalshiRest
from hadron_tasks.venues.kalshi.rest_listings import (
    EVENTS,
    HISTORICAL_MARKETS,
    HISTORICAL_TRADES,
    MARKETS,
    MULTIVARIATE_EVENTS,
    TRADES,
    EventFilter,
    MarketFilter,
    TradeFilter,
)
from hadron_tasks.venues.kalshi.signing import KalshiSigner
from hadron_tasks.venues.rest.errors import (
    KeyRefused,
    NotFound,
)
from streamer.simulator.simulator import Simulator


def test_every_list_comes_whole(rest: KalshiRest, exchange: Simulator) -> None:
    found = [list(rest.pages(MARKETS)), list(rest.pages(EVENTS))]
    assert [len(page.items) for page in found[0]] == [1000, 455]
    assert not any(page.rejected for pages in found for page in pages)
    tickers = {market.ticker for page in found[0] for market in page.items}
    assert len(tickers) == 1455
    assert {market.ticker for market in exchange.kalshi.open_markets} <= tickers
    events = {event.event_ticker for page in found[1] for event in page.items}
    combos = [event for page in rest.pages(MULTIVARIATE_EVENTS) for event in page.items]
    assert len(combos) == 50
    in_markets = {market.event_ticker for page in found[0] for market in page.items}
    assert events | {combo.event_ticker for combo in combos} == in_markets
    series = {one.ticker for one in rest.series().items}
    assert {event.series_ticker for page in found[1] for event in page.items} < series
    # Not one request more than the pages need.
    assert exchange.rest.stats.by_endpoint == {
        "GET /markets": 2,
        "GET /events": -(-len(events) // 200),
        "GET /events/multivariate": 1,
        "GET /series": 1,
    }


def test_a_list_goes_on_from_a_cursor(rest: KalshiRest) -> None:
    narrow = MarketFilter(mve_filter="exclude", status="open")
    first, second = rest.pages(MARKETS, narrow)
    assert rest.page(MARKETS, narrow, first.cursor) == second
    assert list(rest.pages(MARKETS, narrow, first.cursor)) == [second]
    assert second.cursor == ""


def test_filters_reach_the_exchange(rest: KalshiRest) -> None:
    everything = [market for page in rest.pages(MARKETS) for market in page.items]
    wanted = [everything[0].ticker, everything[1400].ticker]
    named = rest.page(MARKETS, MarketFilter(tickers=wanted))
    assert [market.ticker for market in named.items] == wanted
    combos = rest.page(MARKETS, MarketFilter(mve_filter="only")).items
    assert len(combos) == 50
    assert all(len(combo.mve_selected_legs) >= 2 for combo in combos)
    nested = rest.page(EVENTS, EventFilter(with_nested_markets=True)).items
    assert nested[0].markets == everything[:10]
    future = datetime(2090, 1, 1, tzinfo=UTC)
    assert rest.page(MARKETS, MarketFilter(min_updated_ts=future)).items == []
    assert rest.page(TRADES, TradeFilter(min_ts=future)).items == []
    assert rest.page(HISTORICAL_TRADES).items == []
    assert rest.page(HISTORICAL_MARKETS).items == []


def test_single_things(rest: KalshiRest, exchange: Simulator) -> None:
    live = next(iter(exchange.kalshi.open_markets))
    market = rest.market(live.ticker)
    assert (market.ticker, market.event_ticker) == (live.ticker, live.event.ticker)
    assert market.yes_sub_title == live.yes_sub_title
    assert live.ticker in [each.ticker for each in rest.event(live.event.ticker).markets]
    assert rest.one_series(live.event.series_ticker).ticker == live.event.series_ticker
    assert rest.exchange_status().trading_active is True
    assert rest.exchange_schedule().standard_hours[0]["monday"]
    cutoff = rest.historical_cutoff().trades_created_ts
    assert cutoff is not None
    assert cutoff < datetime.now(UTC)
    assert "Sports" in rest.tags_by_category().tags_by_categories
    sports = rest.filters_by_sport()
    assert set(sports.sport_ordering) == set(sports.filters_by_sports)
    with pytest.raises(NotFound):
        rest.historical_market(live.ticker)


def test_books_come_a_hundred_a_request(rest: KalshiRest, exchange: Simulator) -> None:
    tickers = [market.ticker for market in rest.page(MARKETS).items[:250]]
    books = rest.orderbooks(tickers)
    assert [book.ticker for book in books.items] == tickers
    assert exchange.rest.stats.by_endpoint["GET /markets/orderbooks"] == 3
    assert rest.orderbook(tickers[0]) == books.items[0]
    market = rest.market(tickers[0])
    assert books.items[0].yes[0].price == market.yes_bid_dollars
    assert books.items[0].no[0].price == market.no_bid_dollars


def test_a_ticker_is_a_name_and_nothing_else(rest: KalshiRest) -> None:
    for odd in ("A/B", "../markets", "A?limit=5", "Ä B", "%2e"):
        with pytest.raises(NotFound):
            rest.market(odd)


def test_limits_are_learnt(rest: KalshiRest, exchange: Simulator, bucket: TokenBucket) -> None:
    exchange.rest.limits.costs["GET /series"] = 70
    try:
        budget = rest.learn_limits()
    finally:
        del exchange.rest.limits.costs["GET /series"]
    assert budget == AccountBudget(1_000_000, 1_000_000, 10, {"GET /series": 70})
    before = bucket.state().tokens_spent
    rest.series()
    assert bucket.state().tokens_spent == before + 70


@pytest.mark.parametrize(
    ("status", "has_key", "budget"),
    [
        (404, True, AccountBudget(300, 300)),
        (404, False, AccountBudget()),
        (401, False, AccountBudget()),
        (401, True, None),
    ],
)
def test_limits_of_an_exchange_that_tells_no_costs(
    exchange: Simulator,
    bucket: TokenBucket,
    status: int,
    has_key: bool,
    budget: AccountBudget | None,
) -> None:
    def script(handler: BaseHTTPRequestHandler, _: dict[str, str]) -> None:
        if handler.path.endswith("/account/limits"):
            send(handler, b'{"usage_tier":"basic","read_limit":30,"write_limit":10}')
        else:
            send(handler, b"", status)

    signers = [signer(exchange.keys[0])] if has_key else []
    with (
        scripted_api(script) as address,
        KalshiRest(address, signers, bucket, **UNHURRIED) as rest,
    ):
        if budget is None:
            with pytest.raises(KeyRefused):
                rest.learn_limits()
        else:
            assert rest.learn_limits() == budget


def test_market_data_needs_no_key_but_books_and_the_account_do(
    exchange: Simulator, bucket: TokenBucket
) -> None:
    with KalshiRest(exchange.kalshi_rest_url, [], bucket, **UNHURRIED) as rest:
        assert rest.page(MARKETS).items
        assert rest.learn_limits() == AccountBudget()
        with pytest.raises(KeyRefused, match="no API key is configured"):
            rest.account_limits()
    assert exchange.rest.stats.by_key == {"unsigned": 2}


def test_the_era_of_cents(tmp_path: Path, bucket: TokenBucket) -> None:
    with asked_beside(tmp_path, era="cents", rest_markets=10) as asker:
        rest = client_of(asker.simulator, bucket)
        market = rest.page(MARKETS).items[0]
        book = rest.orderbook(market.ticker)
        assert market.yes_bid_dollars is not None
        assert 0 < market.yes_bid_dollars < 1
        assert book.yes[0].price == market.yes_bid_dollars
        rest.close()


# Keys


def test_another_key_is_used_when_one_is_refused(rest: KalshiRest, exchange: Simulator) -> None:
    exchange.rest.faults.refused_keys.add("kalshi-1")
    with capture_logs() as logs:
        assert rest.page(MARKETS).items
        assert rest.page(MARKETS).items
    assert [log["event"] for log in logs] == ["Kalshi refused an API key"]
    assert logs[0]["log_level"] == "warning"
    assert (logs[0]["key"], logs[0]["next_key"]) == ("kalshi-1", "kalshi-2")
    assert "revoked" in logs[0]["explanation"]
    assert exchange.rest.stats.by_status == {401: 1, 200: 2}
    assert not any(key.key_id in str(logs) for key in exchange.keys)
    # When the other is refused in turn, the first gets its chance again.
    exchange.rest.faults.refused_keys.clear()
    exchange.rest.faults.refused_keys.add("kalshi-2")
    assert rest.page(MARKETS).items
    assert exchange.rest.stats.by_key == {"kalshi-1": 1, "kalshi-2": 2}


@pytest.mark.parametrize("status", [401, 403])
def test_when_every_key_is_refused(rest: KalshiRest, exchange: Simulator, status: int) -> None:
    strike(exchange, "status", count=10, status=status)
    with capture_logs() as logs, pytest.raises(KeyRefused) as raised:
        rest.page(MARKETS)
    assert raised.value.status == status
    assert [log["key"] for log in logs] == ["kalshi-1", "kalshi-2"]
    assert exchange.rest.stats.requests == 2


# Settings


def test_a_client_from_settings(
    exchange: Simulator, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(kalshi_env="simulator", kalshi_rest_url=exchange.kalshi_rest_url)
    with redis.Redis.from_url(redis_url) as client:
        public = KalshiRest.from_settings(settings, client)
        assert len(public.keys) == 0
        for key in exchange.keys:
            monkeypatch.setenv(f"KALSHI_API_KEY_{key.slot}", key.key_id)
            monkeypatch.setenv(f"KALSHI_PRIVATE_KEY_{key.slot}_PATH", str(key.private_key_path))
        with KalshiRest.from_settings(settings, client) as rest:
            assert [one.name for one in rest.keys.in_order()] == ["kalshi-1", "kalshi-2"]
            assert rest.account_limits().usage_tier == "basic"
            assert isinstance(rest.keys.in_order()[0], KalshiSigner)
            assert rest.bucket.account != public.bucket.account
