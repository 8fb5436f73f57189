"""The newest state of each instrument, folded in memory and written with one upsert a batch."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from decimal import Decimal
from io import StringIO

import msgspec
from psycopg2.extensions import cursor as Cursor  # noqa: N812

from hadron_tasks.store.copy_text import event_time, timestamp, value
from hadron_tasks.tick import HadronTick, TickType

_LONG_AGO = -1

_QUOTING = {TickType.QUOTE, TickType.BOOK_SNAPSHOT}
_PRICING = {TickType.TRADE, TickType.QUOTE, TickType.INDEX_VALUE, TickType.BAR}
_TRADE, _BOOK_DELTA = TickType.TRADE, TickType.BOOK_DELTA

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


class _Latest(msgspec.Struct, gc=False):  # made for nearly every tick where markets are many
    venue: str
    received_ns: int = 0
    price: Decimal | None = None
    price_us: int = _LONG_AGO
    bid: Decimal | None = None
    ask: Decimal | None = None
    bid_size: Decimal | None = None
    ask_size: Decimal | None = None
    quote_us: int = _LONG_AGO
    trade_price: Decimal | None = None
    trade_size: Decimal | None = None
    trade_us: int = _LONG_AGO

    def fold(self, tick: HadronTick) -> None:
        time_us = tick.event_us
        kind = tick.tick_type
        if kind in _QUOTING and time_us >= self.quote_us:
            # A side that is absent is absent now: it replaces the one before.
            self.bid, self.ask = tick.bid, tick.ask
            self.bid_size, self.ask_size = tick.bid_size, tick.ask_size
            self.quote_us = time_us
        if kind is _TRADE and time_us >= self.trade_us:
            self.trade_price, self.trade_size, self.trade_us = tick.price, tick.size, time_us
        if kind in _PRICING and tick.price is not None and time_us >= self.price_us:
            self.price, self.price_us = tick.price, time_us
        if tick.received_ns > self.received_ns:  # max() takes four times as long
            self.received_ns = tick.received_ns

    def line(self, instrument_id: str) -> str:
        return (
            f"{instrument_id}\t{self.venue}\t{value(self.price)}\t{_time(self.price_us)}\t"
            f"{value(self.bid)}\t{value(self.ask)}\t{value(self.bid_size)}\t"
            f"{value(self.ask_size)}\t{_time(self.quote_us)}\t{value(self.trade_price)}\t"
            f"{value(self.trade_size)}\t{_time(self.trade_us)}\t"
            f"{timestamp(self.received_ns // 1000)}\n"
        )


def write_latest(
    cursor: Cursor,
    rows: Iterable[tuple[str, HadronTick]],
    elsewhere: Collection[str] = frozenset(),
) -> list[str]:
    """Bring ``latest_quotes`` up to date with ticks; older ones change nothing.

    Call it last in a transaction: it locks the rows of busy instruments until the commit.

    Args:
        elsewhere: Instruments whose prices another venue is trusted for: left alone.

    Returns:
        The instruments whose rows were written.
    """
    latest: dict[str, _Latest] = {}
    for instrument_id, tick in rows:
        if tick.tick_type is _BOOK_DELTA:
            continue
        if elsewhere and instrument_id in elsewhere:
            continue
        state = latest.get(instrument_id)
        if state is None:
            state = latest[instrument_id] = _Latest(tick.venue)
        state.fold(tick)
    if not latest:
        return []
    lines = "".join([state.line(instrument_id) for instrument_id, state in latest.items()])
    cursor.execute(_MAKE_STAGING)
    cursor.copy_expert(_COPY, StringIO(lines))
    cursor.execute(_UPSERT)
    return list(latest)


def _time(microseconds: int) -> str:
    return "\\N" if microseconds == _LONG_AGO else event_time(microseconds)
