"""Instruments by their words: open ones first, those that close soonest before all others.

A word finds whatever begins with it, and all words must be found; a single letter or digit among
them stands for itself alone. Words of which one is rare are looked up in the index of words. Where
all are common, they are met again and again among the instruments that stand first in the order, so
those are looked through before: that bounds what the commonest words cost.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import groupby
from operator import itemgetter
from typing import Any

from psycopg2.extensions import connection as PgConnection  # noqa: N812
from psycopg2.extensions import cursor as Cursor  # noqa: N812

from hadron_tasks.store.words import words_of

COMMON = 5000
"""Instruments that have a common word: so many the index can still find, and sort, in a few
milliseconds."""

LOOKED_THROUGH = 2000
"""Instruments at the head of the order that are looked at before the index is asked for common
words: a few milliseconds, too."""

MOST_WORDS = 12
"""Of a question; further ones hardly narrow what is found."""

STATUSES = {"open": ("active", "open"), "settled": ("finalized", "settled")}
"""What people call statuses, and what exchanges do. Any other is looked for as it is given."""

_OPEN = "phase = 0 AND close_time >= now()"
# Among what is not settled: open, then overdue or without a known end, then closed.
_UNSETTLED_ORDER = "phase, close_time < now(), close_time, instrument_id"
_SETTLED_ORDER = "close_time DESC NULLS LAST, instrument_id"


def _head(condition: str, order: str) -> str:
    return (
        "SELECT instrument_id::text FROM ("  # noqa: S608 - constants only
        "SELECT instrument_id, close_time, words FROM instrument_search"
        f" WHERE {condition} ORDER BY {order} LIMIT {LOOKED_THROUGH}) AS head"
        f" WHERE words @@ %(query)s::tsquery ORDER BY {order}, instrument_id LIMIT %(limit)s"
    )


def _indexed(condition: str, order: str) -> str:
    return (
        "SELECT instrument_id::text FROM instrument_search"  # noqa: S608 - constants only
        f" WHERE {condition} AND words @@ %(query)s::tsquery ORDER BY {order} LIMIT %(limit)s"
    )


_STAGES = (
    (_head(_OPEN, "close_time"), _indexed("phase < 2", _UNSETTLED_ORDER)),
    (
        _head("phase = 2 AND close_time IS NOT NULL", "close_time DESC"),
        _indexed("phase = 2", _SETTLED_ORDER),
    ),
)
_DETAILS = """
    SELECT i.venue, i.ticker, coalesce(i.display_name, i.title, i.name), i.status, i.close_time,
           i.event_ticker, q.price, q.price_time, coalesce(i.floor_strike, i.cap_strike)
    FROM unnest(%s::uuid[]) WITH ORDINALITY AS found(id, place)
    JOIN instruments i ON i.id = found.id
    LEFT JOIN latest_quotes q ON q.instrument_id = i.id
    ORDER BY found.place
"""
_ESTIMATE = """
    EXPLAIN (FORMAT JSON) SELECT FROM instrument_search WHERE words @@ %(query)s::tsquery
