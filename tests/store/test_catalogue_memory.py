"""What the catalogue remembers for the crawl: facts for names, codes learnt, what was listed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from psycopg2.extensions import connection as PgConnection  # noqa: N812
from psycopg2.extensions import cursor as Cursor  # noqa: N812

from hadron_tasks.crawl.codes import learn_from, load_book
from hadron_tasks.store.catalogue import upsert_events, upsert_instruments, upsert_series
from hadron_tasks.store.catalogue_facts import facts_of_events, facts_of_series
from hadron_tasks.store.catalogue_rows import (
    EventFacts,
    EventRow,
    InstrumentRow,
    SeriesFacts,
    SeriesRow,
)
from hadron_tasks.store.crawl_seen import find_vanished, forget_run, mark_seen, next_vanished
from hadron_tasks.store.learnt_codes import keep_codes, kept_codes
from hadron_tasks.venues.kalshi.rest_models import Market

NOW = datetime.now(UTC)


@pytest.fixture
def cursor(catalogue: PgConnection) -> Iterator[Cursor]:
    with catalogue, catalogue.cursor() as opened:
        yield opened


# Facts


def test_events_come_with_their_series(cursor: Cursor) -> None:
    upsert_series(cursor, [SeriesRow("KXA", title="Series", category="Sports", tags=["x", "y"])])
    upsert_events(
        cursor,
        [
            EventRow("kalshi", "KXA-1", NOW, series_ticker="KXA", title="One"),
            EventRow("kalshi", "KXA-2", NOW, series_ticker="KXA", mutually_exclusive=True),
            EventRow("kalshi", "KXB-1", NOW, series_ticker="KXB", title="Of a series not stored"),
            EventRow("kalshi", "KXC-1", NOW),
        ],
    )
    series = SeriesFacts("KXA", "Series", "Sports", "", ("x", "y"))
    facts = facts_of_events(cursor, ["KXA-1", "KXA-2", "KXB-1", "KXC-1", "KXD-1"])
    assert facts == {
        "KXA-1": EventFacts("KXA-1", "KXA", "One", "", "", None, series),
        "KXA-2": EventFacts("KXA-2", "KXA", "", "", "", True, series),
        "KXB-1": EventFacts("KXB-1", "KXB", "Of a series not stored"),
        "KXC-1": EventFacts("KXC-1"),
    }
    assert facts["KXA-1"].series is facts["KXA-2"].series
    assert facts_of_series(cursor, ["KXA", "KXB"]) == {"KXA": series}
    assert facts_of_events(cursor, []) == facts_of_series(cursor, []) == {}


# Codes


def test_codes_are_kept_and_only_what_changed_is_written(cursor: Cursor) -> None:
    assert keep_codes(cursor, []) == 0
    first = [("nba", "XYZ", "Xylon", "KXNBAGAME-1"), ("KXPRES", "JD", "Jane Doe", "KXPRES-1")]
    assert keep_codes(cursor, first) == 2
    assert keep_codes(cursor, first) == 0
    assert keep_codes(cursor, [first[0], ("KXPRES", "JD", "John Dean", "KXPRES-2")]) == 1
    assert sorted(kept_codes(cursor)) == [
        ("KXPRES", "JD", "John Dean", "KXPRES-2"),
        ("nba", "XYZ", "Xylon", "KXNBAGAME-1"),
    ]


def test_a_code_twice_in_one_page_is_kept_as_it_was_last(cursor: Cursor) -> None:
    assert keep_codes(cursor, [("a", "X", "One", "T-1"), ("a", "X", "Two", "T-2")]) == 1
    assert kept_codes(cursor) == [("a", "X", "Two", "T-2")]


def test_a_team_that_a_market_names_is_known_to_other_processes(cursor: Cursor) -> None:
    market = Market(
        ticker="KXNCAAMBGAME-26NOV29ABCXYZ-XYZ",
        event_ticker="KXNCAAMBGAME-26NOV29ABCXYZ",
        yes_sub_title="Xyloton",
    )
    unreadable = Market(ticker="no ticker", yes_sub_title="Nobody")
    book = load_book(cursor)
    assert learn_from(cursor, book, [market, unreadable]) == 1
    assert learn_from(cursor, book, [market]) == 0
    (code,) = load_book(cursor).learnt()
    assert (code.code, code.name) == ("XYZ", "Xyloton")


# What a crawl has seen

RUN = 7
ENDED = ("finalized", "settled")


def instruments(cursor: Cursor, *tickers: str, status: str | None = "active") -> None:
    rows = [InstrumentRow("kalshi", t, "other", NOW, "name", status=status) for t in tickers]
    upsert_instruments(cursor, rows)
    cursor.execute("UPDATE instruments SET created_at = %s", (NOW - timedelta(days=1),))


def vanished(cursor: Cursor, *unlisted: str) -> list[str]:
    number = find_vanished(cursor, RUN, "kalshi", NOW, ended=ENDED, unlisted=unlisted)
    found: list[str] = []
    while some := next_vanished(cursor, RUN, found[-1] if found else "", 2):
        found += some
    assert number == len(found)
    return found


def test_what_no_page_listed_has_vanished(cursor: Cursor) -> None:
    instruments(cursor, "KXA-1", "KXA-2", "KXA-3", "KXA-4", "KXA-5", "KXA-6")
    instruments(cursor, "KXA-OVER", status="finalized")
    instruments(cursor, "KXA-UNKNOWN", status=None)
    mark_seen(cursor, RUN, "markets", 0, ["KXA-1", "KXA-2"])
    mark_seen(cursor, RUN, "combos", 0, ["KXA-3"])
    mark_seen(cursor, RUN + 1, "markets", 0, ["KXA-4", "KXA-5"])  # another run's
    mark_seen(cursor, RUN, "markets", 1, [])
    assert vanished(cursor) == ["KXA-4", "KXA-5", "KXA-6", "KXA-UNKNOWN"]


def test_a_page_read_again_replaces_what_it_said(cursor: Cursor) -> None:
    instruments(cursor, "KXA-1", "KXA-2")
    mark_seen(cursor, RUN, "markets", 0, ["KXA-1"])
    mark_seen(cursor, RUN, "markets", 0, ["KXA-2"])
    assert vanished(cursor) == ["KXA-1"]


def test_what_was_not_asked_for_has_not_vanished(cursor: Cursor) -> None:
    instruments(cursor, "KXA-1", "KXMVE-1", "KX_-1", "KXM-1")
    assert vanished(cursor, "KXMVE", "KX_") == ["KXA-1", "KXM-1"]


def test_what_was_made_during_the_crawl_has_not_vanished(cursor: Cursor) -> None:
    instruments(cursor, "KXA-1", "KXA-2")
    cursor.execute("UPDATE instruments SET created_at = now() WHERE ticker = 'KXA-2'")
    assert vanished(cursor) == ["KXA-1"]


def test_a_run_that_has_ended_is_forgotten(cursor: Cursor) -> None:
    instruments(cursor, "KXA-1")
    mark_seen(cursor, RUN, "markets", 0, ["KXA-9"])
    mark_seen(cursor, RUN + 1, "markets", 0, ["KXA-9"])
    assert vanished(cursor) == ["KXA-1"]
    forget_run(cursor, RUN)
    assert next_vanished(cursor, RUN, "", 10) == []
    cursor.execute("SELECT run_id FROM crawl_seen")
    assert cursor.fetchall() == [(RUN + 1,)]
