"""Absurd tokens in every field of every real frame: malformed, or rows that PostgreSQL takes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import psycopg2
import pytest
from reading import RECEIVED_NS, frames

from hadron_tasks.ingest.batch import BatchWriter
from hadron_tasks.raw_stream import RawFrame
from hadron_tasks.store.instruments import InstrumentCache
from hadron_tasks.venues.registry import VENUES, rules_for

# JSON as it stands in the frame: most of it no JSON library would write.
TOKENS = [
    *("null", "true", '""', "[]", "{}", "[null]", "[[1,2]]", "NaN", "-Infinity", "0", "-0", "-0.0"),
    *("1e39", "1e40", "1e-40", "1e-41", "1e400", "1E-400", "0e-9999", "1e999999", "1e-999999"),
    *('"1e39"', '"0e-40"', '"1e99"', '"NaN"', "9" * 40, "9" * 41, "7" * 4000, "7" * 5000),
    *("9223372036854775807", "9223372036854775808", "-9223372036854775809"),
    *("0." + "3" * 40, "0." + "3" * 41, "0." + "3" * 5000, '"0.' + "3" * 40 + '"'),
    *('"\\u0000"', '"\\\\u0000"', '"\\u001f\\t\\n\\r\\\\N\\\\."', '"\\ud83d\\ude00"', '"\\ud800"'),
    *('"' + "x" * 255 + '"', '"' + "x" * 256 + '"', '"' + "x" * 5000 + '"', '{"\\u0000":1}'),
    *("[" * 300 + "]" * 300, '[["0.1","1"],["0.1","1"]]', '["' + "x" * 300 + '"]', '{"a":{"a":1}}'),
]
_HOLE = "@hole@"


def spoiled(document: Any) -> Iterator[bytes]:
    """The document with each token in each field, one at a time, and in a field of its own."""
    for owner in _objects(document):
        for name in [*owner, "field_of_tomorrow"]:
            kept = owner.get(name, _HOLE)
            owner[name] = _HOLE
            text = json.dumps(document)
            if kept is _HOLE:
                del owner[name]
            else:
                owner[name] = kept
            for token in TOKENS:
                yield text.replace(f'"{_HOLE}"', token).encode()


def _objects(document: Any) -> Iterator[dict[str, Any]]:
    if isinstance(document, list):
        for item in document:
            yield from _objects(item)
    elif isinstance(document, dict):
        yield document
        for item in list(document.values()):
            yield from _objects(item)


@pytest.mark.parametrize("venue", VENUES)
def test_absurd_tokens_are_malformed_or_stored(venue: str, database_url: str) -> None:
    # One frame of every form: later ones of the same fields would say nothing new.
    forms = {tuple(_fields(frame)): frame for frame in frames(venue)}
    entries = [
        RawFrame(frame, RECEIVED_NS + number, "spoiled")
        for number, frame in enumerate(
            frame for form in forms.values() for frame in spoiled(json.loads(form))
        )
    ]
    writer = BatchWriter(rules_for(venue), InstrumentCache(1000), "test")
    connection = psycopg2.connect(database_url)
    try:
        for start in range(0, len(entries), 2000):
            writer.write(connection, entries[start : start + 2000])
        with connection, connection.cursor() as cursor:
            cursor.execute(
                "SELECT error_type, place, message, raw_frame FROM dead_letters"
                " WHERE error_type <> 'MalformedFrame' LIMIT 5"
            )
            refused = cursor.fetchall()
            cursor.execute("SELECT count(*) FROM dead_letters")
            ((malformed,),) = cursor.fetchall()
            cursor.execute("SELECT count(*) FROM ticks")
            ((stored,),) = cursor.fetchall()
    finally:
        connection.close()
    assert refused == []
    assert malformed > len(entries) / 10
    assert stored > 100


def _fields(frame: bytes) -> Iterator[str]:
    for owner in _objects(json.loads(frame)):
        yield from sorted(owner)
        yield str(owner.get("type") or owner.get("ev"))
