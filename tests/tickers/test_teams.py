"""Team codes: complete where they must be, routed by league, split honestly."""

from __future__ import annotations

import csv
from itertools import permutations

import pytest
from tickers.real_tickers import real_tickers

from hadron_tasks.tickers import CodeBook, learn, parse_ticker, tables
from hadron_tasks.tickers.team_split import split_codes

TEAMS_AT_LEAST = {
    "nba": 30,
    "wnba": 15,
    "nhl": 32,
    "nfl": 32,
    "mlb": 30,
    "mls": 30,
    "epl": 20,
    "laliga": 20,
    "seriea": 20,
    "bundesliga": 18,
    "ligue1": 18,
    "ucl": 36,
    "aleague": 12,
    "ncaa": 120,
}
_SOURCES = {"title", "ticker", "league"}


@pytest.mark.parametrize(("file", "least"), TEAMS_AT_LEAST.items())
def test_leagues_are_complete(file: str, least: int) -> None:
    teams = tables.team_file(file)
    assert len({team.full_name for team in teams.values()}) >= least
    for code, team in teams.items():
        assert 2 <= len(code) <= 5
        assert team.name
        assert team.full_name
        assert team.source in _SOURCES


def test_codes_stand_once_in_a_file() -> None:
    joined = {league.teams for league in tables.leagues().values() if league.teams}
    for league in {file for files in joined for file in files.split("+")}:
        with (tables._DATA / f"teams_{league}.csv").open(encoding="utf-8", newline="") as file:
            codes = [row["code"] for row in csv.DictReader(file)]
        assert len(codes) == len(set(codes))


@pytest.mark.parametrize(
    ("ticker", "name"),
    [
        ("KXNFLGAME-25NOV16SEALA-SEA", "Seattle Seahawks"),
        ("KXMLBSERIES-25DETSEA-SEA", "Seattle Mariners"),
        ("KXMLSWEST-26-SEA", "Seattle Sounders"),
        ("KXNFLGAME-25NOV16SEALA-LA", "Los Angeles Rams"),
        ("KXWNBAGAME-26AUG20ATLLA-LA", "Los Angeles Sparks"),
        ("KXNHLGAME-26APR19LACOL-LA", "Los Angeles Kings"),
        ("KXNCAAFGAME-25SEP26HOUORST-HOU", "Houston"),
        ("KXMLBAL-26-HOU", "Houston Astros"),
        ("KXMLSGAME-26AUG19VANHOU-HOU", "Houston Dynamo"),
        ("KXSERIEAGAME-26APR19CRETOR-TOR", "Torino FC"),
        ("KXNBAGAME-25NOV29TORCHA-TOR", "Toronto Raptors"),
    ],
)
def test_the_same_code_is_another_team_in_another_league(ticker: str, name: str) -> None:
    outcome = parse_ticker(ticker).outcome
    assert outcome is not None
    assert outcome.name == name


@pytest.mark.parametrize(
    ("ticker", "sides"),
    [
        ("KXNFLGAME-25NOV09LASF", "LA+SF"),
        ("KXNFLGAME-25SEP21KCNYG", "KC+NYG"),
        ("KXNCAAFGAME-25NOV28TXAMTEX", "TXAM+TEX"),
        ("KXNCAAMBGAME-26MAR19HPWIS", "HP+WIS"),
        ("KXBUNDESLIGAGAME-26APR19BMGM05", "BMG+M05"),
        ("KXMLSGAME-26APR19LAFCSJ", "LAFC+SJ"),
        ("KXMLBF5SPREAD-26SEP041915DETCLEG2", "DET+CLE"),
        ("KXCS2GAME-26MAY300700100TNEM-NEM", "100T+NEM"),
        ("KXATPDOUBLES-25NOV16HELPATSALSKU", "HELPAT+SALSKU"),
        ("KXBOXING-26AUG23ROMEROLOPEZ-ROMERO", "ROMERO+LOPEZ"),
    ],
)
def test_splits(ticker: str, sides: str) -> None:
    assert "+".join(team.code for team in parse_ticker(ticker).teams) == sides


def test_every_pair_of_a_league_splits_or_is_reported() -> None:
    for file in TEAMS_AT_LEAST:
        if file == "ncaa":
            continue  # 20,000 pairs; its real games are in the fixture
        teams = tables.team_file(file)
        for left, right in permutations(teams, 2):
            split = split_codes(left + right, teams, None)
            if split.sides is None:
                assert split.problem is not None
                assert f"{left}+{right}" in split.problem
            else:
                assert (split.sides[0].code, split.sides[1].code) == (left, right)


