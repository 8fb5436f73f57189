"""``hadron replay``: a recording of frames, sent through the same stream as the live feed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import click
import redis
from rich.progress import Progress

from hadron_tasks.cli.connect import redis_client, redis_url
from hadron_tasks.errors import HadronError, StreamUnavailable
from hadron_tasks.pokes import DrainPoker
from hadron_tasks.raw_stream import RawFrame, frame_fields, stream_key
from hadron_tasks.times import to_ns
from hadron_tasks.venues.registry import VENUES

BATCH = 1000
MOST_WAITING = 200_000
"""Replay pauses while the stream holds more entries than this: Redis' memory is not endless."""


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--venue", required=True, type=click.Choice(VENUES), help="Who sent the frames.")
@click.option(
    "--received-at",
    type=click.DateTime(["%Y-%m-%dT%H:%M:%S", "%Y-%m-%d"]),
    help="Receive time (UTC) of the first frame; the file's modification time when left out.",
)
@click.option("--wait/--no-wait", default=True, help="Wait until all frames are stored.")
def replay(file: Path, venue: str, received_at: datetime | None, wait: bool) -> None:
    """Send FILE, one frame a line, through the raw stream, as if it came from VENUE.

    A frame's receive time is the start plus a nanosecond a line, so replaying the same file again
    makes the same rows: nothing is stored twice.

    \b
    Example:
      hadron replay recording.jsonl --venue kalshi
    """
    start_ns = (
        file.stat().st_mtime_ns if received_at is None else to_ns(received_at.replace(tzinfo=UTC))
    )
    with redis_client() as client, file.open("rb") as lines, Progress() as progress:
        task = progress.add_task(f"Replaying {file.name}", total=file.stat().st_size)
        sent, last_id = 0, b"0"
        try:
            for batch in _batches(lines, start_ns, f"replay:{file.name}"):
                last_id = _publish(client, venue, batch)
                sent += len(batch)
                progress.update(task, completed=lines.tell())
        except redis.RedisError as error:
            raise StreamUnavailable(
                f"Redis failed after {sent:,} frames ({error}). Replay the file again when it is "
                "back: what was stored is not stored twice."
            ) from None
        DrainPoker(redis_url()).poke(venue)
        progress.update(task, completed=file.stat().st_size)
        if wait:
            _wait_until_stored(client, venue, last_id)
    click.echo(f"{sent:,} frames {'stored' if wait else 'sent'}. See: hadron status")


def _batches(lines: Iterator[bytes], start_ns: int, connection: str) -> Iterator[list[RawFrame]]:
    batch: list[RawFrame] = []
    for number, line in enumerate(lines):
        frame = line.rstrip(b"\r\n")
        if not frame:
            continue
        batch.append(RawFrame(frame, start_ns + number, connection))
        if len(batch) >= BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _publish(client: redis.Redis, venue: str, frames: list[RawFrame]) -> bytes:
    """Append frames; gives the last entry's id."""
    stream = stream_key(venue)
    while _length(client, stream) > MOST_WAITING:
        time.sleep(0.5)
    with client.pipeline(transaction=False) as pipeline:
        for frame in frames:
            pipeline.xadd(stream, frame_fields(frame))  # type: ignore[arg-type]
        return bytes(pipeline.execute()[-1])


def _wait_until_stored(
    client: redis.Redis, venue: str, last_id: bytes, patience_s: float = 30.0
) -> None:
    """Wait until no entry up to ``last_id`` is left; a live feed may go on after it."""
    stream = stream_key(venue)
    first, changed = _first_entry(client, stream, last_id), time.monotonic()
    while first:
        time.sleep(0.1)
        before, first = first, _first_entry(client, stream, last_id)
        if first != before:
            changed = time.monotonic()
        elif time.monotonic() - changed > patience_s:
            raise HadronError(
                f"{_length(client, stream):,} frames wait in the stream and no worker takes them. "
                "Start one with 'hadron up' or 'celery -A hadron_tasks.app worker -Q drain'; "
                "nothing is lost."
            )


def _first_entry(client: redis.Redis, stream: str, up_to: bytes) -> bytes | None:
    entries = cast("list[tuple[bytes, object]]", client.xrange(stream, max=up_to, count=1))
    return entries[0][0] if entries else None


def _length(client: redis.Redis, stream: str) -> int:
    length: int = client.xlen(stream)  # type: ignore[assignment]
    return length
