"""One of many: a champion, a nominee, a song, a party, a word. The outcome is a code.

A team's code is read with the league's dictionary, a party's letter as such; any other code is
named only where a dictionary or the crawl knows its name in this very series.
"""

from __future__ import annotations

import re

from hadron_tasks.tickers.dates import within_year
from hadron_tasks.tickers.draft import Draft
from hadron_tasks.tickers.families.event_parts import read_event_part, read_event_parts
from hadron_tasks.tickers.families.strikes import read_strike
from hadron_tasks.tickers.parsed import Direction, Family, MarketType, Outcome, OutcomeKind
from hadron_tasks.tickers.team_split import split_codes

_QUARTER = re.compile(r"Q[1-4]-20\d\d")

PARTY_NAMES = {
    "D": "Democratic Party",
    "DEM": "Democratic Party",
    "R": "Republican Party",
    "REP": "Republican Party",
    "GOP": "Republican Party",
    "I": "Independent",
    "L": "Libertarian Party",
    "G": "Green Party",
}
_TEAM_TYPES = frozenset(
    (
        MarketType.CHAMPIONSHIP,
        MarketType.CONFERENCE,
        MarketType.DIVISION,
        MarketType.QUALIFIER,
        MarketType.FINISH,
        MarketType.SEASON_WINS,
        MarketType.DRAFT,
        MarketType.NEXT,
    )
)


_SEASON = re.compile(r"2\dB?")
"""A team's season in a part of its own; the ``B`` is the year's second listing."""


def read_season(draft: Draft) -> None:
    """Read who wins a season, tournament, race or award."""
    if draft.rule.market_type is MarketType.SEASON_WINS:
        _read_season_wins(draft)
        return
    read_event_parts(draft)
    _read_outcomes(draft, draft.market, len(draft.event))


def read_choice(draft: Draft) -> None:
    """Read a menu's event and the code chosen from it."""
    read_event_parts(draft)
    _read_outcomes(draft, draft.market, len(draft.event))


def read_mention(draft: Draft) -> None:
    """Read an occasion and the word's code, of which only the exchange knows the words."""
    read_event_parts(draft)
    for index, code in enumerate(draft.market, len(draft.event)):
        draft.piece(index, "word", code)
        draft.outcome = _coded(draft, code, OutcomeKind.WORD)


def read_yes_no(draft: Draft) -> None:
    """Read one question: dates, and whatever else stands there as a code."""
    read_event_parts(draft)
    for index, part in enumerate(draft.market, len(draft.event)):
        read_event_part(draft, index, part)


def _read_season_wins(draft: Draft) -> None:
    """``NFLWINS-27JAC-9`` and ``MLBWINS-NYY-26-T90``: a team, a season, a number of wins."""
    league = draft.rule.league
    _season_beside_team(draft)
    read_event_parts(draft)
    if draft.scope is not None:
        draft.scope = draft.scope.removesuffix(" B")
    for index, part in enumerate(draft.market, len(draft.event)):
        last = index == len(draft.event) + len(draft.market) - 1
        strike = read_strike(part, "at_least", "wins") if last else None
        if strike is not None:
            draft.piece(index, "strike", part)
            draft.strike = strike._replace(direction=Direction.LINE)
            draft.unread.append("whether the number of wins itself is enough")
        else:
            read_event_part(draft, index, part)
    if draft.scope is not None and league is not None:
        team = draft.book.team(league.teams, draft.scope)
        if team is not None:
            draft.outcome = Outcome(OutcomeKind.TEAM, team.code, team.full_name, team.source)
            return
    draft.unread.append("whose wins they are")


def _season_beside_team(draft: Draft) -> None:
    """Of ``NFLWINS-IND-25B-T8`` the event is both team and season: until 2026 every team had a
    series of its own (``NFLWINS-IND``)."""
    team_alone = len(draft.event) == 1 and draft.event[0].isalpha()
    if team_alone and draft.market and _SEASON.fullmatch(draft.market[0]):
        draft.event.append(draft.market.pop(0))


def _read_outcomes(draft: Draft, market: list[str], offset: int) -> None:
    """Read the outcome's code: all parts but a day of the event's year (``27-JAN01-OPEN``)."""
    codes = []
    for index, part in enumerate(market, offset):
        moment = within_year(draft.when, part) if draft.when is not None else None
        if moment is not None and part is not market[-1]:
            draft.piece(index, "date", part)
            draft.saw_date(moment)
        else:
            draft.piece(index, "outcome", part)
            codes.append(part)
    if codes:
        draft.outcome = _outcome(draft, "-".join(codes))


def _outcome(draft: Draft, code: str) -> Outcome:
    rule = draft.rule
    if code == "TIE":
        return Outcome(OutcomeKind.TIE, code, "Tie", "ticker")
    party = PARTY_NAMES.get(code)
    if party is not None and rule.family is Family.ELECTION:
        return Outcome(OutcomeKind.PARTY, code, party, "ticker")
    if party is not None and rule.market_type is MarketType.PARTY_WINNER:
        return Outcome(OutcomeKind.PARTY, code, party, "ticker")
    league = rule.league
    if league is not None and league.teams:
        if rule.market_type is MarketType.MATCHUP:
            return _pair(draft, code)
        if rule.market_type in _TEAM_TYPES:
            team = draft.book.team(league.teams, code)
            if team is not None:
                return Outcome(OutcomeKind.TEAM, code, team.full_name, team.source)
    return _coded(draft, code, _kind(draft))


def _pair(draft: Draft, code: str) -> Outcome:
    league = draft.rule.league
    split = split_codes(code, draft.book.teams(league.teams if league else ""), None)
    if split.sides is None or split.problem is not None:
        return _coded(draft, code, OutcomeKind.CHOICE)
    left, right = split.sides
    return Outcome(OutcomeKind.CHOICE, code, f"{left.name} vs {right.name}", left.source)


def _kind(draft: Draft) -> OutcomeKind:
    if draft.rule.family is Family.ELECTION:
        return OutcomeKind.PERSON
    if draft.rule.family is Family.SEASON:
        league = draft.rule.league
        team = draft.rule.market_type in _TEAM_TYPES and league is not None and league.teams
        return OutcomeKind.TEAM if team else OutcomeKind.PERSON
    return OutcomeKind.CHOICE


def _coded(draft: Draft, code: str, kind: OutcomeKind) -> Outcome:
    if _QUARTER.fullmatch(code):
        return Outcome(OutcomeKind.DATE, code, code.replace("-", " "), "ticker")
    found = draft.name_of(code)
    if found is not None:
        named = OutcomeKind.PERSON if kind is OutcomeKind.CHOICE else kind
        return Outcome(named, code, *found)
    draft.unread.append(f"no name is known for the code {code}")
    return Outcome(kind, code, code)
