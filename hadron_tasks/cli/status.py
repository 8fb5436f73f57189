"""``hadron status``: what the fleet is doing."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Any

import click

from hadron_tasks.cli.connect import database, redis_client
from hadron_tasks.cli.letter_view import letters
from hadron_tasks.cli.output import console, print_json, sheet, table
from hadron_tasks.feed_health import ConnectionHealth
from hadron_tasks.settings import get_settings
from hadron_tasks.status import StoreStatus, StreamStatus, read_store, read_streams
from hadron_tasks.store import letter_box
from hadron_tasks.store.letter_box import Chosen


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of tables.")
def status(as_json: bool) -> None:
    """Show connections, backlog, what is stored, gaps and dead letters.

    \b
    Examples:
      hadron status
      hadron status --json | jq '.venues[].backlog'
    """
    venues = get_settings().venues
    with redis_client() as client:
        streams = read_streams(client, venues)
    with database() as connection:
        stores = read_store(connection, venues)
        dead = letter_box.count(connection, Chosen())
    if as_json:
        documents = [_document(s, t) for s, t in zip(streams, stores, strict=True)]
        print_json({"venues": documents, "dead_letters": dead})
        return
    console.print(
        sheet("Venues", [_venue_row(*pair) for pair in zip(streams, stores, strict=True)])
    )
    connections = [one for stream in streams for one in stream.connections]
    if connections:
        console.print(table("Connections", [_connection_row(one) for one in connections]))
    else:
        console.print("No streamer reports. Start one: hadron up, or python -m streamer run")
    if dead:
        # Of tasks, too, which no venue's column counts.
        console.print(f"{letters(dead, 'dead letter')} in all: hadron dlq list", highlight=False)


def _venue_row(stream: StreamStatus, store: StoreStatus) -> dict[str, Any]:
    return {
        "venue": stream.venue,
        "backlog": stream.backlog,
        "oldest s": stream.oldest_s,
        "drains": stream.active_drains,
        "frames": store.frames,
        "ticks": store.ticks,
        "lifecycle": store.lifecycle,
        "unknown": store.unknown,
        "delivered again": store.duplicates,
        "dead letters": store.dead_letters,
        "open gaps": store.open_gaps,
        "instruments": store.instruments,
    }


def _connection_row(one: ConnectionHealth) -> dict[str, Any]:
    troubles = {
        "authentication failures": one.authentication_failures,
        "bytes in the spool": one.spool_bytes,
    }
    notes = [f"{count:,} {what}" for what, count in troubles.items() if count]
    return {
        "connection": one.connection,
        "state": one.state.value,
        "frames": one.frames,
        "idle s": _age_s(one.last_frame_ns),
        "books": one.markets,
        "reconnects": one.reconnects,
        "gaps": one.gaps,
        "trouble": "; ".join([*notes, *filter(None, [one.last_error])]),
    }


def _age_s(then_ns: int | None) -> float | None:
    return None if then_ns is None else max(0.0, (time.time_ns() - then_ns) / 1e9)


def _document(stream: StreamStatus, store: StoreStatus) -> dict[str, Any]:
    return {
        **asdict(store),
        "backlog": stream.backlog,
        "pending": stream.pending,
        "oldest_s": stream.oldest_s,
        "active_drains": stream.active_drains,
        "connections": [one.model_dump() for one in stream.connections],
    }
