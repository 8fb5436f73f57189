"""What one page teaches names the markets of later ones, whichever worker reads them."""

from __future__ import annotations

from datetime import UTC, datetime

import psycopg2
from psycopg2.extensions import connection as PgConnection  # noqa: N812

from hadron_tasks.crawl.asks import Fetched
from hadron_tasks.crawl.keep import Codes, keep
from hadron_tasks.venues.kalshi.rest_models import Market


def _market(ticker: str, yes: str = "") -> Market:
    return Market(ticker=ticker, event_ticker=ticker.rpartition("-")[0], yes_sub_title=yes)


def _keep(connection: PgConnection, codes: Codes, *markets: Market) -> None:
    with connection, connection.cursor() as db:
        assert not keep(db, codes, Fetched(markets=markets), datetime.now(UTC)).unreadable


def _name(connection: PgConnection, ticker: str) -> str:
    with connection, connection.cursor() as db:
        db.execute("SELECT display_name FROM instruments WHERE ticker = %s", (ticker,))
        return str(db.fetchone()[0])


def test_a_code_that_was_learnt_is_used_in_later_names(database_url: str) -> None:
    later = "KXNBASPREAD-26NOV25ZQVBOS-ZQV6"
    connection = psycopg2.connect(database_url)
    try:
        ignorant = Codes()
        _keep(connection, ignorant, _market(later))
        assert "Zorgville" not in _name(connection, later)
        _keep(connection, Codes(), _market("KXNBAGAME-26NOV22ZQVSAC-ZQV", "Zorgville"))
        # Another process, which starts now.
        _keep(connection, Codes(), _market(later))
        assert "Zorgville" in _name(connection, later)
        with connection, connection.cursor() as db:
            db.execute("SELECT code, name, learnt_from FROM learnt_codes WHERE code = 'ZQV'")
            assert db.fetchall() == [("ZQV", "Zorgville", "KXNBAGAME-26NOV22ZQVSAC-ZQV")]
    finally:
        connection.close()


def test_what_others_have_learnt_is_taken_over_after_a_while(database_url: str) -> None:
    now_s = 0.0
    later = "KXNBASPREAD-26NOV25ZQVBOS-ZQV6"
    connection = psycopg2.connect(database_url)
    try:
        early = Codes(_monotonic=lambda: now_s)
        _keep(connection, early, _market(later))
        _keep(connection, Codes(), _market("KXNBAGAME-26NOV22ZQVSAC-ZQV", "Zorgville"))
        _keep(connection, early, _market(later))
        assert "Zorgville" not in _name(connection, later)
        now_s = 1801.0
        _keep(connection, early, _market(later))
        assert "Zorgville" in _name(connection, later)
    finally:
        connection.close()
