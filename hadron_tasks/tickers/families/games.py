"""Games: two competitors on a day, and what is asked of their meeting.

``KXNBAGAME-25NOV29TORCHA-TOR``: date, both codes, the outcome. Newer games carry their start time
(``26JUN261840HOUDET``), doubleheaders ``G1`` or ``G2`` (``26SEP041915DETCLEG2``).
"""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal

from hadron_tasks.tickers.codebook import unknown_team
from hadron_tasks.tickers.dates import leading_date, read_date
from hadron_tasks.tickers.draft import Draft
from hadron_tasks.tickers.parsed import (
    Direction,
    MarketType,
    Outcome,
    OutcomeKind,
    Strike,
    Team,
)
from hadron_tasks.tickers.team_split import Split, split_codes, split_evenly

_CODE_AND_NUMBER = re.compile(r"(?P<code>[A-Z0-9]*?[A-Z])(?P<number>\d{1,3})")
_WHOLE_NUMBER = re.compile(r"\d{1,4}(?:\.\d)?")
_PLAYER = re.compile(r"(?P<name>[A-Z.]*[A-Z])(?P<shirt>\d{0,2})")
_DOUBLEHEADER = re.compile(r"(?P<teams>.+)G(?P<game>[12])")
_ROUND = re.compile(r"(?P<teams>.+?)(?P<round>R\d|[AN]L[DCW][SC]|WS|FINALS)")

_CODED_OUTCOME = frozenset(
    (
        MarketType.MONEYLINE,
        MarketType.PERIOD_WINNER,
        MarketType.ADVANCE,
        MarketType.SERIES_WINNER,
        MarketType.GAME_PROP,
    )
)
_TEAM_AND_NUMBER = frozenset(
    (
        MarketType.SPREAD,
        MarketType.PERIOD_SPREAD,
        MarketType.TEAM_TOTAL,
        MarketType.PERIOD_TEAM_TOTAL,
        MarketType.SERIES_SPREAD,
    )
)
_NUMBER = frozenset((MarketType.TOTAL, MarketType.PERIOD_TOTAL, MarketType.SERIES_TOTAL))
_THREE_LETTER_SPORTS = frozenset(("tennis", "mma"))
LAST_DAY_OF_MORE_THAN, FIRST_DAY_OF_AT_LEAST = date(2026, 5, 24), date(2026, 8, 1)
"""Soccer's last games seen with lines above their number, and the first with lines below it."""

_TIE_CODES = frozenset(("TIE", "DRAW"))


def read_game(draft: Draft) -> None:
    """Read a game's event and its market."""
    _read_event(draft, with_day=True)
    _read_market(draft)


def read_playoff_series(draft: Draft) -> None:
    """Read a best-of series (``26OTTCARR1``): a year, two teams, sometimes the round."""
    _read_event(draft, with_day=False)
    draft.home_first = None  # the sides swap homes within a series
    _read_market(draft)


def _read_event(draft: Draft, *, with_day: bool) -> None:
    if not draft.event:
        return
    segment = draft.event[0]
    moment = leading_date(segment) if with_day else read_date(segment[:2])
    if moment is None:
        draft.unread.append(f"no date in {segment}")
        draft.piece(0, "code", segment)
        draft.saw_scope(segment)
    else:
        draft.saw_date(moment)
        draft.piece(0, "date", moment.text)
        if rest := segment[len(moment.text) :]:
            _read_sides(draft, rest)
    numbers = draft.event[1:]
    for index, number in enumerate(numbers, 1):
        draft.piece(index, "number", number)
    if draft.period is not None and "{n}" in draft.period:
        n, m = [*numbers, "?", "?"][:2]
        draft.period = draft.period.format(n=n, m=m)


