"""Each family's grammar by cases, and series that nobody knows."""

from __future__ import annotations

import pytest
from tickers.real_tickers import real_tickers

from hadron_tasks.tickers import Category, Family, MarketType, parse_ticker, tables
from hadron_tasks.tickers.parsed import Direction, OutcomeKind
from hadron_tasks.tickers.series_rules import rule_of


@pytest.mark.parametrize(
    ("ticker", "name"),
    [
        (
            "KXNFLTOTAL-26OCT11BALATL-44",
            "Over 43.5 points: Baltimore at Atlanta, Oct 11, 2026",
        ),
        (
            "KXNBATEAMTOTAL-26APR06PHISAS-SAS122",
            "San Antonio 122+ points: Philadelphia at San Antonio, Apr 6, 2026",
        ),
        (
            "KXMLBF5SPREAD-26AUG192040LADCOL-LAD2",
            "Los Angeles D by 2+ (first 5 innings): Los Angeles D at Colorado, Aug 19, 2026",
        ),
        (
            "KXMLBF5-26AUG122210KCLAD-TIE",
            "Tie (first 5 innings): Kansas City at Los Angeles D, Aug 12, 2026",
        ),
        (
            "KXMLBGAME-26SEP041915DETCLEG2-DET",
            "Detroit Tigers to win: Detroit at Cleveland, game 2, Sep 4, 2026",
        ),
        (
            "KXMLBHR-26AUG191940ATHKC-ATHLBUTLER4-1",
            "LBUTLER4 1+ home runs: A's at Kansas City, Aug 19, 2026",
        ),
        (
            "KXMLSSCORE-26AUG19PHIMIA-PHI1MIA2",
            "Philadelphia 1, Miami 2: Philadelphia vs Miami, Aug 19, 2026",
        ),
        (
            "KXEPLBTTS-26APR19MCIARS",
            "Both teams to score: Man City vs Arsenal, Apr 19, 2026",
        ),
        (
            "KXNHLSERIES-26OTTCARR1-CAR",
            "Carolina Hurricanes to win the series: Ottawa vs Carolina, 2026",
        ),
        (
            "KXSB-26-NE",
            "2026 Super Bowl: New England Patriots",
        ),
        (
            "KXLIGAMX-26CLA-CDG",
            "2026 Liga MX (CLA): CD Guadalajara",
        ),
        (
            "KXFEDDECISION-25JUL-C25",
            "Fed decision: cut 25 bp, Jul 2025",
        ),
        (
            "KXFEDDECISION-26JUN-H0",
            "Fed decision: hold, Jun 2026",
        ),
        (
            "KXPAYROLLS-26APR-T-25000",
            "Nonfarm payrolls above -25,000 jobs, Apr 2026",
        ),
        (
            "KXECONSTATCPICORE-26MAY-T-0.2",
            "Core CPI month over month exactly -0.2%, May 2026",
        ),
        (
            "KXBTCD-26OCT0917-T83999.99",
            "Bitcoin price above $83,999.99, Oct 9, 2026, 5:00 PM ET",
        ),
        (
            "KXBTCMAXMON-BTC-26APR30-8250000",
            "Bitcoin high of the month above $82,500, Apr 30, 2026",
        ),
        (
            "KXARTISTSTREAMSY-WEEKND26DEC31-13.5B",
            "Streams this year (WEEKND) above 13,500,000,000 streams, Dec 31, 2026",
        ),
        (
            "KXIMPEACH-29-JAN20",
            "President impeached, Jan 20, 2029",
        ),
        (
            "KXBTCMAX100-26-JUNE",
            "Bitcoin at $100k, Jun 2026",
        ),
        (
            "SENATETX-26-D",
            "2026 Texas Senate race: Democratic Party",
        ),
        (
            "HOUSENY17-26-D",
            "2026 New York district 17 House race: Democratic Party",
        ),
        (
            "KXGOVFLNOMR-26-JFIS",
            "2026 Florida governor Republican primary: JFIS",
        ),
        (
            "KXOSCARPIC-27-ODY",
            "2027 Oscar for Best Picture: ODY",
        ),
        (
            "KXEARNINGSMENTIONTSLA-26APR22-CYBR",
            "Tesla earnings call mentions: CYBR, Apr 22, 2026",
        ),
        (
            "KXTEAMSINUCL-26-BMUATM",
            "2026 Champions League final matchup: Bayern Munich vs Atletico",
        ),
        (
            "KXWO-GOLD-26-NOR",
            "2026 Winter Olympics most gold medals: NOR",
        ),
        (
            "KXHURCTOT-26DEC01-T7",
            "Atlantic hurricanes above 7, Dec 1, 2026",
        ),
    ],
)
def test_names(ticker: str, name: str) -> None:
    assert parse_ticker(ticker).display_name == name


@pytest.mark.parametrize(
    "ticker",
    ["KXNFLWINS-27JAC-9", "KXNFLWINS-JAC-27-T9"],
)
def test_season_wins(ticker: str) -> None:
    parsed = parse_ticker(ticker)
    assert parsed.market_type is MarketType.SEASON_WINS
    assert parsed.outcome is not None
    assert parsed.outcome.name == "Jacksonville Jaguars"
    assert parsed.strike is not None
    assert int(parsed.strike.value) == 9
    assert parsed.when is not None
    assert parsed.when.year == 2027


