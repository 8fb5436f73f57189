"""Every date form of Kalshi's tickers, and what is no date."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hadron_tasks.tickers import parse_ticker
from hadron_tasks.tickers.dates import MONTHS, Precision, leading_date, read_date, within_year


@pytest.mark.parametrize(
    ("text", "iso", "words", "precision"),
    [
        ("25NOV29", "2025-11-29", "Nov 29, 2025", Precision.DAY),
        ("25DEC", "2025-12", "Dec 2025", Precision.MONTH),
        ("26", "2026", "2026", Precision.YEAR),
        ("2024", "2024", "2024", Precision.YEAR),
        ("26Q1", "2026-Q1", "Q1 2026", Precision.QUARTER),
        ("2026Q4", "2026-Q4", "Q4 2026", Precision.QUARTER),
        ("26FEB2117", "2026-02-21T17:00-05:00", "Feb 21, 2026", Precision.HOUR),
        ("26JUN261840", "2026-06-26T18:40-04:00", "Jun 26, 2026", Precision.MINUTE),
        ("26DEC31H1600", "2026-12-31T16:00-05:00", "Dec 31, 2026", Precision.MINUTE),
        ("01JAN2027", "2027-01-01", "Jan 1, 2027", Precision.DAY),
        ("JAN2029", "2029-01", "Jan 2029", Precision.MONTH),
        ("28FEB29", "2028-02-29", "Feb 29, 2028", Precision.DAY),
        ("26AUG2024", "2026-08-21T00:00-04:00", "Aug 20, 2026", Precision.HOUR),
    ],
)
def test_forms(text: str, iso: str, words: str, precision: Precision) -> None:
    moment = read_date(text)
    assert moment is not None
    assert (moment.iso(), moment.in_words(), moment.precision) == (iso, words, precision)
    assert moment.text == text


@pytest.mark.parametrize(
    "text",
    [
        "25FEB29",
        "25FEB30",
        "25JUN31",
        "25NOV00",
        "25XYZ10",
        "25NOV2",
        "26JUN261860",
        "26JUN262501",
        "19",
        "61",
        "69",
        "1999",
        "26Q5",
        "",
        "2",
        "²²",
        "25NOV29T",
        "15APR26",
    ],
)
def test_what_is_no_date(text: str) -> None:
    assert read_date(text) is None


def test_seven_characters_not_eight_before_the_teams() -> None:
    moment = leading_date("25NOV29TORCHA")
    assert moment is not None
    assert moment.text == "25NOV29"


def test_digits_after_the_day_are_a_time_only_where_they_can_be_one() -> None:
    timed = leading_date("26MAY300700100TNEM")
    assert timed is not None
    assert (timed.text, timed.precision) == ("26MAY300700", Precision.MINUTE)
    plain = leading_date("26MAY30100TNEM")
    assert plain is not None
    assert plain.text == "26MAY30"


def test_a_word_is_read_within_the_year_before_it() -> None:
    year = read_date("27")
    assert year is not None
    new_year, june = within_year(year, "JAN01"), within_year(year, "JUNE")
    assert new_year is not None
    assert june is not None
    assert (new_year.iso(), june.iso()) == ("2027-01-01", "2027-06")
    assert within_year(year, "FEB30") is None
    assert within_year(year, "DJT") is None


def test_times_are_new_yorks() -> None:
    parsed = parse_ticker("KXBTC15M-26AUG241200-00")
    assert parsed.when is not None
    assert parsed.when.moment == datetime(2026, 8, 24, 16, 0, tzinfo=UTC)


def test_an_invalid_date_in_a_ticker_is_no_date() -> None:
    parsed = parse_ticker("KXNBAGAME-25FEB30TORCHA-TOR")
    assert parsed.when is None
    assert parsed.unread


@given(
    st.dates(min_value=datetime(2020, 1, 1).date(), max_value=datetime(2099, 12, 31).date()),  # noqa: DTZ001
    st.integers(0, 23),
    st.integers(0, 59),
)
def test_every_minute_reads_back(day: datetime, hour: int, minute: int) -> None:
    month = next(name for name, number in MONTHS.items() if number == day.month)
    text = f"{day.year - 2000:02d}{month}{day.day:02d}{hour:02d}{minute:02d}"
    moment = read_date(text)
    assert moment is not None
    assert (moment.year, moment.month, moment.day) == (day.year, day.month, day.day)
    assert (moment.hour, moment.minute) == (hour, minute)


@given(st.text(max_size=14))
def test_any_text_is_a_date_or_none(text: str) -> None:
    for read in (read_date, leading_date):
        moment = read(text)
        assert moment is None or text.startswith(moment.text)
