"""Thresholds, buckets and counts: a number against a level, on a date."""

from __future__ import annotations

import re
from decimal import Decimal

from hadron_tasks.tickers.dates import read_date, within_year
from hadron_tasks.tickers.draft import Draft
from hadron_tasks.tickers.families.event_parts import read_event_parts
from hadron_tasks.tickers.families.strikes import HYPHEN, OPAQUE, read_strike
from hadron_tasks.tickers.parsed import Direction, MarketType, Outcome, OutcomeKind, Strike

_RATE_MOVE = re.compile(r"(?P<way>[CH])(?P<points>\d{1,3})|HOLD")
_DAYS = re.compile(r"(?P<number>\d{1,4})D")


def read_threshold(draft: Draft) -> None:
    """Read a date and a level."""
    read_event_parts(draft)
    offset = len(draft.event)
    for index, part in enumerate(draft.market, offset):
        _read_level(draft, index, part)


def _read_level(draft: Draft, index: int, part: str) -> None:
    rule = draft.rule
    if rule.market_type is MarketType.RATE_DECISION and (move := _RATE_MOVE.fullmatch(part)):
        draft.piece(index, "outcome", part)
        draft.outcome = Outcome(OutcomeKind.CHOICE, part, _rate_move(move), "ticker")
        draft.strike = _rate_strike(move)
        return
    if rule.market_type is MarketType.UP_DOWN:
        draft.piece(index, "minute", part)  # of the close, which the event's time has already
        draft.outcome = Outcome(OutcomeKind.YES, part, "up", "ticker")
        return
    if rule.reading == OPAQUE:
        draft.piece(index, "label", part)
        draft.unread.append(f"which level {part} stands for")
        return
    if not part.isdigit() and _read_date(draft, index, part):
        return
    days = _DAYS.fullmatch(part)
    strike = read_strike(days["number"] if days else part, rule.reading, rule.unit)
    if strike is None:
        draft.piece(index, "outcome", part)
        draft.unread.append(f"the outcome {part} is only a code")
        draft.outcome = Outcome(OutcomeKind.CHOICE, part, part)
        return
    draft.piece(index, "strike", part)
    draft.strike = strike
    if strike.direction is Direction.BEYOND:
        draft.unread.append(f"whether {part} is the low or the high end")
    elif strike.direction is Direction.LINE:
        draft.unread.append(f"whether {part} is a floor, a cap or a bucket")
    elif rule.reading == HYPHEN and part[0].isdigit():
        draft.unread.append(f"whether the hyphen before {part} is a minus")
    elif strike.direction is Direction.NEAR:
        draft.unread.append(f"the edges of the bucket {part}")


def _read_date(draft: Draft, index: int, part: str) -> bool:
    """A day within the event's year: ``KXBTCMAXY-25-DEC31-129999.99``."""
    moment = read_date(part)
    if moment is None and draft.when is not None:
        moment = within_year(draft.when, part)
    if moment is None:
        return False
    draft.piece(index, "date", part)
    draft.saw_date(moment)
    return True


def _rate_move(move: re.Match[str]) -> str:
    points = int(move["points"] or 0)
    if points == 0:
        return "hold"
    way = "cut" if move["way"] == "C" else "hike"
    # 26 stands for everything beyond the usual step: "Cut >25bps".
    return f"{way} by more than 25 bp" if points == 26 else f"{way} {points} bp"


def _rate_strike(move: re.Match[str]) -> Strike:
    points = Decimal(move["points"] or 0)
    sign = -1 if move["way"] == "C" else 1
    if points == 26:
        beyond = Direction.BELOW if sign < 0 else Direction.ABOVE
        return Strike(beyond, Decimal(25 * sign), unit="bp")
    return Strike(Direction.EXACTLY, points * sign, unit="bp")
