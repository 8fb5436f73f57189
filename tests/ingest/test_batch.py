"""A batch is stored whole but for what cannot be read, which is kept; and stored once."""

from __future__ import annotations

import json
from collections.abc import Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from factories import NOON_US
from msgspec.structs import replace
from psycopg2.extensions import connection as PgConnection  # noqa: N812

from hadron_tasks.counters import Counter
from hadron_tasks.errors import StoreNotReady
from hadron_tasks.ingest.batch import READ_AT_ONCE, BatchWriter
from hadron_tasks.ingest.normalised import Normalised
from hadron_tasks.ingest.venue_rules import VenueRules
from hadron_tasks.raw_stream import Entry, FeedGap, GapCause, GapEntry, RawFrame, gap_fields
from hadron_tasks.store.instruments import InstrumentCache, NewInstrument
from hadron_tasks.venues.registry import rules_for

NOON_NS = NOON_US * 1000
LOOKUPS = Counter.INSTRUMENT_LOOKUPS


def batch_writer(venue: str = "kalshi", rules: VenueRules | None = None) -> BatchWriter:
    return BatchWriter(rules or rules_for(venue), InstrumentCache(1000), "test")


def ticker_frame(number: int, **changes: Any) -> RawFrame:
    body = {
        "market_ticker": f"KXTEST-26NOV21-T{number % 40}",
        "price_dollars": "0.4800",
        "yes_bid_dollars": "0.4500",
        "yes_ask_dollars": "0.5300",
        "volume_fp": f"{number}.00",
        "ts_ms": NOON_US // 1000 + number,
    } | changes
    return frame(number, {"type": "ticker", "sid": 1, "msg": body})


def frame(number: int, document: Any) -> RawFrame:
    return RawFrame(json.dumps(document).encode(), NOON_NS + number, "kalshi-1")


def rows(connection: PgConnection, sql: str) -> list[tuple[Any, ...]]:
    with connection, connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchall()


def test_three_malformed_of_five_hundred_are_kept_whole(connection: PgConnection) -> None:
    bad = {
        17: b'{"type":"ticker","msg":{"market_ticker":"A","price_dollars":"high"}}',
        250: b"\xff\xfe not even text \x00\x80",
        499: b'{"type":"trade","msg":',
    }
    entries = [
        RawFrame(bad[n], NOON_NS + n, "kalshi-2") if n in bad else ticker_frame(n)
        for n in range(500)
    ]
    counts = batch_writer().write(connection, entries)
    assert (counts.frames, counts.ticks, counts.dead_letters) == (500, 497, 3)
    assert rows(connection, "SELECT count(*) FROM ticks") == [(497,)]
    letters = rows(
        connection,
        "SELECT received_at_ns, raw_frame, connection, venue, place, status, error_type"
        " FROM dead_letters ORDER BY received_at_ns",
    )
    assert [(ns - NOON_NS, bytes(raw)) for ns, raw, *_ in letters] == sorted(bad.items())
    assert letters[0][2:] == (
        "kalshi-2",
        "kalshi",
        "msg.price_dollars",
        "dead",
        "MalformedFrame",
    )


def test_a_batch_given_twice_changes_nothing(connection: PgConnection) -> None:
    entries: list[Entry] = [ticker_frame(n) for n in range(50)]
    entries.append(RawFrame(b"bad", NOON_NS, "kalshi-1"))
    entries.append(frame(60, created("KXTEST-26NOV21-T1")))
    entries.append(gap_entry(1))
    first = batch_writer().write(connection, entries)
    again = batch_writer().write(connection, entries)
    assert (first.ticks, first.lifecycle, first.dead_letters) == (50, 1, 1)
    assert (again.ticks, again.lifecycle, again.dead_letters, again.duplicates) == (0, 0, 0, 51)
    for table, expected in {
        "ticks": 50,
        "lifecycle_events": 1,
        "dead_letters": 1,
        "feed_gaps": 1,
    }.items():
        assert rows(connection, f"SELECT count(*) FROM {table}") == [(expected,)], table
    assert rows(connection, "SELECT attempts FROM dead_letters") == [(1,)]


