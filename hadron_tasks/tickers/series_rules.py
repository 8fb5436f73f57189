"""From a series ticker to the rule that its tickers are read by.

Looked up in this order: the series table; a league with one of the game markets after it
(``NBA`` + ``TEAMTOTAL``); the patterns (``HIGH`` + a city). A series that none of them knows gets
the rule of the unknown, which still reads dates and numbers.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import NamedTuple

from hadron_tasks.tickers import tables
from hadron_tasks.tickers.parsed import Category, Family, MarketType
from hadron_tasks.tickers.tables import League


class SeriesRule(NamedTuple):
    """How the tickers of one series are read."""

    key: str
    """The series without ``KX``."""
    category: Category
    family: Family
    market_type: MarketType
    subject: str
    unit: str = ""
    reading: str = ""
    """How its numbers read: see :mod:`hadron_tasks.tickers.families.strikes`."""
    event: str = ""
    """What its event's code names: see :mod:`hadron_tasks.tickers.families.event_parts`."""
    league: League | None = None
    period: str = ""
    words: str = ""
    """What a game market counts or asks: ``rebounds``, ``both teams to score``."""
    segments: int = 1
    """How many parts of the ticker make the event."""
    known: bool = True
    unread: tuple[str, ...] = ()


PARTIES = {"D": "Democratic", "R": "Republican"}

COMBO_PREFIX = "MVE"
"""Multivariate events; their tickers are hashes."""


@lru_cache(maxsize=65536)
def rule_of(series: str) -> SeriesRule:
    """The rule of a series ticker (upper case, with or without ``KX``)."""
    key = series[2:] if series.startswith("KX") and len(series) > 2 else series
    if key.startswith(COMBO_PREFIX):
        return SeriesRule(key, Category.COMBOS, Family.COMBO, MarketType.COMBO, "Combo")
    row = tables.series_rows().get(key)
    if row is not None:
        league = tables.leagues().get(row.league)
        return SeriesRule(
            key,
            row.category,
            row.family,
            row.market_type,
            row.subject,
            row.unit,
            row.reading,
            row.event,
            league,
            segments=row.segments,
        )
    return _league_market(key) or _pattern(key) or _unknown(key)


@cache
def hyphenated_beginnings() -> frozenset[str]:
    """What the series tickers with a hyphen begin with: ``KXWO`` of ``KXWO-GOLD``."""
    return frozenset(f"KX{key.partition('-')[0]}" for key in tables.series_rows() if "-" in key)


def hyphenated_series(first: str, second: str) -> str | None:
    """The series ticker that two parts make together (``KXWO-GOLD``); None for any others."""
    if f"{first[2:]}-{second}" not in tables.series_rows():
        return None
    return f"{first}-{second}"


def _league_market(key: str) -> SeriesRule | None:
    markets = tables.game_markets()
    by_key = tables.leagues()
    # The longest league that leaves a known market: LIGUE1 + 1H, not LIGUE + 11H.
    for size in range(len(key), 1, -1):
        league = by_key.get(key[:size])
        market = markets.get(key[size:]) if league is not None else None
        if league is None or market is None:
            continue
        return SeriesRule(
            key,
            Category.SPORTS,
            market.family,
            market.market_type,
            _league_subject(league, market),
            league=league,
            period=market.period,
            words=market.words,
            segments=market.segments,
        )
    return None


def _league_subject(league: League, market: tables.GameMarket) -> str:
    if market.family in (Family.GAME, Family.PLAYOFF_SERIES):
        return market.words
    return f"{{year}} {league.name} {market.words}".rstrip()


_WORD_KINDS = (
    "city",
    "state",
    "coin",
    "country",
    "nation",
    "oscar",
    "grammy",
    "emmy",
    "chip",
    "company",
    "altcoin",
    "ticker",
    "speaker",
    "weight",
)
"""What the tables of words name, and patterns ask for as ``(?P<city>)``."""


@cache
def _compiled() -> tuple[tuple[re.Pattern[str], tables.PatternRow], ...]:
    any_of = {
        kind: "|".join(sorted(map(re.escape, tables.words(kind)), key=len, reverse=True))
        for kind in _WORD_KINDS
    }
    any_of["league"] = "|".join(sorted(tables.leagues(), key=len, reverse=True))
    any_of |= {"party": "[DR]", "number": r"\d{1,2}", "team": "[A-Z]{2,3}", "word": r"[A-Z0-9]{2,}"}
    made = []
    for row in tables.pattern_rows():
        pattern = row.pattern
        for kind, choice in any_of.items():
            pattern = pattern.replace(f"(?P<{kind}>)", f"(?P<{kind}>{choice})")
        made.append((re.compile(pattern), row))
    return tuple(made)


def _pattern(key: str) -> SeriesRule | None:
    for pattern, row in _compiled():
        match = pattern.fullmatch(key)
        if match is None:
            continue
        found = {kind: code for kind, code in match.groupdict().items() if code is not None}
        league = tables.leagues().get(found.get("league", ""))
        return SeriesRule(
            key,
            row.category,
            row.family,
            row.market_type,
            row.subject.format(**({"word": key} | _in_words(found))),
            row.unit,
            row.reading,
            row.event,
            league,
            segments=2 if row.reading.startswith("cents") else 1,
        )
    return None


def _in_words(found: dict[str, str]) -> dict[str, str]:
    league = tables.leagues().get(found.get("league", ""))
    named = {
        "party": PARTIES,
        "league": {k: v.name for k, v in tables.leagues().items()},
        "team": {
            k: v.full_name for k, v in tables.team_file(league.teams if league else "").items()
        },
    }
    return {
        kind: (named[kind] if kind in named else tables.words(kind)).get(code, code)
        for kind, code in found.items()
    }


def _unknown(key: str) -> SeriesRule:
    reason = (f"the series {key} is in no table",)
    for suffix in ("GAME", "MATCH", "FIGHT"):
        if key.endswith(suffix) and len(key) > len(suffix) + 1:
            return SeriesRule(
                key,
                Category.UNKNOWN,
                Family.GAME,
                MarketType.MONEYLINE,
                "",
                known=False,
                unread=reason,
            )
    return SeriesRule(
        key,
        Category.UNKNOWN,
        Family.UNKNOWN,
        MarketType.UNKNOWN,
        key,
        known=False,
        unread=reason,
    )
