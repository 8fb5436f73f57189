"""What codes mean: the packaged dictionaries, extended by what the crawl learns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from hadron_tasks.tickers import tables
from hadron_tasks.tickers.parsed import UNKNOWN_CODE, Category, Family, MarketType, Team
from hadron_tasks.tickers.series_rules import SeriesRule

_POLITICAL = frozenset((Category.ELECTIONS, Category.POLITICS, Category.COMPANIES))
"""Where the initials of a well-known politician may be read without naming the series."""


class LearntCode(NamedTuple):
    """A code read off a market and its ``yes_sub_title``: what to store to learn it again."""

    scope: str
    """Where the code means this: a team file (``nba``), a series, or one event of a series."""
    code: str
    name: str
    learnt_from: str
    """The market's ticker."""


def name_scopes(rule: SeriesRule, event_part: str) -> tuple[str, ...]:
    """The scopes in which a code of this event may be looked up, the narrowest first.

    The same three letters are one player today and another tomorrow (``TRE`` was Simon and Julien
    Tremolieres on one day), so most codes mean something in their own event only. Candidates,
    golfers and drivers keep their codes within a series; shirt numbers keep players within a
    league, and clubs without a dictionary stay themselves within a league too.
    """
    league = rule.league
    if rule.family in (Family.GAME, Family.PLAYOFF_SERIES) and league is not None:
        if rule.market_type is MarketType.PLAYER_PROP:
            return (f"{league.key}/players",)
        game = f"{league.key}/{event_part.partition('-')[0]}"
        if league.sport in ("tennis", "mma", "boxing"):
            return (game,)
        return (game, f"{league.key}/teams")
    event = f"{rule.key}/{event_part}"
    if rule.family in (Family.ELECTION, Family.SEASON):
        return (event, rule.key)
    return (event,)


class CodeBook:
    """Codes and their meanings. The packaged ones are shared; what is learnt is this book's own.

    A learnt name never replaces a packaged team, so one wrong ``yes_sub_title`` cannot rename a
    club. A code that two markets name differently in one scope means neither there any more; the
    same market's newer name replaces its older one.
    """

    def __init__(self) -> None:
        self._teams: dict[str, dict[str, Team]] = {}
        self._names: dict[tuple[str, str], str | None] = {}
        self._learnt: dict[tuple[str, str], LearntCode] = {}

    def teams(self, file: str) -> dict[str, Team]:
        """The teams of a league's file, learnt ones included."""
        extended = self._teams.get(file)
        return tables.team_file(file) if extended is None else extended

    def team(self, file: str, code: str) -> Team | None:
        """The team of a code in a league's file; None for a code nobody knows."""
        return self.teams(file).get(code)

    def name(self, rule: SeriesRule, event_part: str, code: str) -> tuple[str, str] | None:
        """Name and source of a code that is no team; None where only the code is known."""
        if self._names:
            for scope in name_scopes(rule, event_part):
                learnt = self._names.get((scope, code))
                if learnt is not None:
                    return learnt, "learnt"
        people = tables.well_known_people()
        found = people.get((rule.key, code))
        if found is None and rule.category in _POLITICAL:
            found = people.get(("*", code))
        return found

    def learn_team(self, file: str, code: str, name: str, learnt_from: str) -> bool:
        """Add a team's code to a league's file; False when the code was known already."""
        if not file or not code or not name or code in self.teams(file):
            return False
        self._teams.setdefault(file, dict(tables.team_file(file)))[code] = Team(
            code, name, name, "learnt"
        )
        self._learnt[file, code] = LearntCode(file, code, name, learnt_from)
        return True

    def learn_name(self, scope: str, code: str, name: str, learnt_from: str) -> bool:
        """Add the name of a code in a scope; False when that changed nothing."""
        place = (scope, code)
        if not code or not name or self._names.get(place) == name:
            return False
        before = self._learnt.get(place)
        if place in self._names and (before is None or before.learnt_from != learnt_from):
            self._names[place] = None
            self._learnt.pop(place, None)
            return before is not None
        self._names[place] = name
        self._learnt[place] = LearntCode(scope, code, name, learnt_from)
        return True

    def learnt(self) -> Iterator[LearntCode]:
        """Everything learnt, to be stored; :meth:`restore` takes it back."""
        yield from self._learnt.values()

    def restore(self, codes: Iterable[LearntCode]) -> None:
        """Learn again what an earlier run learnt."""
        files = {league.teams for league in tables.leagues().values()}
        for code in codes:
            learn = self.learn_team if code.scope in files else self.learn_name
            learn(code.scope, code.code, code.name, code.learnt_from)


PACKAGED = CodeBook()
"""The dictionaries as they are packaged. Nothing may be learnt into it; make a book for that."""


def unknown_team(code: str) -> Team:
    """A competitor of whom only the code is known."""
    return Team(code, code, code, UNKNOWN_CODE)