def test_a_new_ticker_becomes_an_instrument(connection: PgConnection) -> None:
    batch_writer().write(connection, [ticker_frame(1)])
    assert rows(connection, "SELECT ticker, asset_class, name, display_name FROM instruments") == [
        ("KXTEST-26NOV21-T1", "other", "Kalshi Market: KXTEST-26NOV21-T1", None)
    ]


def test_the_newest_quote_is_at_hand(connection: PgConnection) -> None:
    batch_writer().write(connection, [ticker_frame(n) for n in range(80)])
    ((instruments, newest),) = rows(
        connection, "SELECT count(*), max(quote_time) FROM latest_quotes"
    )
    assert instruments == 40
    assert int(newest.timestamp() * 1000) == NOON_US // 1000 + 79


def test_of_quotes_of_one_time_the_last_counts_of_known_and_of_new_instruments(
    connection: PgConnection,
) -> None:
    writer = batch_writer()
    writer.write(connection, [ticker_frame(0)])
    writer.tallies.take()
    names = ["KXTEST-26NOV21-T0", "KXTEST-26NOV21-T99", "KXTEST-26NOV21-T98"]
    # Too many to be read at once, and the last name comes late.
    entries = [
        ticker_frame(
            n,
            market_ticker=names[n % 2 if n < 2 * READ_AT_ONCE else n % 3],
            yes_bid_dollars=f"0.{n:04}",
            ts_ms=NOON_US // 1000 + 1,
        )
        for n in range(3 * READ_AT_ONCE)
    ]
    assert writer.write(connection, entries).ticks == len(entries)
    assert writer.tallies.take()[LOOKUPS, ("kalshi", "miss")] == 2
    newest = rows(
        connection,
        "SELECT ticker, bid FROM latest_quotes JOIN instruments ON id = instrument_id ORDER BY bid",
    )
    last = len(entries) - 1
    assert newest == [(names[n % 3], Decimal(f"0.{n:04}")) for n in (last - 2, last - 1, last)]


def created(ticker: str, **more: Any) -> dict[str, Any]:
    body = {
        "market_ticker": ticker,
        "event_type": "created",
        "open_ts": 1_795_262_400,
        "close_ts": 1_795_348_800,
        "additional_metadata": {
            "title": "Will it?",
            "yes_sub_title": "It will",
            "event_ticker": "KXTEST-26NOV21",
            "strike_type": "greater",
            "floor_strike": 1.5,
        },
    } | more
    return {"type": "market_lifecycle_v2", "sid": 3, "seq": 1, "msg": body}


def lifecycle(ticker: str, event_type: str, seq: int, **more: Any) -> dict[str, Any]:
    body = {"market_ticker": ticker, "event_type": event_type, **more}
    return {"type": "market_lifecycle_v2", "sid": 3, "seq": seq, "msg": body}


HISTORY = [
    created("KXA"),
    lifecycle("KXA", "activated", 2),
    lifecycle("KXA", "close_date_updated", 3, close_ts=1_795_435_200),
    lifecycle("KXA", "metadata_updated", 4, yes_sub_title="It surely will", floor_strike=2),
    lifecycle("KXA", "event_type_of_tomorrow", 5, colour="blue"),
    lifecycle("KXA", "determined", 6, result="yes", settlement_value="1.0000"),
    lifecycle("KXA", "settled", 7, settled_ts=1_795_435_300),
]


@pytest.mark.parametrize("order", [range(7), range(6, -1, -1), [3, 6, 0, 5, 1, 4, 2]])
@pytest.mark.parametrize("size", [1, 3, 7])
def test_lifecycle_messages_lead_to_one_state_in_any_order(
    connection: PgConnection, order: Sequence[int], size: int
) -> None:
    entries = [frame(n, HISTORY[n]) for n in order]
    writer = batch_writer()
    for start in range(0, 7, size):
        writer.write(connection, entries[start : start + size])
    assert rows(
        connection,
        "SELECT status, title, yes_sub_title, event_ticker, strike_type, floor_strike, result,"
        " settlement_value, extract(epoch FROM open_time)::bigint,"
        " extract(epoch FROM close_time)::bigint FROM instruments",
    ) == [
        (
            "finalized",
            "Will it?",
            "It surely will",
            "KXTEST-26NOV21",
            "greater",
            2,
            "yes",
            1,
            1_795_262_400,
            1_795_435_200,
        )
    ]
    assert rows(connection, "SELECT count(*) FROM lifecycle_events") == [(7,)]


