"""What people write first: one Celery task a frame, one INSERT each. Only to be compared with."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from functools import cache
from hashlib import blake2b
from typing import Any

import psycopg2
from celery import Celery
from psycopg2.extensions import connection as PgConnection  # noqa: N812
from psycopg2.extras import Json

TABLE = "bench_usual"
COLUMNS = (
    "ticker, event_time, event_key, received_at, venue, tick_type, price, size, side, bid, ask,"
    " metadata"
)
MAKE_TABLE = f"""
    CREATE TABLE {TABLE} (
        ticker text NOT NULL, event_time timestamptz NOT NULL, event_key bigint NOT NULL,
        received_at timestamptz NOT NULL, venue text NOT NULL, tick_type text NOT NULL,
        price numeric, size numeric, side text, bid numeric, ask numeric, metadata jsonb,
        PRIMARY KEY (ticker, event_time, event_key)
    )
"""
INSERT = f"INSERT INTO {TABLE} ({COLUMNS}) VALUES %s ON CONFLICT DO NOTHING"  # noqa: S608
_INSERT_ONE = INSERT.replace("%s", f"({', '.join(['%s'] * 12)})")

app = Celery("usual", broker=os.environ.get("HADRON_REDIS_URL", ""))
app.conf.update(task_ignore_result=True, task_default_queue="usual", task_acks_late=True)


@app.task(name="usual.store_frame")  # type: ignore[untyped-decorator]
def store_frame(frame: str, received_ns: int) -> None:
    """Store one frame."""
    with _connection() as connection, connection.cursor() as cursor:
        cursor.execute(_INSERT_ONE, row_of(frame, received_ns))


def row_of(frame: str, received_ns: int) -> tuple[Any, ...]:
    """A frame as a row, without any of the care that Hadron takes."""
    document = json.loads(frame)
    message = document["msg"]
    received_at = datetime.fromtimestamp(received_ns / 1e9, UTC)
    event_ms = message.get("ts_ms", received_ns // 1_000_000)
    return (
        message["market_ticker"],
        datetime.fromtimestamp(event_ms / 1000, UTC),
        int.from_bytes(blake2b(frame.encode(), digest_size=8).digest(), signed=True),
        received_at,
        "kalshi",
        document["type"],
        message.get("price_dollars") or message.get("yes_price_dollars"),
        message.get("count_fp") or message.get("delta_fp"),
        message.get("side") or message.get("taker_side"),
        message.get("yes_bid_dollars"),
        message.get("yes_ask_dollars"),
        Json(message),
    )


@cache
def _connection() -> PgConnection:
    return psycopg2.connect(os.environ["HADRON_DATABASE_URL"])
