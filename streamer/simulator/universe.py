"""The markets a simulated exchange lists: games, strike ladders, thresholds, day after day.

:func:`list_events` never ends: the exchange takes as many events as it needs to open its markets
and goes on taking one whenever an event has settled.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from hashlib import blake2b
from itertools import count, zip_longest
from random import Random
from typing import NamedTuple
from zoneinfo import ZoneInfo

from streamer.simulator.latent import Latent
from streamer.simulator.leagues import LEAGUES, League
from streamer.simulator.market import DECI_CENT, LINEAR_CENT, Event, Market, Terms
from streamer.simulator.underlyings import Instrument

_NEW_YORK = ZoneInfo("America/New_York")
_GAMES_A_DAY = 4
_CAPPED = frozenset({"less", "between"})
_FLOORED = frozenset({"greater", "between"})


class Ladder(NamedTuple):
    """A family of threshold markets on one underlying."""

    series: str
    underlying: str
    name: str
    hours: tuple[int, ...]
    """New York hours at which the day's ladders settle."""
    hour_format: str
    step: float
    rungs: int
    spread: float
    """Standard deviation of the outcome, as a share of the underlying's price."""
    buckets: bool
    decimals: int


_LADDERS = (
    Ladder("KXBTCD", "X:BTC-USD", "Bitcoin", (12, 17, 21), "{:02d}", 250, 16, 0.006, False, 2),
    Ladder("KXETHD", "X:ETH-USD", "Ethereum", (12, 17, 21), "{:02d}", 20, 14, 0.009, False, 2),
    Ladder("KXBTC", "X:BTC-USD", "Bitcoin", (17,), "{:02d}", 250, 12, 0.006, True, 0),
    Ladder("KXINXU", "I:SPX", "S&P 500", (10, 12, 16), "H{:02d}00", 10, 14, 0.004, False, 4),
    Ladder("KXINX", "I:SPX", "S&P 500", (16,), "H{:02d}00", 25, 12, 0.006, True, 0),
    Ladder("KXNASDAQ100U", "I:NDX", "Nasdaq-100", (16,), "H{:02d}00", 50, 12, 0.005, False, 2),
    Ladder("KXEURUSD", "C:EUR-USD", "EUR/USD", (10,), "{:02d}", 0.002, 10, 0.004, False, 5),
    Ladder("KXUSDJPY", "C:USD-JPY", "USD/JPY", (10,), "{:02d}", 0.25, 10, 0.004, False, 3),
)
_GAME_FAMILIES = ("GAME", "SPREAD", "TOTAL")
_FED = ("KXFEDDECISION", "KXFED")
_CITIES = {"NY": "New York City", "CHI": "Chicago", "MIA": "Miami", "DEN": "Denver"}


class Listing(NamedTuple):
    """What decides how events become markets."""

    rng: Random
    underlyings: dict[str, Instrument]
    seed: int
    cents_only: bool
    """2025's exchange: whole cents and whole contracts everywhere."""
    opened_s: int
    """Unix seconds from which the markets say they have been open."""


def list_events(listing: Listing, first_day: date) -> Iterator[Event]:
    """Events without end, those of a day mixed so that the first few are of every kind."""
    for offset in count():
        day = first_day + timedelta(days=offset)
        families: list[Iterator[Event]] = [
            _games(listing, day),
            _ladders(listing, day),
            _temperatures(listing, day),
        ]
        if offset == 0 or day.day == 1:
            families.append(_fed(listing, day.replace(day=1) + timedelta(days=45)))
        for together in zip_longest(*families):
            yield from (event for event in together if event is not None)


def series_listed() -> list[str]:
    """The series of all events that :func:`list_events` ever lists."""
    games = [f"{league.series}{family}" for league in LEAGUES for family in _GAME_FAMILIES]
    ladders = [ladder.series for ladder in _LADDERS]
    return sorted([*games, *ladders, *map(_temperature_series, _CITIES), *_FED])


def day_code(day: date) -> str:
    """A date as tickers write it: ``26NOV21``."""
    return day.strftime("%y%b%d").upper()


def _closing(day: date, hour: int) -> int:
    return int(datetime.combine(day, time(hour), _NEW_YORK).astimezone(UTC).timestamp())