def test_event_messages_fill_the_events_table(connection: PgConnection) -> None:
    event = {"event_ticker": "KXE", "title": "Who wins?", "series_ticker": "KX"}
    fee = {"event_ticker": "KXE", "fee_type_override": "flat", "fee_multiplier_override": 0.5}
    batch_writer().write(
        connection,
        [
            frame(1, {"type": "event_lifecycle", "seq": 1, "msg": event}),
            frame(2, {"type": "event_fee_update", "seq": 2, "msg": fee}),
        ],
    )
    assert rows(
        connection,
        "SELECT event_ticker, title, series_ticker, fee_type_override,"
        " fee_multiplier_override::text FROM events",
    ) == [("KXE", "Who wins?", "KX", "flat", "0.5")]


def gap_entry(number: int) -> GapEntry:
    gap = FeedGap(
        gap_id=UUID(int=number),
        venue="kalshi",
        connection="kalshi-1",
        channel="orderbook_delta",
        sid=2,
        cause=GapCause.SEQUENCE_JUMP,
        from_ns=NOON_NS,
        to_ns=NOON_NS + 5_000_000_000,
        from_seq=7,
        to_seq=12,
        missing=4,
    )
    data = gap_fields(gap)[b"f"]
    assert isinstance(data, bytes)
    return GapEntry(data, NOON_NS, "kalshi-1")


def test_a_gap_record_is_a_row(connection: PgConnection) -> None:
    batch_writer().write(connection, [gap_entry(1)])
    assert rows(
        connection,
        "SELECT cause, from_seq, to_seq, missing, state, to_time - from_time = '5 s'"
        " FROM feed_gaps",
    ) == [("sequence_jump", 7, 12, 4, "open", True)]


def test_a_garbled_gap_record_is_a_dead_letter(connection: PgConnection) -> None:
    counts = batch_writer().write(connection, [GapEntry(b"{}", NOON_NS, "kalshi-1")])
    assert counts.dead_letters == 1


def test_a_bug_in_a_normaliser_costs_its_frame_only(connection: PgConnection) -> None:
    rules = rules_for("kalshi")

    def buggy(data: bytes, received_ns: int, into: Normalised, connection: str = "") -> None:
        if b"T13" in data:
            raise ZeroDivisionError("a bug")
        rules.normalise(data, received_ns, into, connection)

    broken = VenueRules("kalshi", buggy, rules.describe, rules.fold_market, rules.fold_event)
    entries = [ticker_frame(n) for n in range(40)]
    counts = batch_writer(rules=broken).write(connection, entries)
    assert (counts.ticks, counts.dead_letters) == (39, 1)
    ((error_type, place, traceback, raw),) = rows(
        connection, "SELECT error_type, place, traceback, raw_frame FROM dead_letters"
    )
    assert (error_type, place, bytes(raw)) == ("ZeroDivisionError", "buggy", entries[13].data)
    assert "a bug" in traceback


def test_a_frame_that_postgresql_refuses_costs_itself_only(connection: PgConnection) -> None:
    rules = rules_for("kalshi")

    def lax(data: bytes, received_ns: int, into: Normalised, connection: str = "") -> None:
        rules.normalise(data, received_ns, into, connection)
        tick = into.ticks[-1]
        if b"T13" in data:
            into.ticks[-1] = replace(tick, sequence=2**70)

    broken = VenueRules("kalshi", lax, rules.describe, rules.fold_market, rules.fold_event)
    counts = batch_writer(rules=broken).write(connection, [ticker_frame(n) for n in range(120)])
    assert (counts.frames, counts.ticks, counts.dead_letters) == (120, 117, 3)
    assert rows(connection, "SELECT DISTINCT error_type, place FROM dead_letters") == [
        ("NumericValueOutOfRange", "postgresql")
    ]


