"""``hadron instruments`` for people and programs."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg2
import pytest
from click.testing import CliRunner, Result
from psycopg2.extensions import connection as PgConnection  # noqa: N812

from hadron_tasks.cli import main
from hadron_tasks.crawl.rows import event_row, market_row, series_row
from hadron_tasks.ingest.batch import BatchWriter
from hadron_tasks.raw_stream import RawFrame, connection_life
from hadron_tasks.settings import get_settings
from hadron_tasks.store.catalogue import upsert_events, upsert_instruments, upsert_series
from hadron_tasks.store.catalogue_facts import facts_of_events
from hadron_tasks.store.instruments import InstrumentCache
from hadron_tasks.store.partitions import ensure_partitions_ahead
from hadron_tasks.tickers import CodeBook
from hadron_tasks.times import to_ns
from hadron_tasks.venues.kalshi.rest_models import Event, Market, Series
from hadron_tasks.venues.registry import rules_for

NOW = datetime.now(UTC).replace(microsecond=0)
COMBO = "KXMVENBASINGLEGAME-S2026A1B2C3D4E5F-0123456789A"
GAME, LADDER = "KXNBAGAME-26NOV29TORCHA", "KXBTCD-26NOV2117"
TORONTO = f"{GAME}-TOR"
Hadron = Callable[..., Result]


def iso(hours: float) -> str:
    return (NOW + timedelta(hours=hours)).isoformat()


def market(ticker: str, **said: Any) -> Market:
    known = {"ticker": ticker, "event_ticker": ticker.rpartition("-")[0], "status": "active"}
    return Market.model_validate(known | said)


MARKETS = [
    market(
        TORONTO,
        title="Toronto at Charlotte Winner?",
        yes_sub_title="Toronto [home]",
        close_time=iso(240),
        rules_primary="If Toronto wins, then [bold]Yes[/bold]. " + "And so on. " * 30,
    ),
    market(f"{GAME}-CHA", yes_sub_title="Charlotte", close_time=iso(240)),
    market(
        "KXNBAGAME-26NOV01BOSTOR-TOR",
        yes_sub_title="Toronto",
        close_time=iso(-400),
        status="finalized",
        result="no",
        settlement_value_dollars="0.0000",
    ),
    market(
        COMBO,
        mve_collection_ticker="KXMVENBASINGLEGAME-R",
        mve_selected_legs=[
            {"market_ticker": TORONTO, "event_ticker": GAME, "side": "no"},
            {"market_ticker": "KXELSEWHERE-1", "event_ticker": "KXELSEWHERE", "side": "yes"},
        ],
    ),
    *(
        market(
            f"{LADDER}-T{strike}.99",
            yes_sub_title=f"${strike:,}.99 or above",
            strike_type="greater",
            floor_strike=Decimal(f"{strike}.99"),
            close_time=iso(48),
        )
        for strike in range(99_000, 102_000, 100)
    ),
]


@pytest.fixture(scope="module")
def filled(module_database_url: str) -> str:
    """A game, one that is over, and a ladder, as a crawl stores them; and a price."""
    connection = psycopg2.connect(module_database_url)
    event = Event.model_validate(
        {
            "event_ticker": GAME,
            "series_ticker": "KXNBAGAME",
            "title": "Toronto at Charlotte",
            "category": "Sports",
        }
    )
    series = Series.model_validate({"ticker": "KXNBAGAME", "title": "Pro Basketball Game"})
    with connection, connection.cursor() as cursor:
        upsert_series(cursor, [series_row(series)])
        upsert_events(cursor, [event_row(event, NOW)])
        events, book = facts_of_events(cursor, [GAME]), CodeBook()
        rows = [market_row(one, events.get(one.event_ticker), None, book, NOW) for one in MARKETS]
        assert not upsert_instruments(cursor, rows).refused
    quote(connection)
    connection.close()
    return module_database_url


def quote(connection: PgConnection) -> None:
    ensure_partitions_ahead(connection, NOW)
    msg = {
        "market_ticker": TORONTO,
        "yes_bid_dollars": "0.4700",
        "yes_ask_dollars": "0.4900",
        "price_dollars": "0.4800",
        "ts_ms": to_ns(NOW) // 1_000_000,
    }
    document = {"type": "ticker", "sid": 1, "msg": msg}
    frame = RawFrame(json.dumps(document).encode(), to_ns(NOW), connection_life("kalshi-1", 1))
    BatchWriter(rules_for("kalshi"), InstrumentCache(10), "test").write(connection, [frame])


@pytest.fixture
def hadron(filled: str, monkeypatch: pytest.MonkeyPatch) -> Hadron:
    monkeypatch.setenv("HADRON_DATABASE_URL", filled)
    monkeypatch.setenv("COLUMNS", "80")
    get_settings.cache_clear()
    return lambda *arguments: CliRunner().invoke(main, ["instruments", *arguments])


def found(result: Result) -> list[str]:
    assert result.exit_code == 0, result.output
    return [one["ticker"] for one in json.loads(result.stdout)]


def test_a_team_is_found_in_the_order_people_want(hadron: Hadron) -> None:
    assert found(hadron("search", "raptors", "--json")) == [
        f"{GAME}-CHA",
        TORONTO,
        COMBO,  # by the name of its leg; nobody said when it closes
        "KXNBAGAME-26NOV01BOSTOR-TOR",
    ]
    assert found(hadron("search", "RAPTORS", "--status", "Settled", "--json")) == [
        "KXNBAGAME-26NOV01BOSTOR-TOR"
    ]
    assert found(hadron("search", "hornets", "raptors", "--limit", "1", "--json")) == [
        f"{GAME}-CHA"
    ]


def test_a_ladder_is_listed_from_its_lowest_rung(hadron: Hadron) -> None:
    listed = found(hadron("search", "bitcoin", "--json", "--limit", "100"))
    assert listed[0] == f"{LADDER}-T99000.99"
    assert listed[-1] == f"{LADDER}-T101900.99"


def test_what_was_found_as_json(hadron: Hadron) -> None:
    result = hadron("search", TORONTO.lower(), "--venue", "Kalshi", "--json")
    assert found(result) == [TORONTO, f"{GAME}-CHA"], "the one with this ticker first"
    one = json.loads(result.stdout)[0]
    assert one | {"display_name": ""} == {
        "venue": "kalshi",
        "ticker": TORONTO,
        "display_name": "",
        "status": "active",
        "close_time": iso(240).replace("+00:00", "Z"),
        "event_ticker": GAME,
        "price": "0.4800",
        "price_time": iso(0).replace("+00:00", "Z"),
    }
    assert "Toronto" in one["display_name"]
    assert json.loads(hadron("search", "zanzibar", "--json").stdout) == []


def test_tickers_are_whole_on_a_narrow_terminal(hadron: Hadron) -> None:
    shown = hadron("search", "toronto").output
    assert TORONTO in shown
    assert "0.4800" in shown
    assert "finalized" in shown
    assert max(map(len, shown.splitlines())) <= 80
    assert "there may be more" in hadron("search", "bitcoin").output


@pytest.mark.parametrize(
    ("arguments", "exit_code", "told"),
    [
        (["zanzibar"], 1, "begins with 'zanzibar'"),
        (["toronto", "bitcoin"], 1, "no instrument has them all"),
        (["toronto", "--venue", "polygon"], 1, "none with this --venue"),
        (["?!"], 2, "no letter and no digit"),
        ([], 2, "Missing argument"),
        (["toronto", "--limit", "0"], 2, "--limit"),
    ],
)
def test_nothing_found_is_explained(
    hadron: Hadron, arguments: list[str], exit_code: int, told: str
) -> None:
    result = hadron("search", *arguments)
    assert result.exit_code == exit_code
    assert told in " ".join(result.stderr.split())


def test_all_that_is_known_of_one(hadron: Hadron) -> None:
    shown = hadron("show", TORONTO)
    assert shown.exit_code == 0, shown.output
    words = " ".join(shown.output.split())
    for told in (
        "Toronto at Charlotte Winner?",
        "Toronto [home]",
        "then [bold]Yes[/bold]",
        f"{GAME} Toronto at Charlotte",
        "KXNBAGAME Pro Basketball Game",
        "Sports",
        "0.4800",
        "0.4700",
        f"{GAME}-CHA",
    ):
        assert told in words
    assert max(map(len, shown.output.splitlines())) <= 80
    assert hadron("show", TORONTO.lower()).output == shown.output


def test_the_others_of_a_ladder_are_shown_up_to_a_number(hadron: Hadron) -> None:
    shown = hadron("show", f"{LADDER}-T99500.99").output
    assert f"{LADDER}-T99000.99" in shown
    assert f"{LADDER}-T101900.99" not in shown
    assert "And 9 more" in shown
    (card,) = json.loads(hadron("show", f"{LADDER}-T99500.99", "--json").stdout)
    assert len(card["siblings"]) == card["siblings_in_all"] == 29
    assert card["instrument"]["floor_strike"] == "99500.99"


def test_a_settled_one_says_how(hadron: Hadron) -> None:
    words = " ".join(hadron("show", "KXNBAGAME-26NOV01BOSTOR-TOR").output.split())
    assert "finalized, result no, settled at 0.0000" in words


def test_a_combo_has_its_legs_by_name(hadron: Hadron) -> None:
    words = " ".join(hadron("show", COMBO).output.split())
    assert "not stored yet" in words
    assert TORONTO in words
    (card,) = json.loads(hadron("show", COMBO, "--json").stdout)
    toronto, elsewhere = card["legs"]
    assert toronto["name"].startswith("Toronto")
    assert (toronto["side"], toronto["status"], toronto["price"]) == ("no", "active", "0.4800")
    assert elsewhere == {
        "name": None,
        "ticker": "KXELSEWHERE-1",
        "side": "yes",
        "status": None,
        "price": None,
    }


def test_one_as_json(hadron: Hadron) -> None:
    (card,) = json.loads(hadron("show", TORONTO, "--json").stdout)
    assert card["instrument"]["external_ref"]["parsed"]["series"] == "KXNBAGAME"
    assert card["names"] == [{"venue": "kalshi", "ticker": TORONTO}]
    assert card["event"]["title"] == "Toronto at Charlotte"
    assert card["series"]["ticker"] == "KXNBAGAME"
    assert card["quote"]["bid"] == "0.4700"
    assert [one["ticker"] for one in card["siblings"]] == [f"{GAME}-CHA"]


@pytest.mark.parametrize(
    ("ticker", "told"),
    [
        ("KXNBAGAME-26NOV29", f"Did you mean {GAME}-CHA"),
        ("KXBTCD-26NOV2118-T99500", f"Did you mean {LADDER}-T99"),
        ("KXZANZIBAR", "hadron instruments search"),
        ("?", "hadron instruments search"),
    ],
)
def test_a_ticker_that_nobody_knows(hadron: Hadron, ticker: str, told: str) -> None:
    result = hadron("show", ticker)
    assert result.exit_code == 1
    assert told in result.stderr
