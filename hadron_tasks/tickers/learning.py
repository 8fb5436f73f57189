"""Learning codes from what the crawl sees: a market's ticker and its ``yes_sub_title``."""

from __future__ import annotations

from hadron_tasks.tickers import tables
from hadron_tasks.tickers.codebook import CodeBook
from hadron_tasks.tickers.parse import parse_ticker
from hadron_tasks.tickers.parsed import Family, MarketType, OutcomeKind
from hadron_tasks.tickers.series_rules import rule_of

_GAME_WINNER = frozenset((MarketType.MONEYLINE, MarketType.ADVANCE, MarketType.SERIES_WINNER))
_NAMES_A_TEAM = _GAME_WINNER | frozenset(
    (MarketType.CHAMPIONSHIP, MarketType.CONFERENCE, MarketType.DIVISION)
)
_NAMES_SOMETHING = frozenset(
    (OutcomeKind.PERSON, OutcomeKind.CHOICE, OutcomeKind.WORD, OutcomeKind.TEAM)
)
LONGEST_NAME = 80
"""A longer ``yes_sub_title`` is a sentence, not a name."""


def learn(book: CodeBook, ticker: str, yes_sub_title: str) -> bool:
    """Let ``book`` learn what a market's code means; True when it learnt something.

    Only markets whose YES is a bare name teach: winners of games and seasons, candidates,
    nominees, songs. A line (``Toronto wins by over 6.5 points``) teaches nothing.

    Raises:
        TickerError: ``ticker`` is none.
    """
    name = " ".join(yes_sub_title.split("::")[0].split())
    parsed = parse_ticker(ticker, teams=book)
    outcome = parsed.outcome
    if not name or len(name) > LONGEST_NAME or outcome is None or parsed.strike is not None:
        return False
    if outcome.kind not in _NAMES_SOMETHING or name.upper() == outcome.code:
        return False
    rule = rule_of(parsed.series)
    league = rule.league
    if league is not None and league.teams and parsed.market_type in _NAMES_A_TEAM:
        if parsed.family is Family.GAME and not _is_a_side(parsed.event_part, outcome.code):
            return False
        return book.learn_team(league.teams, outcome.code, name, ticker)
    if parsed.family is Family.GAME and parsed.market_type not in _GAME_WINNER | {
        MarketType.PLAYER_PROP
    }:
        return False
    return book.learn_name(rule.key, outcome.code, name, ticker)


def _is_a_side(event_part: str | None, code: str) -> bool:
    return event_part is not None and (event_part.endswith(code) or code in event_part[7:])


def learnt_files() -> frozenset[str]:
    """The scopes that are team files; any other scope is a series."""
    return frozenset(league.teams for league in tables.leagues().values() if league.teams)
