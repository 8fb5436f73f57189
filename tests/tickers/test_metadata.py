"""The exchange's metadata decides; the ticker fills in."""

from __future__ import annotations

from decimal import Decimal

import pytest

from hadron_tasks.tickers import (
    Category,
    EventMetadata,
    MarketMetadata,
    MarketType,
    SeriesMetadata,
    parse_ticker,
)
from hadron_tasks.tickers.parsed import Direction


def test_an_exact_line_replaces_the_tickers_number() -> None:
    ticker = "KXSERIEATOTAL-26JUN19CRETOR-2"
    alone = parse_ticker(ticker)
    assert alone.strike is not None
    assert alone.strike.direction is Direction.LINE
    assert alone.confidence == "partial"
    known = parse_ticker(
        ticker, market=MarketMetadata(strike_type="greater", floor_strike=Decimal("2.5"))
    )
    assert known.strike is not None
    assert (known.strike.direction, known.strike.value) == (Direction.ABOVE, Decimal("2.5"))
    assert known.strike.exact
    assert known.confidence == "full"


@pytest.mark.parametrize(
    ("ticker", "api", "direction", "value", "cap"),
    [
        (
            "KXHIGHNY-26APR19-T54",
            {"strike_type": "less", "cap_strike": 54},
            Direction.BELOW,
            "54",
            None,
        ),
        (
            "KXHIGHMIA-26APR19-T88",
            {"strike_type": "greater", "floor_strike": 88},
            Direction.ABOVE,
            "88",
            None,
        ),
        (
            "KXBTC-25APR30-T0915-B95000",
            {"strike_type": "between", "floor_strike": 95000, "cap_strike": 95250},
            Direction.BETWEEN,
            "95000",
            "95250",
        ),
        (
            "KXNFLSPREAD-26JAN17WASDEN-DEN12",
            {"strike_type": "greater", "floor_strike": 11.5},
            Direction.ABOVE,
            "11.5",
            None,
        ),
        (
            "KXRT-OTH-50",
            {"strike_type": "greater_or_equal", "floor_strike": "50"},
            Direction.AT_LEAST,
            "50",
            None,
        ),
    ],
)
def test_strikes_of_the_api(
    ticker: str, api: dict[str, object], direction: Direction, value: str, cap: str | None
) -> None:
    strike = parse_ticker(ticker, market=MarketMetadata.from_api(api)).strike
    assert strike is not None
    assert (strike.direction, strike.value) == (direction, Decimal(value))
    assert strike.cap == (None if cap is None else Decimal(cap))


def test_absurd_strikes_are_left_alone() -> None:
    for absurd in ("NaN", "Infinity", "x", True, None, [1], {}):
        market = MarketMetadata.from_api({"strike_type": "greater", "floor_strike": absurd})
        strike = parse_ticker("KXFED-26DEC-T3.50", market=market).strike
        assert strike is not None
        assert strike.value == Decimal("3.50")


def test_a_scalar_market_is_one() -> None:
    parsed = parse_ticker("KXFED-26DEC-T3.50", market=MarketMetadata(market_type="scalar"))
    assert parsed.market_type is MarketType.SCALAR


def test_the_event_ticker_decides_where_the_market_part_begins() -> None:
    ticker = "KXIMPEACH-27-JAN01"
    assert parse_ticker(ticker).market_part == "27-JAN01"
    parsed = parse_ticker(ticker, market=MarketMetadata(event_ticker="KXIMPEACH-27"))
    assert (parsed.event_part, parsed.market_part) == ("27", "JAN01")
    assert parsed.deadline is not None
    assert parsed.deadline.iso() == "2027-01-01"
    same = parse_ticker("KXMLBRFI-26AUG201310SFCLE", market=MarketMetadata(event_ticker="KXX"))
    assert same.event_ticker == "KXMLBRFI-26AUG201310SFCLE"


def test_the_exchanges_words_make_the_name() -> None:
    parsed = parse_ticker(
        "KXGOVCA-26-MMAH",
        market=MarketMetadata.from_api(
            {"title": "Will  Matt Mahan win?", "yes_sub_title": "Matt Mahan :: Democratic"}
        ),
        event=EventMetadata(title="California Governor winner? (Person)"),
    )
    assert parsed.display_name == "Will Matt Mahan win"
    assert parsed.outcome is not None
    assert parsed.outcome.name == "Matt Mahan"
    assert parsed.confidence == "full"
    assert parsed.title == "Will Matt Mahan win?"
    event_only = parse_ticker(
        "KXGOVCA-26", event=EventMetadata(title="California Governor winner? (Person)")
    )
    assert event_only.display_name == "California Governor winner? (Person)"


