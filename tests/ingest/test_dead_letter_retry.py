"""Dead letters: grouped by cause, and tried again with their original receive time."""

from __future__ import annotations

from typing import Any

import pytest
from factories import NOON_US
from psycopg2.extensions import connection as PgConnection  # noqa: N812

from hadron_tasks.ingest.batch import BatchWriter
from hadron_tasks.ingest.normalised import Normalised
from hadron_tasks.ingest.venue_rules import VenueRules
from hadron_tasks.raw_stream import RawFrame, frame_fields, parse_entries
from hadron_tasks.store import letter_box
from hadron_tasks.store.instruments import InstrumentCache
from hadron_tasks.store.letter_box import Again, Chosen, FrameAgain
from hadron_tasks.venues.registry import rules_for

NOON_NS = NOON_US * 1000

GOOD_AFTER_THE_MEND = (
    b'{"type":"orderbook_snapshot","sid":1,"seq":%d,"msg":{"market_ticker":"KXA",'
    b'"yes_dollars_fp":[["0.4000","10.00"]]}}'
)
BAD_FOR_EVER = b'{"type":"ticker","msg":{"market_ticker":"KXA","price_dollars":"high%d"}}'


def writer(*, broken: bool) -> BatchWriter:
    rules = rules_for("kalshi")

    def normalise(data: bytes, received_ns: int, into: Normalised, connection: str = "") -> None:
        if broken and b"orderbook" in data:
            raise KeyError("a bug of ours")
        rules.normalise(data, received_ns, into, connection)

    return BatchWriter(
        VenueRules("kalshi", normalise, rules.describe, rules.fold_market, rules.fold_event),
        InstrumentCache(100),
        "test",
    )


@pytest.fixture
def failed(connection: PgConnection) -> list[RawFrame]:
    """Seven frames that failed by a bug, and three that are bad for ever."""
    frames = [RawFrame(GOOD_AFTER_THE_MEND % n, NOON_NS + n, "kalshi-1") for n in range(7)]
    frames += [RawFrame(BAD_FOR_EVER % n, NOON_NS + 10 + n, "kalshi-2") for n in range(3)]
    counts = writer(broken=True).write(connection, frames)
    assert counts.dead_letters == 10
    return frames


def frames_of(taken: list[Again]) -> list[RawFrame]:
    return [one.frame for one in taken if isinstance(one, FrameAgain)]


def again(taken: list[Again]) -> list[Any]:
    """The frames as a drain reads them back from the stream."""
    as_stored = []
    for frame in frames_of(taken):
        fields = frame_fields(frame)
        as_stored += parse_entries(
            {k: v if isinstance(v, bytes) else b"%d" % v for k, v in fields.items()}
        )
    return as_stored


def statuses(connection: PgConnection) -> dict[str, int]:
    found: dict[str, int] = {}
    for one in letter_box.statistics(connection):
        found[one["status"]] = found.get(one["status"], 0) + one["count"]
    return found


@pytest.mark.usefixtures("failed")
def test_letters_of_one_cause_are_one_group(connection: PgConnection) -> None:
    found = letter_box.groups(connection, Chosen(), 10)
    assert sorted((one.error_type, one.count) for one in found) == [
        ("KeyError", 7),
        ("MalformedFrame", 3),
    ]


@pytest.mark.parametrize(
    ("chosen", "count"),
    [
        (Chosen(), 10),
        (Chosen(venue="kalshi"), 10),
        (Chosen(venue="polygon"), 0),
        (Chosen(error="KeyError"), 7),
        (Chosen(error="is 'high1'"), 1),
        (Chosen(error="%"), 0),
        (Chosen(kind="task"), 0),
        (Chosen(statuses=("resolved",)), 0),
    ],
)
@pytest.mark.usefixtures("failed")
def test_letters_are_chosen_by_what_is_given(
    connection: PgConnection, chosen: Chosen, count: int
) -> None:
    assert letter_box.count(connection, chosen) == count
    assert len(list(letter_box.letters(connection, chosen, page=2))) == count


def test_after_the_mend_a_retry_stores_the_frames_as_first_received(
    connection: PgConnection, failed: list[RawFrame]
) -> None:
    taken = letter_box.take_for_retry(connection, Chosen(), after=0, batch=100)
    assert [(frame.data, frame.received_ns) for frame in frames_of(taken)] == [
        (frame.data, frame.received_ns) for frame in failed
    ]
    assert statuses(connection) == {"retrying": 10}
    counts = writer(broken=False).write(connection, again(taken))
    assert counts.ticks == 7
    assert statuses(connection) == {"resolved": 7, "dead": 3}
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT extract(epoch FROM event_time) * 1000000 FROM ticks ORDER BY 1")
        # A snapshot states no time of its own: it has the time it was first received.
        assert [int(us) for (us,) in cursor.fetchall()] == [NOON_US] * 7
        cursor.execute("SELECT attempts, count(*) FROM dead_letters GROUP BY 1 ORDER BY 1")
        assert cursor.fetchall() == [(1, 7), (2, 3)]


@pytest.mark.usefixtures("failed")
def test_a_retry_delivered_twice_counts_once(connection: PgConnection) -> None:
    taken = letter_box.take_for_retry(connection, Chosen(), after=0, batch=100)
    for _ in range(2):
        writer(broken=False).write(connection, again(taken))
    assert statuses(connection) == {"resolved": 7, "dead": 3}
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT max(attempts), (SELECT count(*) FROM ticks) FROM dead_letters")
        assert cursor.fetchone() == (2, 7)


@pytest.mark.usefixtures("failed")
def test_letters_are_taken_in_batches_each_once(connection: PgConnection) -> None:
    after, seen = 0, []
    dead = Chosen(statuses=("dead",))
    while batch := letter_box.take_for_retry(connection, dead, after=after, batch=4):
        seen += [one.letter_id for one in batch]
        after = seen[-1]
    assert len(seen) == len(set(seen)) == 10


def test_a_batch_of_large_frames_is_a_small_one(connection: PgConnection) -> None:
    large = [RawFrame(b"x" * 3_000_000, NOON_NS + n, "kalshi-1") for n in range(5)]
    writer(broken=False).write(connection, large)
    first = letter_box.take_for_retry(connection, Chosen(), after=0, batch=100)
    second = letter_box.take_for_retry(
        connection, Chosen(statuses=("dead",)), after=first[-1].letter_id, batch=100
    )
    assert [one.received_ns - NOON_NS for one in frames_of(first)] == [0, 1, 2]
    assert [one.received_ns - NOON_NS for one in frames_of(second)] == [3, 4]


@pytest.mark.usefixtures("failed")
def test_discarded_letters_are_kept_and_left_alone(connection: PgConnection) -> None:
    assert letter_box.discard(connection, Chosen(error="MalformedFrame")) == 3
    assert statuses(connection) == {"dead": 7, "discarded": 3}
    assert len(letter_box.take_for_retry(connection, Chosen(), after=0, batch=100)) == 7