def _read_sides(draft: Draft, text: str) -> None:
    split, tail = _split_sides(draft, text), ""
    pattern = _DOUBLEHEADER if draft.rule.market_type not in _SERIES else _ROUND
    # A tail is read only where the text as a whole is no pair: G2 may end a code.
    if not _settled(draft, split) and (match := pattern.fullmatch(text)) is not None:
        shorter = _split_sides(draft, match["teams"])
        if _settled(draft, shorter):
            split, tail = shorter, text[len(match["teams"]) :]
    if split.problem is not None:
        draft.unread.append(split.problem)
    if split.sides is None:
        draft.piece(0, "teams", text)
        draft.saw_scope(text)
        return
    draft.teams = (_named(draft, split.sides[0]), _named(draft, split.sides[1]))
    if split.problem is None:
        draft.unread += [
            f"no name is known for the code {side.code}" for side in draft.teams if not side.known
        ]
    league = draft.rule.league
    draft.home_first = league.home_first if league is not None else None
    first, second = ("home", "away") if draft.home_first else ("away", "home")
    if draft.home_first is None:
        first = second = "competitor"
    draft.piece(0, first, split.sides[0].code)
    draft.piece(0, second, split.sides[1].code)
    if tail:
        draft.piece(0, "game", tail)
        draft.saw_scope(tail)


def _settled(draft: Draft, split: Split) -> bool:
    """Whether both sides are known; without a dictionary any split is as good as it gets."""
    league = draft.rule.league
    if league is None or not league.teams:
        return True
    return split.sides is not None and all(side.known for side in split.sides)


_SERIES = frozenset(
    (
        MarketType.SERIES_WINNER,
        MarketType.SERIES_SPREAD,
        MarketType.SERIES_SCORE,
        MarketType.SERIES_TOTAL,
    )
)


def _split_sides(draft: Draft, text: str) -> Split:
    league = draft.rule.league
    code = _outcome_code(draft)
    if league is None or not league.teams:
        if league is not None and league.sport in _THREE_LETTER_SPORTS:
            return split_evenly(text, code)
        split = split_evenly(text, code) if code is not None else None
        if split is not None and split.sides and code in [side.code for side in split.sides]:
            return split
        return Split(None, f"no dictionary for the two sides in {text}")
    teams = draft.book.teams(league.teams)
    known = code if code is not None and (code in teams or code in text) else None
    return split_codes(text, teams, known)


def _outcome_code(draft: Draft) -> str | None:
    """The team's code in the market's part, as far as its form tells; None for a tie."""
    if not draft.market:
        return None
    code = draft.market[0]
    if draft.rule.market_type in _TEAM_AND_NUMBER:
        match = _CODE_AND_NUMBER.fullmatch(code)
        code = match["code"] if match is not None else code
    elif draft.rule.market_type not in _CODED_OUTCOME:
        return None
    return None if code in _TIE_CODES else code


def _read_market(draft: Draft) -> None:
    market = draft.market
    if not market:
        return
    kind = draft.rule.market_type
    offset = len(draft.event)
    code = market[0]
    if kind in _NUMBER and _WHOLE_NUMBER.fullmatch(code):
        _line(draft, offset, code, _score_word(draft))
    elif kind in _TEAM_AND_NUMBER and _team_and_number(draft, offset, code):
        pass
    elif kind is MarketType.PLAYER_PROP:
        _player(draft, offset, code)
    elif kind in (MarketType.EXACT_SCORE, MarketType.SERIES_SCORE):
        draft.piece(offset, "score", code)
        draft.outcome = Outcome(OutcomeKind.SCORE, code, _score(draft, code), "ticker")
    elif kind is MarketType.BOTH_TEAMS_SCORE and code == "BTTS":
        draft.piece(offset, "outcome", code)
        draft.outcome = Outcome(OutcomeKind.YES, code, "Yes", "ticker")
    else:
        draft.piece(offset, "outcome", code)
        draft.outcome = _side(draft, code)
    for index, extra in enumerate(market[1:], offset + 1):
        _extra(draft, index, extra)


def _side(draft: Draft, code: str) -> Outcome:
    if code in _TIE_CODES:
        return Outcome(OutcomeKind.TIE, code, "Tie", "ticker")
    team = _known_side(draft, code)
    if team is not None:
        if not team.known and not draft.teams:
            draft.unread.append(f"no name is known for the code {code}")
        return Outcome(OutcomeKind.TEAM, code, team.full_name, team.source)
    if draft.rule.market_type is MarketType.GAME_PROP:
        draft.unread.append(f"the outcome {code} is only a code")
        return Outcome(OutcomeKind.CHOICE, code, code)
    draft.unread.append(f"{code} is neither side of the game")
    return Outcome(OutcomeKind.TEAM, code, code)


