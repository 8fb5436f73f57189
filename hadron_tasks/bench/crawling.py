"""Storing what a crawl fetches, beside COPY of the same rows into the same tables."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from io import BytesIO

from psycopg2.extensions import connection as PgConnection  # noqa: N812

from hadron_tasks.bench.market_pages import A_PAGE, event_of, market_page
from hadron_tasks.bench.measure import Figure, Ratio, Report
from hadron_tasks.bench.plan import Plan
from hadron_tasks.bench.services import Services
from hadron_tasks.crawl.rows import market_row
from hadron_tasks.store.catalogue import upsert_instruments
from hadron_tasks.store.catalogue_rows import InstrumentRow
from hadron_tasks.tickers import CodeBook
from hadron_tasks.venues.kalshi.rest_models import Market
from hadron_tasks.venues.rest.pages import read_items

WANTED_NEW, WANTED_KNOWN = 0.5, 1.5
"""Of COPY's speed: a new market is looked for and copied twice, a known one is only looked for."""
REWORDED = A_PAGE // 100
UNIT = "markets/s"
_TABLES = (("instruments", "id"), ("instrument_venue_mapping", "instrument_id"))
"""And by which column their rows belong together."""

Rows = list[InstrumentRow]


def crawl(plan: Plan, services: Services) -> Report:
    """Upserts of pages: all of them new, all known, a hundredth changed; and reading them, too."""
    copy = Figure("COPY of ready instruments", UNIT)
    new = Figure("upsert, all markets new", UNIT)
    known = Figure("upsert, no market changed", UNIT)
    changed = Figure("upsert, 1 % of markets changed", UNIT)
    whole = Figure("page's JSON to stored rows, no market changed", UNIT)
    pages = max(1, plan.frames // 4 // A_PAGE)
    bodies = [market_page(number) for number in range(pages)]
    reworded = [market_page(number, reworded=REWORDED) for number in range(pages)]
    plan.say(f"crawl: {plan.rounds} rounds of {pages * A_PAGE:,} markets")
    book, first = CodeBook(), datetime.now(UTC)
    with services.connect() as connection:
        for number in range(plan.rounds + 1):
            asked_at = first + timedelta(hours=number)
            rows = [_rows(body, book, asked_at) for body in bodies]
            _empty(connection)
            _upsert(new, connection, rows, changes=pages * A_PAGE)
            _upsert(known, connection, rows, changes=0)
            with whole.timing(pages * A_PAGE):
                for body in bodies:
                    _store(connection, _rows(body, book, asked_at))
            changes = [_rows(body, book, asked_at + timedelta(minutes=1)) for body in reworded]
            _upsert(changed, connection, changes, changes=pages * REWORDED)
            _copy(copy, connection)
            if number == 0:
                for figure in (copy, new, known, changed, whole):
                    figure.rounds.pop()
        _empty(connection)
    return Report(
        [copy, new, known, changed, whole],
        [
            Ratio("upsert of new markets / COPY", new, copy, WANTED_NEW),
            Ratio("upsert of known markets / COPY", known, copy, WANTED_KNOWN),
        ],
    )


def _rows(body: bytes, book: CodeBook, asked_at: datetime) -> Rows:
    """A page as the crawl reads it."""
    markets, rejected = read_items(Market, json.loads(body)["markets"], may_hold_nul=False)
    assert not rejected
    return [
        market_row(market, event_of(market.event_ticker), None, book, asked_at)
        for market in markets
    ]


def _upsert(
    figure: Figure, connection: PgConnection, pages: Sequence[Rows], *, changes: int
) -> None:
    written = 0
    with figure.timing(sum(map(len, pages))):
        for rows in pages:
            written += _store(connection, rows)
    assert written == changes, f"{written} rows were written, and {changes} had changed"


def _store(connection: PgConnection, rows: Rows) -> int:
    """A transaction a page, as the crawl does."""
    with connection, connection.cursor() as cursor:
        return upsert_instruments(cursor, rows).changed


def _copy(figure: Figure, connection: PgConnection) -> None:
    """What is stored, taken out and copied in again, a transaction a page."""
    lines = []
    with connection, connection.cursor() as cursor:
        for table, column in _TABLES:
            copied = BytesIO()
            cursor.copy_expert(
                f"COPY (SELECT * FROM {table} ORDER BY {column}) TO STDOUT",  # noqa: S608 - constants
                copied,
            )
            lines.append(copied.getvalue().splitlines(keepends=True))
    pages = [
        [b"".join(some[start : start + A_PAGE]) for some in lines]
        for start in range(0, len(lines[0]), A_PAGE)
    ]
    _empty(connection)
    with figure.timing(len(lines[0])):
        for texts in pages:
            with connection, connection.cursor() as cursor:
                for (table, _), text in zip(_TABLES, texts, strict=True):
                    cursor.copy_expert(f"COPY {table} FROM STDIN", BytesIO(text))


def _empty(connection: PgConnection) -> None:
    with connection, connection.cursor() as cursor:
        cursor.execute("TRUNCATE instruments CASCADE")
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("CHECKPOINT")
    connection.autocommit = False
