"""The date forms that Kalshi writes into tickers.

========== ================= =========== ==========================================
form       example           precision   seen in
========== ================= =========== ==========================================
YYMMMDDHHMM ``26JUN261840``  minute      games (start, New York time), 15-minute crypto
YYMMMDDHhhmm ``26DEC31H1600`` minute     closing levels of indices
YYMMMDDHH  ``26FEB2117``     hour        hourly and daily prices
YYMMMDD    ``25NOV29``       day         most events
DDMMMYYYY  ``01JAN2027``     day         a few yearly index markets
MMMYYYY    ``JAN2029``       month       deadlines
YYMMM      ``25DEC``         month       monthly releases
YYYYQn, YYQn ``26Q1``        quarter     quarterly releases
YYYY       ``2026``          year        control of Congress
YY         ``26``            year        seasons, yearly markets
========== ================= =========== ==========================================

A date that the calendar does not have (``25FEB30``, ``25JUN31``) is no date. Times of day are New
York time: Kalshi lists ``KXBTC15M-26AUG241200`` for the quarter hour that ends at noon EDT.
"""

from __future__ import annotations

import re
from calendar import monthrange
from datetime import date, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

NEW_YORK = ZoneInfo("America/New_York")

MONTHS = {
    name: number
    for number, name in enumerate(
        ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"), 1
    )
}
MONTH_NAMES = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_LONG_MONTHS = {"JUNE": 6, "JULY": 7, "SEPT": 9, "MARCH": 3, "APRIL": 4}

FIRST_YEAR, LAST_YEAR = 2020, 2060
"""Kalshi opened in 2021; two digits outside this range are a number, not a year.
No date lies before 2020 either, which tells ``01JAN2027`` from the 20th of January 2001."""


class Precision(StrEnum):
    """How much of a moment a ticker states."""

    YEAR = "year"
    QUARTER = "quarter"
    MONTH = "month"
    DAY = "day"
    HOUR = "hour"
    MINUTE = "minute"


class TickerDate(NamedTuple):
    """A date as a ticker states it: what is beyond ``precision`` is 1 (or 0 for times), not known.

    ``text`` is the ticker's own writing, which rebuilds it.
    """

    text: str
    precision: Precision
    year: int
    month: int = 1
    day: int = 1
    hour: int = 0
    minute: int = 0

    @property
    def first_day(self) -> date:
        """The day itself, or the first day of the month, quarter or year."""
        return date(self.year, self.month, self.day)

    @property
    def moment(self) -> datetime | None:
        """The stated time of day, in New York time; None where only a date is stated."""
        if self.precision not in (Precision.HOUR, Precision.MINUTE):
            return None
        midnight = datetime(self.year, self.month, self.day, tzinfo=NEW_YORK)
        # Kalshi writes hour 24 for the midnight that ends a day.
        return midnight.replace(hour=0) + timedelta(hours=self.hour, minutes=self.minute)

    def in_words(self) -> str:
        """The date as people write it: ``Nov 29, 2025``, ``Dec 2025``, ``Q1 2026``, ``2026``."""
        precision = self.precision
        if precision is Precision.YEAR:
            return str(self.year)
        month = MONTH_NAMES[self.month - 1]
        if precision is Precision.MONTH:
            return f"{month} {self.year}"
        if precision is Precision.QUARTER:
            return f"Q{(self.month + 2) // 3} {self.year}"
        return f"{month} {self.day}, {self.year}"

    def time_in_words(self) -> str | None:
        """The time of day as people write it, ``5:00 PM ET``; None where none is stated."""
        if self.precision not in (Precision.HOUR, Precision.MINUTE):
            return None
        half = "PM" if 12 <= self.hour < 24 else "AM"
        return f"{self.hour % 12 or 12}:{self.minute:02d} {half} ET"

    def iso(self) -> str:
        """ISO 8601 with no more than is stated: ``2025``, ``2025-12``, ``2025-11-29``, a time."""
        moment = self.moment
        if moment is not None:
            return moment.isoformat(timespec="minutes")
        if self.precision is Precision.YEAR:
            return f"{self.year:04d}"
        if self.precision is Precision.QUARTER:
            return f"{self.year:04d}-Q{(self.month + 2) // 3}"
        if self.precision is Precision.MONTH:
            return f"{self.year:04d}-{self.month:02d}"
        return self.first_day.isoformat()


_DAY = re.compile(
    r"(?P<yy>\d\d)(?P<mmm>[A-Z]{3})(?P<dd>\d\d)"
    r"(?:(?P<hh>\d\d)(?P<mm>\d\d)?|H(?P<ahh>\d\d)(?P<amm>\d\d))?"
)


