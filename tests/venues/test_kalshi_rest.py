"""The REST client against the simulated exchange: everything it asks for, and everything that
goes wrong on the way."""

from __future__ import annotations

import gzip
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
import redis
from simulator.exchange_clients import signer
from simulator.rest_requests import PLENTY, asked_beside
from structlog.testing import capture_logs
from venues.scripted_api import scripted_api, send

from hadron_tasks.errors import ConfigurationError
from hadron_tasks.local.redis_server import RedisServer, free_port
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
from hadron_tasks.venues.rest.client import TRIES
from hadron_tasks.venues.rest.errors import (
    AnswerUnreadable,
    BadRequest,
    CursorRepeats,
    ExchangeFailed,
    ExchangeUnreachable,
    KeyRefused,
    NotFound,
    RateLimited,
    RequestBudgetExhausted,
    RestError,
)
from streamer.simulator.rest_faults import RestFault
from streamer.simulator.simulator import Simulator

QUICK_S = (2.0, 0.7)


@pytest.fixture(scope="module")
def shared_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def redis_url(shared_redis: RedisServer) -> str:
    """An empty Redis."""
    with redis.Redis.from_url(shared_redis.url) as client:
        client.flushall()
    return shared_redis.url


@pytest.fixture
def bucket(redis_url: str) -> Iterator[TokenBucket]:
    with redis.Redis.from_url(redis_url) as client:
        found = TokenBucket(client, "test")
        found.learn(AccountBudget(100_000, 100_000))
        yield found


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    with asked_beside(tmp_path_factory.mktemp("exchange"), keys=2, rest_markets=1345) as asker:
        yield asker.simulator


@pytest.fixture
def exchange(shared: Simulator) -> Iterator[Simulator]:
    """One exchange for all tests, without faults and with fresh counts."""
    shared.rest.stats.__init__()  # type: ignore[misc]
    yield shared
    shared.rest.faults.clear()


@pytest.fixture
def rest(exchange: Simulator, bucket: TokenBucket) -> Iterator[KalshiRest]:
    with _client(exchange, bucket) as client:
        yield client


def _client(exchange: Simulator, bucket: TokenBucket, **options: Any) -> KalshiRest:
    signers = [signer(key) for key in exchange.keys]
    options = {"timeouts_s": QUICK_S, "sleep": lambda _: None, "patience_s": 10.0} | options
    return KalshiRest(exchange.kalshi_rest_url, signers, bucket, **options)


def _strike(exchange: Simulator, kind: Any, **changes: Any) -> None:
    exchange.rest.faults.strike(RestFault(kind, **changes))


# What can be asked


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
    with scripted_api(script) as address, KalshiRest(address, signers, bucket) as rest:
        if budget is None:
            with pytest.raises(KeyRefused):
                rest.learn_limits()
        else:
            assert rest.learn_limits() == budget


def test_market_data_needs_no_key_but_books_and_the_account_do(
    exchange: Simulator, bucket: TokenBucket
) -> None:
    with KalshiRest(exchange.kalshi_rest_url, [], bucket) as rest:
        assert rest.page(MARKETS).items
        assert rest.learn_limits() == AccountBudget()
        with pytest.raises(KeyRefused, match="no API key is configured"):
            rest.account_limits()
    assert exchange.rest.stats.by_key == {"unsigned": 2}


def test_the_era_of_cents(tmp_path: Path, bucket: TokenBucket) -> None:
    with asked_beside(tmp_path, era="cents", rest_markets=10) as asker:
        rest = _client(asker.simulator, bucket)
        market = rest.page(MARKETS).items[0]
        book = rest.orderbook(market.ticker)
        assert market.yes_bid_dollars is not None
        assert 0 < market.yes_bid_dollars < 1
        assert book.yes[0].price == market.yes_bid_dollars
        rest.close()


