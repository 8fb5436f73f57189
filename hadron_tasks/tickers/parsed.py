"""What a ticker says, read: the types that the reading is made of."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import Any, NamedTuple

from hadron_tasks.tickers.dates import TickerDate


class Category(StrEnum):
    """What a market is about; the exchange's own categories, with combos and mentions apart."""

    SPORTS = "sports"
    ELECTIONS = "elections"
    POLITICS = "politics"
    ECONOMICS = "economics"
    FINANCIALS = "financials"
    COMMODITIES = "commodities"
    CRYPTO = "crypto"
    WEATHER = "weather"
    ENTERTAINMENT = "entertainment"
    COMPANIES = "companies"
    SCIENCE = "science"
    HEALTH = "health"
    WORLD = "world"
    SOCIAL = "social"
    TRANSPORTATION = "transportation"
    MENTIONS = "mentions"
    COMBOS = "combos"
    UNKNOWN = "unknown"


class Family(StrEnum):
    """The grammar that a series follows: which parts its tickers have and in which order."""

    GAME = "game"
    """Two competitors meet: ``25NOV29TORCHA``."""
    PLAYOFF_SERIES = "playoff_series"
    """Two teams meet until one has won enough: ``26OTTCARR1``."""
    SEASON = "season"
    """One of many wins a season, tournament, race or award: ``PGATOUR-RBH26-SSCH``."""
    CHOICE = "choice"
    """One or more of a menu: a nominee, a song, a country, a word."""
    ELECTION = "election"
    """A race: the outcome is a party or a candidate."""
    THRESHOLD = "threshold"
    """A number against a level: ``T3.75``, ``B53.5``."""
    DEADLINE = "deadline"
    """Whether something happens before a date."""
    MENTION = "mention"
    """Whether a word is said."""
    COMBO = "combo"
    """Several markets at once; the ticker is a hash."""
    YES_NO = "yes_no"
    """One question."""
    UNKNOWN = "unknown"
    """A series that no table or pattern knows, or of which they know only the subject."""


class MarketType(StrEnum):
    """What a market pays on."""

    MONEYLINE = "moneyline"
    SPREAD = "spread"
    TOTAL = "total"
    TEAM_TOTAL = "team_total"
    PERIOD_WINNER = "period_winner"
    PERIOD_SPREAD = "period_spread"
    PERIOD_TOTAL = "period_total"
    PERIOD_TEAM_TOTAL = "period_team_total"
    BOTH_TEAMS_SCORE = "both_teams_score"
    EXACT_SCORE = "exact_score"
    PLAYER_PROP = "player_prop"
    GAME_PROP = "game_prop"
    ADVANCE = "advance"
    SERIES_WINNER = "series_winner"
    SERIES_SPREAD = "series_spread"
    SERIES_TOTAL = "series_total"
    SERIES_SCORE = "series_score"
    MATCHUP = "matchup"
    CHAMPIONSHIP = "championship"
    CONFERENCE = "conference"
    DIVISION = "division"
    AWARD = "award"
    NOMINATION = "nomination"
    SEASON_WINS = "season_wins"
    QUALIFIER = "qualifier"
    STAT_LEADER = "stat_leader"
    FINISH = "finish"
    TOURNAMENT = "tournament"
    DRAFT = "draft"
    NEXT = "next"
    PARTY_WINNER = "party_winner"
    CANDIDATE = "candidate"
    VOTE_MARGIN = "vote_margin"
    ABOVE = "above"
    BELOW = "below"
    BUCKET = "bucket"
    RANGE = "range"
    EXACTLY = "exactly"
    UP_DOWN = "up_down"
    RATE_DECISION = "rate_decision"
    COUNT = "count"
    RANKING = "ranking"
    BY_WHEN = "by_when"
    MENTION = "mention"
    ONE_OF = "one_of"
    COMBO = "combo"
    SCALAR = "scalar"
    BINARY = "binary"
    UNKNOWN = "unknown"


class Direction(StrEnum):
    """How a strike compares."""

    ABOVE = "above"
    AT_LEAST = "at least"
    BELOW = "below"
    AT_MOST = "at most"
    BETWEEN = "between"
    EXACTLY = "exactly"
    NEAR = "near"
    """A bucket whose edges the ticker does not state; the value is inside it."""
    BEYOND = "beyond"
    """The low or the high tail of a range; the ticker does not say which."""
    LINE = "line"
    """A number whose side the ticker leaves open: a line half a point off, a floor or a cap."""


class Strike(NamedTuple):
    """The number a market is about. ``cap`` only for a range; values as the ticker writes them."""

    direction: Direction
    value: Decimal
    cap: Decimal | None = None
    unit: str = ""
    """``%``, ``$``, ``F``, ``points``, ...; empty where the number counts something itself."""
    exact: bool = False
    """Whether the exchange's own ``floor_strike`` or ``cap_strike`` says so."""


class Team(NamedTuple):
    """A team, player or contestant of a game, with where the reading of its code comes from."""

    code: str
    name: str
    """Short, as the exchange writes it: ``Toronto``, ``Los Angeles L``."""
    full_name: str
    """``Toronto Raptors``; the short name where no longer one is known."""
    source: str
    """``title``, ``ticker``, ``league``, ``learnt`` or ``code`` (nothing known but the code)."""

    @property
    def known(self) -> bool:
        """Whether anything more than the code is known."""
        return self.source != UNKNOWN_CODE


