"""The event's part of every family but games: dates, and codes beside or around them.

Real shapes: ``25DEC``, ``RBH26`` (tournament and year), ``26CLA`` (year and tournament),
``26DEC01EPACMAJ`` (date and basin), ``WEEKND26DEC31`` (artist and date), ``27-JAN01`` (year, day).
"""

from __future__ import annotations

import re

from hadron_tasks.tickers import tables
from hadron_tasks.tickers.dates import Precision, leading_date, read_date, within_year
from hadron_tasks.tickers.draft import Draft
from hadron_tasks.tickers.families.races import read_race
from hadron_tasks.tickers.series_rules import rule_of

_TRAILING_DATE = re.compile(
    r"(?P<code>[A-Z0-9.]*?[A-Z])(?P<date>\d\d[A-Z]{3}(?:\d\d)?|20\d\d|[23]\d)"
)
_LEADING_YEAR = re.compile(r"(?P<year>\d\d)(?P<code>[A-Z][A-Z0-9]*)")
_INNER_YEAR = re.compile(r"(?P<before>[A-Z]+)(?P<year>[23]\d)(?P<after>[A-Z][A-Z0-9]*)")
RACE, TEAM, PARENT = "race", "team", "parent"
"""What an event's code may name: a race (``TX34R``), a team (``CLE``) or another series
(``GOVFLNOMR``). Any other kind is one of the tables of words (``tournament``)."""

TIME_OF_DAY = re.compile(r"T(?:[01]\d|2[0-3])[0-5]\d")


def read_event_parts(draft: Draft) -> None:
    """Read the event's segments into dates and codes; pieces of all of them are noted."""
    for index, segment in enumerate(draft.event):
        read_event_part(draft, index, segment)
    if draft.scope is not None and draft.scope_words is None and draft.rule.event:
        draft.scope_words = _scope_in_words(draft, draft.scope)


def _scope_in_words(draft: Draft, scope: str) -> str | None:
    rule = draft.rule
    if rule.event == TEAM and rule.league is not None:
        team = draft.book.team(rule.league.teams, scope)
        return None if team is None else team.full_name
    if rule.event == PARENT:
        parent, _, rest = scope.partition(" ")
        known = rule_of(parent)
        words = known.subject.replace("{year} ", "")
        return f"{words} {rest}".rstrip() if known.known else None
    return tables.words(rule.event).get(scope)


def read_event_part(draft: Draft, index: int, segment: str) -> None:
    """Read one segment of an event."""
    if draft.rule.event == RACE and read_race(draft, index, segment):
        return
    moment = read_date(segment)
    if moment is None and draft.when is not None and draft.when.precision is Precision.YEAR:
        moment = within_year(draft.when, segment)
    if moment is not None and (draft.when is None or moment.precision is not Precision.YEAR):
        draft.saw_date(moment)
        draft.piece(index, "date", segment)
        return
    if draft.when is not None and TIME_OF_DAY.fullmatch(segment):
        # KXBTC-25APR30-T0915 states the time in a part of its own.
        draft.when = draft.when._replace(
            precision=Precision.MINUTE, hour=int(segment[1:3]), minute=int(segment[3:])
        )
        draft.piece(index, "time", segment)
    elif not (_date_first(draft, index, segment) or _date_last(draft, index, segment)):
        draft.piece(index, "code", segment)
        if segment:
            draft.saw_scope(segment)


def _date_first(draft: Draft, index: int, segment: str) -> bool:
    moment = leading_date(segment)
    if moment is None:
        match = _LEADING_YEAR.fullmatch(segment)
        if match is None or (moment := read_date(match["year"])) is None:
            return False
    draft.saw_date(moment)
    draft.piece(index, "date", moment.text)
    rest = segment[len(moment.text) :]
    draft.piece(index, "code", rest)
    draft.saw_scope(rest)
    return True


def _date_last(draft: Draft, index: int, segment: str) -> bool:
    match = _TRAILING_DATE.fullmatch(segment)
    if match is not None and (moment := read_date(match["date"])) is not None:
        draft.saw_scope(match["code"])
        draft.piece(index, "code", match["code"])
        draft.saw_date(moment)
        draft.piece(index, "date", match["date"])
        return True
    match = _INNER_YEAR.fullmatch(segment)
    if match is not None and (moment := read_date(match["year"])) is not None:
        draft.saw_scope(match["before"])
        draft.piece(index, "code", match["before"])
        draft.saw_date(moment)
        draft.piece(index, "date", match["year"])
        draft.saw_scope(match["after"])
        draft.piece(index, "code", match["after"])
        return True
    return False
