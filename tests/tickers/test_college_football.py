"""College football's games of the 2026 season: both teams as the exchange's titles name them."""

from __future__ import annotations

import csv
from pathlib import Path

from hadron_tasks.tickers import parse_ticker

GAMES = Path(__file__).parent / "fixtures" / "college_football.csv"


def test_both_teams_are_named_as_in_the_exchanges_titles() -> None:
    with GAMES.open(encoding="utf-8", newline="") as file:
        games = list(csv.DictReader(file))
    assert len(games) > 150
    for game in games:
        parsed = parse_ticker(game["event_ticker"])
        assert parsed.away is not None, game
        assert parsed.home is not None, game
        assert (parsed.away.name, parsed.home.name) == (game["away"], game["home"])
        assert parsed.confidence == "full"
