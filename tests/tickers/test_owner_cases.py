"""The cases that the owner documented, and the names that the project promises."""

from __future__ import annotations

from datetime import date

import pytest

from hadron_tasks.tickers import Category, EventMetadata, MarketMetadata, MarketType, parse_ticker


@pytest.mark.parametrize(
    ("ticker", "name"),
    [
        ("KXNBAGAME-25NOV29TORCHA", "Toronto at Charlotte, Nov 29, 2025"),
        (
            "KXNBAGAME-25NOV29TORCHA-TOR",
            "Toronto Raptors to win: Toronto at Charlotte, Nov 29, 2025",
        ),
        ("KXALEAGUEGAME-25DEC05AUCWPH", "Auckland vs Wellington Phoenix, Dec 5, 2025"),
        (
            "KXALEAGUEGAME-25DEC05AUCWPH-AUC",
            "Auckland FC to win: Auckland vs Wellington Phoenix, Dec 5, 2025",
        ),
        ("KX2028DRUN-28-AOC", "2028 Democratic primary: Alexandria Ocasio-Cortez"),
        ("APPLEFOLD-25DEC31", "Apple stock split, Dec 31, 2025"),
        ("FED-25DEC-T3.75", "Federal funds rate above 3.75%, Dec 2025"),
        (
            "KXNFLSPREAD-26JAN17WASDEN-DEN12",
            "Denver by 12+: Washington at Denver, Jan 17, 2026",
        ),
        (
            "KXPRESNOMD-28-AOC",
            "2028 Democratic presidential nominee: Alexandria Ocasio-Cortez",
        ),
        ("HIGHNY-22DEC23-B53.5", "NYC high temperature 53 to 54 F, Dec 23, 2022"),
        ("INXD-23SEP14-B4487", "S&P 500 above 4,487 at close, Sep 14, 2023"),
        ("KXNCAAFB12-25-KU", "2025 NCAA football Big 12 championship: Kansas"),
    ],
)
def test_names(ticker: str, name: str) -> None:
    assert parse_ticker(ticker).display_name == name


def test_a_game() -> None:
    parsed = parse_ticker("KXNBAGAME-25NOV29TORCHA-TOR")
    assert parsed.series == "KXNBAGAME"
    assert parsed.event_ticker == "KXNBAGAME-25NOV29TORCHA"
    assert parsed.market_part == "TOR"
    assert (parsed.category, parsed.market_type) == (Category.SPORTS, MarketType.MONEYLINE)
    assert (parsed.league, parsed.sport) == ("NBA", "basketball")
    assert parsed.when is not None
    assert parsed.when.first_day == date(2025, 11, 29)
    assert parsed.away is not None
    assert parsed.home is not None
    assert (parsed.away.full_name, parsed.home.full_name) == (
        "Toronto Raptors",
        "Charlotte Hornets",
    )
    assert parsed.confidence == "full"


def test_soccer_has_its_home_side_first() -> None:
    parsed = parse_ticker("KXALEAGUEGAME-25DEC05AUCWPH-AUC")
    assert parsed.home is not None
    assert parsed.away is not None
    assert (parsed.home.name, parsed.away.name) == ("Auckland", "Wellington Phoenix")


def test_the_exchanges_title_overrides_the_reading_of_applefold() -> None:
    parsed = parse_ticker(
        "APPLEFOLD-25DEC31", event=EventMetadata(title="Will Apple release a foldable iPhone?")
    )
    assert parsed.display_name == "Will Apple release a foldable iPhone"


def test_a_combo_is_named_by_its_legs() -> None:
    market = MarketMetadata.from_api(
        {
            "event_ticker": "KXMVESPORTSMULTIGAMEEXTENDED-S2026901320F6369",
            "title": "yes Chet Holmgren: 3+,yes Over 215.5 points",
            "mve_selected_legs": [
                {
                    "event_ticker": "KXNBAAST-26APR10OKCDEN",
                    "market_ticker": "KXNBAAST-26APR10OKCDEN-OKCCHOLMGREN7-3",
                    "side": "yes",
                    "yes_sub_title": "Chet Holmgren 3+",
                },
                {
                    "event_ticker": "KXNBATOTAL-26APR10OKCDEN",
                    "market_ticker": "KXNBATOTAL-26APR10OKCDEN-216",
                    "side": "yes",
                },
            ],
        }
    )
    ticker = "KXMVESPORTSMULTIGAMEEXTENDED-S2026901320F6369-0013B1A3442"
    named = parse_ticker(ticker, market=market)
    assert named.display_name == "Combo: Chet Holmgren: 3+, Over 215.5 points"
    assert [leg.side for leg in named.legs] == ["yes", "yes"]
    assert named.unread == ()
    untitled = MarketMetadata(event_ticker=market.event_ticker, legs=market.legs)
    assert (
        parse_ticker(ticker, market=untitled).display_name
        == "Combo: Chet Holmgren 3+, Over 215.5 points"
    )
    assert parse_ticker(ticker).unread == ("the legs: they are not in the ticker",)
