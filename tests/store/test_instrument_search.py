"""Instruments are found by their words, in the order people want, whoever wrote them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from psycopg2.extensions import connection as PgConnection  # noqa: N812
from psycopg2.extras import execute_values

from hadron_tasks.store import search
from hadron_tasks.store.catalogue import upsert_instruments
from hadron_tasks.store.catalogue_rows import InstrumentRow
from hadron_tasks.store.instruments import InstrumentCache, NewInstrument, resolve_instruments
from hadron_tasks.store.search import LOOKED_THROUGH, search_instruments, words_not_found
from hadron_tasks.store.words import keywords

NOW = datetime.now(UTC).replace(microsecond=0)


def in_hours(hours: int) -> datetime:
    """From when the test runs: that may be long after it was collected."""
    return datetime.now(UTC).replace(microsecond=0) + timedelta(hours=hours)


def market(ticker: str, *, closes: datetime | None = None, **said: Any) -> InstrumentRow:
    said.setdefault("status", "active")
    name = said.setdefault("display_name", "Boston Celtics at Miami Heat")
    return InstrumentRow(
        venue="kalshi",
        ticker=ticker,
        asset_class="other",
        described_at=NOW,
        name=name,
        close_time=closes,
        keywords=keywords([ticker, name]),
        **said,
    )


def store(connection: PgConnection, *rows: InstrumentRow) -> None:
    with connection, connection.cursor() as cursor:
        assert not upsert_instruments(cursor, rows).refused


def found(connection: PgConnection, text: str, limit: int = 20, **filters: Any) -> list[str]:
    return [one.ticker for one in search_instruments(connection, text, limit=limit, **filters)]


@pytest.fixture
def four_markets(catalogue: PgConnection) -> PgConnection:
    """A game, a player, a city and a coin."""
    store(
        catalogue,
        market("KXNBAGAME-1", closes=in_hours(1)),
        market("KXNBAPTS-2", closes=in_hours(2), display_name="Luka Dončić: 30+ points"),
        market("KXHIGHNY-3", closes=in_hours(3), display_name="New York's highest temperature"),
        market(
            "KXBTCD-26NOV21-T97250.99",
            closes=in_hours(4),
            display_name="Bitcoin: $97,250.99 or above",
        ),
    )
    return catalogue


@pytest.mark.parametrize(
    ("text", "finds"),
    [
        ("celtics", ["KXNBAGAME-1"]),
        ("BOS celt", ["KXNBAGAME-1"]),  # the beginnings of words
        ("doncic", ["KXNBAPTS-2"]),  # without its accents
        ("Dončić", ["KXNBAPTS-2"]),
        ("luka points", ["KXNBAPTS-2"]),  # in any order, with others between
        ("points luka", ["KXNBAPTS-2"]),
        ("new york", ["KXHIGHNY-3"]),
        ("KXHIGHNY", ["KXHIGHNY-3"]),
        ("kxnba", ["KXNBAGAME-1", "KXNBAPTS-2"]),
        ("KXBTCD-26NOV21-T97250.99", ["KXBTCD-26NOV21-T97250.99"]),
        ("97,250", ["KXBTCD-26NOV21-T97250.99"]),
        ("celtics doncic", []),
        ("eltics", []),  # not the middles of words
        ("o'brien", []),
        ("points | celtics", []),  # no language of questions: the words alone
        ("!celtics", ["KXNBAGAME-1"]),
        ("'celtics' & (", ["KXNBAGAME-1"]),
    ],
)
def test_words_find(four_markets: PgConnection, text: str, finds: list[str]) -> None:
    assert found(four_markets, text) == finds


@pytest.fixture(params=[0, 1_000_000], ids=["all words common", "all words rare"])
def _common(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ways to search must find the same."""
    monkeypatch.setattr(search, "COMMON", request.param)


@pytest.mark.usefixtures("_common")
def test_open_before_closed_before_settled_and_soon_before_later(
    catalogue: PgConnection,
) -> None:
    rows = [
        market("A-SOON", closes=in_hours(1)),
        market("B-LATER", closes=in_hours(9)),
        market("C-LAST", closes=in_hours(900), status="initialized"),
        market("D-OVERDUE", closes=in_hours(-1)),
        market("E-ENDLESS", closes=None),
        market("F-CLOSED", closes=in_hours(-1), status="closed"),
        market("G-SETTLED-LATELY", closes=in_hours(-2), status="finalized"),
        market("H-SETTLED-LONG-AGO", closes=in_hours(-900), status="finalized"),
        market("I-SETTLED-SOMETIME", closes=None, status="finalized"),
    ]
    store(catalogue, *reversed(rows))
    in_order = [row.ticker for row in rows]
    assert found(catalogue, "celtics") == in_order
    for limit in range(1, len(rows)):
        assert found(catalogue, "celtics", limit) == in_order[:limit]


def test_a_status_that_nobody_knows_is_not_taken_for_settled(catalogue: PgConnection) -> None:
    store(
        catalogue,
        market("A", closes=in_hours(1), status="finalized"),
        market("B", closes=in_hours(1), status="hibernating"),
    )
    assert found(catalogue, "celtics") == ["B", "A"]
    assert found(catalogue, "celtics", status="hibernating") == ["B"]