@lru_cache(maxsize=65536)
def read_date(text: str) -> TickerDate | None:
    """The date that ``text`` is, as a whole; None where it is no date.

    Two bare digits are a year only between 20 and 60; four, between 2020 and 2060.
    """
    size = len(text)
    if size < 2 or size > 12 or not text.isascii():
        return None
    if text.isdigit():
        return _bare_year(text)
    if size in (7, 9, 11, 12) and (match := _DAY.fullmatch(text)) is not None:
        moment = _day(match)
        if moment is not None or size != 9:
            return moment
    if size == 5 and text[:2].isdigit() and text[2:] in MONTHS:
        return _month(text, 2000 + int(text[:2]), MONTHS[text[2:]])
    if size == 4 and text[2] == "Q" and text[:2].isdigit() and text[3] in "1234":
        return _quarter(text, 2000 + int(text[:2]), int(text[3]))
    if size == 6 and text[4] == "Q" and text[:4].isdigit() and text[5] in "1234":
        return _quarter(text, int(text[:4]), int(text[5]))
    if size == 7 and text[:3] in MONTHS and text[3:].isdigit():
        return _month(text, int(text[3:]), MONTHS[text[:3]])
    if size == 9 and text[:2].isdigit() and text[2:5] in MONTHS and text[5:].isdigit():
        return _of_calendar(text, int(text[5:]), MONTHS[text[2:5]], int(text[:2]))
    return None


def leading_date(text: str, *, with_time: bool = True) -> TickerDate | None:
    """The date that ``text`` begins with (``25NOV29`` of ``25NOV29TORCHA``); None without one.

    With ``with_time`` four digits after the day that can be a time of day are one.
    """
    size = len(text)
    if size < 5 or not text[0].isdigit():
        return None
    if size >= 7 and text[5:7].isdigit():
        if with_time and size >= 11 and text[7:11].isdigit():
            timed = read_date(text[:11])
            if timed is not None:
                return timed
        if with_time and size >= 12 and text[7] == "H":
            timed = read_date(text[:12])
            if timed is not None:
                return timed
        return read_date(text[:7])
    return read_date(text[:5])


def month_word(text: str) -> int | None:
    """The month that a word names: ``JUL``, ``JUNE``, ``SEPT``; None for any other word."""
    return MONTHS.get(text) or _LONG_MONTHS.get(text)


def day_of_month_word(text: str) -> tuple[int, int] | None:
    """Month and day of ``JAN01``, which stands after a year of its own (``27-JAN01``)."""
    if len(text) == 5 and text[:3] in MONTHS and text[3:].isdigit():
        return MONTHS[text[:3]], int(text[3:])
    return None


def within_year(year: TickerDate, text: str) -> TickerDate | None:
    """A month or day word read with the year that stands before it; None for no such word."""
    if (month := month_word(text)) is not None:
        return TickerDate(text, Precision.MONTH, year.year, month)
    if (pair := day_of_month_word(text)) is not None:
        return _of_calendar(text, year.year, *pair)
    return None


def _bare_year(text: str) -> TickerDate | None:
    if len(text) == 2:
        year = 2000 + int(text)
    elif len(text) == 4:
        year = int(text)
    else:
        return None
    if not FIRST_YEAR <= year <= LAST_YEAR:
        return None
    return TickerDate(text, Precision.YEAR, year)


def _day(match: re.Match[str]) -> TickerDate | None:
    month = MONTHS.get(match["mmm"])
    if month is None:
        return None
    year = 2000 + int(match["yy"])
    hours, minutes = match["hh"] or match["ahh"], match["mm"] or match["amm"]
    if hours is None:
        return _of_calendar(match[0], year, month, int(match["dd"]))
    hour, minute = int(hours), int(minutes or 0)
    if minute > 59 or hour > 24 or (hour == 24 and minute):
        return None
    precision = Precision.MINUTE if minutes else Precision.HOUR
    return _of_calendar(match[0], year, month, int(match["dd"]), precision, hour, minute)


def _month(text: str, year: int, month: int) -> TickerDate | None:
    if not FIRST_YEAR <= year <= 2099:
        return None
    return TickerDate(text, Precision.MONTH, year, month)


def _quarter(text: str, year: int, quarter: int) -> TickerDate | None:
    if not FIRST_YEAR <= year <= 2099:
        return None
    return TickerDate(text, Precision.QUARTER, year, 3 * quarter - 2)


def _of_calendar(
    text: str,
    year: int,
    month: int,
    day: int,
    precision: Precision = Precision.DAY,
    hour: int = 0,
    minute: int = 0,
) -> TickerDate | None:
    if not FIRST_YEAR <= year <= 2099 or not 1 <= day <= monthrange(year, month)[1]:
        return None
    return TickerDate(text, precision, year, month, day, hour, minute)
