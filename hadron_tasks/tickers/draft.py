"""A ticker while it is being read: its parts, and what has been found so far."""

from __future__ import annotations

from hadron_tasks.tickers.codebook import CodeBook
from hadron_tasks.tickers.dates import Precision, TickerDate
from hadron_tasks.tickers.parsed import Leg, MarketType, Outcome, Piece, Strike, Team
from hadron_tasks.tickers.series_rules import SeriesRule


class Draft:
    """What a family's grammar reads from and writes to."""

    __slots__ = (
        "book",
        "deadline",
        "event",
        "first_segment",
        "home_first",
        "legs",
        "market",
        "market_type",
        "outcome",
        "period",
        "pieces",
        "rule",
        "scope",
        "scope_words",
        "strike",
        "subtitle",
        "teams",
        "ticker",
        "title",
        "unread",
        "when",
    )

    def __init__(
        self,
        ticker: str,
        rule: SeriesRule,
        book: CodeBook,
        series_pieces: list[Piece],
        event: list[str],
        market: list[str],
    ) -> None:
        self.ticker = ticker
        self.rule = rule
        self.book = book
        self.pieces = series_pieces
        self.first_segment = series_pieces[-1].segment + 1
        """The number of the first segment after the series."""
        self.event = event
        """The event's segments after the series, upper case."""
        self.market = market
        """The market's segments; empty for an event's ticker."""
        self.market_type: MarketType = rule.market_type
        self.when: TickerDate | None = None
        self.teams: tuple[Team, ...] = ()
        self.home_first: bool | None = None
        self.period: str | None = rule.period or None
        self.scope: str | None = None
        self.scope_words: str | None = None
        """What the scope's code stands for, where that is known."""
        self.outcome: Outcome | None = None
        self.strike: Strike | None = None
        self.deadline: TickerDate | None = None
        self.legs: tuple[Leg, ...] = ()
        self.title: str | None = None
        """The exchange's words, where its metadata was given."""
        self.subtitle: str | None = None
        self.unread: list[str] = list(rule.unread)

    def piece(self, segment: int, role: str, text: str) -> None:
        """Note a piece of a segment (0 is the first after the series), left to right."""
        self.pieces.append(Piece(self.first_segment + segment, role, text))

    def saw_date(self, moment: TickerDate) -> None:
        """Keep a date of the event: the first, or a later one that says more (a year, its day)."""
        if self.when is None or (
            self.when.precision is Precision.YEAR
            and moment.year == self.when.year
            and moment.precision is not Precision.YEAR
        ):
            self.when = moment

    def saw_scope(self, code: str) -> None:
        """Keep a code of the event that is neither a date nor a team."""
        self.scope = code if self.scope is None else f"{self.scope} {code}"

    def name_of(self, code: str) -> tuple[str, str] | None:
        """Name and source of a code of this event; None where only the code is known."""
        return self.book.name(self.rule, "-".join(self.event), code)
