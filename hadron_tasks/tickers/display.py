"""Names as a person would say them: the same facts in the same order for a family."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import ROUND_FLOOR, Decimal

from hadron_tasks.tickers.dates import Precision
from hadron_tasks.tickers.draft import Draft
from hadron_tasks.tickers.parsed import (
    Direction,
    Family,
    MarketType,
    OutcomeKind,
    Strike,
)

_GAME_LABELS = {
    MarketType.SPREAD: "Spread",
    MarketType.TOTAL: "Total",
    MarketType.TEAM_TOTAL: "Team totals",
    MarketType.PERIOD_WINNER: "Winner",
    MarketType.PERIOD_SPREAD: "Spread",
    MarketType.PERIOD_TOTAL: "Total",
    MarketType.PERIOD_TEAM_TOTAL: "Team totals",
    MarketType.BOTH_TEAMS_SCORE: "Both teams to score",
    MarketType.EXACT_SCORE: "Exact score",
    MarketType.ADVANCE: "To advance",
    MarketType.SERIES_WINNER: "Series",
    MarketType.SERIES_SPREAD: "Series spread",
    MarketType.SERIES_TOTAL: "Series length",
    MarketType.SERIES_SCORE: "Series score",
}
_SAYS_NOTHING = frozenset(("", "::", "yes", "no"))
"""Words of the exchange for YES that add nothing to a title."""
_BOTH_SIDES = re.compile(r" (?:vs\.?|at|@|or) ", re.IGNORECASE)


def name_of(draft: Draft) -> str:
    """The display name: the exchange's words where they are known, else those of the family."""
    if draft.legs:
        return "Combo: " + ", ".join(leg.label for leg in draft.legs)
    if draft.title:
        return _given_words(draft, draft.title)
    return _BY_FAMILY[draft.rule.family](draft)


def amount(value: Decimal, unit: str = "") -> str:
    """A number with its unit as people write it: ``$95,000``, ``3.75%``, ``54 F``."""
    digits = _whole(f"{value:,f}")
    if unit == "%":
        return digits + "%"
    if unit.startswith("$"):
        scale = unit[1:]
        return f"-${digits[1:]}{scale}" if value < 0 else f"${digits}{scale}"
    return f"{digits} {unit}" if unit else digits


def strike_words(strike: Strike) -> str:
    """A strike in words: ``above 3.75%``, ``53 to 54 F``, ``3+ rebounds``."""
    unit = strike.unit
    if strike.direction is Direction.BETWEEN and strike.cap is not None:
        low = amount(strike.value, unit if unit.startswith("$") else "")
        return f"{low} to {amount(strike.cap, unit)}"
    words = amount(strike.value, unit)
    if strike.direction is Direction.NEAR:
        return f"around {words}"
    if strike.direction is Direction.BEYOND:
        return f"beyond {words}"
    if strike.direction is Direction.EXACTLY:
        return f"exactly {words}"
    if strike.direction is Direction.LINE:
        return f"line {words}"
    return f"{strike.direction.value} {words}"


def _whole(digits: str) -> str:
    return digits[:-2] if digits.endswith(".0") else digits


def _given_words(draft: Draft, title: str) -> str:
    name = title.rstrip("?").rstrip()
    words = (draft.subtitle or "").split("::")[0].strip()
    if draft.market and words.lower() not in _SAYS_NOTHING and not _tells(name, words):
        name = f"{name}: {words}"
    when = draft.when
    if (
        when is not None
        and draft.rule.family is Family.GAME
        and when.precision is not Precision.YEAR
        and str(when.year) not in name
    ):
        name = f"{name}, {when.in_words()}"
    return name


def _tells(title: str, words: str) -> bool:
    """Whether a title says already what YES means. One that names both sides ("Toronto at
    Charlotte Winner") does not, though it holds the words."""
    if words.lower() == title.lower():
        return True
    return words.lower() in title.lower() and _BOTH_SIDES.search(title) is None


