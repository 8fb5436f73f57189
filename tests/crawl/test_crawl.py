"""Whole crawls of the simulated exchange: what is stored, what is asked, what is written again."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from crawl.crawler import Crawler, part_of

from hadron_tasks.crawl import runs
from hadron_tasks.errors import HadronError


def _listed(crawler: Crawler) -> int:
    """Markets that are not settled, as the exchange counts them."""
    live = crawler.exchange.kalshi.markets.values()
    return crawler.exchange.rest.catalogue.bulk.count + sum(
        market.status != "finalized" for market in live
    )


def test_a_full_crawl_stores_and_names_everything(crawler: Crawler) -> None:
    report = crawler.run()
    assert report.run.status == "complete", report.document()
    markets = crawler.query(
        "SELECT count(*), count(display_name), count(DISTINCT event_ticker) FROM instruments"
    )[0]
    listed = _listed(crawler)
    assert markets[:2] == (listed, listed)
    stored_events = crawler.one("SELECT count(*) FROM events WHERE described_at IS NOT NULL")
    assert stored_events == markets[2]
    assert crawler.one("SELECT count(*) FROM series") == len(
        crawler.exchange.rest.catalogue.series_tickers()
    )
    # Names are made of what series and events say, too.
    assert not crawler.query(
        "SELECT ticker FROM instruments WHERE external_ref->'series'->>'title' IS NULL"
        " OR external_ref->'event'->>'title' IS NULL"
    )
    documents = crawler.query("SELECT name FROM reference_documents ORDER BY 1")
    assert [name for (name,) in documents] == [
        "filters_by_sport",
        "schedule",
        "status",
        "tags_by_categories",
    ]


def test_a_full_crawl_asks_for_its_pages_and_nothing_else(
    make_crawler: Callable[..., Crawler],
) -> None:
    crawler = make_crawler(rest_markets=2040)
    report = crawler.run()
    pages = report.pace.pages
    # The account's limits are two answers and one page.
    assert report.total("requests") == crawler.requests == pages + 1
    assert part_of(report, "markets:open").pages == -(-_listed(crawler) // 100)
    assert part_of(report, "events:open").pages == 2


def test_what_did_not_change_is_not_written_again(crawler: Crawler) -> None:
    crawler.run()
    assert crawler.run().total("changed") == 0
    reworded = crawler.exchange.rest.catalogue.bulk.change("reword", 0.05, _now_s(crawler))
    report = crawler.run()
    assert report.total("changed") == reworded > 0
    stored = crawler.query(
        "SELECT count(*) FROM instruments WHERE external_ref->>%s = %s",
        "rules_secondary",
        "Revision 1.",
    )
    assert stored == [(reworded,)]


def test_an_answer_that_messages_have_overtaken_takes_nothing_back(crawler: Crawler) -> None:
    crawler.run()
    ticker, name = crawler.query("SELECT ticker, name FROM instruments ORDER BY ticker LIMIT 1")[0]
    crawler.execute(
        "INSERT INTO lifecycle_events (venue, event_key, ticker, kind, received_at, payload)"
        " VALUES ('kalshi', 1, %s, 'metadata_updated', now() + interval '1 hour', '{}')",
        ticker,
    )
    # Named by the exchange since, as the message said.
    crawler.execute(
        "UPDATE instruments SET name = 'Newer', display_name = NULL WHERE ticker = %s", ticker
    )
    report = crawler.run()
    assert (report.total("unreadable"), report.total("changed")) == (0, 1)
    assert crawler.query(
        "SELECT name, display_name IS NOT NULL FROM instruments WHERE ticker = %s", ticker
    ) == [("Newer", True)]
    assert name != "Newer"


def test_what_vanished_is_settled(crawler: Crawler) -> None:
    crawler.run()
    bulk = crawler.exchange.rest.catalogue.bulk
    settled = bulk.change("settle", 0.05, _now_s(crawler))
    # Half of the ways to be gone: the archive has those that settled before its cutoff.
    crawler.exchange.rest.catalogue.cutoff_s = _now_s(crawler) + 1
    settled += bulk.change("settle", 0.05, _now_s(crawler) + 2)
    report = crawler.run()
    assert report.run.status == "complete"
    vanished = part_of(report, "vanished")
    assert vanished.seen == vanished.changed == settled
    assert vanished.requests <= 2 * -(-settled // 100)
    rows = crawler.query(
        "SELECT result, settlement_value, close_time IS NOT NULL,"
        " external_ref->>'settlement_ts' IS NOT NULL"
        " FROM instruments WHERE status = 'finalized' AND ticker LIKE ANY(%s)",
        ["KXTEMP%", "KX%D-%"],
    )
    assert len(rows) == settled
    assert all(
        value == (1 if result == "yes" else 0) and closed and when
        for result, value, closed, when in rows
    )
    # They are settled now, so nothing has vanished any more.
    assert part_of(crawler.run(), "vanished").requests == 0


def test_a_market_that_the_exchange_no_longer_knows_is_not_asked_for_every_day(
    crawler: Crawler,
) -> None:
    crawler.run()
    crawler.execute(
        "INSERT INTO instruments (ticker, asset_class, primary_source, venue, name, created_at)"
        " VALUES ('KXGONE-1', 'other', 'kalshi', 'kalshi', '', now() - interval '1 day')"
    )
    asked = part_of(crawler.run(), "vanished")
    assert (asked.requests, asked.seen) == (2, 0)
    assert crawler.query("SELECT attempts, next_at > now() FROM instrument_lookups") == [(1, True)]
    assert part_of(crawler.run(), "vanished").requests == 0
    crawler.execute("UPDATE instrument_lookups SET next_at = now()")
    assert part_of(crawler.run(), "vanished").requests == 2
    assert crawler.one("SELECT attempts FROM instrument_lookups") == 2


def test_an_incremental_crawl_asks_for_what_changed(crawler: Crawler) -> None:
    assert crawler.run("incremental").run.kind == "full", "there was nothing to add to"
    first = crawler.run("incremental")
    assert (first.run.kind, first.run.status) == ("incremental", "complete")
    bulk = crawler.exchange.rest.catalogue.bulk
    reworded = bulk.change("reword", 0.05, _now_s(crawler))
    settled = bulk.change("settle", 0.05, _now_s(crawler))
    report = crawler.run("incremental")
    assert part_of(report, "markets").changed == reworded + settled > 20
    assert report.total("requests") == 3
    assert crawler.one("SELECT count(*) FROM instruments WHERE status = 'finalized'") >= settled


def test_an_incremental_crawl_asks_since_the_last_one_that_missed_nothing(
    crawler: Crawler,
) -> None:
    crawler.run()
    good = crawler.run("incremental")
    crawler.strike("status", count=99, path="/markets")
    bad = crawler.run("incremental")
    crawler.exchange.rest.faults.clear()
    assert bad.run.status == "incomplete"
    again = crawler.run("incremental")
    assert again.run.since == good.run.started_at - runs.OVERLAP


def test_one_series_with_all_that_belongs_to_it(crawler: Crawler) -> None:
    crawler.exchange.rest.catalogue.bulk.change("settle", 0.5, _now_s(crawler))
    report = crawler.run("series", "KXTEMPNYCH")
    assert report.run.status == "complete"
    assert crawler.query("SELECT DISTINCT series_ticker FROM events") == [("KXTEMPNYCH",)]
    assert crawler.query("SELECT ticker, title FROM series") == [
        ("KXTEMPNYCH", "Temperature in New York City")
    ]
    # Settled ones too, and all by name.
    assert crawler.query(
        "SELECT count(*), count(DISTINCT status), count(display_name) FROM instruments"
    ) == [(10, 2, 10)]


def test_combos_rest_when_their_budget_is_used_up(make_crawler: Callable[..., Crawler]) -> None:
    crawler = make_crawler(rest_markets=10, rest_combos=120)
    report = crawler.run("combos", combo_pages=1)
    assert report.is_resting
    assert part_of(report, "combos").pages == 1
    assert crawler.one("SELECT count(*) FROM instruments") == 100
    # The next run of the schedule goes on, and the one after it begins anew.
    assert crawler.run("combos", combo_pages=1).run.status == "complete"
    assert crawler.query(
        "SELECT count(*), count(display_name), count(external_ref->'legs') FROM instruments"
    ) == [(120, 120, 120)]
    assert crawler.run("combos", combo_pages=1).run.id == report.run.id + 1
    # A full crawl leaves them alone: they have not vanished.
    assert part_of(crawler.run(), "vanished").requests == 0


def test_the_budget_of_combos_is_for_combos(make_crawler: Callable[..., Crawler]) -> None:
    crawler = make_crawler(rest_markets=2040)
    report = crawler.run(combo_pages=1)
    assert part_of(report, "events:open").pages == 2
    assert report.run.status == "complete"


def test_only_one_crawl_of_a_kind_at_a_time(crawler: Crawler) -> None:
    first = crawler.start()
    second = crawler.start()
    assert (second.run_id, second.is_new, list(second.messages)) == (first.run_id, False, [])
    other = crawler.start("series", "KXTEMPNYCH")
    assert other.is_new
    assert not crawler.start("series", "KXTEMPNYCH").is_new
    assert crawler.start("series", "KXTEMPLAXH").is_new
    assert runs.stop(crawler.connection, first.run_id)
    assert crawler.start().is_new
    with pytest.raises(HadronError, match="one at a time"):
        runs.resume(crawler.connection, first.run_id, combo_pages=5)


def test_a_crawl_that_hangs_for_a_day_gives_way(crawler: Crawler) -> None:
    hanging = crawler.start()
    crawler.execute("UPDATE crawl_runs SET started_at = now() - interval '21 hours'")
    assert crawler.start().is_new
    assert crawler.report(hanging.run_id).run.status == "incomplete"


def test_old_records_are_forgotten(crawler: Crawler) -> None:
    run_id = crawler.run("series", "KXTEMPNYCH").run.id
    crawler.execute("UPDATE crawl_runs SET finished_at = now() - interval '31 days'")
    assert runs.forget(crawler.connection, runs.timedelta(days=30)) == 1
    assert crawler.query("SELECT FROM crawl_parts WHERE run_id = %s", run_id) == []


def _now_s(crawler: Crawler) -> int:
    return crawler.exchange.kalshi.now_ms() // 1000
