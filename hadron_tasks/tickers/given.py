"""What the exchange says decides: its words, strikes, categories and legs over any reading."""

from __future__ import annotations

from hadron_tasks.tickers.draft import Draft
from hadron_tasks.tickers.metadata import (
    CATEGORIES,
    EventMetadata,
    MarketMetadata,
    SeriesMetadata,
)
from hadron_tasks.tickers.parsed import (
    Category,
    Direction,
    Family,
    MarketType,
    Outcome,
    OutcomeKind,
    Strike,
)
from hadron_tasks.tickers.series_rules import SeriesRule

_DIRECTIONS = {
    "greater": Direction.ABOVE,
    "greater_or_equal": Direction.AT_LEAST,
    "less": Direction.BELOW,
    "less_or_equal": Direction.AT_MOST,
}
_BY_DIRECTION = {
    Direction.ABOVE: MarketType.ABOVE,
    Direction.AT_LEAST: MarketType.ABOVE,
    Direction.BELOW: MarketType.BELOW,
    Direction.AT_MOST: MarketType.BELOW,
    Direction.BETWEEN: MarketType.BUCKET,
}
"""What a plain threshold is once its strike is known: the ends of a range are not buckets."""
_NAMED_KINDS = frozenset(
    (OutcomeKind.TEAM, OutcomeKind.PERSON, OutcomeKind.CHOICE, OutcomeKind.WORD, OutcomeKind.PARTY)
)


def category_of(
    rule: SeriesRule, event: EventMetadata | None, series: SeriesMetadata | None
) -> Category:
    """The category: the event's own, else the series', else the table's.

    Combos and mentions stay what they are; the exchange files some of them under their subjects.
    """
    if rule.category in (Category.COMBOS, Category.MENTIONS):
        return rule.category
    for source in (event, series):
        if source is not None:
            category = CATEGORIES.get(source.category.lower())
            if category is not None:
                return category
    return rule.category


def apply_metadata(
    draft: Draft, market: MarketMetadata | None, event: EventMetadata | None
) -> None:
    """Let the exchange's words and numbers decide over what was read from the ticker."""
    title = event.title if event is not None else ""
    if market is not None:
        if draft.market or not title:
            title = market.title or title
        draft.subtitle = market.yes_sub_title or market.subtitle or None
        _apply_strike(draft, market)
        _apply_outcome(draft, market)
        if draft.rule.family is Family.COMBO and (words := leg_words(market)):
            title, draft.subtitle = "Combo: " + ", ".join(words), None
            _settle(draft, "the legs")
        if market.market_type == "scalar":
            draft.market_type = MarketType.SCALAR
    draft.title = title or None


def _apply_strike(draft: Draft, market: MarketMetadata) -> None:
    unit = draft.strike.unit if draft.strike is not None else draft.rule.unit
    floor, cap = market.floor_strike, market.cap_strike
    if floor is not None and cap is not None and market.strike_type in ("between", ""):
        draft.strike = Strike(Direction.BETWEEN, floor, cap, unit, exact=True)
    elif market.strike_type in _DIRECTIONS and (floor is not None or cap is not None):
        value = cap if floor is None else floor
        if value is None:
            return
        draft.strike = Strike(_DIRECTIONS[market.strike_type], value, None, unit, exact=True)
    else:
        return
    if draft.market_type in _BY_DIRECTION.values() or not draft.rule.known:
        draft.market_type = _BY_DIRECTION[draft.strike.direction]
    _settle(draft, "whether", "the edges", "which level")


def _settle(draft: Draft, *doubts: str) -> None:
    """Take back doubts that the exchange's own facts have settled."""
    draft.unread = [reason for reason in draft.unread if not reason.startswith(doubts)]


def _apply_outcome(draft: Draft, market: MarketMetadata) -> None:
    words = market.yes_sub_title.split("::")[0].strip()
    outcome = draft.outcome
    if not words or outcome is None or outcome.kind not in _NAMED_KINDS or draft.strike is not None:
        return
    draft.outcome = Outcome(outcome.kind, outcome.code, words, "title")
    code = outcome.code
    draft.unread = [reason for reason in draft.unread if code not in reason.split()]


def leg_words(market: MarketMetadata) -> list[str]:
    """The legs in the exchange's words: ``yes Houston,no Over 215.5 points`` as ``Houston`` and
    ``not Over 215.5 points``; empty where its words are not of that form."""
    words = market.yes_sub_title or market.title
    legs = [leg.strip() for leg in words.split(",")]
    if not all(leg.lower().startswith(("yes ", "no ")) for leg in legs):
        return []
    return [leg[4:] if leg.lower().startswith("yes ") else f"not {leg[3:]}" for leg in legs]
