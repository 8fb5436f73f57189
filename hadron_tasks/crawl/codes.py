"""The codes that this process knows: the packaged ones, and all that any crawl has learnt."""

from __future__ import annotations

from collections.abc import Iterable

from psycopg2.extensions import cursor as Cursor  # noqa: N812

from hadron_tasks.store.learnt_codes import keep_codes, kept_codes
from hadron_tasks.tickers import CodeBook, LearntCode, TickerError, learn
from hadron_tasks.venues.kalshi.rest_models import Market


def load_book(cursor: Cursor) -> CodeBook:
    """A book of all codes that were learnt so far."""
    book = CodeBook()
    book.restore(LearntCode(*code) for code in kept_codes(cursor))
    return book


def learn_from(cursor: Cursor, book: CodeBook, markets: Iterable[Market]) -> int:
    """Learn what the codes of markets mean, and keep it; returns how many were learnt."""
    before = set(book.learnt())
    for market in markets:
        try:
            learn(book, market.ticker, market.yes_sub_title)
        except TickerError:
            continue
    return keep_codes(cursor, [code for code in book.learnt() if code not in before])
