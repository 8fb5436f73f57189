"""Polygon's reference data against the simulated exchange: who is asked about, and what is kept."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import psycopg2
import pytest
from click.testing import CliRunner
from crawl.crawler import Crawler, part_of
from pydantic import SecretStr
from venues.kalshi_rest_clients import UNHURRIED

from hadron_tasks.cli import main as hadron
from hadron_tasks.crawl import runs
from hadron_tasks.crawl.failures import Patience
from hadron_tasks.crawl.keep import Codes
from hadron_tasks.crawl.lookups import Counts
from hadron_tasks.crawl.pages import Tools
from hadron_tasks.crawl.polygon_asks import Wanted
from hadron_tasks.crawl.polygon_lookups import look_up_polygon
from hadron_tasks.errors import ConfigurationError
from hadron_tasks.settings import get_settings
from hadron_tasks.store.instruments import InstrumentCache, resolve_instruments
from hadron_tasks.store.search import search_instruments
from hadron_tasks.venues.polygon.rest import PolygonRest, plan_limit
from hadron_tasks.venues.registry import rules_for
from hadron_tasks.venues.rest.rate_limit import Limit, SharedBucket
from streamer.simulator.rest_faults import RestFault

REFERENCE = 2300
"""Stocks that only the reference knows: with those that trade, three pages."""
PLENTY = Limit(100_000, 100_000)
PATH = "/v3/reference/tickers"


class PolygonCrawler(Crawler):
    """A worker that asks Polygon."""

    def __init__(self, crawler: Crawler, limit: Limit) -> None:
        self.client, self.exchange = crawler.client, crawler.exchange
        self.connection = crawler.connection
        self.losses, self.outcomes = crawler.losses, crawler.outcomes
        self.rest_side = crawler.exchange.polygon_rest
        self.bucket = SharedBucket(crawler.client, "Polygon", "test", limit)
        self.rest = PolygonRest(
            crawler.exchange.polygon_rest_url,
            SecretStr(crawler.exchange.config.polygon_api_key),
            self.bucket,
            limit_wait_s=0.0,
            sleep=lambda _: None,
            **UNHURRIED,
        )
        self.tools = Tools(self.rest, Codes(), Patience(3, timedelta(seconds=1)))

    def see(self, *instruments: str) -> None:
        """The stream brings them."""
        rules = rules_for("polygon")
        cache = InstrumentCache(10_000)
        resolve_instruments(self.connection, cache, "polygon", instruments, rules.describe)
        self.connection.commit()

    def look_up(self) -> Counts:
        return look_up_polygon(self.connection, lambda: self.rest)

    def let_all_be_due(self) -> None:
        self.execute("UPDATE instrument_lookups SET next_at = now()")

    def named(self, ticker: str) -> Any:
        return self.one("SELECT display_name FROM instruments WHERE ticker = %s", ticker)

    def listed(self, *, active: bool) -> list[str]:
        """The stocks of the exchange's reference."""
        reference = self.rest_side.reference
        bodies = map(reference.body, reference.tickers)
        return [b["ticker"] for b in bodies if b["market"] == "stocks" and b["active"] is active]

    @property
    def requests(self) -> int:
        return self.rest_side.stats.requests


@pytest.fixture
def make_polygon(make_crawler: Callable[..., Crawler]) -> Callable[..., PolygonCrawler]:
    def make(limit: Limit = PLENTY, **options: Any) -> PolygonCrawler:
        options = {"polygon_requests_per_minute": 100_000} | options
        crawler = make_crawler(rest_markets=10, polygon_reference=REFERENCE, **options)
        return PolygonCrawler(crawler, limit)

    return make


@pytest.fixture
def polygon(make_polygon: Callable[..., PolygonCrawler]) -> PolygonCrawler:
    return make_polygon()


# A crawl