def _add(
    listing: Listing,
    event: Event,
    suffix: str,
    name: str,
    terms: Terms,
    strike_type: str,
    *,
    floor_strike: float | None = None,
) -> None:
    """Add a market; ``floor_strike`` is what it says where that is not the floor of its terms."""
    ticker = f"{event.ticker}-{suffix}"
    digest = blake2b(f"{listing.seed}:{ticker}".encode(), digest_size=16).hexdigest()
    market_id = f"{digest[:8]}-{digest[8:12]}-4{digest[13:16]}-8{digest[17:20]}-{digest[20:]}"
    fine = not listing.cents_only and listing.rng.random() < 0.15
    event.markets.append(
        Market(
            ticker=ticker,
            event=event,
            yes_sub_title=name,
            strike_type=strike_type,
            floor_strike=_stated_floor(terms, strike_type, floor_strike),
            cap_strike=terms.cap if strike_type in _CAPPED else None,
            terms=terms,
            tick=DECI_CENT if fine else LINEAR_CENT,
            whole_contracts=listing.cents_only or listing.rng.random() < 0.9,
            market_id=market_id,
            close_s=event.close_s,
        )
    )


def _stated_floor(terms: Terms, strike_type: str, own: float | None) -> float | None:
    if own is not None:
        return own
    return terms.floor if strike_type in _FLOORED else None


def _games(listing: Listing, day: date) -> Iterator[Event]:
    slates = [_slate(listing, league, day) for league in LEAGUES]
    for together in zip_longest(*slates):
        for game in together:
            yield from game or ()


def _slate(listing: Listing, league: League, day: date) -> Iterator[list[Event]]:
    codes = listing.rng.sample(sorted(league.teams), _GAMES_A_DAY * 2)
    for first, second in zip(codes[::2], codes[1::2], strict=True):
        yield list(_game(listing, league, day, first, second))


def _game(listing: Listing, league: League, day: date, first: str, second: str) -> Iterator[Event]:
    """The families of one game share the middle of their tickers and the game's fortunes."""
    rng = listing.rng
    hour = 13 + int(rng.random() * 9)
    start = f"{hour:02d}{rng.choice(('05', '10', '40'))}" if league.states_start_time else ""
    middle = f"{day_code(day)}{start}{first}{second}"
    margin = Latent((rng.random() - 0.5) * league.margin_spread, league.margin_spread * 0.01)
    total = Latent(league.total, league.total_spread * 0.01)
    joined = (" vs " if league.home_first else " at ").join(
        (league.teams[first], league.teams[second])
    )

    def event(family: str, title: str, exclusive: bool) -> Event:
        series = f"{league.series}{family}"
        opened, closes = listing.opened_s, _closing(day, hour) + 4 * 3600
        return Event(f"{series}-{middle}", series, title, joined, exclusive, opened, closes)

    edge = 0.5 if league.has_ties else 0.0
    spread = league.margin_spread
    game, spread_family, total_family = _GAME_FAMILIES
    winner = event(game, f"{joined}: Winner?", True)
    first_wins = Terms(margin, edge, None, spread)
    _add(listing, winner, first, league.teams[first], first_wins, "structured")
    if league.has_ties:
        _add(listing, winner, "TIE", "Tie", Terms(margin, -edge, edge, spread), "structured")
    second_wins = Terms(margin, None, -edge, spread)
    _add(listing, winner, second, league.teams[second], second_wins, "structured")
    yield winner

    spreads = event(spread_family, f"{joined}: Spread", False)
    for line in league.spread_lines:
        name = f"{league.teams[first]} wins by over {line - 0.5} points"
        first_covers = Terms(margin, line - 0.5, None, spread)
        _add(listing, spreads, f"{first}{line}", name, first_covers, "greater")
        name = f"{league.teams[second]} wins by over {line - 0.5} points"
        second_covers = Terms(margin, None, 0.5 - line, spread)
        _add(
            listing,
            spreads,
            f"{second}{line}",
            name,
            second_covers,
            "greater",
            floor_strike=line - 0.5,
        )
    yield spreads

    totals = event(total_family, f"{joined}: Total Points", False)
    middle_line = math.floor(league.total)
    for rung in range(-2, 3):
        line = max(1, middle_line + rung * league.total_step)
        if any(market.ticker.endswith(f"-{line}") for market in totals.markets):
            continue
        over = Terms(total, line + 0.5, None, league.total_spread)
        _add(listing, totals, str(line), f"Over {line + 0.5} points scored", over, "greater")
    yield totals