def _date(draft: Draft, *, with_time: bool = False) -> str:
    when = draft.when
    if when is None:
        return ""
    time = when.time_in_words() if with_time else None
    return f", {when.in_words()}" + (f", {time}" if time else "")


def _matchup(draft: Draft) -> str:
    if len(draft.teams) != 2:
        return (draft.scope or draft.rule.key) + _date(draft)
    first, second = draft.teams
    joint = "at" if draft.home_first is False else "vs"
    game = f", game {draft.scope[-1]}" if draft.scope in ("G1", "G2") else ""
    return f"{first.name} {joint} {second.name}{game}{_date(draft)}"


def _short(draft: Draft) -> str:
    """The outcome's short name, for lines; its full name elsewhere."""
    outcome = draft.outcome
    if outcome is None:
        return ""
    for team in draft.teams:
        if team.code == outcome.code and team.known:
            return team.name
    return outcome.name


def _number(strike: Strike | None) -> str:
    return "" if strike is None else f"{strike.value:f}"


def _least(strike: Strike) -> Decimal:
    """The least whole count that pays: 12 for "over 11.5", "more than 11" and "at least 12"."""
    if strike.direction is Direction.ABOVE:
        return strike.value.to_integral_value(ROUND_FLOOR) + 1
    return strike.value


def _plus(strike: Strike) -> str:
    """``12+``, or the bare number where the side of the line is open."""
    return f"{_least(strike):f}{'' if strike.direction is Direction.LINE else '+'}"


def _game(draft: Draft) -> str:
    kind = draft.rule.market_type
    matchup = _matchup(draft)
    told = draft.period is None or draft.period in draft.rule.words
    period = "" if told else f" ({draft.period})"
    outcome, strike = draft.outcome, draft.strike
    if not draft.market:
        label = draft.rule.words.capitalize() if _is_prop(kind) else _GAME_LABELS.get(kind, "")
        if kind is MarketType.TOTAL and draft.rule.words:
            label = f"Total {draft.rule.words}"
        return f"{label}{period}: {matchup}" if label else matchup
    if kind is MarketType.PLAYER_PROP and outcome is not None:
        count = f" {_plus(strike)}" if strike is not None else ""
        return f"{outcome.name}{count} {draft.rule.words}: {matchup}"
    if strike is not None and outcome is None:
        over = "Line" if strike.direction is Direction.LINE else "Over"
        return f"{over} {_over(strike)} {strike.unit}{period}: {matchup}"
    if strike is not None:
        if kind in (MarketType.TEAM_TOTAL, MarketType.PERIOD_TEAM_TOTAL):
            return f"{_short(draft)} {_plus(strike)} {strike.unit}{period}: {matchup}"
        what = f" {draft.rule.words}" if draft.rule.words else ""
        return f"{_short(draft)} by {_plus(strike)}{what}{period}: {matchup}"
    return f"{_game_outcome(draft)}{period}: {matchup}"


def _over(strike: Strike) -> str:
    """Half a point below the number: N means N or more. The number itself where that is open."""
    if strike.direction is Direction.LINE:
        return _number(strike)
    return f"{_least(strike) - Decimal('0.5'):f}"


def _is_prop(kind: MarketType) -> bool:
    return kind in (MarketType.PLAYER_PROP, MarketType.GAME_PROP)


def _game_outcome(draft: Draft) -> str:
    outcome, kind = draft.outcome, draft.rule.market_type
    if outcome is None:
        return _GAME_LABELS.get(kind, draft.rule.words.capitalize() or "Market")
    if outcome.kind is OutcomeKind.TIE:
        return "Tie"
    if kind is MarketType.ADVANCE:
        return f"{outcome.name} to advance"
    if kind is MarketType.SERIES_WINNER:
        return f"{outcome.name} to win the series"
    if kind is MarketType.BOTH_TEAMS_SCORE:
        return "Both teams to score"
    if kind in (MarketType.EXACT_SCORE, MarketType.SERIES_SCORE):
        return outcome.name
    if kind is MarketType.GAME_PROP:
        return f"{draft.rule.words.capitalize()} {outcome.name}"
    return f"{outcome.name} to win"


