"""The fixture of real tickers, as the tests read it."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FIXTURE = Path(__file__).parent / "fixtures" / "tickers.csv"


@dataclass(frozen=True)
class RealTicker:
    """One line of the fixture; see fixtures/README.md."""

    ticker: str
    kind: str
    category: str
    market_type: str
    league: str
    date: str
    deadline: str
    first: str
    second: str
    outcome: str
    strike: str
    cap: str
    direction: str
    title: str
    checked: str
    open: str


@cache
def real_tickers() -> tuple[RealTicker, ...]:
    """Every line of the fixture."""
    with FIXTURE.open(encoding="utf-8", newline="") as file:
        return tuple(RealTicker(**row) for row in csv.DictReader(file))