"""
_ANY = "SELECT EXISTS (SELECT FROM instrument_search WHERE {phase} AND words @@ %(query)s::tsquery)"


@dataclass(frozen=True, slots=True)
class FoundInstrument:
    """An instrument that was searched for."""

    venue: str
    ticker: str
    display_name: str
    """Or the best there is of a name."""
    status: str | None
    close_time: datetime | None
    event_ticker: str | None
    price: Decimal | None
    """The last price that was recorded."""
    price_time: datetime | None


def search_instruments(
    connection: PgConnection,
    text: str,
    *,
    limit: int,
    venue: str | None = None,
    status: str | None = None,
) -> list[FoundInstrument]:
    """The first instruments in which every word of ``text`` begins a word.

    Open before closed before settled; of the open ones the soonest to close first, of the settled
    ones the last to close. Before all, one whose whole ticker was given.

    Args:
        venue: Only instruments of this venue.
        status: Only those of this status: the exchange's word, or one of :data:`STATUSES`.

    Raises:
        ValueError: There is no word in the text.
    """
    words = _telling(text)
    query = _query(words, venue, status)
    with connection, connection.cursor() as cursor:
        cursor.execute("SET LOCAL jit = off")  # it takes longer than the search
        common = all(_is_common(cursor, word) for word in words)
        cursor.execute(_DETAILS, (_ids(cursor, query, limit, common=common),))
        found = _by_strike(cursor.fetchall())
    whole_ticker = text.strip().upper()
    return sorted(found, key=lambda one: one.ticker.upper() != whole_ticker)


def similar_tickers(connection: PgConnection, ticker: str, *, limit: int = 3) -> list[str]:
    """Tickers that begin like one that does not exist, part by part, for a helpful error."""
    words = words_of([ticker])
    while words:
        found = search_instruments(connection, " ".join(words), limit=limit)
        if found:
            return [one.ticker for one in found]
        words.pop()
    return []


def words_not_found(connection: PgConnection, text: str) -> list[str]:
    """The words of a text with which no word of any instrument begins."""
    missing = []
    with connection, connection.cursor() as cursor:
        for word in _telling(text):
            for phase in ("phase < 2", "phase = 2"):
                cursor.execute(_ANY.format(phase=phase), {"query": _query([word], None, None)})
                if cursor.fetchone() == (True,):
                    break
            else:
                missing.append(word)
    return missing


def _by_strike(rows: list[tuple[Any, ...]]) -> list[FoundInstrument]:
    """Those that end at one moment by event and strike: a ladder from its lowest rung up."""
    ordered: list[FoundInstrument] = []
    for _, group in groupby(rows, key=itemgetter(3, 4)):
        some = [(FoundInstrument(*row), strike) for *row, strike in group]
        some.sort(key=lambda one: (one[0].event_ticker or "", one[1] or 0, one[0].ticker))
        ordered += [found for found, _ in some]
    return ordered


def _is_common(cursor: Cursor, word: str) -> bool:
    """By the planner's statistics, which know the words that very many rows have."""
    cursor.execute(_ESTIMATE, {"query": _query([word], None, None)})
    ((plan,),) = cursor.fetchall()
    return bool(plan[0]["Plan"]["Plan Rows"] >= COMMON)


def _ids(cursor: Cursor, query: str, limit: int, *, common: bool) -> list[str]:
    found: dict[str, None] = {}  # in order, each once, should one change between the questions
    for head, indexed in _STAGES:
        before = len(found)
        # What the head has, the index has again, in the same order.
        for question in (head, indexed) if common else (indexed,):
            # The head of an order is read off its index, however many rows the planner expects.
            cursor.execute(f"SET LOCAL enable_bitmapscan = {'off' if question is head else 'on'}")
            cursor.execute(question, {"query": query, "limit": limit - before})
            found.update(dict.fromkeys(row[0] for row in cursor.fetchall()))
            if len(found) >= limit:
                return list(found)[:limit]
    return list(found)


def _telling(text: str) -> list[str]:
    """The words of a text, without those that another begins with and so implies."""
    words = words_of([text])[:MOST_WORDS]
    return [
        word
        for word in words
        if not any(other != word and other.startswith(word) for other in words)
    ]


def _query(words: Sequence[str], venue: str | None, status: str | None) -> str:
    """A tsquery: of words, which have letters, digits and dots only, and of what is filtered by."""
    if not words:
        raise ValueError("There is nothing to search for: no letter and no digit.")
    alone = len(words) == 1
    parts = [f"'{word}':*" if alone or len(word) > 1 else f"'{word}'" for word in words]
    if venue is not None:
        parts.append(_lexeme(f"venue:{venue}"))
    if status is not None:
        names = STATUSES.get(status, (status,))
        parts.append("(" + " | ".join(_lexeme(f"status:{name}") for name in names) + ")")
    return " & ".join(parts)


def _lexeme(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"
