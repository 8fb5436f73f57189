"""The newest state of each instrument, folded in memory and written with one upsert a batch."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from psycopg2.extensions import cursor as Cursor  # noqa: N812

from hadron_tasks.store.copy_text import NULL, TICK_COLUMNS, copy_in
from hadron_tasks.store.ticks import Row
from hadron_tasks.tick import TickType

_QUOTING = {TickType.QUOTE, TickType.BOOK_SNAPSHOT}
_PRICING = {TickType.TRADE, TickType.QUOTE, TickType.INDEX_VALUE, TickType.BAR}
_TRADE, _BOOK_DELTA = TickType.TRADE, TickType.BOOK_DELTA

# The columns of what is not known.
_NO_PRICE, _NO_TRADE, _NO_QUOTE = ("\t".join([NULL] * columns) for columns in (2, 3, 5))

# Where a tick's own line tells what.
_ID, _EVENT_TIME, _RECEIVED_AT, _VENUE, _PRICE, _SIZE, _BID = map(
    TICK_COLUMNS.index,
    ("instrument_id", "event_time", "received_at", "venue", "price", "size", "bid"),
)
_SIDES = slice(_BID, _BID + 4)
"""Bid, ask and their sizes."""

_MAKE_STAGING = """
    CREATE TEMPORARY TABLE IF NOT EXISTS latest_staging (LIKE latest_quotes) ON COMMIT DELETE ROWS
"""
_COLUMNS = (
    "instrument_id, venue, price, price_time, bid, ask, bid_size, ask_size, quote_time,"
    " last_trade_price, last_trade_size, last_trade_time, received_at"
)
_COPY = f"COPY latest_staging ({_COLUMNS}) FROM STDIN"


def _newest(time_column: str, *columns: str) -> str:
    newer = f"EXCLUDED.{time_column} >= COALESCE(latest_quotes.{time_column}, '-infinity')"
    return ", ".join(
        f"{column} = CASE WHEN {newer} THEN EXCLUDED.{column} ELSE latest_quotes.{column} END"
        for column in (*columns, time_column)
    )


# In key order, so that two workers with the same instruments wait and never deadlock.
_UPSERT = f"""
    INSERT INTO latest_quotes ({_COLUMNS}) SELECT {_COLUMNS} FROM latest_staging
    ORDER BY instrument_id
    ON CONFLICT (instrument_id) DO UPDATE SET
    {_newest("price_time", "price")},
    {_newest("quote_time", "bid", "ask", "bid_size", "ask_size")},
    {_newest("last_trade_time", "last_trade_price", "last_trade_size")},
    received_at = GREATEST(latest_quotes.received_at, EXCLUDED.received_at)
"""  # noqa: S608 - constants only


class Newest(NamedTuple):
    """What ticks tell to be the newest of each instrument, ready to be written."""

    instrument_ids: list[str]
    lines: bytes
    """As COPY text, in the order of ``_COLUMNS``."""


def newest_of(rows: Iterable[Row], elsewhere: Collection[str] = frozenset()) -> Newest:
    """Find the newest price, quote and trade of each instrument.

    Args:
        rows: In any order.
        elsewhere: Instruments whose prices another venue is trusted for: left out.
    """
    told: dict[str, list[Row]] = {}
    for row in rows:
        instrument_id = row[0]
        if row[1].tick_type is _BOOK_DELTA or (elsewhere and instrument_id in elsewhere):
            continue
        before = told.get(instrument_id)
        if before is None:
            told[instrument_id] = [row]
        else:
            before.append(row)
    lines = "".join([_line(about_one) for about_one in told.values()])
    return Newest(list(told), lines.encode())


def write_latest(cursor: Cursor, newest: Newest) -> None:
    """Bring ``latest_quotes`` up to date; what is older than what it holds changes nothing.

    Call it late in a transaction: it locks the rows of busy instruments until the commit.
    """
    if newest.instrument_ids:
        cursor.execute(_MAKE_STAGING)
        copy_in(cursor, _COPY, newest.lines)
        cursor.execute(_UPSERT)


def _line(rows: Sequence[Row]) -> str:
    received, received_ns = rows[0], 0
    price = quote = trade = None
    price_us = quote_us = trade_us = 0
    for row in rows:
        tick = row[1]
        kind, event_us = tick.tick_type, tick.event_us
        # A side that is absent is absent now: the whole quote replaces the one before.
        if kind in _QUOTING and (quote is None or event_us >= quote_us):
            quote, quote_us = row, event_us
        if kind is _TRADE and (trade is None or event_us >= trade_us):
            trade, trade_us = row, event_us
        if kind in _PRICING and tick.price is not None and (price is None or event_us >= price_us):
            price, price_us = row, event_us
        if tick.received_ns > received_ns:  # max() takes four times as long
            received, received_ns = row, tick.received_ns
    # The texts of the ticks' own lines: to make them again would take as long as all of this. And
    # nearly always it is one tick that tells everything.
    newest = _texts(received)
    priced, quoted, traded = _NO_PRICE, _NO_QUOTE, _NO_TRADE
    if price is not None:
        texts = newest if price is received else _texts(price)
        priced = f"{texts[_PRICE]}\t{texts[_EVENT_TIME]}"
    if quote is not None:
        texts = newest if quote is received else _texts(quote)
        bid, ask, bid_size, ask_size = texts[_SIDES]
        quoted = f"{bid}\t{ask}\t{bid_size}\t{ask_size}\t{texts[_EVENT_TIME]}"
    if trade is not None:
        texts = newest if trade is received else _texts(trade)
        traded = f"{texts[_PRICE]}\t{texts[_SIZE]}\t{texts[_EVENT_TIME]}"
    return (
        f"{newest[_ID]}\t{newest[_VENUE]}\t{priced}\t{quoted}\t{traded}\t{newest[_RECEIVED_AT]}\n"
    )


def _texts(row: Row) -> list[str]:
    return row[2].split("\t", _SIDES.stop)