def test_what_was_seen_is_named_and_nothing_else_is_stored(polygon: PolygonCrawler) -> None:
    seen = ["AAPL", "SPY", "I:SPX", "X:BTC-USD", "C:EUR-USD"]
    polygon.see(*seen)
    report = polygon.run("polygon")
    assert (report.run.status, report.run.venue) == ("complete", "polygon"), report.document()
    assert polygon.query("SELECT ticker, display_name, status FROM instruments ORDER BY 1") == [
        ("AAPL", "Apple Inc.", "active"),
        ("C:EUR-USD", "Euro - United States Dollar", "active"),
        ("I:SPX", "Standard & Poor's 500", "active"),
        ("SPY", "SPDR S&P 500 ETF Trust", "active"),
        ("X:BTC-USD", "Bitcoin - United States Dollar", "active"),
    ]
    apple, bitcoin = (
        polygon.one("SELECT external_ref FROM instruments WHERE ticker = %s", ticker)
        for ticker in ("AAPL", "X:BTC-USD")
    )
    assert apple.pop("composite_figi").startswith("BBG")
    assert apple.pop("share_class_figi").startswith("BBG")
    assert apple == {
        "market": "stocks",
        "locale": "us",
        "type": "CS",
        "primary_exchange": "XNAS",
        "currency": "USD",
        "cik": "0000320193",
    }
    assert bitcoin == {
        "market": "crypto",
        "locale": "global",
        "currency": "USD",
        "base_currency": "BTC",
        "reference_ticker": "X:BTCUSD",
    }
    # Apple and the fund are two pages apart; the other lists are short.
    assert part_of(report, "tickers:stocks").requests == 2
    assert report.total("requests") == polygon.requests == 5


