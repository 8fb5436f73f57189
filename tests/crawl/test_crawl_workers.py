"""Crawls by real workers: killed in the middle, a page lost, a ticker that is new."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from crawl.rest_workers import POOL_PROCESSES, RestWorkers
from simulator.rest_requests import asked_beside

from hadron_tasks.app import REST_QUEUE, default_schedule
from hadron_tasks.local.redis_server import RedisServer
from hadron_tasks.settings import Settings
from streamer.simulator.rest_faults import RestFault

MARKETS = 8_000


@pytest.fixture
def workers(
    client: redis.Redis, shared_redis: RedisServer, database_url: str, tmp_path: Path
) -> Iterator[RestWorkers]:
    options = {"keys": 1, "markets": 20, "rest_markets": MARKETS, "rest_combos": 0}
    # The real limits of the lowest tier, which 30 pages keep to within a second or two.
    limits = {"rest_refill_per_s": 200.0, "rest_capacity": 200.0}
    with asked_beside(tmp_path / "exchange", **options, **limits) as asker:
        started = RestWorkers(
            asker.simulator,
            shared_redis.url,
            database_url,
            tmp_path,
            HADRON_CRAWL_PAGE_TRIES="1",
            HADRON_CRAWL_RETRY_PAUSE_S="0.1",
        )
        yield started
        started.close()


def test_killed_in_the_middle_it_goes_on_and_ends_complete(
    workers: RestWorkers, monkeypatch: pytest.MonkeyPatch
) -> None:
    # However slow this process is, the workers are at the second page when they die.
    faults = workers.exchange.rest.faults
    faults.strike(RestFault("hang", count=100, path="/markets"))
    take = faults.take

    def with_a_cursor(path: str, *, has_cursor: bool) -> RestFault | None:
        return take(path, has_cursor=True) if has_cursor else None

    monkeypatch.setattr(faults, "take", with_a_cursor)
    assert workers.hadron("crawl", "run", exit_code=1) == "", "nobody would do it"
    workers.start()
    assert "Crawl 1 has begun: full." in workers.hadron("crawl", "run")
    workers.wait_for(lambda: workers.exchange.rest.stats.faults["hang"], "a page that hangs")
    workers.kill()
    faults.clear()
    assert workers.status(1)["status"] == "running"
    assert _pages(workers, "markets:open") == 1, "it was to be killed in the middle"

    workers.start()
    # What beat sends every half minute; the pages of the dead would be overdue after one.
    workers.query("UPDATE crawl_parts SET due_at = due_at - interval '61 seconds'")
    workers.send("crawl_watch")
    ended = "SELECT count(*) FROM crawl_runs WHERE status <> 'running'"
    workers.wait_for(lambda: workers.query(ended)[0][0], "the end of the crawl")
    report = workers.status(1)
    assert (report["status"], report["missing"]) == ("complete", [])
    total, named = workers.query("SELECT count(*), count(display_name) FROM instruments")[0]
    assert total == named > MARKETS
    stats = workers.exchange.rest.stats
    # The account's limits are two requests and one page; each process had one page in flight.
    hung = stats.faults["hang"]
    assert stats.requests <= report["pages"] + 1 + hung + POOL_PROCESSES - 1
    assert stats.limited == 0


def test_a_lost_page_is_a_dead_letter_that_can_be_tried_again(workers: RestWorkers) -> None:
    workers.exchange.rest.catalogue.bulk.count = 100
    workers.exchange.rest.faults.strike(
        RestFault("status", count=10_000, path="/search/tags_by_categories")
    )
    workers.start()
    shown = workers.hadron("crawl", "run", "--wait", exit_code=1)
    assert "Missing: documents page 2, the exchange's tags_by_categories" in shown
    assert "hadron crawl resume 1" in shown
    assert max(map(len, shown.splitlines())) < 200
    ((args, message),) = workers.query(
        "SELECT args, message FROM dead_letters WHERE task_name = 'hadron.crawl_page'"
    )
    assert args == [1, "documents", 2]
    assert "cursor 'tags_by_categories'" in message

    workers.exchange.rest.faults.clear()
    workers.hadron("dlq", "retry", "--task", "crawl_page")
    complete = "SELECT count(*) FROM crawl_runs WHERE status = 'complete'"
    workers.wait_for(lambda: workers.query(complete)[0][0], "the page")
    assert workers.status(1)["missing"] == []
    assert workers.query("SELECT count(*) FROM reference_documents") == [(4,)]
    resolved = "SELECT count(*) FROM dead_letters WHERE status = 'resolved'"
    workers.wait_for(lambda: workers.query(resolved)[0][0], "the letter's end")

    ended = workers.hadron("crawl", "run", "--incremental", "--wait")
    assert "complete" in ended
    assert "incremental" in workers.hadron("crawl", "status")

    workers.exchange.rest.faults.strike(RestFault("hang", count=10))
    assert workers.interrupted("crawl", "run", "--wait") == (130, "The crawl goes on.")


def test_a_market_that_the_stream_brings_is_named_without_a_crawl(workers: RestWorkers) -> None:
    market = next(iter(workers.exchange.kalshi.markets.values()))
    workers.query(
        "INSERT INTO instruments (ticker, asset_class, primary_source, venue, name)"
        " VALUES (%s, 'other', 'kalshi', 'kalshi', 'Kalshi Market: ' || %s)",
        market.ticker,
        market.ticker,
    )
    workers.start()
    workers.send("look_up_new")
    find_name = "SELECT display_name FROM instruments WHERE ticker = %s"
    name = workers.wait_for(lambda: workers.query(find_name, market.ticker)[0][0], "a name")
    assert market.ticker not in name
    assert workers.query("SELECT event_ticker FROM events WHERE described_at IS NOT NULL") == [
        (market.event.ticker,)
    ]
    assert workers.query("SELECT count(*) FROM series WHERE title IS NOT NULL") == [(1,)]
    assert workers.exchange.rest.stats.requests == 3


def test_polygons_instruments_are_named_and_crawled(workers: RestWorkers) -> None:
    seen = ("AAPL", "X:BTC-USD", "O:SPY251219C00650000")
    for ticker, kind in zip(seen, ("equity", "crypto", "option"), strict=True):
        workers.query(
            "INSERT INTO instruments (ticker, asset_class, primary_source, venue, name)"
            " VALUES (%s, %s, 'polygon', 'polygon', %s)",
            ticker,
            kind,
            ticker,
        )
    workers.start()
    workers.send("look_up_new_polygon")
    named = "SELECT ticker, display_name FROM instruments WHERE display_name IS NOT NULL ORDER BY 1"
    names = workers.wait_for(lambda: len(found := workers.query(named)) == 3 and found, "names")
    assert dict(names) == {
        "AAPL": "Apple Inc.",
        "X:BTC-USD": "Bitcoin - United States Dollar",
        "O:SPY251219C00650000": "SPY 19 Dec 2025 650 Call",
    }
    assert "Crawl 1 has begun: polygon." in workers.hadron("crawl", "run", "--polygon", "--wait")
    report = workers.status(1)
    assert (report["venue"], report["status"], report["requests"]) == ("polygon", "complete", 2)
    assert (report["seen"], report["changed"]) == (2, 0)


def test_what_is_scheduled() -> None:
    schedule = default_schedule(Settings())
    crawls = {
        name: entry for name, entry in schedule.items() if entry["task"].startswith("hadron.crawl")
    }
    assert {name: entry["args"] for name, entry in crawls.items()} == {
        "crawl-full": ("full",),
        "crawl-incremental": ("incremental",),
        "crawl-combos": ("combos",),
        "crawl-polygon": ("polygon",),
        "crawl-watch": (),
    }
    new = schedule["look-up-new"]
    # The name within five minutes: the wait, a try that fails, and some room.
    assert new["schedule"] <= 100
    new_polygon = schedule["look-up-new-polygon"]
    assert new_polygon["schedule"] <= 60
    for entry in (*crawls.values(), new, new_polygon):
        assert entry["options"]["queue"] == REST_QUEUE


def _pages(workers: RestWorkers, part: str) -> int:
    found = workers.query("SELECT pages FROM crawl_parts WHERE part = %s", part)
    return int(found[0][0]) if found else 0
