"""The simulated Kalshi's REST answers: the documented form, pages, filters, the same trades."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from simulator.exchange_clients import kalshi, run
from simulator.openapi import endpoints, faults_of, faults_of_answer
from simulator.rest_requests import PLENTY, Asker, asked_beside, run_rest

from hadron_tasks.errors import ConfigurationError
from streamer.simulator.config import SimulatorConfig
from streamer.simulator.ledger_file import read_ledger
from streamer.simulator.rest_market import STATUS_WORDS
from streamer.simulator.simulator import Simulator


@pytest.fixture(scope="module")
def shared_simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asker]:
    """One simulator for many questions that change nothing."""
    with asked_beside(tmp_path_factory.mktemp("shared")) as asker:
        yield asker


def _settle_some(asker: Asker) -> None:
    """Give the answers more to say: settled markets, an archive that is not empty."""
    asker.simulator.rest.catalogue.bulk.change("settle", 0.1, _now_s(asker))
    asker.simulator.rest.catalogue.bulk.change("reword", 0.1, _now_s(asker))


def _now_s(asker: Asker) -> int:
    return asker.simulator.kalshi.now_ms() // 1000


def test_every_answer_is_what_the_openapi_document_describes(tmp_path: Path) -> None:
    async def whole(sim: Simulator) -> None:
        async with kalshi(sim) as client:
            await client.subscribe("trade", "orderbook_delta", market_tickers=_tickers(sim))
            await client.take(500)
            await sim.pause()
            await asyncio.to_thread(check, Asker(sim))

    def check(asker: Asker) -> None:
        _settle_some(asker)
        markets = asker.ask("/markets", limit=1000)["markets"]
        live = _with_resting_yes(asker)
        bulk, combo = markets[0]["ticker"], markets[-1]["ticker"]
        event = asker.ask(f"/markets/{live}")["market"]["event_ticker"]
        archived = asker.ask("/markets", status="settled")["markets"][0]["ticker"]
        answers = {
            "/markets/{ticker}/orderbook": asker.ask(f"/markets/{live}/orderbook"),
            "/markets/orderbooks": asker.ask("/markets/orderbooks", tickers=[live, bulk]),
            "/markets/{ticker}": asker.ask(f"/markets/{combo}"),
            "/events": asker.ask("/events", with_nested_markets="true"),
            "/events/multivariate": asker.ask("/events/multivariate", with_nested_markets="true"),
            "/events/{event_ticker}": asker.ask(f"/events/{event}"),
            "/series/{series_ticker}": asker.ask("/series/KXBTCD"),
        }
        plain = [path for path in endpoints() if "{" not in path and path not in answers]
        answers |= {path: asker.ask(path) for path in plain}
        asker.simulator.rest.catalogue.cutoff_s = _now_s(asker) + 10
        for path in ("/historical/markets", "/historical/trades", "/historical/cutoff"):
            answers[path] = asker.ask(path)
        answers["/historical/markets/{ticker}"] = asker.ask(f"/historical/markets/{archived}")

        assert sorted(answers) == endpoints()
        limits = answers.pop("/account/limits")
        faults = {path: faults_of_answer(path, answer) for path, answer in answers.items()}
        assert faults == {path: [] for path in answers}
        # The account's limits say what the older document describes and what the newer one does.
        older = {name: limits[name] for name in ("usage_tier", "read_limit", "write_limit")}
        newer = {name: limits[name] for name in ("usage_tier", "read", "write", "grants")}
        assert faults_of_answer("/account/limits", older) == []
        assert faults_of("AccountBuckets", newer) == []
        assert limits.keys() == older.keys() | newer.keys()
        # What is validated is not empty.
        for path, field in (("/markets/trades", "trades"), ("/historical/trades", "trades")):
            assert answers[path][field]
        assert answers["/historical/markets"]["markets"][0]["status"] == "finalized"
        assert answers["/markets/{ticker}"]["market"]["mve_selected_legs"]
        assert answers["/markets/{ticker}/orderbook"]["orderbook_fp"]["yes_dollars"]

    run(tmp_path, whole, rest_markets=100, lifecycle_every_s=0, **PLENTY)


def _with_resting_yes(asker: Asker) -> str:
    """A market somebody bids for at this moment: on some days a book's side is just empty."""
    books = asker.ask("/markets/orderbooks", tickers=_tickers(asker.simulator))["orderbooks"]
    return next(book["ticker"] for book in books if book["orderbook_fp"]["yes_dollars"])