# What goes wrong


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        ("status", {"status": 500}),
        ("status", {"status": 503, "form": "plain"}),
        ("truncate", {}),
        ("cut_off", {}),
        ("html", {}),
        ("hang", {"seconds": 5.0}),
    ],
)
def test_what_may_pass_is_tried_again(
    rest: KalshiRest, exchange: Simulator, kind: str, changes: dict[str, Any]
) -> None:
    _strike(exchange, kind, count=TRIES - 1, **changes)
    assert len(rest.page(MARKETS).items) == 1000
    assert exchange.rest.stats.requests == TRIES


@pytest.mark.parametrize(
    ("kind", "changes", "error"),
    [
        ("status", {"status": 500, "form": "wrapped"}, ExchangeFailed),
        ("status", {"status": 504}, ExchangeFailed),
        ("truncate", {}, AnswerUnreadable),
        ("cut_off", {}, AnswerUnreadable),
        ("html", {}, AnswerUnreadable),
        ("hang", {"seconds": 5.0}, ExchangeUnreachable),
    ],
)
def test_what_does_not_pass_is_told_after_three_tries(
    rest: KalshiRest,
    exchange: Simulator,
    kind: str,
    changes: dict[str, Any],
    error: type[RestError],
) -> None:
    _strike(exchange, kind, count=100, **changes)
    with pytest.raises(error, match="GET /markets") as raised:
        rest.page(MARKETS)
    assert raised.value.retryable
    assert exchange.rest.stats.requests == TRIES


def test_waits_between_tries_grow_and_vary(exchange: Simulator, bucket: TokenBucket) -> None:
    waits: list[float] = []
    _strike(exchange, "status", count=2)
    with _client(exchange, bucket, sleep=waits.append, jitter=lambda: 0.0) as rest:
        rest.exchange_status()
    assert waits == [0.25, 0.5]
    _strike(exchange, "status", count=2)
    with _client(exchange, bucket, sleep=waits.append, jitter=lambda: 1.0) as rest:
        rest.exchange_status()
    assert waits[2:] == [0.5, 1.0]


@pytest.mark.parametrize(("status", "error"), [(400, BadRequest), (404, NotFound)])
def test_a_refusal_is_final(
    rest: KalshiRest, exchange: Simulator, status: int, error: type[RestError]
) -> None:
    _strike(exchange, "status", count=5, status=status)
    with pytest.raises(error, match=f"HTTP {status}: fault: struck by a fault") as raised:
        rest.page(MARKETS)
    assert not raised.value.retryable
    assert exchange.rest.stats.requests == 1


def test_an_exchange_that_is_not_there(bucket: TokenBucket) -> None:
    rest = KalshiRest(
        f"http://127.0.0.1:{free_port()}/trade-api/v2", [], bucket, sleep=lambda _: None
    )
    spent = bucket.state().requests
    with pytest.raises(ExchangeUnreachable, match="no connection"):
        rest.exchange_status()
    assert bucket.state().requests == spent + TRIES


def test_an_address_that_is_none(bucket: TokenBucket) -> None:
    with pytest.raises(ConfigurationError, match="HADRON_KALSHI_REST_URL"):
        KalshiRest("kalshi/trade-api/v2", [], bucket).exchange_status()


def test_a_cursor_that_comes_again(rest: KalshiRest, exchange: Simulator) -> None:
    _strike(exchange, "repeat_cursor", count=100)
    pages = rest.pages(MARKETS)
    first = next(pages)
    with pytest.raises(CursorRepeats) as raised:
        next(pages)
    assert raised.value.cursor == first.cursor
    assert first.cursor in str(raised.value)
    with pytest.raises(CursorRepeats):
        rest.page(MARKETS, cursor=first.cursor)


def test_an_item_that_cannot_be_read(rest: KalshiRest, exchange: Simulator) -> None:
    _strike(exchange, "malformed_item")
    page = rest.page(MARKETS)
    assert len(page.items) == 999
    assert page.cursor
    assert len(page.rejected) == 1
    assert page.rejected[0].reason.startswith("ticker: ")


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
    _strike(exchange, "status", count=10, status=status)
    with capture_logs() as logs, pytest.raises(KeyRefused) as raised:
        rest.page(MARKETS)
    assert raised.value.status == status
    assert [log["key"] for log in logs] == ["kalshi-1", "kalshi-2"]
    assert exchange.rest.stats.requests == 2


