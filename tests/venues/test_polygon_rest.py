"""Polygon's REST client against the simulated exchange: what it asks for, and what goes wrong."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
import redis
from pydantic import SecretStr
from simulator.polygon_requests import let_trade
from simulator.rest_requests import asked_beside
from structlog.testing import capture_logs
from venues.kalshi_rest_clients import UNHURRIED
from venues.scripted_api import scripted_api, send

from hadron_tasks.errors import ConfigurationError
from hadron_tasks.settings import Settings
from hadron_tasks.venues.polygon.rest import PolygonRest, plan_limit
from hadron_tasks.venues.polygon.rest_lists import TickerFilter, TradeFilter, cursor_of
from hadron_tasks.venues.polygon.rest_models import Ticker, Trade
from hadron_tasks.venues.rest.client import TRIES
from hadron_tasks.venues.rest.errors import (
    AnswerUnreadable,
    BadRequest,
    CursorRepeats,
    ExchangeFailed,
    KeyRefused,
    NotEntitled,
)
from hadron_tasks.venues.rest.rate_limit import Limit, SharedBucket
from streamer.simulator.rest_faults import RestFault
from streamer.simulator.simulator import Simulator

MIDNIGHT = datetime(2026, 11, 21, tzinfo=UTC)
MIDNIGHT_MS = int(MIDNIGHT.timestamp() * 1000)
PLENTY = {"rate": 0.0, "polygon_requests_per_minute": 100_000}
KEY = SecretStr("simulated-polygon-key")


@pytest.fixture
def bucket(client: redis.Redis) -> SharedBucket:
    return SharedBucket(client, "Polygon", "test", Limit(100_000, 100_000))


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    with asked_beside(
        tmp_path_factory.mktemp("exchange"), polygon_reference=2300, **PLENTY
    ) as asker:
        let_trade(asker.simulator, "AAPL", [MIDNIGHT_MS + n for n in range(100)])
        let_trade(asker.simulator, "X:BTC-USD", [MIDNIGHT_MS + n for n in range(10)])
        yield asker.simulator


@pytest.fixture
def exchange(shared: Simulator) -> Simulator:
    shared.polygon_rest.faults.clear()
    shared.polygon_rest.has_trades = True
    return shared


@pytest.fixture
def rest(exchange: Simulator, bucket: SharedBucket) -> Iterator[PolygonRest]:
    with _client(exchange.polygon_rest_url, bucket) as opened:
        yield opened


def _client(address: str, bucket: SharedBucket, **options: Any) -> PolygonRest:
    return PolygonRest(address, KEY, bucket, **(UNHURRIED | {"sleep": lambda _: None} | options))


# What can be asked


def test_reference_tickers_come_whole(rest: PolygonRest) -> None:
    pages = list(rest.ticker_pages(TickerFilter()))
    tickers = [item.ticker for page in pages for item in page.items]
    assert [len(page.items) for page in pages[:-1]] == [1000, 1000]
    assert tickers == sorted(set(tickers))
    assert not any(page.rejected for page in pages)
    again = rest.tickers(TickerFilter(), pages[0].cursor)
    assert again == pages[1]
    gone = [item for page in rest.ticker_pages(TickerFilter(active=False)) for item in page.items]
    assert len(tickers) + len(gone) == 2300 + 25
    assert {(item.active, item.delisted_utc is None) for item in gone} == {(False, False)}


def test_reference_tickers_are_narrowed(rest: PolygonRest) -> None:
    (apple,) = rest.tickers(TickerFilter(ticker="AAPL")).items
    assert (apple.name, apple.market, apple.type) == ("Apple Inc.", "stocks", "CS")
    assert (apple.primary_exchange, apple.cik) == ("XNAS", "0000320193")
    assert apple.last_updated_utc == datetime(2025, 11, 10, 7, 5, tzinfo=UTC)
    page = rest.tickers(TickerFilter(at_least="I:", market="indices"))
    assert [item.instrument for item in page.items] == ["I:DJI", "I:NDX", "I:SPX", "I:VIX"]
    assert rest.tickers(TickerFilter(ticker="NONE")).items == []
    pairs = rest.tickers(TickerFilter(market="crypto")).items
    assert {item.instrument for item in pairs} == {"X:BTC-USD", "X:ETH-USD", "X:SOL-USD"}


def test_trades_of_a_time_come_whole(rest: PolygonRest) -> None:
    narrow = TradeFilter(MIDNIGHT + timedelta(milliseconds=10), page_size=20)
    pages = list(rest.trade_pages("AAPL", narrow))
    assert [len(page.items) for page in pages] == [20, 20, 20, 20, 10]
    times = [item.sip_timestamp for page in pages for item in page.items]
    assert None not in times
    assert times == sorted(times, key=int)  # type: ignore[arg-type]
    assert len({item.id for page in pages for item in page.items}) == 90
    assert rest.trades("AAPL", narrow, pages[1].cursor).items == pages[2].items
    until = TradeFilter(MIDNIGHT, MIDNIGHT + timedelta(milliseconds=5))
    assert len(rest.trades("AAPL", until).items) == 5
    assert len(rest.trades("X:BTC-USD", until).items) == 5
    assert rest.trades("MSFT", until).items == []


def test_the_status_of_markets(rest: PolygonRest) -> None:
    status = rest.market_status()
    assert (status.market, status.exchanges["nasdaq"]) == ("open", "open")
    assert status.server_time is not None


# Names


@pytest.mark.parametrize(
    ("sent", "instrument", "asset_class"),
    [
        ({"ticker": "AAPL", "market": "stocks"}, "AAPL", "equity"),
        ({"ticker": "BRK.A", "market": "stocks"}, "BRK.A", "equity"),
        # What would be a future by its look is what the exchange says it is.
        ({"ticker": "ESZ5", "market": "otc"}, "ESZ5", "equity"),
        ({"ticker": "I:SPX", "market": "indices"}, "I:SPX", "index"),
        (
            {
                "ticker": "X:BTCUSD",
                "market": "crypto",
                "base_currency_symbol": "BTC",
                "currency_symbol": "USD",
            },
            "X:BTC-USD",
            "crypto",
        ),
        (
            {
                "ticker": "X:1INCHUSD",
                "market": "crypto",
                "base_currency_symbol": "1INCH",
                "currency_symbol": "USD",
            },
            "X:1INCH-USD",
            "crypto",
        ),
        ({"ticker": "C:EURUSD", "market": "fx"}, "C:EUR-USD", "forex"),
        ({"ticker": "X:BTCUSD"}, "X:BTCUSD", "crypto"),
        ({"ticker": "O:SPY251219C00650000"}, "O:SPY251219C00650000", "option"),
    ],
)
def test_a_reference_ticker_is_our_instrument(
    sent: dict[str, str], instrument: str, asset_class: str
) -> None:
    ticker = Ticker.model_validate(sent)
    assert (ticker.instrument, ticker.asset_class) == (instrument, asset_class)


def test_the_vendors_samples() -> None:
    stock = {
        "conditions": [12, 41],
        "exchange": 11,
        "id": "1",
        "participant_timestamp": 1517562000015577000,
        "price": Decimal("171.55"),
        "sequence_number": 1063,
        "sip_timestamp": 1517562000016036600,
        "size": 100,
        "tape": 3,
    }
    trade = Trade.model_validate(stock)
    assert (trade.price, trade.size, trade.id) == (Decimal("171.55"), Decimal(100), "1")
    option = {
        "exchange": 46,
        "participant_timestamp": 1401715883806000000,
        "price": Decimal("6.91"),
        "sip_timestamp": 1401715883806000000,
        "size": 1,
    }
    assert (Trade.model_validate(option).id, Trade.model_validate(option).conditions) == ("", [])
    coin = {
        "conditions": [1],
        "exchange": 1,
        "id": 191450340,
        "participant_timestamp": 1625097600103000000,
        "price": 35060,
        "size": Decimal("1.0434526"),
        "something_new": {"a": 1},
    }
    assert Trade.model_validate(coin).id == "191450340"


# The key


def test_the_key_is_in_a_header_and_nowhere_else(
    bucket: SharedBucket, capfd: pytest.CaptureFixture[str]
) -> None:
    seen: list[tuple[str, str | None]] = []

    def script(handler: BaseHTTPRequestHandler, params: dict[str, str]) -> None:
        seen.append((handler.path, handler.headers["Authorization"]))
        host = handler.headers["Host"]
        following = f"https://elsewhere.test/v3/reference/tickers?cursor=B&apiKey={host}"
        body = {"results": [], **({} if params.get("cursor") else {"next_url": following})}
        send(handler, json.dumps(body).encode())

    with capture_logs() as logs, scripted_api(script) as address:
        rest = _client(address.removesuffix("/trade-api/v2"), bucket)
        with rest:
            assert len(list(rest.ticker_pages(TickerFilter(ticker="A")))) == 2
    assert [authorization for _, authorization in seen] == [f"Bearer {KEY.get_secret_value()}"] * 2
    # The second page came from the same host, whatever the first one said.
    assert seen[1][0] == "/v3/reference/tickers?cursor=B"
    out = "".join(capfd.readouterr())
    told = f"{[path for path, _ in seen]} {logs} {out} {rest!r} {vars(rest)}"
    assert KEY.get_secret_value() not in told


@pytest.mark.parametrize(
    ("next_url", "path", "cursor"),
    [
        ("https://api.massive.com/v3/x?cursor=YQ%3D%3D", "/v3/x", "cursor=YQ%3D%3D"),
        ("https://api.massive.com/v3/x?apiKey=K&cursor=a&limit=5", "/v3/x", "cursor=a&limit=5"),
        ("/v3/x?cursor=a", "/v3/x", "cursor=a"),
        ("https://h/v3/trades/X%3ABTC-USD?cursor=a", "/v3/trades/X:BTC-USD", "cursor=a"),
        ("https://h/v3/y?cursor=a", "/v3/x", None),
        ("https://h/v3/x", "/v3/x", None),
        ("https://h/v3/x?apikey=K", "/v3/x", None),
        ("https://[/v3/x?cursor=a", "/v3/x", None),
    ],
)
def test_where_the_next_page_is(next_url: str, path: str, cursor: str | None) -> None:
    if cursor is None:
        with pytest.raises(ValueError, match=r".+"):
            cursor_of(next_url, path)
    else:
        assert cursor_of(next_url, path) == cursor


# What goes wrong


@pytest.mark.parametrize("kind", ["status", "truncate", "cut_off", "html"])
def test_what_may_pass_is_tried_again(rest: PolygonRest, exchange: Simulator, kind: Any) -> None:
    exchange.polygon_rest.faults.strike(RestFault(kind, count=TRIES - 1))
    assert rest.market_status().market == "open"
    exchange.polygon_rest.faults.strike(RestFault(kind, count=TRIES))
    with pytest.raises(ExchangeFailed if kind == "status" else AnswerUnreadable):
        rest.market_status()


def test_a_refusal_is_final(rest: PolygonRest, exchange: Simulator) -> None:
    requests = exchange.polygon_rest.stats.requests
    with pytest.raises(BadRequest, match=r"Polygon GET /v3/trades/\{ticker\}: HTTP 400"):
        rest.trades("AAPL", TradeFilter(page_size=100_000))
    exchange.polygon_rest.faults.refused_keys.add("polygon")
    with pytest.raises(KeyRefused, match="Unknown API Key"):
        rest.market_status()
    assert exchange.polygon_rest.stats.requests == requests + 2


def test_what_the_plan_does_not_include_is_told_apart(
    rest: PolygonRest, exchange: Simulator
) -> None:
    exchange.polygon_rest.has_trades = False
    with pytest.raises(NotEntitled, match="not entitled") as raised:
        rest.trades("AAPL", TradeFilter())
    assert not isinstance(raised.value, KeyRefused)
    assert (raised.value.retryable, raised.value.code) == (False, "NOT_AUTHORIZED")
    assert rest.tickers(TickerFilter(ticker="AAPL")).items
    exchange.polygon_rest.faults.strike(RestFault("status", status=403, form="plain"))
    with pytest.raises(KeyRefused):
        rest.market_status()


def test_a_cursor_that_comes_again(rest: PolygonRest, exchange: Simulator) -> None:
    exchange.polygon_rest.faults.strike(RestFault("repeat_cursor", path="/v3/reference"))
    pages = rest.ticker_pages(TickerFilter())
    assert len(next(pages).items) == 1000
    with pytest.raises(CursorRepeats):
        next(pages)


def test_an_item_that_cannot_be_read(rest: PolygonRest, exchange: Simulator) -> None:
    exchange.polygon_rest.faults.strike(RestFault("malformed_item", path="/v3/trades"))
    page = rest.trades("AAPL", TradeFilter(page_size=10))
    assert (len(page.items), len(page.rejected)) == (9, 1)
    assert "price" in page.rejected[0].reason


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b'{"results": {}}',
        b'{"results": [], "next_url": 5}',
        b'{"results": [], "next_url": "https://h/v1/other?cursor=a"}',
        b'{"results": [], "next_url": "https://h/v3/reference/tickers"}',
    ],
)
def test_a_body_of_another_shape(bucket: SharedBucket, body: bytes) -> None:
    with (
        scripted_api(lambda handler, _: send(handler, body)) as address,
        _client(address.removesuffix("/trade-api/v2"), bucket) as rest,
        pytest.raises(AnswerUnreadable),
    ):
        rest.tickers(TickerFilter())


def test_a_list_that_is_left_out_is_empty(bucket: SharedBucket) -> None:
    body = b'{"status":"OK","request_id":"r"}'
    with (
        scripted_api(lambda handler, _: send(handler, body)) as address,
        _client(address.removesuffix("/trade-api/v2"), bucket) as rest,
    ):
        assert rest.trades("AAPL", TradeFilter()).items == []


# Settings


def test_a_client_from_settings(exchange: Simulator, client: redis.Redis) -> None:
    settings = Settings(
        polygon_rest_url=exchange.polygon_rest_url,
        polygon_api_key=KEY,
        polygon_requests_per_minute=600,
    )
    with PolygonRest.from_settings(settings, client) as rest:
        assert rest.market_status().market == "open"
        assert rest.bucket.unless_learnt == plan_limit(600)
    assert Settings().polygon_rest_url == "https://api.massive.com"
    assert Settings().polygon_requests_per_minute == 5


def test_without_a_key_it_says_so(client: redis.Redis) -> None:
    with pytest.raises(ConfigurationError, match="POLYGON_API_KEY"):
        PolygonRest.from_settings(Settings(), client)


def test_an_address_that_is_none(bucket: SharedBucket) -> None:
    with (
        _client("api.massive.com", bucket) as rest,
        pytest.raises(ConfigurationError, match="HADRON_POLYGON_REST_URL"),
    ):
        rest.market_status()