def test_a_games_title_gets_its_date() -> None:
    parsed = parse_ticker(
        "KXUFCFIGHT-26AUG22HERROD-HER",
        market=MarketMetadata(yes_sub_title="Hernandez"),
        event=EventMetadata(title="Hernandez vs Rodrigues"),
    )
    assert parsed.display_name == "Hernandez vs Rodrigues: Hernandez, Aug 22, 2026"
    away = parse_ticker(
        "KXNBAGAME-25NOV29TORCHA-TOR",
        market=MarketMetadata(title="Toronto at Charlotte Winner?", yes_sub_title="Toronto"),
    )
    assert away.display_name == "Toronto at Charlotte Winner: Toronto, Nov 29, 2025"


@pytest.mark.parametrize(
    ("ticker", "api", "market_type"),
    [
        ("KXHIGHNY-26APR19-T54", {"strike_type": "less", "cap_strike": 54}, MarketType.BELOW),
        ("KXHIGHNY-26APR19-T88", {"strike_type": "greater", "floor_strike": 88}, MarketType.ABOVE),
        (
            "KXHIGHNY-26APR19-B84.5",
            {"strike_type": "between", "floor_strike": 84, "cap_strike": 85},
            MarketType.BUCKET,
        ),
        (
            "KXNOBODYKNOWS-26APR19-5",
            {"strike_type": "less_or_equal", "cap_strike": 5},
            MarketType.BELOW,
        ),
        (
            "KXNFLSPREAD-26JAN17WASDEN-DEN12",
            {"strike_type": "greater", "floor_strike": 11.5},
            MarketType.SPREAD,
        ),
    ],
)
def test_the_exchanges_strike_decides_over_the_type(
    ticker: str, api: dict[str, object], market_type: MarketType
) -> None:
    parsed = parse_ticker(ticker, market=MarketMetadata.from_api(api))
    assert parsed.market_type is market_type


def test_a_line_without_words_is_named_by_its_exact_strike() -> None:
    market = MarketMetadata.from_api({"strike_type": "greater", "floor_strike": 11.5})
    parsed = parse_ticker("KXNFLSPREAD-26JAN17WASDEN-DEN12", market=market)
    assert parsed.display_name == "Denver by 12+: Washington at Denver, Jan 17, 2026"


@pytest.mark.parametrize(
    ("event", "series", "category"),
    [
        ("Climate and Weather", "Politics", Category.WEATHER),
        ("", "Science and Technology", Category.SCIENCE),
        ("Something new", "Politics", Category.POLITICS),
        ("Something new", "Another", Category.ELECTIONS),
    ],
)
def test_categories(event: str, series: str, category: Category) -> None:
    parsed = parse_ticker(
        "KXPRESNOMD-28-AOC",
        event=EventMetadata(category=event),
        series=SeriesMetadata(category=series),
    )
    assert parsed.category is category


def test_combos_and_mentions_stay_what_they_are() -> None:
    event = EventMetadata(category="Sports")
    combo = "KXMVECROSSCATEGORY-S2026128C9867FF9-1354DE921B4"
    assert parse_ticker(combo, event=event).category is Category.COMBOS
    mention = parse_ticker("KXFEDMENTION-26SEP-GOOD", event=EventMetadata(category="Economics"))
    assert mention.category is Category.MENTIONS


def test_combo_words_without_legs() -> None:
    parsed = parse_ticker(
        "KXMVECROSSCATEGORY-S2026128C9867FF9-1354DE921B4",
        market=MarketMetadata(title="yes Houston,no Over 215.5 points,yes A, B and C"),
    )
    assert parsed.display_name == "yes Houston,no Over 215.5 points,yes A, B and C"
    plain = parse_ticker(
        "KXMVECROSSCATEGORY-S2026128C9867FF9-1354DE921B4",
        market=MarketMetadata(title="yes Houston,no Over 215.5 points"),
    )
    assert plain.display_name == "Combo: Houston, not Over 215.5 points"


def test_combo_legs_are_read_from_their_tickers() -> None:
    market = MarketMetadata.from_api(
        {
            "mve_selected_legs": [
                {"market_ticker": "KXNFLGAME-26JAN18HOUNE-HOU", "side": "no"},
                {"market_ticker": "not a ticker", "side": "yes"},
                "odd",
                {},
            ]
        }
    )
    parsed = parse_ticker("KXMVENFL-SHARD1-S2026128C9867FF9-1354DE921B4", market=market)
    assert parsed.display_name == "Combo: not Houston Texans to win, not a ticker"
    assert [piece.role for piece in parsed.pieces][1:] == [
        "shard",
        "marker",
        "year",
        "hash",
        "hash",
    ]
