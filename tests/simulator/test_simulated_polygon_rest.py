"""The simulated Polygon's REST side: what it knows, how it pages, what it refuses, how it fails."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import requests
from massive import RESTClient
from massive.exceptions import BadResponse
from simulator.exchange_clients import WITHIN_S, Client, polygon, run
from simulator.polygon_requests import PolygonAsker, let_trade
from simulator.rest_requests import asked_beside, run_rest

from hadron_tasks.errors import ConfigurationError
from streamer.simulator.config import SimulatorConfig
from streamer.simulator.polygon_rest import MinuteLimit
from streamer.simulator.simulator import Simulator

TICKERS = "/v3/reference/tickers"
MIDNIGHT_MS = 1_795_219_200_000  # 2026-11-21 00:00:00 UTC
FURTHER = 2300
PLENTY = {"rate": 0.0, "polygon_requests_per_minute": 100_000}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    directory = tmp_path_factory.mktemp("exchange")
    with asked_beside(directory, polygon_reference=FURTHER, **PLENTY) as asker:
        let_trade(asker.simulator, "AAPL", [MIDNIGHT_MS + 10 * n for n in range(-5, 25)])
        let_trade(asker.simulator, "X:BTC-USD", [MIDNIGHT_MS + 10 * n for n in range(25)])
        yield asker.simulator


@pytest.fixture
def exchange(shared: Simulator) -> PolygonAsker:
    shared.polygon_rest.faults.clear()
    return PolygonAsker(shared)


# Trades


def _told_by_websocket(frames: list[bytes]) -> dict[tuple[str, str], tuple[Any, ...]]:
    told = {}
    for frame in frames:
        for event in json.loads(frame, parse_float=Decimal):
            if event["ev"] in ("T", "XT"):
                ticker = event["sym"] if event["ev"] == "T" else f"X:{event['pair']}"
                told[ticker, str(event["i"])] = (
                    event["x"],
                    Decimal(event["p"]),
                    Decimal(event["s"]),
                    event.get("c", []),
                    event["t"],
                    event.get("q"),
                    event.get("z"),
                    event.get("trfi"),
                )
    return told


def _told_by_rest(asker: PolygonAsker) -> dict[tuple[str, str], tuple[Any, ...]]:
    told = {}
    for ticker in asker.simulator.polygon.instruments:
        for trade in asker.every(f"/v3/trades/{ticker}", limit=50):
            ns = trade.get("sip_timestamp", trade["participant_timestamp"])
            told[ticker, trade["id"]] = (
                trade["exchange"],
                Decimal(str(trade["price"])),
                Decimal(str(trade["size"])),
                trade.get("conditions", []),
                ns // 1_000_000,
                trade.get("sequence_number"),
                trade.get("tape"),
                trade.get("trf_id"),
            )
    return told


def test_trades_are_those_of_the_websocket(tmp_path: Path) -> None:
    told: list[dict[tuple[str, str], tuple[Any, ...]]] = []

    async def test(simulator: Simulator) -> None:
        async with (
            polygon(simulator, "stocks", "T.*", "A.*") as stocks,
            polygon(simulator, "crypto", "XT.*") as crypto,
        ):
            for client in (stocks, crypto):
                await client.take(300)
            await simulator.pause()
            both: list[Client] = [stocks, crypto]
            for client in both:
                await client.take_rest()
            told.append(_told_by_websocket(stocks.frames + crypto.frames))
            told.append(await asyncio.to_thread(_told_by_rest, PolygonAsker(simulator)))

    run(tmp_path, test, polygon_requests_per_minute=100_000)
    websocket, rest = told
    assert len(websocket) > 500
    assert rest == websocket
    assert {facility for *_, facility in rest.values()} == {None, 202}


def test_trades_newest_first_unless_asked_otherwise(exchange: PolygonAsker) -> None:
    newest = exchange.every("/v3/trades/AAPL")
    oldest = exchange.every("/v3/trades/AAPL", order="asc", sort="timestamp")
    assert newest == oldest[::-1]
    assert len(newest) == 30
    times = [trade["sip_timestamp"] for trade in oldest]
    assert times == sorted(set(times))
    for order in ("asc", "desc"):
        pages = list(exchange.pages("/v3/trades/AAPL", order=order, limit=7))
        assert [len(page) for page in pages] == [7, 7, 7, 7, 2]
        assert [trade for page in pages for trade in page] == (oldest if order == "asc" else newest)


@pytest.mark.parametrize("ticker", ["AAPL", "X:BTC-USD"])
@pytest.mark.parametrize("limit", [1000, 3])
def test_trades_of_a_time(exchange: PolygonAsker, ticker: str, limit: int) -> None:
    name = "sip_timestamp" if ticker == "AAPL" else "participant_timestamp"
    trades = exchange.every(f"/v3/trades/{ticker}", order="asc")
    times = [trade[name] for trade in trades]
    low, high = times[8], times[12]

    def asked(**bounds: Any) -> list[int]:
        found = exchange.every(f"/v3/trades/{ticker}", order="asc", limit=limit, **bounds)
        return [trade[name] for trade in found]

    assert asked(timestamp__gte=low, timestamp__lt=high) == times[8:12]
    assert asked(timestamp__gt=low, timestamp__lte=high) == times[9:13]
    assert asked(timestamp__gte=low - 1, timestamp__lt=high + 1) == times[8:13]
    assert asked(timestamp__gte=low + 1, timestamp__lt=high - 1) == times[9:12]
    assert asked(timestamp=low) == [low]
    assert asked(timestamp__gte=high, timestamp__lt=low) == []
    midnight = [time for time in times if time >= MIDNIGHT_MS * 1_000_000]
    assert asked(timestamp="2026-11-21") == midnight
    assert asked(timestamp__lt="2026-11-21") == times[: len(times) - len(midnight)]


def test_an_instrument_without_trades(exchange: PolygonAsker) -> None:
    for ticker in ("MSFT", "I:SPX", "NONE"):
        assert exchange.ask(f"/v3/trades/{ticker}")["results"] == []


# Reference tickers


def test_reference_tickers_come_in_order_by_pages(exchange: PolygonAsker) -> None:
    pages = list(exchange.pages(TICKERS, limit=1000))
    tickers = [body["ticker"] for page in pages for body in page]
    assert [len(page) for page in pages[:-1]] == [1000, 1000]
    assert tickers == sorted(set(tickers))
    gone = exchange.every(TICKERS, active="false")
    assert len(tickers) + len(gone) == FURTHER + 25
    assert all(body["delisted_utc"] for body in gone)
    assert (
        exchange.every(TICKERS, order="desc", limit=400)
        == [body for page in pages for body in page][::-1]
    )
    assert len(exchange.ask(TICKERS)["results"]) == 100


def test_reference_tickers_are_found(exchange: PolygonAsker) -> None:
    (apple,) = exchange.ask(TICKERS, ticker="AAPL")["results"]
    assert apple["name"] == "Apple Inc."
    assert (apple["market"], apple["type"], apple["cik"]) == ("stocks", "CS", "0000320193")
    (bitcoin,) = exchange.ask(TICKERS, ticker="X:BTCUSD")["results"]
    assert (bitcoin["base_currency_symbol"], bitcoin["currency_symbol"]) == ("BTC", "USD")
    assert exchange.ask(TICKERS, ticker="NONE")["results"] == []
    assert len(exchange.every(TICKERS, market="indices")) == 4
    assert len(exchange.every(TICKERS, market="fx")) == 3
    assert len(exchange.every(TICKERS, search="nasdaq")) == 1
    assert {body["ticker"] for body in exchange.every(TICKERS, type="ETF")} == {"QQQ", "SPY"}
    assert exchange.ask(TICKERS, cik="0000320193")["results"] == [apple]
    found = exchange.every(TICKERS, ticker__gte="I:", ticker__lt="I:SPX", limit=1)
    assert [body["ticker"] for body in found] == ["I:DJI", "I:NDX"]


# Refusals and faults


def test_refusals_in_the_exchanges_words(exchange: PolygonAsker) -> None:
    url = exchange.simulator.polygon_rest_url
    for headers, error in (
        ({}, "API Key was not provided"),
        ({"Authorization": "Bearer other"}, "Unknown API Key"),
    ):
        answer = requests.get(url + TICKERS, headers=headers, timeout=WITHIN_S)
        assert (answer.status_code, answer.json()["error"]) == (401, error)
    key = exchange.simulator.config.polygon_api_key
    assert requests.get(f"{url}{TICKERS}?apiKey={key}", timeout=WITHIN_S).status_code == 200
    assert exchange.get("/v3/nothing").json()["status"] == "NOT_FOUND"
    for path, params in (
        (TICKERS, {"limit": 1001}),
        (TICKERS, {"market": "moon"}),
        (TICKERS, {"cursor": "x"}),
        ("/v3/trades/AAPL", {"timestamp.gte": "soon"}),
        ("/v3/trades/AAPL", {"limit": 50_001}),
        ("/v3/trades/AAPL", {"cursor": "cGxhY2U9eA=="}),
    ):
        answer = exchange.get(path, **params)
        assert (answer.status_code, answer.json()["status"]) == (400, "ERROR"), answer.text


def test_a_plan_without_trades(tmp_path: Path) -> None:
    def check(asker: Any) -> None:
        polygon_asker = PolygonAsker(asker.simulator)
        answer = polygon_asker.get("/v3/trades/AAPL")
        assert (answer.status_code, answer.json()["status"]) == (403, "NOT_AUTHORIZED")
        assert polygon_asker.ask(TICKERS, ticker="AAPL")["count"] == 1

    run_rest(tmp_path, check, polygon_plan="basic", rate=0.0)


def test_no_more_requests_a_minute_than_the_plan_allows(tmp_path: Path) -> None:
    def check(asker: Any) -> None:
        polygon_asker = PolygonAsker(asker.simulator)
        statuses = [polygon_asker.get(TICKERS, limit=1).status_code for _ in range(7)]
        assert statuses == [200] * 5 + [429] * 2
        answer = polygon_asker.get(TICKERS).json()
        assert answer["status"] == "ERROR"
        assert "maximum requests per minute" in answer["error"]
        stats = requests.get(f"{asker.simulator.control_url}/stats", timeout=WITHIN_S).json()
        assert stats["polygon_rest"]["limited"] == 3
        change = {"polygon_requests_per_minute": 6}
        requests.post(f"{asker.simulator.control_url}/rest", json=change, timeout=WITHIN_S)
        assert polygon_asker.get(TICKERS).status_code == 200

    run_rest(tmp_path, check, polygon_requests_per_minute=5, rate=0.0)


def test_a_minute_ends() -> None:
    now = [0.0]
    limit = MinuteLimit(2, lambda: now[0])
    assert [limit.admit(), limit.admit(), limit.admit()] == [0, 0, 60]
    now[0] = 59.0
    assert limit.admit() == 1
    now[0] = 60.0
    assert [limit.admit(), limit.admit(), limit.admit()] == [0, 0, 60]


def test_faults_on_demand(exchange: PolygonAsker) -> None:
    def strike(kind: str, **more: Any) -> None:
        fault = {"fault": "rest", "venue": "polygon", "kind": kind, "path": TICKERS, **more}
        url = f"{exchange.simulator.control_url}/faults"
        assert requests.post(url, json=fault, timeout=WITHIN_S).json() == {
            "fault": "rest",
            "struck": 1,
        }

    strike("status", status=500)
    assert exchange.get("/v1/marketstatus/now").status_code == 200
    assert exchange.get(TICKERS).json()["status"] == "ERROR"
    strike("status", status=403)
    assert exchange.get(TICKERS).json()["status"] == "NOT_AUTHORIZED"
    strike("truncate")
    with pytest.raises(requests.JSONDecodeError):
        exchange.get(TICKERS).json()
    strike("malformed_item")
    assert "ticker" not in exchange.ask(TICKERS)["results"][0]
    strike("repeat_cursor")
    first = exchange.ask(TICKERS)
    cursor = first["next_url"].partition("cursor=")[2]
    second = requests.get(
        first["next_url"],
        headers={"Authorization": f"Bearer {exchange.simulator.config.polygon_api_key}"},
        timeout=WITHIN_S,
    ).json()
    assert second["next_url"].partition("cursor=")[2] == cursor
    assert second["results"] != first["results"]
    requests.post(
        f"{exchange.simulator.control_url}/faults",
        json={"fault": "refuse_rest_keys", "venue": "polygon", "keys": ["polygon"]},
        timeout=WITHIN_S,
    )
    assert exchange.get(TICKERS).status_code == 401


@pytest.mark.parametrize(
    "changes", [{"polygon_requests_per_minute": 0}, {"polygon_reference": 2_000_000}]
)
def test_what_cannot_be_simulated(tmp_path: Path, changes: dict[str, int]) -> None:
    with pytest.raises(ConfigurationError):
        SimulatorConfig(data_dir=tmp_path, **changes)  # type: ignore[arg-type]


# The official client


def test_massive_reads_lists_and_single_things(exchange: PolygonAsker) -> None:
    config = exchange.simulator.config
    url = exchange.simulator.polygon_rest_url
    client = RESTClient(config.polygon_api_key, base=url, retries=0)
    tickers = list(client.list_tickers(market="stocks", active=True, limit=1000))
    assert len(tickers) == len({one.ticker for one in tickers}) > 2000
    assert next(one for one in tickers if one.ticker == "AAPL").name == "Apple Inc."
    every = exchange.every("/v3/trades/AAPL", order="asc")
    since = datetime.fromtimestamp(MIDNIGHT_MS / 1000, UTC)
    trades = list(client.list_trades("AAPL", timestamp_gte=since, order="asc", limit=4))
    assert [(one.id, one.price, one.sip_timestamp) for one in trades] == [
        (one["id"], one["price"], one["sip_timestamp"]) for one in every[5:]
    ]
    assert client.get_market_status().market == "open"
    with pytest.raises(BadResponse, match="Unknown API Key"):
        RESTClient("wrong", base=url, retries=0).get_market_status()
