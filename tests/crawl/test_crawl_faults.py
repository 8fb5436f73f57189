"""Everything that goes wrong on the way: what is tried again, what is lost, what is said of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg2
import pytest
import redis
from crawl.crawler import Crawler, part_of
from venues.redis_clock import RedisClock

from hadron_tasks.crawl import keep, runs
from hadron_tasks.crawl.pages import do_page
from hadron_tasks.crawl.runs import OVERDUE_AFTER
from hadron_tasks.errors import HadronError
from hadron_tasks.store import crawl_parts
from hadron_tasks.venues.kalshi.rate_limit import REFILL_SHARE, AccountBudget
from hadron_tasks.venues.kalshi.rest_models import Market
from streamer.simulator.rest_limits import Bucket

Make = Callable[..., Crawler]


@pytest.fixture
def clock(client: redis.Redis, monkeypatch: pytest.MonkeyPatch) -> RedisClock:
    """The rate limit's, of crawlers that are made after it."""
    return RedisClock(client, monkeypatch)


def _all_are_named(crawler: Crawler) -> bool:
    total, named = crawler.query("SELECT count(*), count(display_name) FROM instruments")[0]
    live = sum(m.status != "finalized" for m in crawler.exchange.kalshi.markets.values())
    return bool(total == named == crawler.exchange.rest.catalogue.bulk.count + live)


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "truncate"},
        {"kind": "cut_off"},
        {"kind": "html"},
        {"kind": "status", "status": 500},
        {"kind": "status", "status": 503, "form": "plain"},
        {"kind": "hang"},
    ],
    ids=lambda fault: "-".join(map(str, fault.values())),
)
def test_a_fault_that_passes_costs_only_requests(crawler: Crawler, fault: dict[str, Any]) -> None:
    # More than the client's own three tries: the task has to come again.
    crawler.strike(**fault, count=4, path="/markets")
    report = crawler.run()
    assert report.run.status == "complete", report.document()
    assert _all_are_named(crawler)
    assert report.total("requests") == crawler.requests == report.pace.pages + 1 + 4
    assert not crawler.losses


def test_a_cursor_that_comes_again_is_asked_for_again(crawler: Crawler) -> None:
    crawler.strike("repeat_cursor", path="/markets")
    report = crawler.run()
    assert report.run.status == "complete"
    assert _all_are_named(crawler)


@pytest.mark.parametrize("kind", ["repeat_cursor", "truncate", "status"])
def test_a_broken_chain_is_read_series_by_series(crawler: Crawler, kind: str) -> None:
    started = crawler.start()
    left = crawler.work_off(started.messages, until=("markets:open", 1))
    # The first page of markets is through; of the second nothing comes.
    crawler.strike(kind, count=9 if kind != "repeat_cursor" else 3, path="/markets")
    crawler.work_off(left)
    report = crawler.report(started.run_id)
    broken = part_of(report, "markets:open")
    assert (broken.status, broken.pages, broken.missing) == ("broken", 1, [])
    assert part_of(report, "markets:open:by-series").status == "complete"
    assert report.run.status == "complete", "nothing is missing in the end"
    assert _all_are_named(crawler)
    # It is told with its place all the same.
    (loss,) = crawler.losses
    assert f"Crawl {started.run_id}, part markets:open, page 1" in str(loss)
    assert repr(broken.cursor) in str(loss)
    assert broken.cursor


def test_what_cannot_be_had_is_said_and_can_be_had_later(make_crawler: Make) -> None:
    crawler = make_crawler(rest_markets=30)
    started = crawler.start()
    left = crawler.work_off(started.messages, until=("markets:open", 0))
    crawler.strike("status", count=9, path="/markets")  # the list
    crawler.strike("status", count=9, path="/markets")  # and the first series of it
    crawler.work_off(left)
    report = crawler.report(started.run_id)
    assert report.run.status == "incomplete"
    (missing,) = report.missing
    assert missing["part"] == "markets:open:by-series"
    place = (started.run_id, missing["part"], missing["page"])
    assert runs.misses(crawler.connection, *place)
    assert not runs.misses(crawler.connection, started.run_id, "markets:open", 0)
    assert missing["series"] in missing["asked"]
    assert "HTTP 500" in missing["error"]
    assert not _all_are_named(crawler)

    requests = crawler.requests
    crawler.work_off(runs.resume(crawler.connection, started.run_id, combo_pages=5))
    report = crawler.report(started.run_id)
    assert (report.run.status, report.missing) == ("complete", [])
    assert _all_are_named(crawler)
    assert crawler.requests == requests + 1, "only the series that was missing"
    with pytest.raises(HadronError, match="nothing to resume"):
        runs.resume(crawler.connection, started.run_id, combo_pages=5)