def test_errors_are_what_the_openapi_document_describes(tmp_path: Path) -> None:
    def check(asker: Asker) -> None:
        for path in ("/markets/NONE", "/events/NONE", "/series/NONE", "/nowhere"):
            answer = asker.get(path)
            assert answer.status_code == 404
            assert faults_of("ErrorResponse", answer.json()) == []
        answer = asker.get("/markets", {"limit": 1001})
        assert answer.status_code == 400
        assert faults_of("ErrorResponse", answer.json()) == []

    run_rest(tmp_path, check)


def test_the_description_would_tell(tmp_path: Path) -> None:
    def check(asker: Asker) -> None:
        page = asker.ask("/markets", limit=1)
        market = page["markets"][0]
        spoilt: list[dict[str, Any]] = [
            {**market, "status": "open"},
            {**market, "yes_bid_dollars": 0.5},
            {**market, "close_time": "tomorrow"},
            {**market, "close_time": "2026-10-07T12:00:00"},
            {**market, "surprise": 1},
            {name: value for name, value in market.items() if name != "ticker"},
        ]
        for one in spoilt:
            assert len(faults_of_answer("/markets", {**page, "markets": [one]})) == 1

    run_rest(tmp_path, check)


def _tickers(sim: Simulator) -> list[str]:
    return [market.ticker for market in sim.kalshi.open_markets]


@pytest.mark.parametrize("path", ["/markets/trades", "/historical/trades"])
def test_rest_knows_every_trade_of_the_websocket(tmp_path: Path, path: str) -> None:
    found: list[Any] = []

    async def whole(sim: Simulator) -> None:
        async with kalshi(sim) as client:
            await client.subscribe("trade")
            await client.take(1)
            assert sim.faults.skip(7, channel="trade") == 1
            await client.take(1200)
            await sim.pause()
            await asyncio.to_thread(ask, Asker(sim))

    def ask(asker: Asker) -> None:
        if path.startswith("/historical"):
            assert asker.ask("/historical/trades")["trades"] == []
            asker.simulator.rest.catalogue.cutoff_s = _now_s(asker) + 10
            assert asker.ask("/markets/trades")["trades"] == []
        pages = list(asker.pages(path, "trades", limit=500))
        assert [len(page) for page in pages[:2]] == [500, 500]
        found.extend(trade for page in pages for trade in page)
        ticker = found[0]["ticker"]
        of_market = asker.every(path, "trades", limit=3, ticker=ticker)
        assert of_market == [trade for trade in found if trade["ticker"] == ticker]

    sim = run(tmp_path, whole, lifecycle_every_s=0, **PLENTY)
    told = read_ledger(sim.ledger_path)
    kept_back = read_ledger(sim.skipped_path)
    assert len(kept_back) == 7
    sent = {
        (
            line.trade_id,
            line.ticker,
            Decimal(line.price or 0),
            Decimal(line.size or 0),
            line.event_us,
        )
        for line in (*told, *kept_back)
    }
    known = {
        (
            trade["trade_id"],
            trade["ticker"],
            Decimal(trade["yes_price_dollars"]),
            Decimal(trade["count_fp"]),
            _us(trade["created_time"]) // 1000 * 1000,
        )
        for trade in found
    }
    assert known == sent
    assert len(found) == len(sent)
    # The microseconds are more than the WebSocket's milliseconds.
    assert any(_us(trade["created_time"]) % 1000 for trade in found)


def _us(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1_000_000)