def _known_side(draft: Draft, code: str) -> Team | None:
    for team in draft.teams:
        if team.code == code:
            return team
    league = draft.rule.league
    if draft.teams or league is None or not league.teams:
        return None if draft.teams else unknown_team(code)
    return draft.book.team(league.teams, code)


def _named(draft: Draft, team: Team) -> Team:
    if team.known:
        return team
    found = draft.name_of(team.code)
    return team if found is None else Team(team.code, found[0], found[0], found[1])


def _score_word(draft: Draft) -> str:
    league = draft.rule.league
    return draft.rule.words or (league.score if league is not None else "")


def _line(draft: Draft, index: int, number: str, unit: str) -> None:
    """A betting line: N means N or more (over N - 0.5). In soccer it meant more than N until the
    season's end of 2026 (``KXMLSTOTAL-26APR18SEASTL-3`` was "over 3.5 goals")."""
    draft.piece(index, "line", number)
    league = draft.rule.league
    direction = Direction.AT_LEAST
    if league is not None and league.sport == "soccer":
        direction = _soccer_direction(draft)
        if direction is Direction.LINE:
            draft.unread.append("whether the line is half a goal above or below the number")
    draft.strike = Strike(direction, Decimal(number), unit=unit)


def _soccer_direction(draft: Draft) -> Direction:
    day = None if draft.when is None else draft.when.first_day
    if day is None or LAST_DAY_OF_MORE_THAN < day < FIRST_DAY_OF_AT_LEAST:
        return Direction.LINE
    return Direction.ABOVE if day <= LAST_DAY_OF_MORE_THAN else Direction.AT_LEAST


def _team_and_number(draft: Draft, index: int, code: str) -> bool:
    sides = [team.code for team in draft.teams if code.startswith(team.code)]
    for side in sorted(sides, key=len, reverse=True):
        if code[len(side) :].isdigit():
            break
    else:
        match = _CODE_AND_NUMBER.fullmatch(code)
        if match is None:
            return False
        side = match["code"]
    draft.piece(index, "outcome", side)
    draft.outcome = _side(draft, side)
    _line(draft, index, code[len(side) :], _score_word(draft))
    return True


def _player(draft: Draft, index: int, code: str) -> None:
    """A player: the team's code, initial and surname, shirt number (``NOSRATTLER2``)."""
    sides = [team for team in draft.teams if code.startswith(team.code)]
    rest = code
    if sides:
        team = max(sides, key=lambda side: len(side.code))
        draft.piece(index, "team", team.code)
        rest = code[len(team.code) :]
    match = _PLAYER.fullmatch(rest)
    if match is None:
        draft.piece(index, "player", rest)
    else:
        draft.piece(index, "player", match["name"])
        if match["shirt"]:
            draft.piece(index, "shirt", match["shirt"])
    found = draft.name_of(code)
    if found is None:
        draft.unread.append(f"the player {rest} is only a code")
        draft.outcome = Outcome(OutcomeKind.PERSON, code, rest)
    else:
        draft.outcome = Outcome(OutcomeKind.PERSON, code, *found)


def _extra(draft: Draft, index: int, text: str) -> None:
    if draft.rule.market_type is MarketType.PLAYER_PROP and _WHOLE_NUMBER.fullmatch(text):
        draft.piece(index, "line", text)
        draft.strike = Strike(Direction.AT_LEAST, Decimal(text), unit=draft.rule.words)
        return
    draft.piece(index, "unknown", text)
    draft.unread.append(f"what {text} means")


def _score(draft: Draft, code: str) -> str:
    """``PHI1MIA2`` as ``Philadelphia 1, Miami 2``; ``BOR21`` as ``BOR 2-1``."""
    if len(draft.teams) == 2:
        first, second = draft.teams
        match = re.fullmatch(rf"{re.escape(first.code)}(\d+){re.escape(second.code)}(\d+)", code)
        if match is not None:
            return f"{first.name} {match[1]}, {second.name} {match[2]}"
        for team in draft.teams:
            goals = code[len(team.code) :]
            if code.startswith(team.code) and len(goals) == 2 and goals.isdigit():
                return f"{team.name} {goals[0]}-{goals[1]}"
    return code
