"""Instruments are found or made, once, by everybody."""

from __future__ import annotations

import threading

import psycopg2
from psycopg2.extensions import connection as PgConnection  # noqa: N812

from hadron_tasks.store.instruments import (
    InstrumentCache,
    NewInstrument,
    resolve_instruments,
)


def describe(venue: str, ticker: str) -> NewInstrument:
    return NewInstrument(venue, ticker, "other", f"Kalshi Market: {ticker}")


def resolve(
    connection: PgConnection, tickers: list[str], cache: InstrumentCache | None = None
) -> dict[str, str]:
    return resolve_instruments(
        connection, InstrumentCache(100) if cache is None else cache, "kalshi", tickers, describe
    )


def test_an_unknown_ticker_becomes_a_minimal_instrument(connection: PgConnection) -> None:
    ids = resolve(connection, ["KXA-1"])
    with connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT id::text, ticker, asset_class, primary_source, venue, name FROM instruments"
        )
        assert cursor.fetchall() == [
            (ids["KXA-1"], "KXA-1", "other", "kalshi", "kalshi", "Kalshi Market: KXA-1")
        ]


def test_the_same_ticker_is_the_same_instrument(connection: PgConnection) -> None:
    first = resolve(connection, ["KXA-1", "KXA-2"])
    assert resolve(connection, ["KXA-2", "KXA-1", "KXA-3"]).items() >= first.items()


def test_an_id_is_the_same_in_every_database(connection: PgConnection) -> None:
    assert resolve(connection, ["KXA-1"])["KXA-1"] == str(describe("kalshi", "KXA-1").id)


def test_a_mapping_made_by_hand_decides(connection: PgConnection) -> None:
    mine = resolve(connection, ["KXA-1"])["KXA-1"]
    with connection, connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO instrument_venue_mapping (instrument_id, venue, venue_instrument_id)"
            " VALUES (%s, 'kalshi', 'KXALIAS')",
            (mine,),
        )
    assert resolve(connection, ["KXALIAS"]) == {"KXALIAS": mine}


def test_who_is_reading_finds_what_is_learnt_meanwhile_until_all_is_forgotten() -> None:
    cache = InstrumentCache(10)
    known, elsewhere = cache.known("kalshi"), cache.elsewhere("kalshi")
    cache.put("kalshi", {"KXA-1": "one", "KXA-2": "two"}, elsewhere=["two"])
    assert (known, elsewhere) == ({"KXA-1": "one", "KXA-2": "two"}, {"two"})
    cache.clear()
    cache.put("kalshi", {"KXA-2": "another"})
    assert (known["KXA-2"], elsewhere) == ("two", {"two"})
    assert (cache.known("kalshi"), cache.elsewhere("kalshi")) == ({"KXA-2": "another"}, set())


def test_a_full_cache_forgets_and_still_resolves(connection: PgConnection) -> None:
    cache = InstrumentCache(10)
    tickers = [f"KXA-{n}" for n in range(35)]
    first = resolve(connection, tickers, cache)
    assert len(cache) <= 10
    assert resolve(connection, tickers, cache) == first


def test_workers_that_meet_the_same_tickers_at_once_agree(
    connection: PgConnection, database_url: str
) -> None:
    tickers = [f"KXA-{n}" for n in range(300)]
    found: list[dict[str, str]] = []
    start = threading.Barrier(4)

    def meet(mine: list[str]) -> None:
        other = psycopg2.connect(database_url)
        start.wait()
        found.append(resolve(other, mine))
        other.close()

    workers = [
        threading.Thread(target=meet, args=(tickers[:: 1 if n % 2 else -1],)) for n in range(4)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(found) == 4
    assert all(one == found[0] for one in found)
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT count(*), count(DISTINCT ticker) FROM instruments")
        assert cursor.fetchone() == (300, 300)
