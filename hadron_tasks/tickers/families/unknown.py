"""Series that no table knows, or of which only the subject is known: their dates, their numbers,
and everything else as codes."""

from __future__ import annotations

from hadron_tasks.tickers.dates import read_date
from hadron_tasks.tickers.draft import Draft
from hadron_tasks.tickers.families.event_parts import read_event_parts
from hadron_tasks.tickers.families.strikes import read_strike
from hadron_tasks.tickers.parsed import Direction, MarketType, Outcome, OutcomeKind, Strike

_TYPES = {"T": MarketType.ABOVE, "B": MarketType.BUCKET}


def read_unknown(draft: Draft) -> None:
    """Read what a ticker shows by its form alone. ``T`` is read as above, ``B`` as a bucket, for
    they mean that in every series known; a bare number has no direction and says so."""
    read_event_parts(draft)
    for index, part in enumerate(draft.market, len(draft.event)):
        moment = read_date(part)
        if moment is not None and not part.isdigit():
            draft.piece(index, "deadline", part)
            draft.deadline = moment
            draft.market_type = MarketType.BY_WHEN
            draft.outcome = Outcome(OutcomeKind.DATE, part, moment.in_words(), "ticker")
            continue
        strike = _form_of_number(draft, part)
        if strike is None:
            draft.piece(index, "outcome", part)
            draft.outcome = Outcome(OutcomeKind.CHOICE, part, part)
            draft.unread.append(f"no name is known for the code {part}")
        else:
            draft.piece(index, "strike", part)
            draft.strike = strike
    if draft.rule.known and draft.market_type is MarketType.UNKNOWN:
        draft.unread.append("what kind of question it is")


def _form_of_number(draft: Draft, part: str) -> Strike | None:
    if not part or part[0] not in "TB-0123456789":
        return None
    strike = read_strike(part, "", "")
    if strike is None:
        return None
    if part[0] in _TYPES:
        draft.market_type = _TYPES[part[0]]
    else:
        draft.unread.append(f"whether {part} is a floor, a cap or a count")
        strike = strike._replace(direction=Direction.LINE)
    return strike
