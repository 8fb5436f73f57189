"""The packaged tables of leagues, series, codes and places, read once when first needed."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from functools import cache
from importlib import resources
from typing import NamedTuple

from hadron_tasks.tickers.parsed import Category, Family, MarketType, Team

_DATA = resources.files("hadron_tasks.tickers") / "data"


class League(NamedTuple):
    """A competition: how its tickers order the two sides, and what its scores count."""

    key: str
    """As it stands in series tickers: ``NBA``, ``EFLCHAMPIONSHIP``."""
    name: str
    sport: str
    home_first: bool | None
    """True: home then away (soccer); False: away then home (US leagues); None: neither."""
    teams: str
    """The team file that its codes are read with (two joined by ``+``); empty without one."""
    score: str
    """What a total counts: ``points``, ``goals``, ``runs``, ``games``."""


class GameMarket(NamedTuple):
    """What follows the league in a series ticker: ``SPREAD``, ``1HTOTAL``, ``PASSYDS``."""

    family: Family
    market_type: MarketType
    period: str
    words: str
    segments: int
    """How many parts of the ticker make the event."""


class SeriesRow(NamedTuple):
    """One series of the series table."""

    category: Category
    family: Family
    market_type: MarketType
    subject: str
    unit: str
    reading: str
    event: str
    league: str
    segments: int


class PatternRow(NamedTuple):
    """One pattern of series tickers: a regular expression and the reading of what it matches."""

    pattern: str
    category: Category
    family: Family
    market_type: MarketType
    subject: str
    unit: str
    reading: str
    event: str


def _rows(name: str) -> Iterator[dict[str, str]]:
    with (_DATA / name).open(encoding="utf-8") as file:
        yield from csv.DictReader(file)


@cache
def leagues() -> dict[str, League]:
    """Every league by its key."""
    order = {"home": True, "away": False, "none": None}
    return {
        row["key"]: League(
            row["key"], row["name"], row["sport"], order[row["order"]], row["teams"], row["score"]
        )
        for row in _rows("leagues.csv")
    }


@cache
def game_markets() -> dict[str, GameMarket]:
    """What may follow a league in a series ticker."""
    return {
        row["suffix"]: GameMarket(
            Family(row["family"]),
            MarketType(row["type"]),
            row["period"],
            row["words"],
            int(row["segments"]),
        )
        for row in _rows("game_markets.csv")
    }


@cache
def series_rows() -> dict[str, SeriesRow]:
    """The series table, by series without its ``KX``."""
    return {
        row["series"]: SeriesRow(
            Category(row["category"]),
            Family(row["family"]),
            MarketType(row["type"]),
            row["subject"],
            row["unit"],
            row["reading"],
            row["event"],
            row["league"],
            int(row["segments"]),
        )
        for row in _rows("series.csv")
    }


@cache
def pattern_rows() -> tuple[PatternRow, ...]:
    """The patterns of series tickers, in the order in which they are tried."""
    return tuple(
        PatternRow(
            row["pattern"],
            Category(row["category"]),
            Family(row["family"]),
            MarketType(row["type"]),
            row["subject"],
            row["unit"],
            row["reading"],
            row["event"],
        )
        for row in _rows("series_patterns.csv")
    )


@cache
def words(kind: str) -> dict[str, str]:
    """The names of a kind of code: ``city``, ``state``, ``coin``, ``country``, ``oscar`` ..."""
    return {
        row["code"]: row["name"]
        for file in ("places.csv", "words.csv")
        for row in _rows(file)
        if row["kind"] == kind
    }


@cache
def team_file(name: str) -> dict[str, Team]:
    """The teams of one file by code; empty for the empty name.

    Of two files (``mls+ligamx``: clubs of two leagues meet) all codes but those that mean different
    clubs in them.
    """
    if not name:
        return {}
    if "+" in name:
        files = [team_file(part) for part in name.split("+")]
        return {
            code: team
            for file in files
            for code, team in file.items()
            if all(other.get(code, team).full_name == team.full_name for other in files)
        }
    return {
        row["code"]: Team(row["code"], row["name"], row["full_name"], row["source"])
        for row in _rows(f"teams_{name}.csv")
    }


@cache
def well_known_people() -> dict[tuple[str, str], tuple[str, str]]:
    """(series, code) to (name, source); the series ``*`` stands for politics and elections."""
    return {
        (row["series"], row["code"]): (row["name"], row["source"]) for row in _rows("people.csv")
    }