def _ladders(listing: Listing, day: date) -> Iterator[Event]:
    for ladder in _LADDERS:
        for hour in ladder.hours:
            yield _ladder(listing, ladder, day, hour)


def _ladder(listing: Listing, ladder: Ladder, day: date, hour: int) -> Event:
    latent = listing.underlyings[ladder.underlying].latent
    code = f"{day_code(day)}{ladder.hour_format.format(hour)}"
    when = f"{day:%b} {day.day}, {day.year} at {hour % 12 or 12}{'am' if hour < 12 else 'pm'} EST"
    event = Event(
        f"{ladder.series}-{code}",
        ladder.series,
        f"{ladder.name} price on {when}?",
        f"On {when}",
        ladder.buckets,
        listing.opened_s,
        _closing(day, hour),
    )
    spread = latent.anchor * ladder.spread
    lowest = round(latent.anchor / ladder.step) - ladder.rungs // 2
    shade = 10.0**-ladder.decimals if ladder.decimals else 0.01
    for rung in range(lowest, lowest + ladder.rungs):
        strike = rung * ladder.step
        if ladder.buckets:
            cap = strike + ladder.step - shade
            suffix, name = f"B{strike + ladder.step / 2:g}", f"{strike:,.2f} to {cap:,.2f}"
            _add(listing, event, suffix, name, Terms(latent, strike, cap, spread), "between")
        else:
            floor = round(strike - shade, ladder.decimals)
            suffix, name = (
                f"T{floor:.{ladder.decimals}f}",
                f"{strike:,.{ladder.decimals}f} or above",
            )
            _add(listing, event, suffix, name, Terms(latent, floor, None, spread), "greater")
    return event


def _temperature_series(city: str) -> str:
    return f"KXHIGH{city}"


def _temperatures(listing: Listing, day: date) -> Iterator[Event]:
    for code, city in _CITIES.items():
        series = _temperature_series(code)
        base = 35 + int(listing.rng.random() * 40)
        latent = Latent(base + 0.4, 0.05)
        title = f"Highest temperature in {city} on {day:%b} {day.day}, {day.year}?"
        event = Event(
            f"{series}-{day_code(day)}",
            series,
            title,
            f"On {day:%b} {day.day}, {day.year}",
            True,
            listing.opened_s,
            _closing(day, 23),
        )
        low, high = base - 4, base + 4
        coldest = Terms(latent, None, low, 2.5)
        _add(listing, event, f"T{low}", f"{low}° or below", coldest, "less")
        for floor in range(low, high, 2):
            between = Terms(latent, floor, floor + 2, 2.5)
            name = f"{floor + 1}° to {floor + 2}°"
            _add(listing, event, f"B{floor + 1.5}", name, between, "between")
        hottest = Terms(latent, high, None, 2.5)
        _add(listing, event, f"T{high}", f"{high + 1}° or above", hottest, "greater")
        yield event


def _fed(listing: Listing, day: date) -> Iterator[Event]:
    """The next Fed meeting: what it decides, and where the upper bound of the rate will be."""
    code = day.strftime("%y%b").upper()
    move = Latent(-12.0, 0.3)
    decision = Event(
        f"{_FED[0]}-{code}",
        _FED[0],
        f"Fed decision in {day:%b %Y}?",
        f"In {day:%B %Y}",
        True,
        listing.opened_s,
        _closing(day, 14),
    )
    outcomes: tuple[tuple[str, str, float | None, float | None], ...] = (
        ("C26", "Cut more than 25bps", None, -37.5),
        ("C25", "Cut 25bps", -37.5, -12.5),
        ("H0", "Hold", -12.5, 12.5),
        ("H25", "Hike 25bps", 12.5, 37.5),
        ("H26", "Hike more than 25bps", 37.5, None),
    )
    for suffix, name, floor, cap in outcomes:
        _add(listing, decision, suffix, name, Terms(move, floor, cap, 12.0), "custom")
    yield decision
    level = Latent(3.74, 0.003)
    rate = Event(
        f"{_FED[1]}-{code}",
        _FED[1],
        f"Fed funds rate after {day:%b %Y} meeting?",
        f"In {day:%B %Y}",
        False,
        listing.opened_s,
        _closing(day, 14),
    )
    for quarter in range(12, 19):
        strike = quarter / 4
        terms = Terms(level, strike, None, 0.15)
        _add(listing, rate, f"T{strike:.2f}", f"Above {strike:.2f}%", terms, "greater")
    yield rate
