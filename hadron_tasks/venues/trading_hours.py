"""When a venue's feed is expected to say something: silence outside these hours is no fault.

Kalshi trades around the clock but for its weekly maintenance (Kalshi, Exchange schedule: Thursdays
3 to 5 a.m. Eastern). Polygon's hours are those of what is recorded from it: crypto around the
clock, forex from Sunday 5 p.m. to Friday 5 p.m. Eastern, US stocks with their pre-market and
after-hours sessions from 4 a.m. to 8 p.m., options and indices from 9:30 a.m. to 4 p.m., all on
days that the exchanges are open. On days that close early (before holidays) the hours end at 1 p.m.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

EASTERN = ZoneInfo("America/New_York")

_THURSDAY, _FRIDAY, _SATURDAY, _SUNDAY = 3, 4, 5, 6
_EARLY_CLOSE = time(13, 0)
_SESSIONS = {
    "stocks": (time(4, 0), time(20, 0)),
    "options": (time(9, 30), time(16, 0)),
    "indices": (time(9, 30), time(16, 0)),
}
_WEEK_TURNS = time(17, 0)
_MAINTENANCE = (time(3, 0), time(5, 0))


def is_trading(venue: str, asset_classes: Iterable[str], now: datetime) -> bool:
    """Whether frames are to be expected of a venue.

    Args:
        asset_classes: What is recorded of it (Polygon: ``stocks``, ``crypto`` ...).
        now: Aware.
    """
    if venue == "kalshi":
        return not _in_maintenance(now.astimezone(EASTERN))
    return any(is_open(asset_class, now) for asset_class in asset_classes)


def is_open(asset_class: str, now: datetime) -> bool:
    """Whether a class of instruments trades; one without known hours counts as closed."""
    local = now.astimezone(EASTERN)
    if asset_class == "crypto":
        return True
    if asset_class in ("forex", "futures"):
        return _in_trading_week(local)
    session = _SESSIONS.get(asset_class)
    if session is None or not is_business_day(local.date()):
        return False
    opens, closes = session
    if local.date() in early_closes(local.year):
        closes = min(closes, _EARLY_CLOSE)
    return opens <= local.time() < closes


def is_business_day(day: date) -> bool:
    """Whether the US stock exchanges open on a day."""
    return day.weekday() < _SATURDAY and day not in holidays(day.year)


@lru_cache(maxsize=8)
def holidays(year: int) -> frozenset[date]:
    """The days of a year on which the US stock exchanges stay closed (NYSE Rule 7.2)."""
    fixed = [
        _observed(date(year, 6, 19)),
        _observed(date(year, 7, 4)),
        _observed(date(year, 12, 25)),
    ]
    new_year = date(year, 1, 1)
    if new_year.weekday() != _SATURDAY:  # then it is not made up for: the year's books are closed
        fixed.append(_observed(new_year))
    moving = [
        _nth_weekday(year, 1, 0, 3),  # Martin Luther King
        _nth_weekday(year, 2, 0, 3),  # Washington
        easter(year) - timedelta(days=2),  # Good Friday
        _last_monday_of_may(year),  # Memorial Day
        _nth_weekday(year, 9, 0, 1),  # Labor Day
        _thanksgiving(year),
    ]
    return frozenset(fixed + moving)


@lru_cache(maxsize=8)
def early_closes(year: int) -> frozenset[date]:
    """The days of a year on which trading ends at 1 p.m. Eastern."""
    eves = [date(year, 7, 3), _thanksgiving(year) + timedelta(days=1), date(year, 12, 24)]
    return frozenset(day for day in eves if is_business_day(day))


def easter(year: int) -> date:
    """Easter Sunday (the Gregorian computus of Butcher and Meeus)."""
    century, of_century = divmod(year, 100)
    moon = (19 * (year % 19) + century - century // 4 - (8 * century + 13) // 25 + 15) % 30
    week = (32 + 2 * (century % 4) + 2 * (of_century // 4) - moon - of_century % 4) % 7
    late = (year % 19 + 11 * moon + 22 * week) // 451
    month, day = divmod(moon + week - 7 * late + 114, 31)
    return date(year, month, day + 1)


def _in_maintenance(local: datetime) -> bool:
    begins, ends = _MAINTENANCE
    return local.weekday() == _THURSDAY and begins <= local.time() < ends


def _in_trading_week(local: datetime) -> bool:
    if local.weekday() == _SUNDAY:
        return local.time() >= _WEEK_TURNS
    if local.weekday() == _FRIDAY:
        return local.time() < _WEEK_TURNS
    return local.weekday() != _SATURDAY


def _observed(day: date) -> date:
    return day + timedelta(days={_SATURDAY: -1, _SUNDAY: 1}.get(day.weekday(), 0))


def _nth_weekday(year: int, month: int, weekday: int, n: int) -> date:
    first = date(year, month, 1)
    return first + timedelta(days=(weekday - first.weekday()) % 7 + 7 * (n - 1))


def _last_monday_of_may(year: int) -> date:
    last = date(year, 5, 31)
    return last - timedelta(days=last.weekday())


def _thanksgiving(year: int) -> date:
    return _nth_weekday(year, 11, _THURSDAY, 4)