UNKNOWN_CODE = "code"
"""The source of a name that is only the code itself."""


class OutcomeKind(StrEnum):
    """What the last part of a market's ticker names."""

    TEAM = "team"
    TIE = "tie"
    PERSON = "person"
    PARTY = "party"
    NUMBER = "number"
    DATE = "date"
    SCORE = "score"
    WORD = "word"
    CHOICE = "choice"
    YES = "yes"


class Outcome(NamedTuple):
    """What YES means, as far as it is a thing with a name."""

    kind: OutcomeKind
    code: str
    name: str
    """The code itself where nothing more is known."""
    source: str = ""
    """Where the name is from, as in :class:`Team`."""


class Piece(NamedTuple):
    """One piece of the ticker's text: its segment (counted from 0), its role and its writing."""

    segment: int
    role: str
    text: str


class Leg(NamedTuple):
    """One leg of a combo: the side (``yes`` or ``no``) taken in a market."""

    side: str
    market_ticker: str
    label: str


class ParsedTicker(NamedTuple):
    """A ticker, read. What could not be read is in ``unread``; nothing here is a guess."""

    ticker: str
    series: str
    event_part: str | None
    """The event's own part, without the series; None for a bare series ticker."""
    market_part: str | None
    """The market's own part; None for an event ticker."""
    category: Category
    family: Family
    market_type: MarketType
    subject: str
    """What it is about in words; ``{year}`` stands where the year belongs in front."""
    pieces: tuple[Piece, ...]
    display_name: str = ""
    """As a person would say it; in the exchange's words where they were given."""
    league: str | None = None
    sport: str | None = None
    period: str | None = None
    """``1st half``, ``1st inning``, ``set 2``, ``map 1`` ...: the part of the game it is about."""
    when: TickerDate | None = None
    teams: tuple[Team, ...] = ()
    """Both competitors in the ticker's order."""
    home_first: bool | None = None
    """The league's order: True home first, False away first, None where neither is home."""
    scope: str | None = None
    """A code of the event other than date and teams: a tournament, a city, an artist, a week."""
    outcome: Outcome | None = None
    strike: Strike | None = None
    deadline: TickerDate | None = None
    legs: tuple[Leg, ...] = ()
    title: str | None = None
    """The exchange's title, where its metadata was given."""
    subtitle: str | None = None
    """The exchange's words for YES, where its metadata was given."""
    known_series: bool = True
    unread: tuple[str, ...] = ()
    """What could not be read, each as a sentence for people."""

    @property
    def event_ticker(self) -> str:
        """The event's ticker; the series' own where the ticker has no event part."""
        return self.series if self.event_part is None else f"{self.series}-{self.event_part}"

    @property
    def is_market(self) -> bool:
        """Whether it names one market rather than an event or a series."""
        return self.market_part is not None

    @property
    def away(self) -> Team | None:
        """The visiting team; None where the league has no home and away, or no split is known."""
        if len(self.teams) != 2 or self.home_first is None:
            return None
        return self.teams[1 if self.home_first else 0]

    @property
    def home(self) -> Team | None:
        """The home team; None as for :attr:`away`."""
        if len(self.teams) != 2 or self.home_first is None:
            return None
        return self.teams[0 if self.home_first else 1]

    @property
    def confidence(self) -> str:
        """``full`` when every part was read, ``partial`` when not, ``none`` for an unknown one."""
        if self.family is Family.UNKNOWN:
            return "none"
        return "partial" if self.unread or not self.known_series else "full"

    def rebuild(self) -> str:
        """The ticker's text from its pieces: equal to ``ticker``, or a piece was lost."""
        text = self.pieces[0].text
        segment = 0
        for piece in self.pieces[1:]:
            text += "-" * (piece.segment - segment) + piece.text
            segment = piece.segment
        return text

    def as_dict(self) -> dict[str, Any]:
        """Everything read, JSON-ready but for Decimals; absent parts are left out."""
        plain: dict[str, Any] = {
            "ticker": self.ticker,
            "display_name": self.display_name,
            "series": self.series,
            "event_ticker": self.event_ticker,
            "market_part": self.market_part,
            "category": self.category.value,
            "family": self.family.value,
            "market_type": self.market_type.value,
            "league": self.league,
            "sport": self.sport,
            "period": self.period,
            "date": self.when and self.when.iso(),
            "date_precision": self.when and self.when.precision.value,
            "away": self.away and self.away._asdict(),
            "home": self.home and self.home._asdict(),
            "teams": [team._asdict() for team in self.teams],
            "scope": self.scope,
            "outcome": self.outcome and self.outcome._asdict(),
            "strike": self.strike and self.strike._asdict(),
            "deadline": self.deadline and self.deadline.iso(),
            "legs": [leg._asdict() for leg in self.legs],
            "title": self.title,
            "subtitle": self.subtitle,
            "confidence": self.confidence,
            "unread": list(self.unread),
        }
        return {key: value for key, value in plain.items() if value not in (None, [], ())}