def test_a_code_without_a_known_name_is_shown_as_a_code() -> None:
    parsed = parse_ticker("KXPRESNOMD-28-ZZZ")
    assert parsed.outcome is not None
    assert (parsed.outcome.name, parsed.outcome.source) == ("ZZZ", "")
    assert parsed.unread == ("no name is known for the code ZZZ",)
    assert parsed.confidence == "partial"


@pytest.mark.parametrize(
    ("ticker", "name", "market_type"),
    [
        ("KXZZZZ-26JAN05-T3.5", "ZZZZ above 3.5, Jan 5, 2026", MarketType.ABOVE),
        ("KXZZZZ-26JAN05-B40", "ZZZZ around 40, Jan 5, 2026", MarketType.BUCKET),
        ("KXZZZZ-26-27JAN01", "ZZZZ, 2026: Jan 1, 2027", MarketType.BY_WHEN),
        ("KXZZZZ-26FEB-ABC", "ZZZZ, Feb 2026: ABC", MarketType.UNKNOWN),
        ("KXZZZZ", "ZZZZ", MarketType.UNKNOWN),
        ("ZZZZ-QQ", "ZZZZ (QQ)", MarketType.UNKNOWN),
    ],
)
def test_an_unknown_series_still_yields_what_its_form_shows(
    ticker: str, name: str, market_type: MarketType
) -> None:
    parsed = parse_ticker(ticker)
    assert parsed.display_name == name
    assert parsed.market_type is market_type
    assert (parsed.family, parsed.category) == (Family.UNKNOWN, Category.UNKNOWN)
    assert parsed.confidence == "none"
    assert not parsed.known_series


def test_an_unknown_game_is_still_a_game() -> None:
    parsed = parse_ticker("KXZZZZGAME-26JAN05ABCDEF-ABC")
    assert parsed.family is Family.GAME
    assert [team.code for team in parsed.teams] == ["ABC", "DEF"]
    assert parsed.home is None
    assert parsed.category is Category.UNKNOWN


def test_a_bare_number_of_an_unknown_series_has_no_direction() -> None:
    parsed = parse_ticker("KXZZZZ-26JAN05-42")
    assert any("42 is a floor, a cap or a count" in reason for reason in parsed.unread)


def test_the_low_and_the_high_end_of_a_range_are_not_told_apart() -> None:
    for ticker in ("KXHIGHNY-26APR19-T54", "KXNASDAQ100Y-26DEC31H1600-T33000"):
        strike = parse_ticker(ticker).strike
        assert strike is not None
        assert strike.direction is Direction.BEYOND


def test_a_leagues_name_is_found_whole() -> None:
    for series, league in {
        "KXLIGUE11H": "Ligue 1",
        "KXBUNDESLIGA2GAME": "2. Bundesliga",
        "KXBBSERIEAGAME": "Italian basketball Serie A",
        "KXWNBAGAME": "WNBA",
        "KXUCLWGAME": "UEFA Women's Champions League",
        "KXATPCHALLENGERMATCH": "ATP Challenger",
        "KXEFLCHAMPIONSHIPGAME": "EFL Championship",
        "KXNCAAMBGAME": "NCAA men's basketball",
    }.items():
        found = rule_of(series).league
        assert found is not None
        assert found.name == league


def test_old_tickers_without_kx_follow_the_same_rules() -> None:
    for real in real_tickers():
        if real.ticker.startswith("KX"):
            old, new = parse_ticker(real.ticker[2:]), parse_ticker(real.ticker)
            assert (old.category, old.market_type, old.when) == (
                new.category,
                new.market_type,
                new.when,
            )


def test_the_series_table_holds_together() -> None:
    leagues = tables.leagues()
    for key, row in tables.series_rows().items():
        assert key == key.upper()
        assert not row.league or row.league in leagues, key
        assert 0 <= row.segments <= 3
        assert row.subject or row.family is Family.GAME, key
    for league in leagues.values():
        assert tables.team_file(league.teams) or not league.teams


def test_ties_and_parties() -> None:
    tie = parse_ticker("KXMLSGAME-26AUG23ATLSKC-TIE").outcome
    assert tie is not None
    assert tie.kind is OutcomeKind.TIE
    party = parse_ticker("CONTROLH-2026-R").outcome
    assert party is not None
    assert (party.kind, party.name) == (OutcomeKind.PARTY, "Republican Party")


@pytest.mark.parametrize(
    ("ticker", "name"),
    [
        ("KXMLSTOTAL-26APR18SEASTL-3", "Over 3.5 goals: Seattle vs St. Louis, Apr 18, 2026"),
        ("KXMLSSPREAD-26APR18SEASTL-SEA1", "Seattle by 2+: Seattle vs St. Louis, Apr 18, 2026"),
        ("KXMLSTOTAL-26JUN18SEASTL-3", "Line 3 goals: Seattle vs St. Louis, Jun 18, 2026"),
        ("KXMLSTOTAL-26AUG22SJMIN-9", "Over 8.5 goals: San Jose vs Minnesota, Aug 22, 2026"),
    ],
)
def test_soccers_lines_changed_sides_in_the_summer_of_2026(ticker: str, name: str) -> None:
    assert parse_ticker(ticker).display_name == name
