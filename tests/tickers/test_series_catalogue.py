"""A random sample of the exchange's own series catalogue, with the category that it states."""

from __future__ import annotations

import csv
from pathlib import Path

from hadron_tasks.tickers import Category, parse_ticker
from hadron_tasks.tickers.series_rules import rule_of

_CATALOGUE = Path(__file__).parent / "fixtures" / "series_catalogue.csv"

_MOVED = {
    ("politics", "elections"),
    ("companies", "mentions"),
    ("sports", "combos"),
    ("companies", "politics"),
    ("economics", "companies"),
    ("financials", "companies"),
    ("world", "economics"),
}
"""The exchange has moved such series since, or keeps some of a kind there and some here."""


def _catalogue() -> list[tuple[str, str]]:
    with _CATALOGUE.open(encoding="utf-8", newline="") as file:
        return [(row["series"], row["category"]) for row in csv.DictReader(file)]


def test_most_series_of_the_catalogue_are_known() -> None:
    known = [series for series, _ in _catalogue() if rule_of(series).known]
    share = len(known) / len(_catalogue())
    print(f"\n{len(known)} of {len(_catalogue())} series of the catalogue are known: {share:.0%}")
    assert share >= 0.7


def test_known_series_have_the_catalogue_s_category() -> None:
    for series, category in _catalogue():
        rule = rule_of(series)
        if rule.known and (category, rule.category.value) not in _MOVED:
            assert rule.category.value == category, series


def test_unknown_series_say_so() -> None:
    for series, _ in _catalogue():
        if rule_of(series).known:
            continue
        parsed = parse_ticker(f"{series}-26DEC31")
        assert parsed.category is Category.UNKNOWN
        assert parsed.unread
        assert parsed.display_name.endswith("Dec 31, 2026")
