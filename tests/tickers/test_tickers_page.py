"""docs/tickers.md: its examples are what the parser says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from hadron_tasks.tickers import Family, parse_ticker

PAGE = Path(__file__).parents[2] / "docs" / "tickers.md"
_ROW = re.compile(
    r"\| ?(?P<family>[a-z_]*) \|[^|]*\| `(?P<ticker>[A-Z0-9.\-]+)` \| (?P<name>.+) \|"
)
_SHELL = re.compile(r"(?P<ticker>[A-Z0-9.\-]+)\t(?P<name>.+)")
_LINES = PAGE.read_text(encoding="utf-8").splitlines()


def _examples() -> list[tuple[str, str]]:
    found = [match for line in _LINES for match in (_ROW.match(line), _SHELL.match(line)) if match]
    return [(match["ticker"], match["name"]) for match in found]


def test_every_family_has_an_example() -> None:
    shown = {match["family"] for line in _LINES if (match := _ROW.match(line))}
    assert shown - {""} == {family.value for family in Family}


@pytest.mark.parametrize(("ticker", "name"), _examples())
def test_examples_are_named_as_the_page_says(ticker: str, name: str) -> None:
    assert parse_ticker(ticker).display_name == name