def test_an_exchange_that_fails_altogether_is_left_alone_soon(crawler: Crawler) -> None:
    crawler.strike("status", count=10_000)
    report = crawler.run()
    assert report.run.status == "incomplete"
    assert crawler.one("SELECT count(*) FROM instruments") == 0
    # Three tries of three requests for each part, and for three series of each list that breaks.
    assert crawler.requests < 9 * 40
    crawler.exchange.rest.faults.clear()
    crawler.work_off(runs.resume(crawler.connection, report.run.id, combo_pages=5))
    assert crawler.report(report.run.id).run.status == "complete"
    assert _all_are_named(crawler)


def test_a_part_that_fails_does_not_hold_the_others_back(crawler: Crawler) -> None:
    crawler.strike("status", count=10_000, path="/search")
    crawler.strike("status", count=10_000, path="/account")
    report = crawler.run()
    assert report.run.status == "incomplete"
    assert {entry["asked"] for entry in report.missing} == {
        "the exchange's tags_by_categories",
        "the exchange's filters_by_sport",
        "GET /account/limits",
    }
    assert _all_are_named(crawler)


def test_a_cursor_that_has_become_too_old_begins_the_list_anew(crawler: Crawler) -> None:
    started = crawler.start()
    left = crawler.work_off(started.messages, until=("markets:open", 1))
    crawler.execute("UPDATE crawl_parts SET cursor = 'old' WHERE part = 'markets:open'")
    crawler.work_off(left)
    report = crawler.report(started.run_id)
    assert report.run.status == "complete"
    assert part_of(report, "markets:open").restarts == 1
    assert _all_are_named(crawler)


def test_a_market_that_cannot_be_read_is_left_out_alone(crawler: Crawler) -> None:
    started = crawler.start()
    left = crawler.work_off(started.messages, until=("markets:open", 0))
    crawler.strike("malformed_item", path="/markets")
    crawler.work_off(left)
    report = crawler.report(started.run_id)
    assert report.run.status == "complete"
    assert report.total("unreadable") == 1
    (note,) = [note for part in report.parts for note in part.notes]
    assert "ticker" in note["reason"]