def _subject(draft: Draft) -> str:
    """The subject with its year in front or its date behind, and the event's code."""
    subject, when = draft.rule.subject, draft.when
    if "{year}" in subject:
        year = "" if when is None else str(when.year)
        subject = subject.replace("{year}", year).strip()
        subject = subject[:1].upper() + subject[1:]
        dated = when is not None and when.precision is Precision.DAY
        return _scoped(draft, subject) + (_date(draft) if dated else "")
    return _scoped(draft, subject) + _date(draft)


def _scoped(draft: Draft, subject: str) -> str:
    scope = draft.scope
    named = draft.outcome is not None and draft.outcome.code == scope
    if scope is None or scope == "DATE" or named or draft.rule.key.startswith(scope):
        return subject
    return f"{subject} ({draft.scope_words or scope})"


def _one_of(draft: Draft) -> str:
    subject = _subject(draft)
    if draft.strike is not None:
        who = f"{draft.outcome.name} " if draft.outcome is not None else ""
        return f"{who}{subject}: {strike_words(draft.strike)}"
    return subject if draft.outcome is None else f"{subject}: {draft.outcome.name}"


def _threshold(draft: Draft) -> str:
    subject = draft.rule.subject.replace("{year} ", "")
    subject = _scoped(draft, subject[:1].upper() + subject[1:])
    before, _, after = subject.partition(" {strike}")
    date = _date(draft, with_time=True)
    if draft.rule.market_type is MarketType.RATE_DECISION and draft.outcome is not None:
        return f"{before}{after}: {draft.outcome.name}{date}"
    strike = draft.strike
    if strike is not None and draft.rule.market_type is MarketType.COUNT:
        strike = strike._replace(unit="")  # the subject says what is counted
    words = "" if strike is None else f" {strike_words(strike)}"
    silent = draft.rule.market_type is MarketType.UP_DOWN
    code = f": {draft.outcome.name}" if draft.outcome is not None and not silent else ""
    label = "" if words or code or silent or not draft.market else f" ({'-'.join(draft.market)})"
    return f"{before}{words}{label}{after}{date}{code}"


def _deadline(draft: Draft) -> str:
    subject = _scoped(draft, draft.rule.subject)
    date = "" if draft.deadline is None else f", {draft.deadline.in_words()}"
    outcome = draft.outcome
    code = f": {outcome.name}" if outcome and outcome.kind is not OutcomeKind.DATE else ""
    return f"{subject}{date}{code}"


def _mention(draft: Draft) -> str:
    word = "" if draft.outcome is None else f": {draft.outcome.name}"
    return f"{_scoped(draft, draft.rule.subject)} mentions{word}{_date(draft)}"


def _combo(_draft: Draft) -> str:
    return "Combo of several markets"


def _unknown(draft: Draft) -> str:
    parts = [draft.rule.subject]
    if draft.scope is not None:
        parts.append(f" ({draft.scope})")
    if draft.strike is not None:
        parts.append(f" {strike_words(draft.strike)}")
    parts.append(_date(draft, with_time=True))
    if draft.outcome is not None:
        parts.append(f": {draft.outcome.name}")
    return "".join(parts)


_BY_FAMILY: dict[Family, Callable[[Draft], str]] = {
    Family.GAME: _game,
    Family.PLAYOFF_SERIES: _game,
    Family.SEASON: _one_of,
    Family.CHOICE: _one_of,
    Family.ELECTION: _one_of,
    Family.THRESHOLD: _threshold,
    Family.DEADLINE: _deadline,
    Family.MENTION: _mention,
    Family.COMBO: _combo,
    Family.YES_NO: _one_of,
    Family.UNKNOWN: _unknown,
}
