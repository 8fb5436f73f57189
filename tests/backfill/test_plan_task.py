"""The task that looks for gaps asks for fresh snapshots of books that were cut."""

from __future__ import annotations

from datetime import datetime

import pytest
import redis
from gap_filling import SECOND, gap_now, note_gap
from psycopg2.extensions import connection as PgConnection  # noqa: N812

from hadron_tasks.book_requests import OPEN_MARKETS_KEY, SNAPSHOTS_WANTED_KEY
from hadron_tasks.raw_stream import GapCause
from hadron_tasks.settings import get_settings
from hadron_tasks.tasks.backfill import plan_backfills


@pytest.mark.parametrize(
    ("cause", "wanted"),
    [
        (GapCause.SPOOL_LOSS, {b"KXA", b"KXB"}),
        (GapCause.REDIS_LOSS, {b"KXA", b"KXB"}),
        (GapCause.DISCONNECT, set()),
    ],
)
def test_books_of_a_connection_that_lived_on_are_asked_for(
    connection: PgConnection,
    module_database_url: str,
    client: redis.Redis,
    an_hour_ago: datetime,
    monkeypatch: pytest.MonkeyPatch,
    cause: GapCause,
    wanted: set[bytes],
) -> None:
    monkeypatch.setenv("HADRON_DATABASE_URL", module_database_url)
    get_settings.cache_clear()
    # Not the process's own, which other tests would find.
    monkeypatch.setattr("hadron_tasks.tasks.backfill.redis_client", lambda: client)
    client.hset(OPEN_MARKETS_KEY, mapping={"KXA": "KX", "KXB": "KX"})
    gap_id = note_gap(
        connection, an_hour_ago, an_hour_ago + SECOND, cause=cause, carried=("orderbook_delta",)
    )
    assert plan_backfills("kalshi") == {"gaps": 1, "runs": 0}
    assert client.smembers(SNAPSHOTS_WANTED_KEY) == wanted
    # What was lost stays lost.
    assert gap_now(connection, gap_id)[0] == "unrecoverable"
