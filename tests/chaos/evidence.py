"""What the simulated exchanges wrote down and what the database holds, after a run."""

from __future__ import annotations

import base64
import shutil
from collections import defaultdict
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg2
from chaos.accounting import Broken, Copy, Evidence, Hole, Kept, Message
from fleet.running_fleet import RunningFleet

from hadron_tasks.local.ledger import LedgerLine
from hadron_tasks.times import to_ns
from streamer.simulator.ledger_file import read_ledger

KALSHI_KINDS = {
    "ticker": ("quote",),
    "trade": ("trade",),
    "orderbook_delta": ("book_snapshot", "book_delta"),
    "market_lifecycle_v2": ("lifecycle",),
}
POLYGON_KINDS = {
    "stocks:T": ("trade",),
    "stocks:Q": ("quote",),
    "stocks:AM": ("bar",),
    "indices:V": ("index_value",),
    "crypto:XT": ("trade",),
    "forex:C": ("quote",),
}
KINDS_OF_CHANNELS = KALSHI_KINDS | POLYGON_KINDS
_NUMBERED = frozenset({"book_snapshot", "book_delta", "lifecycle"})

_TICKS = """
    SELECT t.venue, t.tick_type, m.venue_instrument_id, t.event_time, t.sequence, t.price, t.size,
           t.bid, t.ask, t.metadata->>'trade_id', t.metadata->>'source', t.received_at
    FROM ticks t JOIN instrument_venue_mapping m USING (instrument_id)
    WHERE m.venue = t.venue
"""
_LIFECYCLE = """
    SELECT venue, coalesce(ticker, event_ticker), sequence, received_at FROM lifecycle_events
"""
_GAPS = """
    SELECT g.connection, g.from_time, g.to_time, g.channel IS NULL, g.from_seq, g.to_seq,
           array_agg(c.channel) FILTER (WHERE c.state = 'unrecoverable')
    FROM feed_gaps g LEFT JOIN gap_channels c ON c.gap_id = g.id
    WHERE g.state <> 'open' GROUP BY g.id
"""
_TABLES = ("feed_gaps", "gap_channels", "lifecycle_events", "ingest_counts", "ticks", "instruments")
_LETTERS = "SELECT raw_frame FROM dead_letters WHERE kind = 'message'"


def gather(fleet: RunningFleet) -> Evidence:
    """Read everything. The fleet's processes have ended, its database runs."""
    assert fleet.simulator is not None
    paths = {name: Path(fleet.simulator[f"{name}_path"]) for name in ("ledger", "skipped")}
    copies = [_copy(line) for line in read_ledger(paths["ledger"])]
    copies += [_copy(line, held_back=True) for line in read_ledger(paths["skipped"])]
    return Evidence(
        copies=copies,
        kept=_kept(fleet),
        holes=[_hole(*row) for row in fleet.query(_GAPS)],
        broken=_broken(Path(fleet.simulator["malformed_path"])),
        letters=[bytes(frame) for (frame,) in fleet.query(_LETTERS)],
    )


def keep(fleet: RunningFleet, directory: Path) -> None:
    """Put aside what tells how an unexplained message was lost: logs, ledgers and tables."""
    assert fleet.simulator is not None
    shutil.copytree(fleet.logs, directory / "logs", dirs_exist_ok=True)
    shutil.copytree(
        Path(fleet.simulator["ledger_path"]).parent, directory / "exchanges", dirs_exist_ok=True
    )
    with closing(psycopg2.connect(fleet.database_url)) as connection, connection.cursor() as cursor:
        for table in _TABLES:
            with (directory / f"{table}.csv").open("w") as file:
                cursor.copy_expert(f"COPY (SELECT * FROM {table}) TO STDOUT CSV HEADER", file)


def _copy(line: LedgerLine, *, held_back: bool = False) -> Copy:
    numbers = (line.price, line.size, line.bid, line.ask)
    price, size, bid, ask = (None if one is None else Decimal(one) for one in numbers)
    message = _message(
        line.venue,
        line.kind,
        line.ticker,
        line.event_us,
        line.sequence,
        (price, size, bid, ask, line.trade_id),
    )
    return Copy(message, line.connection, line.sent_ns, held_back)


def _message(
    venue: str,
    kind: str,
    ticker: str,
    event_us: int | None,
    sequence: int | None,
    said: tuple[Any, ...],
) -> Message:
    """What identifies a message in the ledger and in the database alike."""
    price, size, bid, ask, trade_id = said
    stated: tuple[object, ...] = (event_us,)
    if kind == "trade":
        # By its id: over REST the same trade states its time more exactly.
        stated = (trade_id, price, size)
    elif kind == "quote":
        # A bid of 0 and an ask of 0 or 1 at Kalshi are absence, however they are written.
        absent = (0, 1) if venue == "kalshi" else ()
        stated = (event_us, bid or None, None if ask in absent else ask)
    elif kind in ("bar", "index_value", "book_delta"):
        stated = (event_us, price, size)
    elif kind in ("book_snapshot", "lifecycle"):
        stated = ()
    return Message(venue, kind, ticker, stated, sequence if kind in _NUMBERED else None)


def _kept(fleet: RunningFleet) -> dict[Message, Kept]:
    found: dict[Message, list[tuple[int, bool]]] = defaultdict(list)
    for venue, kind, ticker, event_time, sequence, *said, source, received_at in fleet.query(
        _TICKS
    ):
        if kind in ("quote", "book_delta", "bar", "index_value", "trade", "book_snapshot"):
            event_us = to_ns(event_time) // 1000
            message = _message(venue, kind, ticker, event_us, sequence, tuple(said))
            found[message].append((to_ns(received_at), source == "backfill"))
    for venue, ticker, sequence, received_at in fleet.query(_LIFECYCLE):
        message = _message(venue, "lifecycle", ticker, None, sequence, (None,) * 5)
        found[message].append((to_ns(received_at), False))
    return {
        message: Kept(
            len(times),
            min(received_ns for received_ns, _ in times),
            any(is_backfilled for _, is_backfilled in times),
        )
        for message, times in found.items()
    }


def _hole(
    connection: str,
    from_time: Any,
    to_time: Any,
    is_whole: bool,
    from_seq: int | None,
    to_seq: int | None,
    channels: list[str] | None,
) -> Hole:
    lost = [kind for channel in channels or () for kind in KINDS_OF_CHANNELS.get(channel, ())]
    return Hole(
        connection, to_ns(from_time), to_ns(to_time), frozenset(lost), is_whole, from_seq, to_seq
    )


def _broken(path: Path) -> list[Broken]:
    found = []
    for line in path.read_text(encoding="ascii").splitlines():
        sent_ns, venue, life, _fault, frame = line.split("\t")
        found.append(Broken(venue, life, int(sent_ns), base64.b64decode(frame)))
    return found
