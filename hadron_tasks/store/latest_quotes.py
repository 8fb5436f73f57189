"""The newest state of each instrument, folded in memory and written with one upsert a batch."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from operator import itemgetter
from typing import NamedTuple

from psycopg2.extensions import cursor as Cursor  # noqa: N812

from hadron_tasks.store.copy_text import NULL, TICK_COLUMNS, array
from hadron_tasks.tick import TickType

# As they stand in a line.
_TRADE = TickType.TRADE.value
_QUOTING = frozenset({TickType.QUOTE.value, TickType.BOOK_SNAPSHOT.value})
_PRICING = frozenset({TickType.QUOTE.value, _TRADE, TickType.INDEX_VALUE.value, TickType.BAR.value})

# Where a tick's own line tells what.
_ID, _EVENT_TIME, _RECEIVED_AT, _VENUE, _TYPE, _PRICE, _SIZE, _BID = map(
    TICK_COLUMNS.index,
    ("instrument_id", "event_time", "received_at", "venue", "tick_type", "price", "size", "bid"),
)
_NOTHING = _BID + 4
"""Behind the sides: what follows there tells nothing of the newest state, and NULL takes its
place."""

# Where a line of the newest state tells what: see _COLUMNS.
_PRICE_PART, _QUOTE_PART, _TRADE_PART = slice(2, 4), slice(4, 9), slice(9, 12)

_COLUMNS = (
    "instrument_id, venue, price, price_time, bid, ask, bid_size, ask_size, quote_time,"
    " last_trade_price, last_trade_size, last_trade_time, received_at"
)


def _newest(time_column: str, *columns: str) -> str:
    newer = f"EXCLUDED.{time_column} >= COALESCE(latest_quotes.{time_column}, '-infinity')"
    return ", ".join(
        f"{column} = CASE WHEN {newer} THEN EXCLUDED.{column} ELSE latest_quotes.{column} END"
        for column in (*columns, time_column)
    )


# In key order, so that two workers with the same instruments wait and never deadlock. Not by way of
# a temporary table: emptying that at the commit waits for the disk.
_UPSERT = f"""
    INSERT INTO latest_quotes ({_COLUMNS}) SELECT {_COLUMNS} FROM unnest(%s::latest_told[])
    ORDER BY instrument_id
    ON CONFLICT (instrument_id) DO UPDATE SET
    {_newest("price_time", "price")},
    {_newest("quote_time", "bid", "ask", "bid_size", "ask_size")},
    {_newest("last_trade_time", "last_trade_price", "last_trade_size")},
    received_at = GREATEST(latest_quotes.received_at, EXCLUDED.received_at),
    room = NULL
"""  # noqa: S608 - constants only


def _picker(kind: str, *, priced: bool) -> Callable[[list[str]], tuple[str, ...]]:
    """Picks what a tick tells of the newest state from its line's texts, by ``_COLUMNS``."""
    price = (_PRICE, _EVENT_TIME) if priced and kind in _PRICING else (_NOTHING,) * 2
    # A side that is absent is absent now: the whole quote replaces the one before.
    quote = (*range(_BID, _BID + 4), _EVENT_TIME) if kind in _QUOTING else (_NOTHING,) * 5
    trade = (_PRICE, _SIZE, _EVENT_TIME) if kind == _TRADE else (_NOTHING,) * 3
    return itemgetter(_ID, _VENUE, *price, *quote, *trade, _RECEIVED_AT)


_PICK_PRICED, _PICK_UNPRICED = (
    {kind.value: _picker(kind.value, priced=priced) for kind in TickType}
    for priced in (True, False)
)


class Newest(NamedTuple):
    """What ticks tell to be the newest of each instrument, ready to be written."""

    instrument_ids: list[str]
    rows: str
    """As the text of an array of ``latest_told``."""


def newest_of(
    telling: Mapping[str, Sequence[str]], elsewhere: Collection[str] = frozenset()
) -> Newest:
    """Find the newest price, quote and trade of each instrument.

    Args:
        telling: Instrument's id to the lines of its ticks
            (:attr:`~hadron_tasks.store.tick_rows.TickRows.telling`), of which the later counts
            where two are of one time.
        elsewhere: Instruments whose prices another venue is trusted for: left out.
    """
    told = {each: lines for each, lines in telling.items() if each not in elsewhere}
    # Ids, numbers, times and venues: nothing in them has a meaning in the text of a row.
    rows = array([f'"({",".join(_columns(about_one))})"' for about_one in told.values()])
    return Newest(list(told), rows.replace(NULL, ""))


def write_latest(cursor: Cursor, newest: Newest) -> None:
    """Bring ``latest_quotes`` up to date; what is older than what it holds changes nothing.

    Call it late in a transaction: it locks the rows of busy instruments until the commit.
    """
    if newest.instrument_ids:
        cursor.execute(_UPSERT, (newest.rows,))


def _columns(lines: Sequence[str]) -> Sequence[str]:
    """The newest state as the ticks of one instrument tell it, in the texts of their own lines.

    To make the texts again would take as long as all else here.
    """
    received = _texts(lines[0])
    if len(lines) == 1:  # nearly always
        return _told_by(received)
    price = quote = trade = None
    # Times as text, all of one form, are in order of time.
    price_time = quote_time = trade_time = ""
    for line in lines:
        texts = _texts(line)
        kind, event_time = texts[_TYPE], texts[_EVENT_TIME]
        if kind in _QUOTING and event_time >= quote_time:
            quote, quote_time = texts, event_time
        if kind == _TRADE and event_time >= trade_time:
            trade, trade_time = texts, event_time
        if kind in _PRICING and texts[_PRICE] != NULL and event_time >= price_time:
            price, price_time = texts, event_time
        if texts[_RECEIVED_AT] > received[_RECEIVED_AT]:
            received = texts
    columns = list(_told_by(received))
    for newest, part in ((price, _PRICE_PART), (quote, _QUOTE_PART), (trade, _TRADE_PART)):
        if newest is not None and newest is not received:
            columns[part] = _told_by(newest)[part]
    return columns


def _texts(line: str) -> list[str]:
    texts = line.split("\t", _NOTHING)
    texts[_NOTHING] = NULL
    return texts


def _told_by(texts: list[str]) -> tuple[str, ...]:
    """The newest state as one tick tells it."""
    pick = (_PICK_UNPRICED if texts[_PRICE] == NULL else _PICK_PRICED)[texts[_TYPE]]
    return pick(texts)
