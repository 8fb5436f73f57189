"""The newest state of each instrument, folded in memory and written with one upsert a batch."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from psycopg2.extensions import cursor as Cursor  # noqa: N812

from hadron_tasks.store.copy_text import NULL, copy_in, event_time, timestamp, value
from hadron_tasks.tick import HadronTick, TickType

_QUOTING = {TickType.QUOTE, TickType.BOOK_SNAPSHOT}
_PRICING = {TickType.TRADE, TickType.QUOTE, TickType.INDEX_VALUE, TickType.BAR}
_TRADE, _BOOK_DELTA = TickType.TRADE, TickType.BOOK_DELTA

# The columns of what is not known.
_NO_PRICE, _NO_TRADE, _NO_QUOTE = ("\t".join([NULL] * columns) for columns in (2, 3, 5))

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


def newest_of(
    rows: Iterable[tuple[str, HadronTick]], elsewhere: Collection[str] = frozenset()
) -> Newest:
    """Find the newest price, quote and trade of each instrument.

    Args:
        rows: Ticks with their instruments' ids, in any order.
        elsewhere: Instruments whose prices another venue is trusted for: left out.
    """
    told: dict[str, list[HadronTick]] = {}
    for instrument_id, tick in rows:
        if tick.tick_type is _BOOK_DELTA or (elsewhere and instrument_id in elsewhere):
            continue
        ticks = told.get(instrument_id)
        if ticks is None:
            told[instrument_id] = [tick]
        else:
            ticks.append(tick)
    lines = "".join([_line(instrument_id, ticks) for instrument_id, ticks in told.items()])
    return Newest(list(told), lines.encode())


def write_latest(cursor: Cursor, newest: Newest) -> None:
    """Bring ``latest_quotes`` up to date; what is older than what it holds changes nothing.

    Call it last in a transaction: it locks the rows of busy instruments until the commit.
    """
    if newest.instrument_ids:
        cursor.execute(_MAKE_STAGING)
        copy_in(cursor, _COPY, newest.lines)
        cursor.execute(_UPSERT)


def _line(instrument_id: str, ticks: Sequence[HadronTick]) -> str:
    price = quote = trade = None
    received_ns = 0
    for tick in ticks:
        kind, event_us = tick.tick_type, tick.event_us
        # A side that is absent is absent now: the whole quote replaces the one before.
        if kind in _QUOTING and (quote is None or event_us >= quote.event_us):
            quote = tick
        if kind is _TRADE and (trade is None or event_us >= trade.event_us):
            trade = tick
        if (
            kind in _PRICING
            and tick.price is not None
            and (price is None or event_us >= price.event_us)
        ):
            price = tick
        if tick.received_ns > received_ns:  # max() takes four times as long
            received_ns = tick.received_ns
    # The conditions in place: calling a function for each value would take as long again.
    priced = _NO_PRICE if price is None else f"{price.price!s}\t{event_time(price.event_us)}"
    quoted, traded = _NO_QUOTE, _NO_TRADE
    if quote is not None:
        bid, ask, bid_size, ask_size = quote.bid, quote.ask, quote.bid_size, quote.ask_size
        quoted = (
            f"{NULL if bid is None else bid!s}\t{NULL if ask is None else ask!s}\t"
            f"{NULL if bid_size is None else bid_size!s}\t"
            f"{NULL if ask_size is None else ask_size!s}\t{event_time(quote.event_us)}"
        )
    if trade is not None:
        traded = f"{value(trade.price)}\t{value(trade.size)}\t{event_time(trade.event_us)}"
    received = timestamp(received_ns // 1000)
    return f"{instrument_id}\t{ticks[0].venue}\t{priced}\t{quoted}\t{traded}\t{received}\n"