# The rate limit


def test_a_429_slows_everybody_down_and_the_request_comes_through(
    exchange: Simulator, bucket: TokenBucket
) -> None:
    _strike(exchange, "status", status=429, retry_after="0.7", form="plain")
    with _client(exchange, bucket) as rest:
        began = time.monotonic()
        assert rest.exchange_status().exchange_active
    assert time.monotonic() - began > 0.7
    assert bucket.state().limited == 1
    assert bucket.state().pace < 1


def test_a_429_that_stays_is_told_when_patience_ends(
    exchange: Simulator, bucket: TokenBucket
) -> None:
    _strike(exchange, "status", count=100, status=429, retry_after="30")
    with _client(exchange, bucket, patience_s=2.0) as rest, pytest.raises(RateLimited) as raised:
        rest.exchange_status()
    assert raised.value.retry_after_s == 30
    assert exchange.rest.stats.requests == 1


def test_a_budget_that_is_used_up_sends_nothing(exchange: Simulator, bucket: TokenBucket) -> None:
    bucket.close_for_a_moment(bucket.acquire("GET /markets", 1), 30)
    with _client(exchange, bucket) as rest, pytest.raises(RequestBudgetExhausted):
        rest.exchange_status()
    assert exchange.rest.stats.requests == 0


@contextmanager
def _limited_exchange(directory: Path, **options: Any) -> Iterator[Simulator]:
    with asked_beside(directory, **(PLENTY | options)) as asker:
        yield asker.simulator


def _crawl_side_by_side(exchange: Simulator, url: str, requests_each: int) -> None:
    """Several workers with clients of their own, all of one account."""

    def work() -> None:
        with redis.Redis.from_url(url) as own:
            rest = _client(exchange, TokenBucket(own, "fleet"), patience_s=60.0, sleep=time.sleep)
            with rest:
                for _ in range(requests_each):
                    rest.exchange_status()

    workers = [threading.Thread(target=work) for _ in range(6)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()


def test_a_fleet_with_right_limits_never_meets_a_429(tmp_path: Path, redis_url: str) -> None:
    options = {"rest_refill_per_s": 1000, "rest_capacity": 200}
    with _limited_exchange(tmp_path / "exchange", **options) as exchange:
        with redis.Redis.from_url(redis_url) as client:
            with _client(exchange, TokenBucket(client, "fleet")) as rest:
                rest.learn_limits()
            began = time.monotonic()
            _crawl_side_by_side(exchange, redis_url, 20)
            took = time.monotonic() - began
        stats = exchange.rest.stats
        assert stats.limited == 0
        assert stats.by_endpoint["GET /exchange/status"] == 120
        # Nor is the grant left unused.
        assert took < 2.5 * 1200 / 1000


def test_a_fleet_with_limits_twice_the_truth_ends_without_a_storm(
    tmp_path: Path, redis_url: str
) -> None:
    options = {"rest_refill_per_s": 1000, "rest_capacity": 100, "rest_announced_per_s": 2000}
    with _limited_exchange(tmp_path / "exchange", **options) as exchange:
        with redis.Redis.from_url(redis_url) as client:
            with _client(exchange, TokenBucket(client, "fleet")) as rest:
                assert rest.learn_limits().refill_per_s == 2000
            _crawl_side_by_side(exchange, redis_url, 20)
        stats = exchange.rest.stats
        assert stats.by_endpoint["GET /exchange/status"] == 120
        assert 0 < stats.limited < 20


# What only a broken exchange would send


def _scripted(address: str, bucket: TokenBucket, **options: Any) -> KalshiRest:
    options = {"timeouts_s": QUICK_S, "sleep": lambda _: None, "patience_s": 5.0} | options
    return KalshiRest(address, [], bucket, **options)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'{"markets": {}}',
        b'{"cursor": ""}',
        b'{"markets": [], "cursor": 5}',
        b'{"markets": [NaN], "cursor": ""}',
        b'{"markets": [' + b"[" * 5000,
    ],
)
def test_a_body_of_another_shape(bucket: TokenBucket, body: bytes) -> None:
    with (
        scripted_api(lambda handler, _: send(handler, body)) as address,
        _scripted(address, bucket) as rest,
        pytest.raises(AnswerUnreadable),
    ):
        rest.page(MARKETS)