def test_pages_hold_everything_once(tmp_path: Path) -> None:
    def check(asker: Asker) -> None:
        pages = list(asker.pages("/markets", "markets", limit=1000))
        assert [len(page) for page in pages] == [1000, 1000, 345 + 60 + 50]
        tickers = [market["ticker"] for page in pages for market in page]
        assert len(set(tickers)) == len(tickers)
        assert set(_tickers(asker.simulator)) <= set(tickers)
        assert tickers == [m["ticker"] for m in asker.every("/markets", "markets", limit=701)]
        # A last page that is full ends the list, too.
        exact = list(asker.pages("/markets", "markets", limit=481, mve_filter="exclude"))
        assert [len(page) for page in exact] == [481] * 5

        events = asker.every("/events", "events", limit=200)
        assert len({event["event_ticker"] for event in events}) == len(events)
        markets = [market for page in pages for market in page]
        named = {m["event_ticker"] for m in markets if not m.get("mve_selected_legs")}
        assert {event["event_ticker"] for event in events} == named
        combos = asker.every("/events/multivariate", "events", limit=20)
        assert len({event["event_ticker"] for event in combos}) == 50

        series = {one["ticker"] for one in asker.ask("/series")["series"]}
        assert {event["series_ticker"] for event in (*events, *combos)} == series
        assert len(asker.ask("/markets")["markets"]) == 100

    run_rest(tmp_path, check, rest_markets=2345)


def test_filters(tmp_path: Path) -> None:
    def check(asker: Asker) -> None:
        changed_at = _now_s(asker)
        asker.simulator.rest.catalogue.bulk.change("settle", 0.1, changed_at)
        everything = asker.every("/markets", "markets", limit=1000)
        for word, fields in STATUS_WORDS.items():
            found = asker.every("/markets", "markets", limit=1000, status=word)
            assert found == [market for market in everything if market["status"] in fields]
        assert len([m for m in everything if m["status"] == "finalized"]) == 50
        for market in everything[::100]:
            event = market["event_ticker"]
            of_event = asker.every("/markets", "markets", event_ticker=event)
            assert of_event == [m for m in everything if m["event_ticker"] == event]
            assert asker.ask(f"/markets/{market['ticker']}")["market"] == market
        series = everything[0]["event_ticker"].partition("-")[0]
        of_series = asker.every("/markets", "markets", series_ticker=series, limit=7)
        assert of_series == [m for m in everything if m["ticker"].startswith(f"{series}-")]
        combos = asker.every("/markets", "markets", mve_filter="only")
        assert len(combos) == 50
        assert all(market["mve_selected_legs"] for market in combos)
        others = asker.every("/markets", "markets", mve_filter="exclude", limit=1000)
        assert others == [m for m in everything if not m.get("mve_selected_legs")]
        wanted = [everything[3]["ticker"], "NONE", everything[550]["ticker"]]
        named = asker.every("/markets", "markets", tickers=",".join(wanted), limit=1)
        assert named == [everything[3], everything[550]]
        updated = asker.every("/markets", "markets", min_updated_ts=changed_at - 1)
        assert [m["ticker"] for m in updated] == [
            m["ticker"] for m in everything if m["status"] == "finalized"
        ]
        assert asker.every("/markets", "markets", min_updated_ts=changed_at) == []
        settled = asker.every("/markets", "markets", min_settled_ts=changed_at - 1)
        assert len(settled) == 50

        events = asker.every("/events", "events")
        nested = asker.every("/events", "events", with_nested_markets="true")
        assert sum(len(event["markets"]) for event in nested) == len(others)
        assert [event["event_ticker"] for event in nested] == [e["event_ticker"] for e in events]
        assert len(asker.every("/events", "events", status="open")) == len(events)
        assert asker.every("/events", "events", status="settled") == []
        fed = asker.ask("/series", tags="Fed")["series"]
        assert {one["category"] for one in fed} == {"Economics"}

    run_rest(tmp_path, check, rest_markets=500)


