"""Cron lines, intervals and zones: refused with the reason, said in words, due when they say."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from celery.schedules import crontab
from celery.schedules import schedule as interval
from hypothesis import given
from hypothesis import strategies as st

from hadron_tasks.errors import HadronError
from hadron_tasks.schedule_entry import ZonedCron, every, in_words, parse_cron

NEW_YORK = ZoneInfo("America/New_York")


@pytest.mark.parametrize(
    ("when", "words"),
    [
        (interval(2), "every 2 s"),
        (interval(90), "every 90 s"),
        (interval(300), "every 5 min"),
        (interval(timedelta(hours=2)), "every 2 h"),
        (interval(timedelta(days=1)), "every 1 d"),
        (crontab(minute="15", hour="6"), "daily at 06:15 UTC"),
        (parse_cron("5 0 * * *", "Asia/Tokyo"), "daily at 00:05 Asia/Tokyo"),
        (parse_cron("0 9 * * 1", "America/New_York"), "Mondays at 09:00 America/New_York"),
        (parse_cron("0 9 * * 0"), "Sundays at 09:00 UTC"),
        (parse_cron("30 4 1 * *"), "monthly on day 1 at 04:30 UTC"),
        (parse_cron("*/5 0-6 1 1,7 mon"), "*/5 0-6 1 1,7 mon UTC"),
        (parse_cron("15 * * * *"), "15 * * * * UTC"),
        (parse_cron("30 4 1 6 *"), "30 4 1 6 * UTC"),
    ],
)
def test_schedules_are_said_in_words(when: crontab | interval, words: str) -> None:
    assert in_words(when) == words


@pytest.mark.parametrize("line", ["", "* * * *", "61 * * * *", "* 25 * * *", "soon", "* * * * * *"])
def test_bad_cron_lines_are_refused(line: str) -> None:
    with pytest.raises(HadronError, match="no cron line"):
        parse_cron(line)


@pytest.mark.parametrize("zone", ["", "Mars/Base", "../etc/passwd", "America", "EST5"])
def test_zones_that_are_none_are_refused(zone: str) -> None:
    with pytest.raises(HadronError, match="no time zone"):
        parse_cron("15 6 * * *", zone)


def test_an_interval_is_a_second_at_least() -> None:
    with pytest.raises(HadronError, match="at least one second"):
        every(timedelta(0))


def next_run(when: ZonedCron, after: datetime) -> datetime:
    """When it runs next, asked at the time of the last run."""
    when.nowfun = lambda: after
    left: timedelta = when.remaining_estimate(after)
    return after + left


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        # The day before and the day of the change to summer time, and of the change back.
        ("2026-03-07T15:00Z", "2026-03-08T13:30Z"),
        ("2026-03-06T15:00Z", "2026-03-07T14:30Z"),
        ("2026-10-31T14:00Z", "2026-11-01T14:30Z"),
        ("2026-10-30T14:00Z", "2026-10-31T13:30Z"),
    ],
)
def test_a_zone_keeps_to_its_clock_when_it_changes(after: str, expected: str) -> None:
    when = parse_cron("30 9 * * *", "America/New_York")
    assert next_run(when, datetime.fromisoformat(after)) == datetime.fromisoformat(expected)


def test_a_time_that_is_skipped_comes_later_and_one_that_is_repeated_comes_once() -> None:
    skipped = next_run(
        parse_cron("30 2 * * *", "America/New_York"), datetime(2026, 3, 8, 6, 0, tzinfo=UTC)
    )
    assert skipped == datetime(2026, 3, 8, 7, 30, tzinfo=UTC)
    repeated = parse_cron("30 1 * * *", "America/New_York")
    first = next_run(repeated, datetime(2026, 11, 1, 4, 0, tzinfo=UTC))
    assert first == datetime(2026, 11, 1, 5, 30, tzinfo=UTC)
    assert next_run(repeated, first) == datetime(2026, 11, 2, 6, 30, tzinfo=UTC)


@given(
    seconds=st.integers(0, 365 * 86_400),
    minute=st.integers(0, 59),
    hour=st.integers(4, 23),  # not in the hours that a change of clocks skips or repeats
    weekday=st.sampled_from(["*", "0", "3", "1-5"]),
)
def test_the_next_run_is_the_first_that_the_line_names(
    seconds: int, minute: int, hour: int, weekday: str
) -> None:
    after = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    when = parse_cron(f"{minute} {hour} * * {weekday}", "America/New_York")
    found = next_run(when, after)
    day = after.astimezone(NEW_YORK).replace(
        hour=hour, minute=minute, second=0, microsecond=0, fold=0
    )
    while not (day > after and day.isoweekday() % 7 in when.day_of_week):
        day += timedelta(days=1)
    assert found == day
