"""What codes mean: the packaged dictionaries, extended by what the crawl learns."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from hadron_tasks.tickers import tables
from hadron_tasks.tickers.parsed import UNKNOWN_CODE, Category, Team

_POLITICAL = frozenset((Category.ELECTIONS, Category.POLITICS, Category.COMPANIES))
"""Where the initials of a well-known politician may be read without naming the series."""


class LearntCode(NamedTuple):
    """A code read off a market and its ``yes_sub_title``: what to store to learn it again."""

    scope: str
    """The team file (``nba``) or, for any other code, the series without ``KX``."""
    code: str
    name: str
    learnt_from: str
    """The market's ticker."""


class CodeBook:
    """Codes and their meanings. The packaged ones are shared; what is learnt is this book's own.

    A learnt name never replaces a packaged team, so one wrong ``yes_sub_title`` cannot rename a
    club; a learnt name of any other code replaces what was learnt of it before.
    """

    def __init__(self) -> None:
        self._teams: dict[str, dict[str, Team]] = {}
        self._names: dict[tuple[str, str], tuple[str, str]] = {}
        self._learnt: dict[tuple[str, str], LearntCode] = {}

    def teams(self, file: str) -> dict[str, Team]:
        """The teams of a league's file, learnt ones included."""
        extended = self._teams.get(file)
        return tables.team_file(file) if extended is None else extended

    def team(self, file: str, code: str) -> Team | None:
        """The team of a code in a league's file; None for a code nobody knows."""
        return self.teams(file).get(code)

    def name(self, series_key: str, code: str, category: Category) -> tuple[str, str] | None:
        """Name and source of a code that is no team; None where only the code is known."""
        learnt = self._names.get((series_key, code))
        if learnt is not None:
            return learnt
        people = tables.well_known_people()
        found = people.get((series_key, code))
        if found is None and category in _POLITICAL:
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

    def learn_name(self, series_key: str, code: str, name: str, learnt_from: str) -> bool:
        """Add the name of a person or thing in a series; False when it was known already."""
        if not code or not name or self._names.get((series_key, code)) == (name, "learnt"):
            return False
        self._names[series_key, code] = (name, "learnt")
        self._learnt[series_key, code] = LearntCode(series_key, code, name, learnt_from)
        return True

    def learnt(self) -> Iterator[LearntCode]:
        """Everything learnt, to be stored; :meth:`restore` takes it back."""
        yield from self._learnt.values()

    def restore(self, codes: Iterator[LearntCode] | list[LearntCode]) -> None:
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