@pytest.mark.parametrize("coding", ["gzip", "chunked", "both"])
def test_a_body_however_it_is_sent(bucket: TokenBucket, coding: str) -> None:
    plain = json.dumps({"markets": [{"ticker": f"M{n}"} for n in range(3_000)]}).encode()

    def script(handler: BaseHTTPRequestHandler, _: dict[str, str]) -> None:
        body = plain if coding == "chunked" else gzip.compress(plain)
        handler.send_response(200)
        if coding != "chunked":
            handler.send_header("Content-Encoding", "gzip")
        if coding == "gzip":
            handler.send_header("Content-Length", str(len(body)))
            handler.end_headers()
            handler.wfile.write(body)
            return
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        for start in range(0, len(body), 5000):
            part = body[start : start + 5000]
            handler.wfile.write(b"%x\r\n%b\r\n" % (len(part), part))
        handler.wfile.write(b"0\r\n\r\n")

    with scripted_api(script) as address, _scripted(address, bucket) as rest:
        assert [len(rest.page(MARKETS).items) for _ in range(2)] == [3_000] * 2


def test_a_chunked_body_that_ends_in_the_middle(bucket: TokenBucket) -> None:
    def script(handler: BaseHTTPRequestHandler, _: dict[str, str]) -> None:
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        handler.wfile.write(b'10\r\n{"markets":[],"c')
        handler.close_connection = True

    with (
        scripted_api(script) as address,
        _scripted(address, bucket) as rest,
        pytest.raises(AnswerUnreadable),
    ):
        rest.page(MARKETS)


def test_a_circle_of_cursors(bucket: TokenBucket) -> None:
    following = {"": "A", "A": "B", "B": "C", "C": "A"}

    def script(handler: BaseHTTPRequestHandler, params: dict[str, str]) -> None:
        body = {"markets": [], "cursor": following[params.get("cursor", "")]}
        send(handler, json.dumps(body).encode())

    with scripted_api(script) as address, _scripted(address, bucket) as rest:
        pages = rest.pages(MARKETS)
        assert [next(pages).cursor for _ in range(4)] == ["A", "B", "C", "A"]
        with pytest.raises(CursorRepeats, match="'A'"):
            next(pages)


def test_a_body_that_trickles_in_ends_with_patience(bucket: TokenBucket) -> None:
    def script(handler: BaseHTTPRequestHandler, _: dict[str, str]) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "1000000")
        handler.end_headers()
        for _count in range(100):
            try:
                handler.wfile.write(b" ")
            except OSError:
                return
            time.sleep(0.05)

    with scripted_api(script) as address:
        began = time.monotonic()
        rest = _scripted(address, bucket, patience_s=0.6, timeouts_s=(1.0, 0.5))
        with rest, pytest.raises(ExchangeUnreachable, match="time"):
            rest.page(MARKETS)
        assert time.monotonic() - began < 3


def test_a_redirect_is_not_followed(bucket: TokenBucket) -> None:
    with (
        scripted_api(
            lambda handler, _: send(handler, b"", 302, Location="http://127.0.0.1:1/")
        ) as address,
        _scripted(address, bucket) as rest,
        pytest.raises(BadRequest, match="302"),
    ):
        rest.page(MARKETS)


def test_a_nul_is_kept_out(bucket: TokenBucket) -> None:
    body = b'{"markets":[{"ticker":"A"},{"ticker":"B","title":"x\\u0000y"}],"cursor":""}'
    with (
        scripted_api(lambda handler, _: send(handler, body)) as address,
        _scripted(address, bucket) as rest,
    ):
        page = rest.page(MARKETS)
    assert [market.ticker for market in page.items] == ["A"]
    assert "NUL" in page.rejected[0].reason


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
