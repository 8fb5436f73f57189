"""Reading a ticker: the entry point.

A ticker is a series, an event's part and a market's part, joined with hyphens
(``KXNBAGAME-25NOV29TORCHA-TOR``). The series decides the grammar. What the exchange says of the
market, its event or its series decides over any reading; the ticker fills in the rest.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from hadron_tasks.tickers.codebook import PACKAGED, CodeBook
from hadron_tasks.tickers.display import name_of
from hadron_tasks.tickers.draft import Draft
from hadron_tasks.tickers.errors import TickerError
from hadron_tasks.tickers.families.choices import (
    read_choice,
    read_mention,
    read_season,
    read_yes_no,
)
from hadron_tasks.tickers.families.combos import read_combo
from hadron_tasks.tickers.families.deadline import read_deadline
from hadron_tasks.tickers.families.event_parts import TIME_OF_DAY
from hadron_tasks.tickers.families.games import read_game, read_playoff_series
from hadron_tasks.tickers.families.threshold import read_threshold
from hadron_tasks.tickers.families.unknown import read_unknown
from hadron_tasks.tickers.given import apply_metadata, category_of, leg_words
from hadron_tasks.tickers.metadata import (
    EventMetadata,
    MarketMetadata,
    SelectedLeg,
    SeriesMetadata,
)
from hadron_tasks.tickers.parsed import Category, Family, Leg, ParsedTicker, Piece
from hadron_tasks.tickers.series_rules import (
    SeriesRule,
    hyphenated_beginnings,
    hyphenated_series,
    rule_of,
)

LONGEST_TICKER = 200
"""Characters; the longest seen have about 60."""

_TICKER = re.compile(r"[A-Za-z0-9][A-Za-z0-9.\-]*")
_DECIMAL_TAIL = re.compile(r"\d+(?:\.\d+)?")

_READERS: dict[Family, Callable[[Draft], None]] = {
    Family.GAME: read_game,
    Family.PLAYOFF_SERIES: read_playoff_series,
    Family.SEASON: read_season,
    Family.CHOICE: read_choice,
    Family.ELECTION: read_choice,
    Family.THRESHOLD: read_threshold,
    Family.DEADLINE: read_deadline,
    Family.MENTION: read_mention,
    Family.COMBO: read_combo,
    Family.YES_NO: read_yes_no,
    Family.UNKNOWN: read_unknown,
}


def parse_ticker(
    ticker: str,
    market: MarketMetadata | None = None,
    event: EventMetadata | None = None,
    series: SeriesMetadata | None = None,
    teams: CodeBook | None = None,
) -> ParsedTicker:
    """Read a Kalshi ticker of a market, an event or a series.

    Args:
        ticker: As the exchange writes it; lower case is read as upper case.
        market: What the exchange says of the market, if known.
        event: What it says of the event.
        series: What it says of the series.
        teams: The codes to read with; the packaged ones unless a book that has learnt is given.

    Raises:
        TickerError: It is no text, is empty or longer than 200 characters, or holds a character
            that no ticker has.
    """
    text = _checked(ticker)
    series_segments, parts, pieces = _series_of(text)
    rule = rule_of(series_segments)
    if series is not None and series.title and not rule.known:
        rule = rule._replace(subject=series.title)
    event_parts, market_parts = _event_and_market(parts, rule, text, market)
    draft = Draft(text, rule, teams or PACKAGED, pieces, event_parts, market_parts)
    _READERS[rule.family](draft)
    if market is not None or event is not None:
        apply_metadata(draft, market, event)
    if market is not None and market.legs:
        draft.legs = _legs(draft, market)
    return _finished(draft, ticker, series_segments, category_of(rule, event, series))


def _legs(draft: Draft, market: MarketMetadata) -> tuple[Leg, ...]:
    """A combo's legs, each in the exchange's words where it gives them."""
    draft.unread = [reason for reason in draft.unread if not reason.startswith("the legs")]
    given = leg_words(market)
    if len(given) != len(market.legs):
        given = [_leg_label(leg, draft.book) for leg in market.legs]
    return tuple(
        Leg(leg.side, leg.market_ticker, label)
        for leg, label in zip(market.legs, given, strict=True)
    )


def _leg_label(leg: SelectedLeg, book: CodeBook) -> str:
    label = leg.title
    if not label:
        try:
            label = parse_ticker(leg.market_ticker, teams=book).display_name
        except TickerError:
            label = leg.market_ticker
        label = label.partition(": ")[0]
    return f"not {label}" if leg.side.lower() == "no" else label


def _checked(ticker: str) -> str:
    if not isinstance(ticker, str):
        raise TickerError(ticker, "it is no text")
    if not ticker:
        raise TickerError(ticker, "it is empty")
    if len(ticker) > LONGEST_TICKER:
        raise TickerError(ticker, f"it has {len(ticker)} characters, more than {LONGEST_TICKER}")
    if _TICKER.fullmatch(ticker) is None:
        raise TickerError(ticker, "tickers have only letters, digits, hyphens and full stops")
    return ticker.upper()


def _series_of(text: str) -> tuple[str, list[str], list[Piece]]:
    """The series, the segments after it, and the pieces of the series itself."""
    segments = text.split("-")
    if len(segments) > 1 and segments[0] in hyphenated_beginnings():
        both = hyphenated_series(segments[0], segments[1])
        if both is not None:
            pieces = [Piece(0, "series", segments[0]), Piece(1, "series", segments[1])]
            return both, _with_negatives(segments[2:]), pieces
    return segments[0], _with_negatives(segments[1:]), [Piece(0, "series", segments[0])]


def _with_negatives(segments: list[str]) -> list[str]:
    """Join a negative number to its letter: ``T`` and ``0.2`` were ``T-0.2`` in the ticker."""
    if "T" not in segments and "B" not in segments:
        return segments
    joined: list[str] = []
    for segment in segments:
        if joined and joined[-1] in ("T", "B") and _DECIMAL_TAIL.fullmatch(segment):
            joined[-1] = f"{joined[-1]}-{segment}"
        else:
            joined.append(segment)
    return joined


def _event_and_market(
    parts: list[str], rule: SeriesRule, text: str, market: MarketMetadata | None
) -> tuple[list[str], list[str]]:
    """Which parts are the event's. The exchange's ``event_ticker`` decides where it is given."""
    count = rule.segments
    if market is not None and market.event_ticker:
        event = market.event_ticker.upper()
        if text == event:
            return parts, []
        if text.startswith(event + "-"):
            size = len(text) - len(event) - 1
            for start in range(len(parts) + 1):
                if len("-".join(parts[start:])) == size:
                    return parts[:start], parts[start:]
    if rule.family is Family.COMBO:
        count = len(parts) - 1 if parts and not _is_combo_event(parts[-1]) else len(parts)
    elif rule.family is Family.THRESHOLD and len(parts) > count + 1:
        count += TIME_OF_DAY.fullmatch(parts[count]) is not None
    return parts[:count], parts[count:]


def _is_combo_event(last: str) -> bool:
    return last.startswith("S20")


def _finished(draft: Draft, ticker: str, series: str, category: Category) -> ParsedTicker:
    pieces = draft.pieces
    if ticker != draft.ticker:
        pieces = _as_written(pieces, ticker)
    rule = draft.rule
    league = rule.league
    event, market = draft.event, draft.market
    return ParsedTicker(
        ticker,
        series,
        "-".join(event) if event else None,
        "-".join(market) if market else None,
        category,
        rule.family,
        draft.market_type,
        rule.subject,
        tuple(pieces),
        name_of(draft),
        None if league is None else league.name,
        None if league is None else league.sport,
        draft.period,
        draft.when,
        draft.teams,
        draft.home_first,
        draft.scope,
        draft.outcome,
        draft.strike,
        draft.deadline,
        draft.legs,
        draft.title,
        draft.subtitle,
        rule.known,
        tuple(draft.unread),
    )


def _as_written(pieces: Sequence[Piece], ticker: str) -> list[Piece]:
    """The pieces in the ticker's own letter case."""
    written, position, segment = [], 0, 0
    for piece in pieces:
        position += piece.segment - segment
        segment = piece.segment
        end = position + len(piece.text)
        written.append(piece._replace(text=ticker[position:end]))
        position = end
    return written
