"""Learning codes from what the crawl sees: a market's ticker and its ``yes_sub_title``."""

from __future__ import annotations

from hadron_tasks.tickers.codebook import CodeBook, name_scopes
from hadron_tasks.tickers.parse import parse_ticker
from hadron_tasks.tickers.parsed import Family, MarketType, OutcomeKind, ParsedTicker
from hadron_tasks.tickers.series_rules import rule_of

_GAME_WINNER = frozenset((MarketType.MONEYLINE, MarketType.ADVANCE, MarketType.SERIES_WINNER))
_NAMES_A_TEAM = _GAME_WINNER | frozenset(
    (MarketType.CHAMPIONSHIP, MarketType.CONFERENCE, MarketType.DIVISION)
)
_NAMES_SOMETHING = frozenset(
    (OutcomeKind.PERSON, OutcomeKind.CHOICE, OutcomeKind.WORD, OutcomeKind.TEAM)
)
LONGEST_NAME = 80
"""Characters; a longer ``yes_sub_title`` is a sentence, not a name."""


def learn(book: CodeBook, ticker: str, yes_sub_title: str) -> bool:
    """Let ``book`` learn what a market's code means; True when it learnt something.

    Only markets whose YES is a bare name teach: winners of games and seasons, candidates,
    nominees, songs. A line (``Toronto wins by over 6.5 points``) teaches nothing; of a player's
    ``LeBron James: 25+`` only the name is taken.

    Raises:
        TickerError: ``ticker`` is none.
    """
    words = " ".join(yes_sub_title.split("::")[0].split())
    parsed = parse_ticker(ticker, teams=book)
    outcome = parsed.outcome
    if outcome is None or outcome.kind not in _NAMES_SOMETHING:
        return False
    name = words.partition(":")[0] if parsed.market_type is MarketType.PLAYER_PROP else words
    if not 0 < len(name) <= LONGEST_NAME or name.upper() in (outcome.code, "YES", "NO"):
        return False
    if not _is_a_bare_name(parsed):
        return False
    rule = rule_of(parsed.series)
    if rule.league is not None and rule.league.teams and parsed.market_type in _NAMES_A_TEAM:
        if parsed.family is Family.GAME and not _is_a_side(parsed):
            return False
        return book.learn_team(rule.league.teams, outcome.code, name, ticker)
    scopes = name_scopes(rule, parsed.event_part or "")
    taught = [book.learn_name(scope, outcome.code, name, ticker) for scope in scopes]
    return any(taught)


def _is_a_bare_name(parsed: ParsedTicker) -> bool:
    if parsed.market_type is MarketType.PLAYER_PROP:
        return True
    if parsed.family in (Family.GAME, Family.PLAYOFF_SERIES):
        return parsed.market_type in _GAME_WINNER
    return parsed.strike is None


def _is_a_side(parsed: ParsedTicker) -> bool:
    """Whether the outcome's code stands in the game's own concatenation."""
    code = parsed.outcome.code if parsed.outcome is not None else ""
    event = (parsed.event_part or "")[7:]
    return code in event
