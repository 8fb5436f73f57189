"""What the exchanges' answers become as rows of the catalogue: pure, case by case."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hadron_tasks.crawl.polygon_rows import option_row, ticker_row
from hadron_tasks.crawl.rows import (
    ANSWERS_MAY_LAG,
    as_of,
    event_facts,
    event_row,
    market_row,
    series_row,
)
from hadron_tasks.store.catalogue_rows import EventFacts, InstrumentRow, SeriesFacts
from hadron_tasks.store.words import words_of
from hadron_tasks.tickers import CodeBook
from hadron_tasks.venues.kalshi.rest_models import Event, Market, Series
from hadron_tasks.venues.polygon.rest_models import Ticker

ASKED_AT = datetime(2026, 11, 21, 12, tzinfo=UTC)
GAME = "KXNBAGAME-26NOV29TORCHA"
SERIES = SeriesFacts("KXNBAGAME", "Pro Basketball Game", "Sports", "custom", ("Basketball",))
EVENT = EventFacts(
    GAME, "KXNBAGAME", "Toronto at Charlotte", "TOR at CHA (Nov 29)", "Sports", True, SERIES
)


def row(
    event: EventFacts | None = EVENT, series: SeriesFacts | None = None, **said: Any
) -> InstrumentRow:
    market = Market.model_validate({"ticker": f"{GAME}-TOR", "event_ticker": GAME} | said)
    return market_row(market, event, series, CodeBook(), ASKED_AT)


def test_a_market_with_all_that_is_known_of_it() -> None:
    made = row(
        market_type="binary",
        title="Toronto at Charlotte Winner?",
        yes_sub_title="Toronto",
        no_sub_title="Charlotte",
        status="active",
        open_time="2026-11-20T15:00:00Z",
        close_time="2026-11-30T03:00:00Z",
        rules_primary="If Toronto wins, then Yes.",
        price_level_structure="linear_cent",
        settlement_timer_seconds=300,
    )
    assert made.name == "Toronto at Charlotte"
    assert made.display_name is not None
    assert "Toronto" in made.display_name
    assert made.event_ticker == GAME
    assert made.close_time == datetime(2026, 11, 30, 3, tzinfo=UTC)
    assert made.status == "active"
    ref = made.external_ref or {}
    assert ref["parsed"]["family"] == "game"
    assert [team["code"] for team in ref["parsed"]["teams"]] == ["TOR", "CHA"]
    assert ref["series_ticker"] == "KXNBAGAME"
    assert ref["event"] == {
        "title": "Toronto at Charlotte",
        "sub_title": "TOR at CHA (Nov 29)",
        "mutually_exclusive": True,
    }
    assert ref["series"] == {"title": "Pro Basketball Game", "frequency": "custom"}
    assert ref["tags"] == ("Basketball",)
    assert ref["exchange_category"] == "Sports"
    assert ref["rules_primary"] == "If Toronto wins, then Yes."
    assert ref["settlement_timer_seconds"] == 300


def test_it_is_found_by_its_teams_in_full_its_league_and_its_series() -> None:
    words = (row(yes_sub_title="Toronto").keywords or "").split()
    assert {"toronto", "raptors", "charlotte", "hornets", "nba", "basketball"} <= set(words)
    assert {"kxnbagame", "nbagame", "26nov29torcha", "tor", "sports"} <= set(words)
    assert len(set(words)) == len(words)


def test_both_eras_of_prices_are_read_and_neither_is_stored() -> None:
    """Else each market would be a changed one each time it is read."""
    dollars = row(yes_bid_dollars="0.4800", yes_ask_dollars="0.4900", volume_fp="12.00")
    cents = row(yes_bid=48, yes_ask=49, volume=12, last_price=48, liquidity=3)
    assert dollars == cents == row()


@pytest.mark.parametrize(
    ("said", "value"),
    [
        ({"settlement_value_dollars": "1.0000"}, Decimal("1.0000")),
        ({"settlement_value": 100}, Decimal(1)),
        ({}, None),
    ],
)
def test_what_it_settled_at_in_both_eras(said: dict[str, Any], value: Decimal | None) -> None:
    made = row(status="finalized", result="yes", **said)
    assert made.settlement_value == value
    assert (made.status, made.result) == ("finalized", "yes")


def test_statuses_strike_types_and_fields_that_nobody_knows_are_taken_as_they_are() -> None:
    made = row(status="hibernating", strike_type="moonphase", a_new_field={"of": "theirs"})
    assert (made.status, made.strike_type) == ("hibernating", "moonphase")
    assert made.display_name
    assert "a_new_field" not in (made.external_ref or {})


@pytest.mark.parametrize(
    ("ticker", "title", "display_name"),
    [
        ("not a ticker at all", "Will it rain?", "Will it rain?"),
        ("not a ticker at all", "", "Toronto at Charlotte"),
    ],
)
def test_a_name_that_breaks_the_grammar_leaves_the_exchanges_words(
    ticker: str, title: str, display_name: str
) -> None:
    made = row(ticker=ticker, title=title)
    assert made.display_name == display_name
    assert "parsed" not in (made.external_ref or {})
    assert set(words_of([title])) <= set((made.keywords or "").split())


def test_without_its_event_the_series_names_it() -> None:
    made = row(event=None, series=SERIES, title="Winner?")
    assert made.name == "Winner?"
    assert (made.external_ref or {})["exchange_category"] == "Sports"
    assert "event" not in (made.external_ref or {})


def test_nothing_known_but_the_ticker() -> None:
    made = row(event=None)
    assert made.name == f"Kalshi Market: {GAME}-TOR"
    assert made.status is None
    assert made.display_name


def test_a_combo_has_its_legs() -> None:
    leg = {"event_ticker": GAME, "market_ticker": f"{GAME}-TOR", "side": "no"}
    made = row(
        ticker="KXMVENBASINGLEGAME-S2026A1B2C3D4E5F-0123456789A",
        event_ticker="KXMVENBASINGLEGAME-S2026A1B2C3D4E5F",
        mve_collection_ticker="KXMVENBASINGLEGAME-R",
        mve_selected_legs=[leg],
    )
    ref = made.external_ref or {}
    assert ref["legs"] == [leg]
    assert ref["collection"] == "KXMVENBASINGLEGAME-R"


@pytest.mark.parametrize(
    ("updated", "is_so_since"),
    [
        (None, ASKED_AT - ANSWERS_MAY_LAG),
        (ASKED_AT - timedelta(days=3), ASKED_AT - ANSWERS_MAY_LAG),
        (ASKED_AT - timedelta(seconds=4), ASKED_AT - timedelta(seconds=4)),
        (ASKED_AT + timedelta(hours=1), ASKED_AT),  # their clock, or ours
    ],
)
def test_as_of_when_an_answer_is_so(updated: datetime | None, is_so_since: datetime) -> None:
    assert as_of(ASKED_AT, updated) == is_so_since


@given(st.datetimes(timezones=st.just(UTC)))
def test_an_answer_is_never_newer_than_its_question(updated: datetime) -> None:
    assert ASKED_AT - ANSWERS_MAY_LAG <= as_of(ASKED_AT, updated) <= ASKED_AT


def test_an_event() -> None:
    event = Event.model_validate(
        {
            "event_ticker": GAME,
            "series_ticker": "KXNBAGAME",
            "title": "Toronto at Charlotte",
            "sub_title": "",
            "category": "Sports",
            "mutually_exclusive": True,
            "strike_date": "2026-11-29T00:00:00Z",
            "product_metadata": {"competition": "NBA"},
        }
    )
    made = event_row(event, ASKED_AT)
    assert made.described_at == ASKED_AT - ANSWERS_MAY_LAG
    assert (made.series_ticker, made.sub_title, made.mutually_exclusive) == (
        "KXNBAGAME",
        None,
        True,
    )
    assert made.strike_date == datetime(2026, 11, 29, tzinfo=UTC)
    assert made.external_ref == {"product_metadata": {"competition": "NBA"}}
    assert event_facts(event, SERIES).series == SERIES


def test_a_series() -> None:
    made = series_row(
        Series.model_validate(
            {
                "ticker": "KXNBAGAME",
                "title": "Pro Basketball Game",
                "category": "Sports",
                "frequency": "custom",
                "tags": None,
                "fee_type": "quadratic",
                "fee_multiplier": 1,
                "settlement_sources": [{"name": "NBA", "url": "https://nba.com"}],
            }
        )
    )
    assert (made.tags, made.fee_multiplier) == ([], Decimal(1))
    assert made.external_ref == {"settlement_sources": [{"name": "NBA", "url": "https://nba.com"}]}


def test_polygons_instruments_are_found_by_name_and_symbol() -> None:
    apple = Ticker.model_validate(
        {"ticker": "AAPL", "name": "Apple Inc.", "market": "stocks", "active": True, "type": "CS"}
    )
    assert (ticker_row(apple, "AAPL", ASKED_AT).keywords or "").split() == [
        "aapl",
        "apple",
        "inc",
        "cs",
    ]
    option = option_row("O:SPY251219C00650000", ASKED_AT)
    assert option is not None
    assert {"spy", "option", "spy251219c00650000"} <= set((option.keywords or "").split())
