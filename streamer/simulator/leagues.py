"""The leagues whose games the simulated exchange lists, with enough teams for a full slate."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class League:
    """What its games' markets need to be believable."""

    series: str
    """Beginning of the series' tickers: ``KXNBA`` of ``KXNBAGAME``."""
    sport: str
    teams: dict[str, str]
    margin_spread: float
    """Standard deviation of the final margin, in points, runs or goals."""
    total: float
    total_spread: float
    spread_lines: tuple[int, ...]
    """A team must win by at least so many."""
    total_step: int
    has_ties: bool = False
    home_first: bool = False
    """Soccer names the home team first, the American leagues the visitors."""
    states_start_time: bool = False
    """Newer game tickers carry the start time: ``26JUN261840HOUDET``."""


NBA = League(
    "KXNBA",
    "Pro Basketball",
    {
        "ATL": "Atlanta",
        "BOS": "Boston",
        "BKN": "Brooklyn",
        "CHA": "Charlotte",
        "CHI": "Chicago",
        "CLE": "Cleveland",
        "DAL": "Dallas",
        "DEN": "Denver",
        "DET": "Detroit",
        "GSW": "Golden State",
        "HOU": "Houston",
        "IND": "Indiana",
        "LAC": "Los Angeles C",
        "LAL": "Los Angeles L",
        "MEM": "Memphis",
        "MIA": "Miami",
        "MIL": "Milwaukee",
        "MIN": "Minnesota",
        "NOP": "New Orleans",
        "NYK": "New York",
        "OKC": "Oklahoma City",
        "PHI": "Philadelphia",
        "PHX": "Phoenix",
        "POR": "Portland",
        "SAC": "Sacramento",
        "SAS": "San Antonio",
        "TOR": "Toronto",
        "UTA": "Utah",
        "WAS": "Washington",
    },
    margin_spread=12.0,
    total=226.0,
    total_spread=18.0,
    spread_lines=(3, 6, 9, 12),
    total_step=4,
)
NFL = League(
    "KXNFL",
    "Pro Football",
    {
        "ARI": "Arizona",
        "ATL": "Atlanta",
        "BAL": "Baltimore",
        "BUF": "Buffalo",
        "CHI": "Chicago",
        "CIN": "Cincinnati",
        "DAL": "Dallas",
        "DEN": "Denver",
        "DET": "Detroit",
        "GB": "Green Bay",
        "HOU": "Houston",
        "KC": "Kansas City",
        "LA": "Los Angeles R",
        "LAC": "Los Angeles C",
        "LV": "Las Vegas",
        "MIN": "Minnesota",
        "NE": "New England",
        "NO": "New Orleans",
        "NYG": "New York G",
        "NYJ": "New York J",
        "PHI": "Philadelphia",
        "PIT": "Pittsburgh",
        "SEA": "Seattle",
        "SF": "San Francisco",
        "TB": "Tampa Bay",
        "TEN": "Tennessee",
    },
    margin_spread=13.0,
    total=45.0,
    total_spread=13.0,
    spread_lines=(3, 7, 10),
    total_step=3,
)
NHL = League(
    "KXNHL",
    "Pro Hockey",
    {
        "BOS": "Boston",
        "BUF": "Buffalo",
        "CAR": "Carolina",
        "CHI": "Chicago",
        "COL": "Colorado",
        "DAL": "Dallas",
        "EDM": "Edmonton",
        "FLA": "Florida",
        "MIN": "Minnesota",
        "MTL": "Montreal",
        "NSH": "Nashville",
        "NYI": "New York I",
        "NYR": "New York R",
        "SEA": "Seattle",
        "TOR": "Toronto",
        "VGK": "Vegas",
        "WPG": "Winnipeg",
    },
    margin_spread=2.3,
    total=6.2,
    total_spread=2.2,
    spread_lines=(2, 3),
    total_step=1,
)
MLB = League(
    "KXMLB",
    "Pro Baseball",
    {
        "ATL": "Atlanta",
        "BAL": "Baltimore",
        "BOS": "Boston",
        "CHC": "Chicago C",
        "CLE": "Cleveland",
        "DET": "Detroit",
        "HOU": "Houston",
        "LAD": "Los Angeles D",
        "MIL": "Milwaukee",
        "NYM": "New York M",
        "NYY": "New York Y",
        "PHI": "Philadelphia",
        "SD": "San Diego",
        "SEA": "Seattle",
        "SF": "San Francisco",
        "TB": "Tampa Bay",
        "TEX": "Texas",
        "TOR": "Toronto",
    },
    margin_spread=4.2,
    total=8.6,
    total_spread=4.3,
    spread_lines=(2, 3),
    total_step=1,
    states_start_time=True,
)
EPL = League(
    "KXEPL",
    "English Premier League",
    {
        "ARS": "Arsenal",
        "AVL": "Aston Villa",
        "BRE": "Brentford",
        "BHA": "Brighton",
        "CFC": "Chelsea",
        "CRY": "Crystal Palace",
        "EVE": "Everton",
        "FUL": "Fulham",
        "LFC": "Liverpool",
        "MCI": "Manchester City",
        "MUN": "Manchester United",
        "NEW": "Newcastle",
        "NFO": "Nottingham Forest",
        "TOT": "Tottenham",
        "WHU": "West Ham",
        "WOL": "Wolverhampton",
    },
    margin_spread=1.7,
    total=2.8,
    total_spread=1.6,
    spread_lines=(2,),
    total_step=1,
    has_ties=True,
    home_first=True,
)

LEAGUES = (NBA, NFL, NHL, MLB, EPL)
