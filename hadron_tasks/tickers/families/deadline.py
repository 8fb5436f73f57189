"""Deadlines: whether something happens before a date (``KXLEAVEMERZ-29JAN01-26NOV01``)."""

from __future__ import annotations

import re

from hadron_tasks.tickers.dates import MONTHS, TickerDate, read_date, within_year
from hadron_tasks.tickers.draft import Draft
from hadron_tasks.tickers.families.event_parts import read_event_parts
from hadron_tasks.tickers.parsed import Outcome, OutcomeKind

_NUMBERED_DAY = re.compile(r"B(\d\d)(\d\d)(\d\d)")
"""A day in six digits (``HORMUZNORM-26MAR17-B260901``), where a deadline is asked for."""


def read_deadline(draft: Draft) -> None:
    """Read the event's dates, then the market's own deadline, which is the one that counts."""
    read_event_parts(draft)
    moment = draft.when
    for index, part in enumerate(draft.market, len(draft.event)):
        found = read_date(part) or _numbered_day(part)
        if found is None and moment is not None:
            found = within_year(moment, part)
        if found is None:
            draft.piece(index, "outcome", part)
            draft.unread.append(f"the outcome {part} is only a code")
            draft.outcome = Outcome(OutcomeKind.CHOICE, part, part)
            continue
        draft.piece(index, "deadline", part)
        moment = draft.deadline = found
        if draft.when is None:
            draft.when = found
    if draft.deadline is None:
        draft.deadline = draft.when
    elif draft.outcome is None:
        draft.outcome = Outcome(
            OutcomeKind.DATE, "-".join(draft.market), draft.deadline.in_words(), "ticker"
        )


def _numbered_day(part: str) -> TickerDate | None:
    match = _NUMBERED_DAY.fullmatch(part)
    if match is None:
        return None
    year, month, day = match.groups()
    names = {number: name for name, number in MONTHS.items()}
    moment = read_date(f"{year}{names.get(int(month), '')}{day}")
    return None if moment is None else moment._replace(text=part)