def test_a_list_of_which_everything_was_seen_is_read_once(polygon: PolygonCrawler) -> None:
    stocks = polygon.listed(active=True)
    polygon.see(*stocks)
    report = polygon.run("polygon")
    assert report.total("requests") == polygon.requests == -(-len(stocks) // 1000) == 3
    assert report.total("changed") == len(stocks)
    assert polygon.one("SELECT count(*) FROM instruments WHERE display_name IS NULL") == 0
    again = polygon.run("polygon")
    assert (again.total("seen"), again.total("changed")) == (len(stocks), 0)


def test_where_nothing_was_seen_nothing_is_asked(polygon: PolygonCrawler) -> None:
    polygon.see("O:SPY251219C00650000", "ESZ5")
    assert polygon.run("polygon").run.status == "complete"
    assert polygon.requests == 0


def test_what_is_in_no_list_is_asked_for_by_name(polygon: PolygonCrawler) -> None:
    gone = polygon.listed(active=False)[0]
    polygon.see("AAPL", gone, "NOSUCH")
    by_name = part_of(polygon.run("polygon"), "by-name")
    # Each among those that trade, then among those that were delisted.
    assert (by_name.status, by_name.requests, by_name.seen) == ("complete", 4, 1)
    status, reference = polygon.query(
        "SELECT status, external_ref FROM instruments WHERE ticker = %s", gone
    )[0]
    assert (status, reference["delisted_at"]) == ("delisted", "2024-03-15T04:00:00Z")
    # The one is settled, and the other is not asked for every day.
    assert part_of(polygon.run("polygon"), "by-name").requests == 0
    polygon.let_all_be_due()
    assert part_of(polygon.run("polygon"), "by-name").requests == 2


def test_a_page_waits_for_the_plan_without_holding_a_worker(
    make_polygon: Callable[..., PolygonCrawler],
) -> None:
    polygon = make_polygon(plan_limit(5), polygon_requests_per_minute=5)
    polygon.see("AAPL", "SPY")
    started = polygon.start("polygon")
    polygon.work_off(started.messages, until=("tickers:stocks", 1))
    assert polygon.requests == 1
    (again,) = polygon.page(runs.Message(started.run_id, "tickers:stocks", 1)).messages
    assert polygon.outcomes[-1][1].result == "put off"
    assert timedelta(seconds=5) < again.pause < timedelta(seconds=20)
    assert polygon.requests == 1
    assert polygon.report(started.run_id).run.status == "running"


def test_room_for_one_request_at_a_time_is_enough(
    make_polygon: Callable[..., PolygonCrawler],
) -> None:
    polygon = make_polygon(Limit(200.0, 1.0))
    polygon.see("AAPL", "SPY", "I:SPX", "NOSUCH")
    report = polygon.run("polygon")
    assert (report.run.status, report.total("requests")) == ("complete", 5)
    # A page of two requests would begin anew for ever on a plan with room for one.
    assert max(outcome.requests for _, outcome in polygon.outcomes) == 1


def test_a_page_that_cannot_be_had_is_told_and_taken_up_again(polygon: PolygonCrawler) -> None:
    polygon.see("AAPL", "SPY", "I:SPX")
    polygon.rest_side.faults.strike(RestFault("status", count=99, path=PATH))
    report = polygon.run("polygon")
    assert report.run.status == "incomplete"
    assert [(entry["part"], entry["asked"]) for entry in report.missing] == [
        ("tickers:indices", f"GET {PATH} market=indices ticker.gte=I:SPX"),
        ("tickers:stocks", f"GET {PATH} market=stocks ticker.gte=AAPL"),
    ]
    assert part_of(report, "by-name").requests == 0, "not everything was asked for by name"
    polygon.rest_side.faults.clear()
    polygon.work_off(runs.resume(polygon.connection, report.run.id, combo_pages=1))
    again = polygon.report(report.run.id)
    assert again.run.status == "complete", again.document()
    assert polygon.named("SPY") == "SPDR S&P 500 ETF Trust"


def test_a_line_that_cannot_be_read_costs_that_line_alone(polygon: PolygonCrawler) -> None:
    polygon.see("AAPL", "AMD")
    polygon.rest_side.faults.strike(RestFault("malformed_item", path=PATH))
    report = polygon.run("polygon")
    assert report.run.status == "complete"
    assert report.total("unreadable") == 1
    assert polygon.named("AMD") == "Advanced Micro Devices"
    assert polygon.named("AAPL") == "Apple Inc.", "it was asked for by name"


def test_without_a_key_the_crawl_says_so_and_ends(polygon: PolygonCrawler) -> None:
    polygon.see("AAPL")
    nobody = ConfigurationError("POLYGON_API_KEY is not set.")
    polygon.tools = Tools(nobody, Codes(), Patience(3, timedelta(seconds=1)))
    report = polygon.run("polygon")
    assert report.run.status == "incomplete"
    assert "POLYGON_API_KEY" in report.missing[0]["error"]


def test_the_exchanges_crawls_do_not_get_into_each_others_way(polygon: PolygonCrawler) -> None:
    running = polygon.start("full")
    assert polygon.start("polygon").is_new
    assert not polygon.start("full").is_new
    assert polygon.report(running.run_id).run.venue == "kalshi"


def test_what_was_named_is_found_by_its_words(polygon: PolygonCrawler) -> None:
    gone = polygon.listed(active=False)[0]
    polygon.see("AAPL", "X:BTC-USD", "I:NDX", "O:SPY251219C00650000", gone)
    polygon.run("polygon")
    polygon.look_up()
    found = {
        text: [one.ticker for one in search_instruments(polygon.connection, text, limit=5)]
        for text in ("apple", "aapl", "bitc dollar", "nasdaq 100", "spy 650 call", gone)
    }
    assert found == {
        "apple": ["AAPL"],
        "aapl": ["AAPL"],
        "bitc dollar": ["X:BTC-USD"],
        "nasdaq 100": ["I:NDX"],
        "spy 650 call": ["O:SPY251219C00650000"],
        gone: [gone],
    }
    settled = search_instruments(polygon.connection, gone, limit=5, status="delisted")
    assert [one.ticker for one in settled] == [gone]


# What is new


def test_options_are_named_without_a_key(polygon: PolygonCrawler) -> None:
    polygon.see("O:SPY251219C00650000", "O:ODD", "AAPL")
    assert look_up_polygon(polygon.connection, None) == Counts(named=1, unknown=1)
    assert polygon.query(
        "SELECT display_name, external_ref FROM instruments WHERE display_name IS NOT NULL"
    ) == [
        (
            "SPY 19 Dec 2025 650 Call",
            {"root": "SPY", "expiry": "2025-12-19", "right": "call", "strike": "650"},
        )
    ]
    assert look_up_polygon(polygon.connection, None) == Counts()


def test_one_round_goes_on_at_a_time(polygon: PolygonCrawler, database_url: str) -> None:
    polygon.see("AAPL")
    other = psycopg2.connect(database_url)

    def make_rest() -> PolygonRest:
        assert look_up_polygon(other, lambda: polygon.rest).put_off
        return polygon.rest

    assert look_up_polygon(polygon.connection, make_rest) == Counts(named=1, requests=1)
    assert look_up_polygon(other, lambda: polygon.rest) == Counts(), "it was let go"
    other.close()


def test_new_ones_that_stand_together_cost_one_request(polygon: PolygonCrawler) -> None:
    stocks = polygon.listed(active=True)[:500]
    polygon.see(*stocks)
    assert polygon.look_up() == Counts(named=500, requests=1)
    assert polygon.look_up() == Counts()
    assert polygon.named(stocks[250]) == f"{stocks[250].capitalize()} Holdings Inc."


def test_a_new_one_that_is_in_no_list_is_asked_for_by_name(polygon: PolygonCrawler) -> None:
    gone = polygon.listed(active=False)[0]
    polygon.see("AAPL", gone)
    assert polygon.look_up() == Counts(named=1, unknown=1, requests=1)
    assert polygon.look_up() == Counts(), "it is not due"
    for counts in (Counts(unknown=1, requests=1), Counts(named=1, requests=1), Counts()):
        polygon.let_all_be_due()
        assert polygon.look_up() == counts
    assert polygon.named(gone) == f"{gone.capitalize()} Holdings Inc."
    assert polygon.one("SELECT count(*) FROM instrument_lookups") == 0


def test_rounds_go_on_where_the_plan_stopped_the_last(
    make_polygon: Callable[..., PolygonCrawler],
) -> None:
    # One request, and the next one only a hundred seconds later: here, when the bucket is gone.
    polygon = make_polygon(Limit(0.01, 1.0))
    polygon.see("AAPL", "NOSUCH", "SPY")
    requests = []
    for _ in range(4):
        counts = polygon.look_up()
        requests.append(counts.requests)
        assert "rate limit" in counts.put_off or not counts.put_off
        polygon.let_all_be_due()
        polygon.client.delete(polygon.bucket.key)
    assert requests == [1, 1, 1, 1]
    assert polygon.named("SPY") == "SPDR S&P 500 ETF Trust"
    assert polygon.query("SELECT attempts FROM instrument_lookups") == [(3,)]


def test_the_order_is_that_of_the_references_spelling() -> None:
    wanted = Wanted.of(["X:BTC-USD", "X:BTCA", "AA"])
    assert [wanted.from_on(spelling) for spelling in ("", "AA", "AB", "Z")] == [
        "AA",
        "AA",
        "X:BTCA",
        None,
    ]
    assert [wanted.after(spelling) for spelling in ("AA", "X:BTCB", "X:BTCUSD")] == [
        "X:BTCA",
        "X:BTCUSD",
        "",
    ]
    assert wanted.between("AB", "") == ["X:BTCA", "X:BTC-USD"]
    assert wanted.between("", "X:BTCA") == ["AA"]


def test_everything_that_is_known_is_shown(
    polygon: PolygonCrawler, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    polygon.see("AAPL", "O:SPY251219C00650000")
    polygon.run("polygon")
    polygon.look_up()
    monkeypatch.setenv("HADRON_DATABASE_URL", database_url)
    get_settings.cache_clear()
    apple, option = (
        CliRunner().invoke(hadron, ["instruments", "show", ticker]).output
        for ticker in ("AAPL", "O:SPY251219C00650000")
    )
    get_settings.cache_clear()
    for said in ("Apple Inc.", "active", "XNAS", "USD", "0000320193"):
        assert said in apple, apple
    for said in ("SPY 19 Dec 2025 650 Call", "call", "2025-12-19", "650"):
        assert said in option, option
