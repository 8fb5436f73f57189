"""Descriptions are written in bulk, only where they say something new, and messages know better."""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from string import ascii_letters
from typing import Any

import psycopg2
import pytest
from psycopg2.extensions import connection as PgConnection  # noqa: N812

from hadron_tasks.ingest.batch import BatchWriter
from hadron_tasks.raw_stream import RawFrame, connection_life
from hadron_tasks.store.catalogue import upsert_events, upsert_instruments, upsert_series
from hadron_tasks.store.catalogue_rows import EventRow, InstrumentRow, SeriesRow, Written
from hadron_tasks.store.instruments import InstrumentCache, NewInstrument, resolve_instruments
from hadron_tasks.times import to_ns
from hadron_tasks.venues.registry import rules_for

T0 = datetime(2026, 11, 21, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def market(ticker: str = "KXA-1", at: datetime = T0, **said: Any) -> InstrumentRow:
    said.setdefault("name", "Event")
    return InstrumentRow(
        venue="kalshi", ticker=ticker, asset_class="other", described_at=at, **said
    )


def store(connection: PgConnection, *rows: InstrumentRow) -> Written:
    with connection, connection.cursor() as cursor:
        return upsert_instruments(cursor, rows)


def counts(written: Written) -> tuple[int, int, int, int]:
    return written.seen, written.inserted, written.updated, len(written.refused)


def query(connection: PgConnection, sql: str, *values: object) -> list[tuple[Any, ...]]:
    with connection, connection.cursor() as cursor:
        cursor.execute(sql, values)
        return cursor.fetchall()


def stored(connection: PgConnection, *columns: str, ticker: str = "KXA-1") -> tuple[Any, ...]:
    (row,) = query(
        connection, f"SELECT {', '.join(columns)} FROM instruments WHERE ticker = %s", ticker
    )
    return row


def versions(connection: PgConnection, table: str = "instruments") -> list[tuple[Any, ...]]:
    """Which write made each row, and which transaction holds or held its lock."""
    return query(connection, f"SELECT ctid, xmin, xmax FROM {table} ORDER BY 1")


def receive(connection: PgConnection, *messages: tuple[datetime, dict[str, Any]]) -> None:
    """Lifecycle messages of KXA-1 (or of its event), as they come by the WebSocket."""
    frames = []
    for at, msg in messages:
        kind = "event_lifecycle" if "market_ticker" not in msg else "market_lifecycle_v2"
        document = {"type": kind, "sid": 1, "seq": 1, "msg": msg}
        frames.append(RawFrame(json.dumps(document).encode(), to_ns(at), connection_life("k", 1)))
    BatchWriter(rules_for("kalshi"), InstrumentCache(10), "test").write(connection, frames)


def said(event_type: str, **fields: Any) -> dict[str, Any]:
    return {"market_ticker": "KXA-1", "event_type": event_type} | fields


# What is new, what is different, what is neither


def test_new_instruments_are_stored_with_their_name_at_their_venue(
    catalogue: PgConnection,
) -> None:
    row = market(
        display_name="A\tB\\N\n",
        floor_strike=Decimal("97250.99"),
        close_time=T0,
        status="active",
        external_ref={"rules": 'a\\b "c"', "prices": {"tick": Decimal("0.01")}},
    )
    assert counts(store(catalogue, row)) == (1, 1, 0, 0)
    assert stored(
        catalogue, "id::text", "display_name", "floor_strike", "close_time", "status_at"
    ) == (row.id, "A\tB\\N\n", Decimal("97250.99"), T0, T0)
    assert stored(catalogue, "external_ref") == ({"rules": 'a\\b "c"', "prices": {"tick": "0.01"}},)
    assert query(
        catalogue,
        "SELECT instrument_id::text, venue, venue_instrument_id FROM instrument_venue_mapping",
    ) == [(row.id, "kalshi", "KXA-1")]


def test_what_did_not_change_is_neither_written_nor_locked(catalogue: PgConnection) -> None:
    rows = [market(f"KXA-{n}", title="Same", external_ref={"n": n}) for n in range(500)]
    assert counts(store(catalogue, *rows)) == (500, 500, 0, 0)
    before = versions(catalogue)
    later = [row._replace(described_at=T0 + MINUTE) for row in rows]
    assert counts(store(catalogue, *later)) == (500, 0, 0, 0)
    assert versions(catalogue) == before


def test_of_a_page_with_1_percent_changed_1_percent_is_written(catalogue: PgConnection) -> None:
    rows = [market(f"KXA-{n:03}", title="Old", external_ref={"n": n}) for n in range(500)]
    store(catalogue, *rows)
    before = set(versions(catalogue))
    changed = [
        row._replace(title="New") if n % 100 == 0 else row
        for n, row in enumerate(row._replace(described_at=T0 + MINUTE) for row in rows)
    ]
    assert counts(store(catalogue, *changed)) == (500, 0, 5, 0)
    assert len(before & set(versions(catalogue))) == 495
    assert query(catalogue, "SELECT ticker FROM instruments WHERE title = 'New' ORDER BY 1") == [
        (f"KXA-{n:03}",) for n in range(0, 500, 100)
    ]
    assert counts(store(catalogue, *changed)) == (500, 0, 0, 0)


def test_what_a_row_does_not_say_stays(catalogue: PgConnection) -> None:
    store(catalogue, market(title="Title", cap_strike=Decimal(5), external_ref={"a": 1, "b": 2}))
    assert counts(store(catalogue, market(at=T0 + MINUTE, external_ref={"b": 3}))) == (1, 0, 1, 0)
    assert stored(catalogue, "title", "cap_strike", "external_ref") == (
        "Title",
        Decimal(5),
        {"a": 1, "b": 3},
    )


def test_a_change_by_hand_is_put_right_by_the_same_description(catalogue: PgConnection) -> None:
    row = market(title="Title", status="active")
    store(catalogue, row)
    query(catalogue, "UPDATE instruments SET title = 'Mine' RETURNING 1")
    assert counts(store(catalogue, row)) == (1, 0, 1, 0)
    assert stored(catalogue, "title") == ("Title",)


def test_one_made_on_sight_is_enriched_and_keeps_its_id(catalogue: PgConnection) -> None:
    found = resolve_instruments(
        catalogue,
        InstrumentCache(10),
        "kalshi",
        ["KXA-1"],
        lambda venue, ticker: NewInstrument(venue, ticker, "other", f"Kalshi Market: {ticker}"),
    )
    written = store(catalogue, market(name="Real name", display_name="Shown", status="active"))
    assert counts(written) == (1, 0, 1, 0)
    assert stored(catalogue, "id::text", "name", "display_name", "status") == (
        found["KXA-1"],
        "Real name",
        "Shown",
        "active",
    )


def test_one_made_by_hand_under_another_id_is_found_by_its_ticker(
    catalogue: PgConnection,
) -> None:
    made = "00000000-0000-4000-8000-00000000000a"
    query(
        catalogue,
        "INSERT INTO instruments (id, ticker, asset_class, primary_source, venue, name)"
        " VALUES (%s, 'KXA-1', 'other', 'kalshi', 'kalshi', 'mine') RETURNING 1",
        made,
    )
    assert counts(store(catalogue, market(title="Title"))) == (1, 0, 1, 0)
    assert stored(catalogue, "id::text", "title") == (made, "Title")


def test_a_ticker_twice_on_a_page_counts_once(catalogue: PgConnection) -> None:
    assert counts(store(catalogue, market(title="First"), market(title="Last"))) == (1, 1, 0, 0)
    assert stored(catalogue, "title") == ("Last",)


def test_nothing_to_store(catalogue: PgConnection) -> None:
    assert counts(store(catalogue)) == (0, 0, 0, 0)


# What cannot be stored


def test_rows_that_cannot_be_stored_do_not_take_their_page_with_them(
    catalogue: PgConnection,
) -> None:
    rows = [market(f"KXA-{n}") for n in range(50)]
    rows[7] = rows[7]._replace(title="half a surrogate pair \ud800")
    rows[20] = rows[20]._replace(external_ref={"nul": "a\x00b"})
    rows[33] = rows[33]._replace(ticker="".join(random.Random(1).choices(ascii_letters, k=9000)))
    written = store(catalogue, *rows)
    assert (written.seen, written.inserted) == (50, 47)
    assert {refused.key for refused in written.refused} == {rows[n].ticker for n in (7, 20, 33)}
    assert all(refused.reason and "\n" not in refused.reason for refused in written.refused)
    assert query(catalogue, "SELECT count(*) FROM instruments") == [(47,)]


def test_where_the_table_is_at_fault_no_row_is_blamed(connection: PgConnection) -> None:
    query(connection, "ALTER TABLE instruments DROP COLUMN title; SELECT 1")
    with pytest.raises(psycopg2.errors.UndefinedColumn):
        store(connection, market())


# Answers and messages overtake each other


def test_an_older_answer_changes_nothing_that_a_newer_one_said(catalogue: PgConnection) -> None:
    store(catalogue, market(at=T0 + MINUTE, title="Newer", status="closed"))
    assert store(catalogue, market(at=T0, title="Older", status="active")).changed == 0
    assert stored(catalogue, "title", "status") == ("Newer", "closed")


def test_a_newer_message_is_believed_over_an_older_answer(catalogue: PgConnection) -> None:
    receive(catalogue, (T0 + MINUTE, said("deactivated", title="By message")))
    older = market(status="active", title="By answer", yes_sub_title="Only the answer says it")
    assert store(catalogue, older).changed == 1
    assert stored(catalogue, "status", "title", "yes_sub_title") == (
        "inactive",
        "By message",
        "Only the answer says it",
    )
    # Said again, it has nothing to add.
    assert store(catalogue, older).changed == 0


def test_a_newer_answer_is_believed_over_an_older_message(catalogue: PgConnection) -> None:
    receive(catalogue, (T0, said("deactivated", title="By message")))
    answer = market(at=T0 + MINUTE, status="active", title="By answer")
    assert store(catalogue, answer).changed == 1
    assert stored(catalogue, "status", "title") == ("active", "By answer")


def test_a_later_message_about_something_else_brings_nothing_old_back(
    catalogue: PgConnection,
) -> None:
    receive(
        catalogue,
        (T0, said("metadata_updated", title="By message", rules_primary="Old", strike_type="less")),
    )
    answer = market(
        at=T0 + MINUTE, status="active", title="By answer", external_ref={"rules_primary": "New"}
    )
    store(catalogue, answer)
    receive(catalogue, (T0 + 2 * MINUTE, said("closed")))
    assert stored(
        catalogue, "status", "title", "strike_type", "external_ref->>'rules_primary'"
    ) == ("closed", "By answer", "less", "New")


def test_a_message_that_comes_late_fills_in_and_overrules_nothing(
    catalogue: PgConnection,
) -> None:
    store(catalogue, market(at=T0 + MINUTE, title="By answer", external_ref={"can_close": 1}))
    receive(
        catalogue,
        (T0, said("metadata_updated", title="Old", floor_strike=5, can_close_early=True)),
    )
    assert stored(catalogue, "title", "floor_strike", "external_ref") == (
        "By answer",
        Decimal(5),
        {"can_close": 1, "can_close_early": True},
    )


def test_a_message_since_makes_the_same_answer_worth_comparing_again(
    catalogue: PgConnection,
) -> None:
    answer = market(status="active", title="By answer")
    store(catalogue, answer)
    receive(catalogue, (T0 + MINUTE, said("deactivated")))
    assert stored(catalogue, "status") == ("inactive",)
    assert store(catalogue, answer._replace(described_at=T0 + 2 * MINUTE)).changed == 1
    assert stored(catalogue, "status", "status_at") == ("active", T0 + 2 * MINUTE)


def test_a_status_that_nobody_knows_is_stored_as_it_is(catalogue: PgConnection) -> None:
    store(catalogue, market(status="hibernating", strike_type="moonphase"))
    assert stored(catalogue, "status", "strike_type") == ("hibernating", "moonphase")


# Events and series


def event(at: datetime = T0, **facts: Any) -> EventRow:
    return EventRow(venue="kalshi", event_ticker="KXA", described_at=at, **facts)


def store_events(connection: PgConnection, *rows: EventRow) -> Written:
    with connection, connection.cursor() as cursor:
        return upsert_events(cursor, rows)


def store_series(connection: PgConnection, *rows: SeriesRow) -> Written:
    with connection, connection.cursor() as cursor:
        return upsert_series(cursor, rows)


def test_an_event_is_written_when_it_is_new_or_different(catalogue: PgConnection) -> None:
    row = event(series_ticker="KX", title="Title", mutually_exclusive=False, strike_date=T0)
    assert counts(store_events(catalogue, row)) == (1, 1, 0, 0)
    before = versions(catalogue, "events")
    assert counts(store_events(catalogue, row._replace(described_at=T0 + MINUTE))) == (1, 0, 0, 0)
    assert versions(catalogue, "events") == before
    changed = event(T0 + MINUTE, mutually_exclusive=True)
    assert counts(store_events(catalogue, changed)) == (1, 0, 1, 0)
    assert query(
        catalogue, "SELECT series_ticker, title, mutually_exclusive, strike_date FROM events"
    ) == [("KX", "Title", True, T0)]


def test_messages_about_events_are_believed_when_they_are_newer(catalogue: PgConnection) -> None:
    def receive_title(at: datetime, title: str) -> None:
        receive(catalogue, (at, {"event_ticker": "KXA", "title": title}))

    receive_title(T0, "By message")
    store_events(catalogue, event(T0 + MINUTE, title="By answer", sub_title="Sub"))
    assert query(catalogue, "SELECT title FROM events") == [("By answer",)]
    receive_title(T0 + 2 * MINUTE, "By a newer message")
    assert store_events(catalogue, event(T0 + MINUTE, title="By answer")).changed == 0
    assert query(catalogue, "SELECT title, sub_title FROM events") == [
        ("By a newer message", "Sub")
    ]


def test_a_series_is_written_when_it_is_new_or_different(catalogue: PgConnection) -> None:
    row = SeriesRow("KX", title="Title", tags=["a", "b"], fee_multiplier=Decimal("0.5"))
    assert counts(store_series(catalogue, row)) == (1, 1, 0, 0)
    assert counts(store_series(catalogue, row)) == (1, 0, 0, 0)
    assert counts(store_series(catalogue, row._replace(tags=["b"]))) == (1, 0, 1, 0)
    assert query(catalogue, "SELECT title, tags, fee_multiplier FROM series") == [
        ("Title", ["b"], Decimal("0.5"))
    ]


def test_workers_with_overlapping_pages_wait_for_each_other(
    catalogue: PgConnection, module_database_url: str
) -> None:
    """Each writes the same rows in another order, in transactions of several tables."""
    start = threading.Barrier(4)
    failures: list[BaseException] = []

    def work(number: int) -> None:
        with closing(psycopg2.connect(module_database_url)) as own:
            start.wait()
            try:
                for turn in range(5):
                    write(own, number, turn)
            except psycopg2.Error as error:
                failures.append(error)

    def write(own: PgConnection, number: int, turn: int) -> None:
        at = T0 + (number * 5 + turn) * MINUTE
        tickers: Sequence[int] = range(60) if number % 2 else range(59, -1, -1)
        with own, own.cursor() as cursor:
            upsert_instruments(
                cursor, [market(f"KXA-{n}", at, title=f"{number} {turn}") for n in tickers]
            )
            upsert_events(cursor, [event(at, title=f"{number} {turn}")])
            upsert_series(cursor, [SeriesRow("KX", title=f"{number} {turn}")])

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not failures
    assert query(catalogue, "SELECT count(*), count(DISTINCT title) FROM instruments") == [(60, 1)]
    assert stored(catalogue, "title") == ("3 4",)