def test_a_bug_costs_the_series_that_brings_it_out(
    crawler: Crawler, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_row = keep.market_row

    def stumble(market: Market, *facts: Any) -> Any:
        if market.ticker.startswith("KXTEMPNYCH"):
            raise KeyError(market.ticker)
        return make_row(market, *facts)

    monkeypatch.setattr(keep, "market_row", stumble)
    report = crawler.run()
    assert report.run.status == "incomplete"
    (missing,) = report.missing
    assert missing["series"] == "KXTEMPNYCH"
    assert missing["error"].startswith("KeyError: 'KXTEMPNYCH")
    assert isinstance(crawler.losses[-1].__cause__, KeyError)
    others = crawler.one("SELECT count(*) FROM instruments")
    assert not crawler.query("SELECT FROM instruments WHERE ticker LIKE %s", "KXTEMPNYCH%")

    # Mended, and what it cost is had.
    monkeypatch.setattr(keep, "market_row", make_row)
    crawler.work_off(runs.resume(crawler.connection, report.run.id, combo_pages=5))
    assert crawler.report(report.run.id).run.status == "complete"
    assert crawler.one("SELECT count(*) FROM instruments") > others
    assert _all_are_named(crawler)


def test_a_status_and_a_strike_type_that_nobody_knew_are_kept_as_they_are(
    crawler: Crawler,
) -> None:
    market = next(iter(crawler.exchange.kalshi.markets.values()))
    market.strike_type = "moonphase"
    market.status = "active"
    crawler.run()
    assert crawler.query(
        "SELECT strike_type, display_name IS NOT NULL FROM instruments WHERE ticker = %s",
        market.ticker,
    ) == [("moonphase", True)]
    crawler.execute("UPDATE instruments SET status = 'hibernating'")
    assert crawler.run().run.status == "complete"


def test_keys_that_are_refused_end_the_crawl_with_a_clear_word(crawler: Crawler) -> None:
    crawler.exchange.rest.faults.refused_keys.update(key.name for key in crawler.exchange.keys)
    report = crawler.run()
    assert report.run.status == "incomplete"
    assert all("HTTP 401" in entry["error"] for entry in report.missing)
    assert crawler.requests <= 2 * len(report.parts) + 4, "refusals are final"


def test_the_rate_limit_gives_the_worker_back(make_crawler: Make, clock: RedisClock) -> None:
    crawler = make_crawler()
    crawler.bucket.learn(AccountBudget(10, 10))  # a request a second, and half a second's patience
    started = crawler.start()
    first, second, *_ = started.messages
    assert crawler.page(first).result == "stored"
    put_off = crawler.page(second)
    assert put_off.result == "put off"
    (again,) = put_off.messages
    assert again.pause.total_seconds() == pytest.approx(10 / (10 * REFILL_SHARE), abs=1e-5)
    assert clock.slept == []
    part = part_of(crawler.report(started.run_id), again.part)
    assert (part.failures, part.requests) == (0, 0)
    assert "rate limit" in part.error
    assert part.status == "running"


def test_limits_that_are_half_of_what_we_believe_end_in_no_storm(
    make_crawler: Make, clock: RedisClock
) -> None:
    crawler = make_crawler(rest_markets=600)
    crawler.run()
    crawler.bucket.learn(AccountBudget(60, 60))
    crawler.bucket._sleep = clock.sleep
    # Time passes in waits alone: no crawl could go faster.
    crawler.exchange.rest.limits._account = Bucket(30, 10, clock.monotonic)
    now_s = crawler.exchange.kalshi.now_ms() // 1000
    crawler.exchange.rest.catalogue.bulk.change("reword", 1, now_s)
    before = crawler.requests
    started = crawler.start("incremental")
    crawler.work_off(started.messages, sleep=clock.sleep)
    report = crawler.report(started.run_id)
    assert report.run.status == "complete"
    assert report.total("changed") == 600
    # Every 429 slows the whole fleet down: it meets a few and then keeps below the limit.
    limited = crawler.exchange.rest.stats.limited
    assert 0 < limited <= 5
    assert crawler.requests - before == report.pace.pages + limited


# Tasks that come twice, too late, or not at all


def test_a_message_that_comes_twice_asks_nothing(crawler: Crawler) -> None:
    started = crawler.start()
    message = started.messages[0]
    assert crawler.page(message).result == "stored"
    before = crawler.requests
    assert crawler.page(message).result == "this page is done"
    assert crawler.requests == before
    runs.stop(crawler.connection, started.run_id)
    assert crawler.page(started.messages[1]).result == "the crawl has ended"
    assert crawler.requests == before


def test_two_tasks_at_one_page_do_no_harm(crawler: Crawler, database_url: str) -> None:
    started = crawler.start()
    message = next(m for m in started.messages if m.part == "events:open")
    other = psycopg2.connect(database_url)
    try:
        with crawl_parts.only_one_at(other, message.run_id, message.part) as is_held:
            assert is_held
            before = crawler.requests
            assert crawler.page(message).result == "another task is at it"
            assert crawler.requests == before
        # And when the first one's session is gone, the part is free.
        assert crawler.page(message).result == "stored"
    finally:
        other.close()


def test_a_page_that_another_task_has_stored_is_not_counted_twice(
    crawler: Crawler, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lock lost (a restart of the database), both have asked, both store."""
    started = crawler.start()
    message = next(m for m in started.messages if m.part == "events:open")
    other = psycopg2.connect(database_url)
    fetch = type(crawler.tools.rest).page
    is_first = True

    def meanwhile(*arguments: Any, **options: Any) -> Any:
        nonlocal is_first
        if is_first:
            is_first = False
            place = (message.run_id, message.part, message.page)
            key = (crawl_parts._LOCK_CLASS, f"{message.run_id}\x1f{message.part}")
            with crawler.connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s, hashtext(%s))", key)
            crawler.connection.commit()
            assert do_page(other, crawler.another_worker(3), *place).result == "stored"
        return fetch(*arguments, **options)

    monkeypatch.setattr(type(crawler.tools.rest), "page", meanwhile)
    try:
        outcome = crawler.page(message)
    finally:
        other.close()
    assert (outcome.result, list(outcome.messages)) == ("this page is done", [])
    part = part_of(crawler.report(started.run_id), message.part)
    assert (part.pages, part.seen) == (1, crawler.one("SELECT count(*) FROM events"))


def test_tasks_that_were_lost_are_sent_again(crawler: Crawler) -> None:
    started = crawler.start()
    assert list(runs.watch(crawler.connection)) == [], "they are on their way"
    crawler.execute("UPDATE crawl_parts SET due_at = due_at - %s", 2 * OVERDUE_AFTER)
    again = runs.watch(crawler.connection)
    assert sorted(map(str, again)) == sorted(map(str, started.messages))
    assert list(runs.watch(crawler.connection)) == []
    crawler.work_off(again)
    assert crawler.report(started.run_id).run.status == "complete"


def test_a_page_whose_task_never_comes_back_is_given_up(crawler: Crawler) -> None:
    """It takes longer than a task may, say, or all of a worker's memory."""
    started = crawler.start()
    crawler.work_off(started.messages, until=("markets:open", 1))
    for _ in range(runs.MOST_RESENT):
        crawler.execute("UPDATE crawl_parts SET due_at = due_at - %s", 2 * OVERDUE_AFTER)
        (again,) = runs.watch(crawler.connection)
        assert (again.part, again.page) == ("markets:open", 1)
    crawler.execute("UPDATE crawl_parts SET due_at = due_at - %s", 2 * OVERDUE_AFTER)
    runs.watch(crawler.connection)
    # It is read series by series, as any list that is broken.
    (message,) = runs.watch(crawler.connection)
    assert message.part == "markets:open:by-series"
    crawler.work_off([message])
    report = crawler.report(started.run_id)
    assert report.run.status == "complete"
    assert "nothing was heard" in part_of(report, "markets:open").error
    assert _all_are_named(crawler)


def test_a_run_that_nobody_took_further_is_taken_further(crawler: Crawler) -> None:
    """The worker was killed after the last page of a stage was stored, before the next began."""
    started = crawler.start()
    stage = [m.part for m in started.messages]
    crawler.execute("UPDATE crawl_parts SET status = 'complete' WHERE part = ANY(%s)", stage)
    messages = runs.watch(crawler.connection)
    assert {m.part for m in messages} == {
        "markets:open",
        "markets:closed",
        "markets:paused",
        "markets:unopened",
    }
    crawler.execute("UPDATE crawl_parts SET status = 'complete'")
    assert list(runs.watch(crawler.connection)) == []
    assert crawler.report(started.run_id).run.status == "complete"


def test_a_stopped_crawl_goes_on_where_it_was(crawler: Crawler) -> None:
    started = crawler.start()
    crawler.work_off(started.messages, until=("markets:open", 1))
    assert runs.stop(crawler.connection, started.run_id)
    pages, requests = crawler.report(started.run_id).pace.pages, crawler.requests
    crawler.work_off(runs.resume(crawler.connection, started.run_id, combo_pages=5))
    report = crawler.report(started.run_id)
    assert report.run.status == "complete"
    assert crawler.requests - requests == report.pace.pages - pages, "nothing was asked twice"
    assert _all_are_named(crawler)