def test_a_fault_of_ours_while_storing_costs_its_frame_only(connection: PgConnection) -> None:
    rules = rules_for("kalshi")

    def describe(venue: str, ticker: str) -> NewInstrument:
        if ticker.endswith("-T13"):
            raise LookupError("no description")
        return rules.describe(venue, ticker)

    broken = VenueRules("kalshi", rules.normalise, describe, rules.fold_market, rules.fold_event)
    counts = batch_writer(rules=broken).write(connection, [ticker_frame(n) for n in range(40)])
    assert (counts.ticks, counts.dead_letters) == (39, 1)
    ((error_type, place, traceback),) = rows(
        connection, "SELECT error_type, place, traceback FROM dead_letters"
    )
    assert (error_type, place) == ("LookupError", "describe")
    assert "no description" in traceback


@pytest.mark.parametrize(
    "harm", ["ALTER TABLE ticks DROP COLUMN metadata", "DROP TABLE latest_quotes"]
)
def test_a_schema_that_does_not_fit_blames_no_frame(connection: PgConnection, harm: str) -> None:
    with connection, connection.cursor() as cursor:
        cursor.execute(harm)
    with pytest.raises(StoreNotReady, match="hadron db upgrade"):
        batch_writer().write(connection, [ticker_frame(n) for n in range(10)])
    assert rows(connection, "SELECT count(*) FROM dead_letters") == [(0,)]


def test_a_partition_that_was_dropped_meanwhile_is_made_again(connection: PgConnection) -> None:
    writer = batch_writer()
    writer.write(connection, [ticker_frame(1)])
    with connection, connection.cursor() as cursor:
        cursor.execute("DROP TABLE ticks_20261121")
    counts = writer.write(connection, [ticker_frame(n) for n in range(2, 6)])
    assert (counts.ticks, counts.dead_letters) == (4, 0)


def test_unknown_types_are_counted_with_a_sample(connection: PgConnection) -> None:
    entries = [frame(n, {"type": "weather", "n": n}) for n in range(3)]
    counts = batch_writer().write(connection, entries)
    assert counts.unknown == 3
    ((venue, name, count, sample),) = rows(
        connection, "SELECT venue, message_type, count, sample FROM unknown_messages"
    )
    assert (venue, name, count, bytes(sample)) == ("kalshi", "weather", 3, entries[0].data)


def test_the_account_adds_up(connection: PgConnection) -> None:
    entries: list[Entry] = [ticker_frame(n) for n in range(10)]
    entries += [frame(20, {"type": "subscribed", "id": 1, "msg": {}}), gap_entry(2)]
    writer = batch_writer()
    writer.write(connection, entries)
    writer.write(connection, entries[:3])
    assert rows(
        connection,
        "SELECT sum(frames), sum(ticks), sum(duplicates), sum(control), sum(gaps)"
        " FROM ingest_counts WHERE venue = 'kalshi'",
    ) == [(15, 10, 3, 1, 1)]


def test_an_old_recording_finds_its_days(connection: PgConnection) -> None:
    old = ticker_frame(1, ts_ms=1_577_836_799_999)  # the last millisecond of 2019
    batch_writer().write(connection, [old, ticker_frame(2)])
    assert rows(connection, "SELECT count(*) FROM ticks_20191231") == [(1,)]


def test_names_that_were_not_remembered_are_counted(connection: PgConnection) -> None:
    writer = batch_writer()
    told = []
    for _ in range(2):
        writer.write(connection, [ticker_frame(n) for n in range(200)])
        told.append(writer.tallies.take())
    lookups = [
        {labels[1]: count for (what, labels), count in one.items() if what is LOOKUPS}
        for one in told
    ]
    assert lookups == [{"miss": 40, "hit": 160}, {"hit": 200}]