def test_an_ambiguous_split_is_reported_and_settled_by_the_outcome() -> None:
    teams = {code: tables.team_file("nhl")[code] for code in ("NJ", "NJD", "DET")}
    teams["ET"] = teams["DET"]._replace(code="ET")
    split = split_codes("NJDET", teams, None)
    assert split.sides is None
    assert split.problem == "the teams NJDET are ambiguous: NJ+DET or NJD+ET"
    settled = split_codes("NJDET", teams, "DET")
    assert settled.sides is not None
    assert settled.sides[0].code == "NJ"


def test_a_half_known_split_owns_up() -> None:
    parsed = parse_ticker("KXNBAGAME-25NOV29TORXYZ")
    assert parsed.confidence == "partial"
    assert any("XYZ" in reason for reason in parsed.unread)
    assert any(
        "KXQQ" in r or "no known" in r for r in parse_ticker("KXNBAGAME-25NOV29QQQWWW").unread
    )


def test_a_league_grows_by_what_the_crawl_learns() -> None:
    book = CodeBook()
    assert learn(book, "KXNBAGAME-27NOV29SEALAS-LAS", "Las Vegas")
    assert not learn(book, "KXNBAGAME-27NOV29SEALAS-LAS", "Las Vegas")
    assert learn(book, "KXNBAGAME-27NOV29SEALAS-SEA", "Seattle")
    parsed = parse_ticker("KXNBAGAME-27DEC01LASSEA", teams=book)
    assert parsed.display_name == "Las Vegas at Seattle, Dec 1, 2027"
    assert {team.source for team in parsed.teams} == {"learnt"}
    assert parse_ticker("KXNBAGAME-27DEC01LASSEA").teams == ()
    assert {code.scope for code in book.learnt()} == {"nba"}


def test_a_wrong_title_cannot_rename_a_club() -> None:
    book = CodeBook()
    assert not learn(book, "KXNBAGAME-25NOV29TORCHA-TOR", "Torino")
    assert parse_ticker("KXNBAGAME-25NOV29TORCHA-TOR", teams=book).outcome == (
        parse_ticker("KXNBAGAME-25NOV29TORCHA-TOR").outcome
    )


def test_three_letters_are_another_player_in_another_match() -> None:
    book = CodeBook()
    learn(book, "KXITFMATCH-26APR18STRTRE-TRE", "Simon Tremolieres")
    other = parse_ticker("KXITFMATCH-26APR18TREKAM-TRE", teams=book)
    assert other.outcome is not None
    assert other.outcome.name == "TRE"
    same = parse_ticker("KXITFMATCH-26APR18STRTRE-TRE", teams=book)
    assert same.display_name == ("Simon Tremolieres to win: STR vs Simon Tremolieres, Apr 18, 2026")


def test_a_name_that_two_markets_contradict_is_forgotten() -> None:
    book = CodeBook()
    learn(book, "KXHEISMAN-26-JS", "Jeremiah Smith")
    assert parse_ticker("KXHEISMAN-27-JS", teams=book).outcome.name == "Jeremiah Smith"  # type: ignore[union-attr]
    learn(book, "KXHEISMAN-28-JS", "John Smith")
    assert parse_ticker("KXHEISMAN-27-JS", teams=book).outcome.name == "JS"  # type: ignore[union-attr]
    assert parse_ticker("KXHEISMAN-28-JS", teams=book).outcome.name == "John Smith"  # type: ignore[union-attr]


def test_a_line_teaches_no_name() -> None:
    book = CodeBook()
    assert not learn(book, "KXNFLSPREAD-26OCT11BALATL-BAL8", "BAL Ravens wins by over 7.5 points")
    assert not list(book.learnt())


def test_provenance_is_what_the_fixture_shows() -> None:
    seen: dict[tuple[str, str], set[str]] = {}
    for real in real_tickers():
        league = tables.leagues().get(real.league)
        if league is None or not league.teams:
            continue
        for code in (real.first, real.second, real.outcome):
            seen.setdefault((league.teams, code), set()).add(
                real.title if code == real.outcome else ""
            )
    for (file, code), titles in seen.items():
        team = tables.team_file(file).get(code)
        if team is None:
            continue
        if team.name in titles or team.full_name in titles:
            assert team.source == "title", (file, code)
        else:
            assert team.source in ("ticker", "title"), (file, code)