def test_venue_and_status_narrow_the_search(catalogue: PgConnection) -> None:
    store(
        catalogue,
        market("OPEN", closes=in_hours(1)),
        market("SETTLED", closes=in_hours(-1), status="finalized"),
        market("O'DD", closes=in_hours(1), status="it's \\ odd"),
    )
    assert found(catalogue, "celtics", venue="kalshi", status="open") == ["OPEN"]
    assert found(catalogue, "celtics", status="settled") == ["SETTLED"]
    assert found(catalogue, "celtics", status="finalized") == ["SETTLED"]
    assert found(catalogue, "celtics", status="it's \\ odd") == ["O'DD"]
    assert found(catalogue, "celtics", venue="polygon") == []
    assert found(catalogue, "status:active") == [], "filters are no words"


def test_an_instrument_made_on_sight_is_found_by_its_ticker(catalogue: PgConnection) -> None:
    resolve_instruments(
        catalogue,
        InstrumentCache(10),
        "kalshi",
        ["KXNEW-26NOV21-BOS"],
        lambda venue, ticker: NewInstrument(venue, ticker, "other", "unnamed"),
    )
    assert found(catalogue, "kxnew bos") == ["KXNEW-26NOV21-BOS"]
    assert found(catalogue, "unnamed") == []


def test_whoever_changes_an_instrument_changes_what_finds_it(catalogue: PgConnection) -> None:
    store(catalogue, market("A", closes=in_hours(1)), market("B", closes=in_hours(2)))
    with catalogue, catalogue.cursor() as cursor:
        cursor.execute("UPDATE instruments SET status = 'finalized' WHERE ticker = 'A'")
    assert found(catalogue, "celtics") == ["B", "A"]
    with catalogue, catalogue.cursor() as cursor:
        cursor.execute("UPDATE instruments SET status = 'active', close_time = %s", (in_hours(1),))
        cursor.execute("UPDATE instruments SET keywords = 'something else' WHERE ticker = 'B'")
    assert found(catalogue, "celtics") == ["A"]
    assert found(catalogue, "something") == ["B"]
    with catalogue, catalogue.cursor() as cursor:
        cursor.execute("UPDATE instruments SET keywords = NULL, title = 'By title' WHERE true")
    assert sorted(found(catalogue, "title")) == ["A", "B"]
    with catalogue, catalogue.cursor() as cursor:
        cursor.execute("DELETE FROM instrument_venue_mapping")
        cursor.execute("DELETE FROM instruments WHERE ticker = 'A'")
    assert found(catalogue, "title") == ["B"]
    with catalogue, catalogue.cursor() as cursor:
        cursor.execute("TRUNCATE instruments CASCADE")
        cursor.execute("SELECT count(*) FROM instrument_search")
        assert cursor.fetchone() == (0,)


@pytest.mark.usefixtures("_common")
def test_beyond_the_head_of_the_order_the_index_finds_the_rest(catalogue: PgConnection) -> None:
    """A word among the first thousands, and one that only the last have."""
    many = LOOKED_THROUGH + 100
    with catalogue, catalogue.cursor() as cursor:
        execute_values(
            cursor,
            "INSERT INTO instruments"
            " (ticker, asset_class, primary_source, venue, name, status, close_time, keywords)"
            " VALUES %s",
            [
                (
                    f"{status}-{n}",
                    "other",
                    "kalshi",
                    "kalshi",
                    "name",
                    status,
                    in_hours((n + 1) * (1 if status == "active" else -1)),
                    "common" + (" first" if n == 0 else " rare" if n >= many - 2 else ""),
                )
                for status in ("active", "finalized")
                for n in range(many)
            ],
            page_size=many,
        )
    last, last_but_one = many - 1, many - 2
    assert found(catalogue, "rare") == [
        f"active-{last_but_one}",
        f"active-{last}",
        f"finalized-{last_but_one}",
        f"finalized-{last}",
    ]
    assert found(catalogue, "first", 2) == ["active-0", "finalized-0"]
    assert found(catalogue, "common", 3) == ["active-0", "active-1", "active-2"]
    assert len(found(catalogue, "common", many + 5)) == many + 5
    assert found(catalogue, "common", many + 5)[many:] == [f"finalized-{n}" for n in range(5)]


def test_common_words_are_known_from_the_planners_statistics(
    catalogue: PgConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "COMMON", 150)
    rows = [market(f"A-{n}", display_name="Heat" if n % 2 else f"Rare{n}") for n in range(400)]
    store(catalogue, *rows)
    with catalogue, catalogue.cursor() as cursor:
        cursor.execute("ANALYZE instrument_search")
        common = {word: search._is_common(cursor, word) for word in ("hea", "rare7", "zanzibar")}
    assert common == {"hea": True, "rare7": False, "zanzibar": False}


def test_a_word_that_another_begins_with_is_implied_by_it(catalogue: PgConnection) -> None:
    store(catalogue, market("A", closes=in_hours(1), display_name="Newark 7 Devils"))
    assert found(catalogue, "new newark") == ["A"]
    assert found(catalogue, "7 devils") == ["A"]
    assert found(catalogue, "d newark") == [], "a single letter among others is a whole word"
    assert found(catalogue, "d") == ["A"]


def test_words_that_nothing_has_are_named(catalogue: PgConnection) -> None:
    store(catalogue, market("A", closes=in_hours(1)), market("B", status="finalized"))
    assert words_not_found(catalogue, "Celtics Zanzibar xyzzy") == ["zanzibar", "xyzzy"]
    assert words_not_found(catalogue, "heat celt") == []


@pytest.mark.parametrize("text", ["", "  ", "?!", "'"])
def test_a_text_without_a_word_is_refused(four_markets: PgConnection, text: str) -> None:
    with pytest.raises(ValueError, match="no letter and no digit"):
        search_instruments(four_markets, text, limit=1)