@pytest.mark.parametrize(
    ("path", "params"),
    [
        ("/markets", {"status": "active"}),
        ("/markets", {"status": "finalized"}),
        ("/markets", {"limit": "1001"}),
        ("/markets", {"limit": "many"}),
        ("/markets", {"cursor": "forged"}),
        ("/markets", {"cursor": "WyJsaXZlIiwgLTFd"}),
        ("/markets", {"mve_filter": "include"}),
        ("/markets", {"min_updated_ts": "5", "status": "open"}),
        ("/markets", {"min_updated_ts": "5", "mve_filter": "only"}),
        ("/markets", {"min_close_ts": "5", "min_settled_ts": "5"}),
        ("/markets", {"min_close_ts": "5", "status": "open"}),
        ("/markets", {"min_close_ts": "yesterday"}),
        ("/events", {"limit": "201"}),
        ("/events", {"status": "active"}),
        ("/events", {"status": "paused"}),
        ("/events", {"with_nested_markets": "yes"}),
        ("/events/multivariate", {"series_ticker": "A", "collection_ticker": "B"}),
        ("/markets/trades", {"limit": "1001"}),
        ("/markets/orderbooks", {}),
        ("/markets/orderbooks", {"tickers": ["A"] * 101}),
    ],
)
def test_what_cannot_be_asked_is_refused(
    shared_simulator: Asker, path: str, params: dict[str, Any]
) -> None:
    status, explanation = shared_simulator.refused(path, **params)
    assert status == 400
    assert explanation


def test_a_market_that_ends_is_told_by_status(tmp_path: Path) -> None:
    async def whole(sim: Simulator) -> None:
        opened = set(_tickers(sim))
        async with kalshi(sim) as client:
            await client.subscribe("market_lifecycle_v2")
            message = await client.until(lambda m: m.get("msg", {}).get("event_type") == "settled")
        ticker = message["msg"]["market_ticker"]
        assert ticker in opened
        await asyncio.to_thread(check, Asker(sim), ticker, message["msg"]["result"])

    def check(asker: Asker, ticker: str, result: str) -> None:
        market = asker.ask(f"/markets/{ticker}")["market"]
        assert (market["status"], market["result"]) == ("finalized", result)
        assert market["settlement_value_dollars"] == ("1.0000" if result == "yes" else "0.0000")
        assert market["settlement_ts"] == market["updated_time"] > market["created_time"]
        settled = asker.every("/markets", "markets", status="settled")
        assert ticker in [one["ticker"] for one in settled]
        opened = asker.every("/markets", "markets", status="open", limit=1000)
        assert ticker not in [one["ticker"] for one in opened]

    run(tmp_path, whole, rate=0, lifecycle_every_s=0.1, **PLENTY)


def test_two_million_markets_are_not_held(tmp_path: Path) -> None:
    def check(asker: Asker) -> None:
        first = asker.ask("/markets", limit=1)
        bulk = asker.simulator.rest.catalogue.bulk
        last = bulk.market(1_999_999)
        assert asker.ask(f"/markets/{last.ticker}")["market"]["ticker"] == last.ticker
        assert asker.ask(f"/markets/{first['markets'][0]['ticker']}")
        assert asker.ask("/events", series_ticker=last.event.series_ticker, limit=200)["cursor"]

    run_rest(tmp_path, check, rest_markets=2_000_000)


def test_the_era_of_cents(tmp_path: Path) -> None:
    async def whole(sim: Simulator) -> None:
        async with kalshi(sim) as client:
            await client.subscribe("trade")
            await client.take(20)
            await sim.pause()
            await asyncio.to_thread(check, Asker(sim))

    def check(asker: Asker) -> None:
        trades = asker.every("/markets/trades", "trades")
        assert {type(trade["yes_price"]) for trade in trades} == {int}
        assert all(trade["yes_price"] + trade["no_price"] == 100 for trade in trades)
        market = asker.ask(f"/markets/{trades[0]['ticker']}")["market"]
        assert market["last_price"] == trades[0]["yes_price"]
        assert not any(name.endswith("_dollars") for name in market)
        book = asker.ask(f"/markets/{market['ticker']}/orderbook")["orderbook"]
        assert all(type(number) is int for pair in book["yes"] or [] for number in pair)

    run(tmp_path, whole, era="cents", lifecycle_every_s=0, **PLENTY)


def test_too_many_markets_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="2000000"):
        SimulatorConfig(data_dir=tmp_path, rest_markets=2_000_001)
