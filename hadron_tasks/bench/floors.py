"""What the parts can do by themselves: the floor that Hadron is compared with."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import cast

from psycopg2.extensions import connection as PgConnection  # noqa: N812
from redis import Redis

from hadron_tasks.bench.frames import batches
from hadron_tasks.bench.measure import Figure
from hadron_tasks.raw_stream import RawFrame, frame_fields
from hadron_tasks.store.copy_text import TICK_COLUMNS, copy_in
from hadron_tasks.store.tick_rows import text_of
from hadron_tasks.store.wal_flush import COMMIT_AT_ONCE, flush_wal

_COPY = f"COPY ticks ({', '.join(TICK_COLUMNS)}) FROM STDIN"
_STREAM = "bench:floor"
_GROUP = "floor"


def copy_ready_rows(
    figure: Figure, connection: PgConnection, lines: Sequence[str], batch: int
) -> None:
    """COPY of rows whose text is made already, a transaction a batch, into the same table.

    As with Hadron no commit waits for the disk, and all is on it at the end.
    """
    texts = [text_of(some) for some in batches(lines, batch)]
    with figure.timing(len(lines)):
        for text in texts:
            with connection, connection.cursor() as cursor:
                cursor.execute(COMMIT_AT_ONCE)
                copy_in(cursor, _COPY, text)
        flush_wal(connection)


def append_frames(figure: Figure, client: Redis, frames: Sequence[RawFrame], batch: int) -> None:
    """XADD of the same frames, pipelined."""
    client.delete(_STREAM)
    with figure.timing(len(frames)):
        for some in batches(frames, batch):
            with client.pipeline(transaction=False) as pipeline:
                for frame in some:
                    pipeline.xadd(_STREAM, frame_fields(frame))  # type: ignore[arg-type]
                pipeline.execute()


def read_frames(figure: Figure, client: Redis, count: int, batch: int) -> None:
    """XREADGROUP, XACK and XDEL of what :func:`append_frames` left."""
    client.xgroup_create(_STREAM, _GROUP, id="0")
    read = 0
    with figure.timing(count):
        while read < count:
            reply = client.xreadgroup(_GROUP, "bench", {_STREAM: ">"}, count=batch)
            entries = cast(list[tuple[bytes, list[tuple[bytes, dict[bytes, bytes]]]]], reply)[0][1]
            ids = [entry_id for entry_id, _ in entries]
            with client.pipeline(transaction=False) as pipeline:
                pipeline.xack(_STREAM, _GROUP, *ids)
                pipeline.xdel(_STREAM, *ids)
                pipeline.execute()
            read += len(ids)
    client.delete(_STREAM)


def decode_json(figure: Figure, frames: Sequence[RawFrame]) -> None:
    """The standard library's JSON decoder, its result thrown away."""
    with figure.timing(len(frames)):
        for frame in frames:
            json.loads(frame.data)
